"""Worker processes: results in order, errors, and how they end, whatever ends the first process."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from convt_cli.run import workers as workers_module
from convt_cli.run.workers import WorkerKilledError, workers
from tests.support.processes import Process, begin, until

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux who is alive")


@pytest.fixture(params=["forks", "new processes"])
def forks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether workers are forks, or as they are where other threads run, and on macOS."""
    monkeypatch.setattr(workers_module, "FORKS", request.param == "forks")
    return bool(workers_module.FORKS)


def slow_square(number: int) -> int:
    time.sleep(0.02 * (number % 3))
    return number**2


def divide(number: int) -> float:
    return 1 / number


def die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def state(process: int) -> str:
    """The state of a process, Z of one that has ended and nobody has asked about; nothing of none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.usefixtures("forks")
@pytest.mark.parametrize("count", [1, 3])
def test_results_come_in_the_order_of_the_tasks(count: int) -> None:
    with workers(count) as some:
        assert list(some.run(slow_square, [(n,) for n in range(20)])) == [n**2 for n in range(20)]
        assert list(some.run(slow_square, [])) == []
        assert list(some.run(slow_square, [(7,)])) == [49]


def wait_for_three(number: int) -> int:
    """Leave a file; the first waits until there are three, and counts how many there are a while later."""
    if number:
        Path(f"{number}.done").touch()
        return number
    until(lambda: len(list(Path().glob("*.done"))) >= 3)
    time.sleep(0.1)
    return len(list(Path().glob("*.done")))


def test_results_that_wait_for_one_before_them_are_not_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "_FAR", 5)
    with workers(2) as some:
        results = some.run(wait_for_three, [(n,) for n in range(20)])
        assert list(results) == [3, *range(1, 20)]  # one more waited behind the first


@pytest.mark.usefixtures("forks")
def test_an_error_is_raised_when_its_turn_comes() -> None:
    with workers(2) as some:
        results = some.run(divide, [(1,), (2,), (0,), (4,)])
        assert [next(results), next(results)] == [1.0, 0.5]
        with pytest.raises(ZeroDivisionError) as caught:
            next(results)
    assert "in divide" in str(caught.value.__cause__)  # where it was raised


@pytest.mark.usefixtures("forks")
def test_a_worker_that_is_killed_loses_its_task_alone() -> None:
    with workers(2) as some:
        results = list(some.run(die, [(n,) for n in range(10)]))
    assert [type(result) is WorkerKilledError for result in results] == [n == 3 for n in range(10)]
    assert [result for result in results if isinstance(result, int)] == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def end_the_other(number: int) -> int:
    if number == 0:
        Path("other").write_text(str(os.getpid()))
    else:
        time.sleep(0.3)  # the other has sent its result by now, and waits
        os.kill(int(Path("other").read_text()), signal.SIGKILL)
        time.sleep(0.3)
    return number


@pytest.mark.usefixtures("forks")
def test_a_worker_that_is_killed_while_it_waits_loses_nothing() -> None:
    with workers(2) as some:
        assert list(some.run(end_the_other, [(0,), (1,)])) == [0, 1]


@pytest.mark.usefixtures("forks")
def test_none_outlives_the_context() -> None:
    before = set(children(os.getpid()))
    with pytest.raises(RuntimeError), workers(3) as some:  # noqa: PT012  # they are at work by then
        results = some.run(time.sleep, [(0,), *[(60,)] * 5])
        next(results)
        assert len(set(children(os.getpid())) - before) >= 3
        begun = time.monotonic()
        raise RuntimeError
    assert time.monotonic() - begun < 5
    assert not [child for child in set(children(os.getpid())) - before if state(child) not in ("", "Z")]


def work(_number: int) -> None:
    os.write(1, b"at work\n")
    time.sleep(60)


PROGRAM = """
import sys
sys.path[:0] = {path!r}
from convt_cli.run import workers
from tests.cli.run.test_workers import work

workers.FORKS = {forks}
with workers.workers(2) as some:
    for _ in some.run(work, [(0,), (1,), (2,)]):
        pass
"""


def begin_work(*, forks: bool, **options: Any) -> Process:
    """Begin a program whose two workers are at work."""
    process = begin([sys.executable, "-c", PROGRAM.format(path=sys.path, forks=forks)], **options)
    assert process.stdout
    assert process.stdout.readline() == process.stdout.readline() == b"at work\n"
    assert len(children(process.pid)) == 2
    return process


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])  # others are the entry's
def test_workers_end_when_the_first_process_does(number: signal.Signals, *, forks: bool) -> None:
    process = begin_work(forks=forks)
    family = children(process.pid)
    process.send_signal(number)
    process.communicate(timeout=10)  # they hold its streams open
    until(lambda: not any(state(child) for child in family))


def test_what_a_terminal_sends_ends_the_first_process_alone(*, forks: bool) -> None:
    process = begin_work(forks=forks, stderr=subprocess.DEVNULL)
    for child in children(process.pid):
        for number in (signal.SIGINT, signal.SIGHUP):
            os.kill(child, number)
    time.sleep(0.2)
    assert [state(child) for child in children(process.pid)] == ["S", "S"]


def square_elsewhere(number: int) -> int:
    with workers(1) as one:
        return int(next(one.run(pow, [(number, 2)])))


def test_a_daemon_has_workers_too() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(square_elsewhere, (3,)) == 9
