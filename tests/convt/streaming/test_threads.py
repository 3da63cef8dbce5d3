import multiprocessing
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

import convt
from convt.streaming import threads as parallel
from convt.streaming.nonfinite import all_safe
from convt.streaming.threads import ThreadTeam
from tests.support.oracles import Array
from tests.support.strategies import numbers

CORES = parallel.available_cores()


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("CONVT_NUM_THREADS", raising=False)
    before = blas_threads()
    yield
    assert blas_threads() == before


def blas_threads() -> dict[str, int]:
    loaded = ThreadpoolController().select(user_api="blas").lib_controllers
    return {library.filepath: library.num_threads for library in loaded}


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_task_is_done_once(threads: int) -> None:
    done: list[int] = []
    with ThreadTeam(threads) as team:
        team.run(done.append, range(1000))
    assert sorted(done) == list(range(1000))


@pytest.mark.skipif(CORES < 2, reason="needs two cores")
def test_two_tasks_run_at_a_time() -> None:
    meeting = threading.Barrier(2, timeout=30)

    def work(_: int) -> None:
        meeting.wait()

    with ThreadTeam(2) as team:
        team.run(work, range(2))


def test_an_error_ends_the_rest_and_arrives() -> None:
    done: list[int] = []

    def work(task: int) -> None:
        if task == 3:
            raise ArithmeticError("three")
        done.append(task)

    for threads in (1, 2):
        with ThreadTeam(threads) as team, pytest.raises(ArithmeticError, match="three"):
            team.run(work, range(100_000))
        assert len(done) < 150_000


def test_blas_is_held_to_one_thread_meanwhile_and_set_back() -> None:
    loaded, home = blas_threads(), str(Path(np.__file__).parent)
    own = {path for path in loaded if path.startswith(home)} or set(loaded)
    before = blas_threads()
    held = {path: 1 if path in own else count for path, count in before.items()}
    with ThreadTeam(1):
        assert blas_threads() == held
        with ThreadTeam(1):
            assert blas_threads() == held
        assert blas_threads() == held  # the inner one sets nothing back
    assert blas_threads() == before


def test_blas_is_held_whenever_samples_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    settings: list[int] = []

    def look(numbers: Array) -> bool:
        settings.extend(parallel._blas_threads())
        return all_safe(numbers)

    monkeypatch.setattr("convt.streaming.prepared_kernel.all_safe", look)
    stream = convt.Upsampler(np.ones((1, 1, 5)), stride=2, threads=1)
    for piece in np.split(numbers(1, (1, 300_000), "float64"), 3, axis=1):
        stream.process(piece)
    stream.flush()
    assert settings
    assert set(settings) == {1}


def test_blas_is_held_whichever_thread_calls() -> None:
    with ThreadTeam(1):
        held = parallel._blas_threads()
    with ThreadPoolExecutor(1) as pool:

        def elsewhere() -> list[int]:
            with ThreadTeam(1):
                return parallel._blas_threads()

        assert pool.submit(elsewhere).result() == held == [1] * len(held)
    x, weight = numbers(3, (64, 5000), "float32"), numbers(4, (64, 32, 16), "float32")
    expected = convt.conv_transpose1d(x, weight, stride=8)
    with ThreadPoolExecutor(1) as pool:
        for threads in (1, 2):
            y = pool.submit(convt.conv_transpose1d, x, weight, stride=8, threads=threads).result()
            np.testing.assert_array_equal(y, expected)


def test_cores_that_others_use_are_not_taken_again() -> None:
    with ThreadTeam(CORES) as first, ThreadTeam(CORES) as second:
        assert (first.size, second.size) == (CORES, 1)
    with ThreadTeam(1000) as third:
        assert third.size == CORES


def test_the_default_is_what_blas_is_set_to() -> None:
    for count in (1, 2):
        with threadpool_limits(count, user_api="blas"):
            assert parallel.default_threads() == count
            with ThreadTeam(1):
                assert parallel.default_threads() == count


