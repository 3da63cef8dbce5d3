"""One stream and several users of it: forks, copies, threads and signal handlers."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import convt
from convt.streaming.driver import Driver
from tests.support.oracles import Array
from tests.support.strategies import numbers

COPIES: dict[str, Callable[[convt.Upsampler], convt.Upsampler]] = {
    "fork": convt.Upsampler.fork,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda stream: pickle.loads(pickle.dumps(stream)),  # noqa: S301  # its own bytes
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("shared", [True, False])
def test_a_copy_goes_its_own_way_from_the_middle_of_a_signal(way: str, shared: bool) -> None:
    weight = numbers(1, (700,) if shared else (2, 3, 40), "float32")
    first, rest, other = (numbers(seed, (2, 3_000), "float32") for seed in (2, 3, 4))
    stream = convt.Upsampler(weight, stride=3, padding=5)
    begun = stream.process(first)
    fork = COPIES[way](stream)
    outputs = {id(stream): [begun], id(fork): [begun]}
    for start in range(0, 3_000, 500):  # by turns
        for each, samples in ((stream, rest), (fork, other)):
            outputs[id(each)].append(each.process(samples[:, start : start + 500]))
    for each, samples in ((stream, rest), (fork, other)):
        made = np.concatenate([*outputs[id(each)], each.flush()], axis=1)
        whole = convt.Upsampler(weight, stride=3, padding=5)(np.concatenate([first, samples], axis=1))
        assert made.tobytes() == whole.tobytes()


@pytest.mark.parametrize("way", ["fork", "copy", "deepcopy"])
def test_a_copy_shares_the_prepared_kernel(way: str) -> None:
    stream = convt.Upsampler(numbers(1, (256, 128, 16), "float32"), stride=8, padding=4)  # 2 MB
    stream(numbers(2, (256, 50), "float32"))
    tracemalloc.start()
    fork = COPIES[way](stream)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken < 20_000
    assert fork.plan == stream.plan


def test_a_fork_of_what_was_flushed_is_flushed() -> None:
    stream = convt.Upsampler([1.0, 2.0], stride=2)
    stream.process([[1.0]])
    stream.flush()
    fork = stream.fork()
    with pytest.raises(convt.StreamError, match="has been flushed"):
        fork.process([[1.0]])
    fork.reset()
    assert fork([[3.0]]).tolist() == [[3.0, 6.0]]


def test_a_second_thread_is_refused_and_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, push, refused = convt.Upsampler([1.0, 0.5], stride=1), Driver.push, list[str]()

    def meanwhile(self: Driver, *arguments: Any, **options: Any) -> Array:
        for call in (lambda: stream.process([[9.0]]), stream.flush, stream.reset, stream.fork):
            with ThreadPoolExecutor(1) as pool:
                error = pool.submit(call).exception()
            assert isinstance(error, convt.StreamError)
            refused.append(str(error))
        return push(self, *arguments, **options)

    monkeypatch.setattr(Driver, "push", meanwhile)
    made = [stream.process([[1.0, 2.0]]), stream.process([[4.0]]), stream.flush()]
    assert np.concatenate(made, axis=1).tolist() == [[1.0, 2.5, 5.0, 2.0]]
    assert len(refused) == 12
    assert set(refused) == {"this stream is in use by another thread: give each thread its own fork()"}


def test_whole_signals_go_through_one_stream_from_several_threads() -> None:
    stream = convt.Upsampler(numbers(1, (8, 4, 16), "float32"), stride=4, padding=6)
    dtypes = ["float32", "float64", "complex64"]
    signals = [numbers(seed, (8, 2_000 + seed), dtypes[seed % 3]) for seed in range(24)]
    expected = [
        convt.conv_transpose1d(x, numbers(1, (8, 4, 16), "float32"), stride=4, padding=6) for x in signals
    ]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            for made, wanted in zip(pool.map(stream, signals), expected, strict=True):
                np.testing.assert_array_equal(made, wanted)


@contextmanager
def every(seconds: float, handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Have SIGALRM call something again and again."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


LIVE = '''
import signal, sys
import numpy as np, convt
from convt.streaming import threads

def swallowed(*_):
    """Python tells here of an interruption that nobody could catch."""
    global armed
    armed = True

sys.unraisablehook = swallowed
before, count = threads._blas_threads(), 0
kernel = np.random.default_rng(1).standard_normal(200).astype("f4")
stream = convt.Upsampler(kernel, stride=2, threads=2)
live, whole = np.ones((1, 480), "f4"), np.ones((1, 100_000), "f4")

armed = False

def interrupt(*_):
    global armed
    if armed:  # until it is armed again, where the next interruption is caught
        armed = False
        raise KeyboardInterrupt

def work():
    stream.reset()
    while True:
        stream.process(live)
        if count % 50 == 0:
            convt.Upsampler(kernel, threads=2)(whole)

signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
while count < 1500:
    try:
        armed = True
        work()
    except KeyboardInterrupt:
        count += 1
signal.setitimer(signal.ITIMER_REAL, 0)
assert threads._blas_threads() == before, (threads._blas_threads(), before)
assert not threads._cores._teams
stream.reset()
assert stream(live).shape == (1, 1158)
print("as before")
'''


def test_interruptions_leave_threads_and_cores_as_they_were() -> None:
    path = os.pathsep.join(sys.path)
    result = subprocess.run(
        [sys.executable, "-c", LIVE],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert (result.returncode, result.stdout) == (0, b"as before\n"), result.stderr


def test_a_signal_handler_may_call_convt() -> None:
    weight, x = numbers(1, (8, 8, 32), "float32"), numbers(2, (8, 60_000), "float32")
    expected, inner, depth = convt.conv_transpose1d(x, weight, stride=2), list[bool](), [0]
    own = convt.conv_transpose1d(x[:, :900], weight, stride=2)

    def call(*_: Any) -> None:
        if depth[0] < 2:  # a signal may interrupt its own handler; on a busy machine every one does
            depth[0] += 1
            inner.append(np.array_equal(convt.conv_transpose1d(x[:, :900], weight, stride=2), own))
            depth[0] -= 1

    with every(0.003, call):
        for _ in range(30):
            made = convt.conv_transpose1d(x, weight, stride=2, threads=2)
            np.testing.assert_array_equal(made, expected)
    assert inner
    assert all(inner)
    assert threading.active_count() < 20


def test_a_first_push_that_looks_turned_is_a_warning() -> None:
    frames = np.zeros((200, 2))
    message = r"200 channels of 2 samples: .* use x\.T; if not, .*channels=200"
    with pytest.warns(UserWarning, match=message) as caught:
        convt.Upsampler([1.0, 1.0], stride=2).process(frames)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="200 channels") as caught:
        convt.Upsampler([1.0, 1.0], stride=2)(frames)
    assert caught[0].filename == __file__
    stream = convt.Upsampler([1.0, 1.0], stride=2)
    for _ in range(3):
        stream.process(np.zeros((32, 1)))  # some channels, sample by sample
    assert convt.Upsampler([1.0, 1.0], stride=2, channels=200)(frames).shape == (200, 4)
    assert convt.Upsampler([1.0, 1.0], stride=2).process(np.zeros((200, 200))).shape[0] == 200


@pytest.mark.parametrize("weight", [np.ones(3), np.ones((2, 1, 3))])
def test_channels_that_were_given_are_checked(weight: Array) -> None:
    stream = convt.Upsampler(weight, channels=2)
    stream(np.zeros((2, 5)))
    with pytest.raises(convt.ParameterError, match=r"x must have .*2 channels"):
        stream.process(np.zeros((3, 5)))
    with pytest.raises(convt.ParameterError, match="channels must be at least 1, got 0"):
        convt.Upsampler(weight, channels=0)
    assert convt.Upsampler(np.ones(3), channels=2).flush().shape == (2, 0)


def test_channels_that_the_weight_or_the_bias_does_not_have_are_refused() -> None:
    with pytest.raises(convt.ParameterError, match="must be 2 to match the weight or the bias, got 3"):
        convt.Upsampler(np.ones((2, 1, 3)), channels=3)
    with pytest.raises(convt.ParameterError, match="must be 2 to match the weight or the bias, got 1"):
        convt.Upsampler(np.ones(3), bias=[1.0, 2.0], channels=1)
    assert convt.Upsampler(np.ones(3), bias=[1.0, 2.0]).flush().shape == (2, 0)


@pytest.mark.parametrize(
    ("engine", "call"),
    [
        ("toeplitz.np.matmul", lambda x: convt.conv_transpose1d(x, np.hanning(33), stride=2)),
        ("spectral.np.multiply", lambda x: convt.resample(x, 48_000, 96_000)),
        ("spectral.np.conjugate", lambda x: convt.resample(x, 44_100, 48_000)),
        (
            "polyphase.np.matmul",
            lambda x: convt.conv_transpose1d(x, np.ones((8, 2, 9)), engine="polyphase"),
        ),
        ("col2im.np.matmul", lambda x: convt.conv_transpose1d(x, np.ones((8, 2, 9)), engine="col2im")),
        ("resampling.chirp.np.subtract", lambda x: convt.resample(x, 44_100, 44_101)),
    ],
)
def test_a_signal_handler_may_use_the_same_kernel_in_the_middle_of_a_product(
    engine: str, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, other = numbers(1, (8, 3000), "float64"), numbers(2, (8, 2000), "float64")
    expected, own = call(x), call(other)
    module, _, name = engine.rpartition(".np.")
    function, answers = getattr(np, name), list[Any]()

    def interrupted(*arguments: Any, **options: Any) -> Any:
        made = function(*arguments, **options)
        if not answers and sys._getframe(1).f_globals["__name__"].endswith(module):
            answers.append(None)
            answers[0] = call(other)
        return made

    monkeypatch.setattr(np, name, interrupted)
    np.testing.assert_array_equal(call(x), expected)
    np.testing.assert_array_equal(answers[0], own)
