import copy
import pickle
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convt
from convt.engines.planning import EngineName
from convt.kernel import Kernel
from convt.streaming.driver import Driver
from tests.support.oracles import Array, forward, transposed
from tests.support.strategies import Case, cases, chunkings, numbers, small_plans


def pushed(stream: convt.Upsampler, x: Array, sizes: list[int]) -> Array:
    pieces = [stream.process(piece) for piece in np.split(x, np.cumsum(sizes)[:-1], axis=1)]
    return np.concatenate([*pieces, stream.flush()], axis=1)


@given(cases(), st.data())
def test_pieces_are_the_one_shot_result_to_the_bit(case: Case, data: st.DataObject) -> None:
    sizes = data.draw(chunkings(case.x.shape[1]))
    y = pushed(convt.Upsampler(case.weight, case.bias, **case.arguments), case.x, sizes)
    whole = convt.conv_transpose1d(case.x, case.weight, case.bias, **case.arguments)
    assert y.dtype == whole.dtype
    np.testing.assert_array_equal(y, whole)


@given(cases(max_length=300), st.data())
def test_pieces_over_many_blocks_of_every_engine(case: Case, data: st.DataObject) -> None:
    kernel = Kernel.of(case.weight, case.bias, case.arguments["groups"])
    expected = transposed(case.x, case.weight, case.bias, **case.arguments)
    eps = float(np.finfo(case.x.dtype).eps)
    for plan in small_plans(case):
        whole = Driver(kernel, case.geometry, plan, case.x.dtype, 2).push(case.x[np.newaxis], last=True)
        atol = 40 * eps * (np.abs(case.weight).sum() * np.abs(case.x).max() + 1)
        np.testing.assert_allclose(whole[0], expected, rtol=0, atol=atol)
        sizes = data.draw(chunkings(case.x.shape[1]))
        driver = Driver(kernel, case.geometry, plan, case.x.dtype, 2)
        pieces = np.split(case.x[np.newaxis], np.cumsum(sizes)[:-1], axis=2)
        parts = [driver.push(piece, last=n == len(pieces) - 1) for n, piece in enumerate(pieces)]
        np.testing.assert_array_equal(np.concatenate(parts, axis=2), whole)


@given(case=cases(), padding=st.sampled_from(["center", "same", "causal"]), data=st.data())
def test_named_paddings_stream_too(case: Case, padding: Any, data: st.DataObject) -> None:
    arguments: dict[str, Any] = {**case.arguments, "output_padding": 0, "padding": padding}
    sizes = data.draw(chunkings(case.x.shape[1]))
    y = pushed(convt.Upsampler(case.weight, **arguments), case.x, sizes)
    np.testing.assert_array_equal(y, convt.conv_transpose1d(case.x, case.weight, **arguments))