def test_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVT_NUM_THREADS", "3")
    assert parallel.default_threads() == 3
    for bad in ("0", "two", "1.5"):
        monkeypatch.setenv("CONVT_NUM_THREADS", bad)
        with pytest.raises(convt.ParameterError, match=f"CONVT_NUM_THREADS must be .*, got '{bad}'"):
            convt.conv_transpose1d(np.zeros((1, 4_000_000)), [[[1.0]]])  # enough for two threads


def test_bad_numbers_of_threads_are_refused() -> None:
    with pytest.raises(convt.ParameterError, match="threads must be at least 1, got 0"):
        convt.conv_transpose1d([[1.0]], [[[1.0]]], threads=0)
    with pytest.raises(convt.ParameterTypeError, match=r"threads must be an int, got 1\.5"):
        convt.Upsampler([1.0], threads=1.5)  # type: ignore[arg-type]


def long_result(threads: int | None = None) -> Array:
    x, kernel = numbers(1, (2, 300_000), "float32"), numbers(2, (2, 1, 65), "float32")
    return convt.conv_transpose1d(x, kernel, stride=2, groups=2, threads=threads)


@pytest.mark.parametrize("method", sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods())))
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_processes_of_a_pool_take_one_thread_each_and_agree(method: str) -> None:
    expected = long_result(CORES)  # and the parent's threads exist, which a fork does not have
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(parallel.default_threads) == 1
        np.testing.assert_array_equal(pool.apply(long_result), expected)
        np.testing.assert_array_equal(pool.apply(long_result, (2,)), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_amid_a_computation_has_blas_as_it_was() -> None:
    before = blas_threads()
    with ThreadTeam(1):
        if not (child := os.fork()):
            os._exit(blas_threads() != before)
    assert os.waitpid(child, 0)[1] == 0


def test_calls_from_someone_elses_threads_agree() -> None:
    expected = long_result(1)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(long_result, [None, 1, 2, 2] * 4):
            np.testing.assert_array_equal(result, expected)


def test_the_same_bytes_for_any_number_of_threads() -> None:
    script = """
import hashlib, numpy as np, convt
rng = np.random.default_rng(0)
digest = hashlib.sha256()
for dtype in ("float32", "float64"):
    for cin, cout, taps, stride, length in [
        (1, 1, 33, 2, 200_000), (1, 1, 700, 3, 60_000), (64, 32, 4, 2, 3000), (128, 256, 16, 8, 90),
        (2, 2, 65, 2, 30_000), (3, 5, 1500, 4, 5000), (40, 30, 7, 3, 1),
    ]:
        x = rng.standard_normal((cin, length)).astype(dtype)
        weight = rng.standard_normal((cin, cout, taps)).astype(dtype)
        digest.update(convt.conv_transpose1d(x, weight, stride=stride))
print(digest.hexdigest())
"""
    results = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"OPENBLAS_NUM_THREADS": b, "CONVT_NUM_THREADS": t},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for b, t in ("11", "12", "21")
    }
    assert len(results) == 1


def test_work_that_is_given_up_at_shutdown_is_done_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(parallel._cores, "_pool", None)

    def forgotten() -> weakref.ref[Array]:
        result = np.zeros(10)
        with ThreadTeam(CORES) as team:
            team.run(lambda n: result.__setitem__(n, n), range(10))
        assert result.tolist() == list(range(10))
        return weakref.ref(result)

    assert forgotten()() is None


@pytest.mark.skipif(CORES < 2, reason="needs two cores")
def test_an_error_of_a_helper_is_the_callers_and_ends_the_call() -> None:
    done: list[int] = []
    failed = threading.Event()

    def work(task: int) -> None:
        if threading.current_thread() is not threading.main_thread():
            failed.set()
            raise MemoryError(f"in task {task}")
        failed.wait()
        done.append(task)

    with ThreadTeam(2) as team, pytest.raises(MemoryError, match="in task"):
        team.run(work, range(1_000_000))
    assert len(done) < 999_999


@pytest.mark.skipif(CORES < 2, reason="needs two cores")
def test_a_helper_that_is_late_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    done, held = list[int](), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(parallel._cores, "_pool", pool)
        pool.submit(held.wait)
        with ThreadTeam(2) as team:
            team.run(done.append, range(10))
        assert done == list(range(10))
        held.set()