@pytest.mark.parametrize(
    ("size", "length", "dtype"),
    [
        (1, 9_000, "float32"),
        (7, 20_000, "float64"),
        (480, 60_000, "float32"),
        (4096, 60_000, "float64"),
        (30_000, 60_000, "float32"),
    ],
)
@pytest.mark.parametrize("taps", [5, 33, 637])
def test_a_long_signal_in_equal_pieces(size: int, length: int, dtype: str, taps: int) -> None:
    x, kernel = numbers(1, (2, length), dtype), numbers(2, (taps,), dtype)
    sizes = [size] * (x.shape[1] // size) + [x.shape[1] % size]
    y = pushed(convt.Upsampler(kernel, stride=3, padding="center"), x, sizes)
    weight = np.stack([kernel, kernel])[:, np.newaxis]
    whole = convt.conv_transpose1d(x, weight, stride=3, groups=2, padding="center")
    np.testing.assert_array_equal(y, whole)


def test_one_kernel_serves_every_channel_with_its_own_bias() -> None:
    x, kernel = numbers(3, (3, 50), "float64"), numbers(4, (5,), "float64")
    for bias, each in ((None, [0, 0, 0]), (2.0, [2, 2, 2]), ([1.0, 2.0, 3.0], [1, 2, 3])):
        y = pushed(convt.Upsampler(kernel, bias, stride=2), x, [50])
        for channel in range(3):
            expected = transposed(x[channel : channel + 1], kernel[None, None], stride=2)[0]
            np.testing.assert_allclose(y[channel], expected + each[channel], rtol=0, atol=1e-13)


def test_outputs_come_as_soon_as_their_block_is_whole() -> None:
    stream, returned = convt.Upsampler(np.ones(64), stride=2), 0
    for fed in range(1000, 200_001, 1000):
        returned += stream.process(np.ones((1, 1000))).shape[1]
        assert 0 <= 2 * fed - returned < 2 * 4096


def test_memory_is_bounded_by_the_block() -> None:
    stream, piece = convt.Upsampler(np.ones(64), stride=2), np.ones((1, 10_000))
    peaks = []
    tracemalloc.start()
    for pushes in (20, 200):
        for _ in range(pushes):
            stream.process(piece)
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_what_a_large_padding_may_drop_is_held_back() -> None:
    x = numbers(5, (1, 20_000), "float64")
    for padding in (0, 5_000, 19_000):
        stream = convt.Upsampler(np.ones(4), stride=2, padding=padding)
        y = pushed(stream, x, [100] * 200)
        assert y.shape[1] == convt.output_length(20_000, 4, 2, padding)


def test_bad_samples_stay_contained_across_pieces() -> None:
    x, kernel = numbers(6, (1, 5_000), "float32"), numbers(7, (33,), "float32")
    x[0, [0, 1023, 1024, 4999]] = [np.nan, np.inf, np.nan, -np.inf]
    whole = convt.conv_transpose1d(x, kernel[None, None], stride=2)
    y = pushed(convt.Upsampler(kernel, stride=2), x, [1000, 23, 1, 1, 3975])
    np.testing.assert_array_equal(y, whole)
    reached = np.concatenate([2 * i + np.arange(33) for i in (0, 1023, 1024, 4999)])
    np.testing.assert_array_equal(np.flatnonzero(~np.isfinite(whole[0])), np.unique(reached))


def test_reset_begins_a_new_signal_of_any_dtype_and_channels() -> None:
    stream = convt.Upsampler(np.ones(3, "float32"), stride=2)
    stream.process(np.ones((2, 10), "float32"))
    stream.reset()
    y = pushed(stream, np.ones((1, 4), "complex128"), [4])
    np.testing.assert_array_equal(
        y, transposed(np.ones((1, 4), "complex128"), np.ones((1, 1, 3)), stride=2)
    )


def test_reset_forgets_the_signal_and_keeps_the_prepared_engine() -> None:
    stream, x = convt.Upsampler(np.arange(40.0), stride=2), numbers(9, (2, 5000), "float64")
    first = pushed(stream, x, [3000, 2000])
    stream.reset()
    stream.process(np.ones((2, 7)))
    stream.reset()
    prepared = stream._driver
    np.testing.assert_array_equal(pushed(stream, x, [5000]), first)
    assert stream._driver is prepared


def test_the_weight_is_copied() -> None:
    weight = np.ones((1, 1, 2))
    stream = convt.Upsampler(weight)
    weight[:] = 7
    np.testing.assert_array_equal(pushed(stream, np.ones((1, 1)), [1]), [[1, 1]])


@pytest.mark.parametrize("weight", [np.ones((2, 3, 4), "float32"), np.ones(4, "float32")])
def test_a_stream_of_nothing_is_empty(weight: Array) -> None:
    stream = convt.Upsampler(weight, stride=2)
    y = stream.flush()
    assert y.shape == (3 if weight.ndim == 3 else 0, 0)
    assert y.dtype == np.float32
    stream.reset()
    pushed_nothing = pushed(stream, np.zeros((2, 0)), [0])
    assert pushed_nothing.shape == (3 if weight.ndim == 3 else 2, 0)


@pytest.mark.parametrize(
    ("kernel", "arguments", "delay"),
    [
        ([1.0], {}, 0.0),
        ([1.0, 1.0], {"stride": 2}, 0.5),
        ([0.5, 1.0, 0.5], {"stride": 2, "padding": 1}, 0.0),
        ([1.0, -3.0, 1.0], {"dilation": 4}, 4.0),
        ([1.0, 0.0, -1.0], {"padding": 3}, -2.0),
        ([0.0, 0.0, 1.0], {"dilation": 3}, 6.0),
        (np.hanning(33), {"stride": 2, "padding": "center"}, 0.0),
        (np.ones((2, 3, 16)), {"stride": 8, "padding": "same"}, 3.5),
        ([2.0, 1.0], {}, 0.2),
        ([1j, 1.0], {}, 0.5),
        ([1e-200, 0.0, 1e-200], {}, 1.0),
        ([1e200, 0.0, 1e200], {}, 1.0),
    ],
)
def test_delay(kernel: Any, arguments: dict[str, Any], delay: float) -> None:
    assert convt.Upsampler(kernel, **arguments).delay == pytest.approx(delay, abs=1e-15)


def test_delay_of_a_symmetric_kernel_is_exact() -> None:
    for stride in (2, 3, 5):
        assert convt.Upsampler(convt.design_kernel(stride), stride=stride, padding="center").delay == 0


def test_delay_of_no_kernel_is_not_a_number() -> None:
    for taps in ([0.0, 0.0], [1.0, np.nan], [np.inf, 1.0]):
        assert np.isnan(convt.Upsampler(taps).delay)


def test_delay_is_the_group_delay_weighted_with_the_energy() -> None:
    kernel = numbers(8, (17,), "float64")
    points = 1 << 12
    response, moment = (np.fft.fft(taps, points) for taps in (kernel, kernel * np.arange(17)))
    group_delay = (moment / response).real
    energy = np.abs(response) ** 2
    expected = (group_delay * energy).sum() / energy.sum()
    assert convt.Upsampler(kernel).delay == pytest.approx(expected, abs=1e-9)


def test_nothing_is_taken_after_the_flush() -> None:
    stream = convt.Upsampler(np.ones(3))
    stream.process(np.ones((1, 3)))
    stream.flush()
    for call in (stream.flush, lambda: stream.process(np.ones((1, 1)))):
        with pytest.raises(convt.StreamError, match=r"has been flushed: call reset\(\)"):
            call()


def test_a_signal_keeps_its_dtype_and_channels() -> None:
    stream = convt.Upsampler(np.ones(3, "float32"))
    stream.process(np.ones((2, 3), "float32"))
    with pytest.raises(
        convt.ParameterTypeError, match="x must keep the dtype float32 of the first call, got float64"
    ):
        stream.process(np.ones((2, 3)))
    with pytest.raises(convt.ParameterError, match="x must keep the 2 channels of the first call, got"):
        stream.process(np.ones((1, 3), "float32"))
    y = np.concatenate([stream.process(np.ones((2, 0), "float16")), stream.flush()], axis=1)
    np.testing.assert_array_equal(y, [[1, 2, 3, 2, 1]] * 2)


def test_a_signal_too_short_for_the_padding_is_refused_at_its_end() -> None:
    stream = convt.Upsampler(np.ones(3), padding=5)
    stream.process(np.ones((1, 4)))
    with pytest.raises(
        convt.ParameterError, match="output must have at least 1 sample, got -4 for length=4"
    ):
        stream.flush()
    stream.process(np.ones((1, 5)))  # not lost: the signal may go on
    np.testing.assert_array_equal(stream.flush(), [[3.0]])


def test_a_whole_signal_at_once_is_the_one_shot_result() -> None:
    x, weight = numbers(10, (2, 5000), "float64"), numbers(11, (2, 3, 40), "float64")
    up = convt.Upsampler(weight, stride=3, padding=7)
    for _ in range(2):
        np.testing.assert_array_equal(up(x), convt.conv_transpose1d(x, weight, stride=3, padding=7))
    with pytest.raises(convt.ParameterError, match=r"x must have at least 1 sample, got shape \(2, 0\)"):
        up(x[:, :0])
    up.process(x)
    with pytest.raises(convt.StreamError, match=r"this stream has begun: call flush\(\) or reset\(\)"):
        up(x)
    up.flush()
    assert up(x).shape == (3, convt.output_length(5000, 40, 3, 7))
    with pytest.raises(convt.ParameterError, match="x must have shape"):
        up(x[0])
    up.process(x)  # a refused signal leaves nothing behind


@pytest.mark.parametrize("engine", ["toeplitz", "polyphase", "col2im", "spectral"])
@pytest.mark.parametrize("latency", [1, 441, 480])
def test_a_push_of_the_latency_is_answered_in_full(engine: EngineName, latency: int) -> None:
    x, kernel = numbers(12, (1, 20 * latency), "float32"), numbers(13, (31,), "float32")
    stream = convt.Upsampler(kernel, stride=2, latency=latency, engine=engine)
    for push in np.split(x, 20, axis=1):
        assert stream.process(push).shape == (1, 2 * latency)
    assert stream.flush().shape == (1, 29)
    assert stream.plan.engine == engine


@given(
    cases(max_length=300),
    st.integers(1, 40),
    st.sampled_from(["toeplitz", "polyphase", "spectral"]),
    st.data(),
)
def test_pieces_of_a_stream_with_a_latency(
    case: Case, latency: int, engine: EngineName, data: st.DataObject
) -> None:
    expected = transposed(case.x, case.weight, case.bias, **case.arguments)
    up = convt.Upsampler(case.weight, case.bias, latency=latency, engine=engine, **case.arguments)
    whole = up(case.x)
    eps = float(np.finfo(case.x.dtype).eps)
    atol = 80 * eps * (np.abs(case.weight).sum() * np.abs(case.x).max() + 1)
    np.testing.assert_allclose(whole, expected, rtol=0, atol=atol)
    np.testing.assert_array_equal(pushed(up, case.x, data.draw(chunkings(case.x.shape[1]))), whole)


def test_a_latency_below_one_sample_is_refused() -> None:
    with pytest.raises(convt.ParameterError, match="latency must be at least 1, got 0"):
        convt.Upsampler([1.0], latency=0)


def test_an_error_in_a_push_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    x, stream = numbers(14, (1, 30_000), "float64"), convt.Upsampler(np.ones(8), stride=2)
    stream.process(x)

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr("convt.streaming.prepared_kernel.PreparedKernel.apply", fail)
        with pytest.raises(MemoryError):
            stream.process(x)
    for call in (stream.flush, lambda: stream.process(x)):
        with pytest.raises(
            convt.StreamError, match=r"an error interrupted this stream, .*: call reset\(\)"
        ):
            call()
    stream.reset()
    np.testing.assert_array_equal(
        pushed(stream, x, [30_000]), convt.conv_transpose1d(x, np.ones((1, 1, 8)), stride=2)
    )


def test_a_signal_is_let_go_of() -> None:
    x, up = np.ones((1, 30_000)), convt.Upsampler(np.ones(8), stride=2)
    weak = weakref.ref(x)
    up(x)
    up.process(x)
    del x
    assert weak() is None


@pytest.mark.parametrize("taps", [9, 700])
def test_a_stream_can_be_copied_as_it_stands(taps: int) -> None:
    x, stream = (
        numbers(15, (1, 80_000), "float32"),
        convt.Upsampler(numbers(16, (taps,), "float32"), stride=2),
    )
    stream.process(x[:, :50_000])
    copies = [copy.deepcopy(stream), pickle.loads(pickle.dumps(stream)), stream]  # noqa: S301 -- just made
    ends = [np.concatenate([each.process(x[:, 50_000:]), each.flush()], axis=1) for each in copies]
    for end in ends[:2]:
        np.testing.assert_array_equal(end, ends[2])


@pytest.mark.parametrize("engine", ["toeplitz", "polyphase", "col2im", "spectral"])
def test_large_samples_are_the_same_bytes_in_any_company(engine: EngineName) -> None:
    x, kernel = numbers(17, (6, 40_000), "float32"), numbers(18, (24,), "float32")
    x[0, 20_000:20_010], x[1:, 20_000:20_030] = 1e30, 2e30
    whole = convt.Upsampler(kernel, stride=2, engine=engine, threads=1)(x)
    y = pushed(convt.Upsampler(kernel, stride=2, engine=engine, threads=2), x, [800] * 50)
    np.testing.assert_array_equal(y, whole)


def test_products_near_the_limit_stay_contained_in_transforms() -> None:
    x, weight = numbers(19, (1, 3000), "float32"), np.array([[[1, -2, 1.2e19]]], "float32")
    x[0, 1500] = 1.2e19
    y = convt.conv_transpose1d(x, weight, stride=2, engine="spectral")
    np.testing.assert_allclose(y, transposed(x.astype("float64"), weight, stride=2), rtol=1e-6)


@pytest.mark.parametrize(
    ("padding", "crop"), [("full", 0), ("center", 6), ("same", 5), ("causal", 0), (2, 2), (30, 30)]
)
def test_the_crop_is_what_is_dropped_in_front(padding: Any, crop: int) -> None:
    stream = convt.Upsampler(np.arange(1.0, 6), stride=3, dilation=3, padding=padding)
    assert stream.crop == crop  # of 13 samples from the first tap to the last
    x = numbers(1, (1, 40), "float64")
    full = convt.Upsampler(np.arange(1.0, 6), stride=3, dilation=3)(x)
    made = stream(x)
    np.testing.assert_array_equal(made[:, :50], full[:, crop:][:, :50])


@pytest.mark.parametrize("weight", [numbers(20, (33,), "float64"), numbers(20, (1, 1, 33), "float64")])
def test_a_stream_of_one_channel_takes_pieces_of_one_axis(weight: Array) -> None:
    x, stream = numbers(21, (9000,), "float64"), convt.Upsampler(weight, stride=2, padding="center")
    for _ in range(2):
        pieces = [stream.process(x[:10]), stream.process(x[10:10]), stream.process(x[10:]), stream.flush()]
        assert {piece.ndim for piece in pieces} == {1}
        np.testing.assert_array_equal(np.concatenate(pieces), stream(x))
        stream.reset()
    np.testing.assert_array_equal(stream(x[np.newaxis])[0], stream(x))
    stream.process(x)
    with pytest.raises(convt.ParameterError, match=r"x must keep the shape \(n,\) .* got shape \(1, 3\)"):
        stream.process(np.ones((1, 3)))
    stream.reset()
    assert stream.process(np.ones((1, 3))).ndim == stream.flush().ndim == 2
    with pytest.raises(convt.ParameterError, match=r"x must have 2 channels, got shape \(9000,\)"):
        convt.Upsampler(np.ones(3), channels=2).process(x)
    with pytest.raises(
        convt.ParameterError, match=r"\(C_in, L\) or \(N, C_in, L\), got \(9000,\): use x\[np"
    ):
        convt.Upsampler(np.ones((1, 2, 3))).process(x)


@pytest.mark.parametrize(
    ("weight", "arguments", "shown"),
    [
        (
            np.ones((1, 1, 64)),
            {"stride": 2, "padding": 31},
            "1 -> 1 channels, 64 taps, stride=2, padding=31, float64, engine='toeplitz'",
        ),
        (np.ones(3, "float32"), {}, "every channel, 3 taps, stride=1, float32, engine='toeplitz'"),
        (
            np.ones((4, 3, 16), "complex64"),
            {"stride": 8, "padding": "same", "groups": 2, "bias": np.ones(6), "engine": "col2im"},
            "4 -> 6 channels, 16 taps and a bias, groups=2, stride=8, padding='same', complex128,"
            " engine='col2im'",
        ),
        (
            np.ones(90),
            {
                "stride": 3,
                "down": 2,
                "output_padding": 2,
                "latency": 480,
                "channels": 2,
                "engine": "spectral",
            },
            "every channel, 90 taps, channels=2, stride=3, down=2, output_padding=2, latency=480, float64,"
            " engine='spectral'",
        ),
    ],
)
def test_a_stream_shows_what_it_is(weight: Array, arguments: dict[str, Any], shown: str) -> None:
    assert repr(convt.Upsampler(weight, **arguments)) == f"Upsampler({shown})"


def test_a_plan_shows_its_engine_and_block() -> None:
    plan = convt.Upsampler(np.ones((1, 1, 64)), stride=2).plan
    assert repr(plan) == f"Plan(engine='toeplitz', inputs={plan.inputs}, outputs={2 * plan.inputs})"


def test_batches_are_their_signals() -> None:
    x, weight = numbers(1, (3, 2, 500), "float32"), numbers(2, (2, 4, 6), "float32")
    stream = convt.Upsampler(weight, stride=3)
    y = np.concatenate([stream.process(x[..., :123]), stream.process(x[..., 123:]), stream.flush()], -1)
    np.testing.assert_array_equal(y, convt.conv_transpose1d(x, weight, stride=3))
    stream.reset()
    stream.process(x)
    with pytest.raises(convt.ParameterError, match=r"must keep the shape \(3, 2, n\) of the first call"):
        stream.process(x[:2])
    shared = convt.Upsampler(weight[0, 0], [1.0, 2.0], stride=3)
    y = np.concatenate([shared.process(x), shared.flush()], -1)
    np.testing.assert_array_equal(y, convt.conv_transpose1d(x, weight[0, 0], [1.0, 2.0], stride=3))


@st.composite
def forward_cases(draw: st.DrawFn) -> tuple[Array, Array, Any]:
    groups, cin, cout = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    taps, dilation, stride = draw(st.integers(1, 6)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    padding = draw(st.integers(0, 20))
    length = draw(st.integers(max(1, dilation * (taps - 1) + 1 - 2 * padding), 40))
    options = {"stride": stride, "padding": padding, "groups": groups, "dilation": dilation}
    dtype, seed = draw(st.sampled_from(["float32", "complex128"])), draw(st.integers(0, 99))
    weight = numbers(seed, (groups * cout, cin, taps), dtype)
    return numbers(seed + 1, (groups * cin, length), dtype), weight, options


@given(forward_cases(), st.data())
def test_a_forward_convolution_is_its_definition(
    case: tuple[Array, Array, Any], data: st.DataObject
) -> None:
    x, weight, options = case
    bias = numbers(5, (len(weight),), str(weight.dtype))
    stream = convt.Upsampler.of_conv1d(weight, bias, **options)
    y = pushed(stream, x, data.draw(chunkings(x.shape[1])))
    expected = forward(x, weight, **options) + bias[:, np.newaxis]
    atol = 100 * float(np.finfo(weight.dtype).eps) * (1 + np.abs(weight).sum() * np.abs(x).max())
    np.testing.assert_allclose(y, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("taps", [1, 2, 5, 6])
@pytest.mark.parametrize("dilation", [1, 3])
def test_named_paddings_of_forward_convolutions(taps: int, dilation: int) -> None:
    x, weight = numbers(1, (2, 30), "float64"), numbers(2, (3, 2, taps), "float64")
    span = dilation * (taps - 1)
    for padding, left in (("same", span // 2), ("causal", span)):
        stream = convt.Upsampler.of_conv1d(weight, padding=padding, dilation=dilation)  # type: ignore[arg-type]
        padded = np.pad(x, ((0, 0), (left, span - left)))
        expected = forward(padded, weight, dilation=dilation)
        np.testing.assert_allclose(stream(x), expected, rtol=0, atol=1e-12)


def test_forward_convolutions_that_cannot_be() -> None:
    with pytest.raises(
        convt.ParameterError, match=r"weight must have shape \(K,\) or \(C_out, C_in/groups, K\)"
    ):
        convt.Upsampler.of_conv1d(np.ones((2, 3)))
    with pytest.raises(convt.ParameterError, match="groups must divide C_out = 3, got 2"):
        convt.Upsampler.of_conv1d(np.ones((3, 1, 2)), groups=2)
    with pytest.raises(convt.ParameterError, match="padding must be one of same, causal, got 'center'"):
        convt.Upsampler.of_conv1d(np.ones(3), padding="center")  # type: ignore[arg-type]
