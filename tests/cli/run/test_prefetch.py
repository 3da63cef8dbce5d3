"""Iteration ahead of its consumer: order, errors, how far ahead, and how it ends."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from convt_cli.run.prefetch import prefetch


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert eventually(lambda: threading.active_count() <= before)


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait for what another thread is about to do."""
    deadline = time.monotonic() + 2
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


def settled(count: Callable[[], int]) -> int:
    """Return a count once it has stopped growing."""
    last, since = count(), time.monotonic()
    while time.monotonic() - since < 0.15:
        time.sleep(0.01)
        if count() != last:
            last, since = count(), time.monotonic()
    return last


def failing(items: Iterable[int], error: BaseException) -> Iterator[int]:
    yield from items
    raise error


def endless(made: list[int]) -> Iterator[int]:
    while True:
        made.append(len(made))
        yield made[-1]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000])
def test_all_items_come_in_order(count: int) -> None:
    with prefetch(range(count)) as items:
        assert list(items) == list(range(count))


def test_items_that_look_like_an_end_are_items() -> None:
    odd = [None, StopIteration(), (), 0, ValueError()]
    with prefetch(odd) as items:
        assert all(one is other for one, other in zip(items, odd, strict=True))


@pytest.mark.parametrize("error", [ValueError("here"), KeyboardInterrupt(), SystemExit(3), MemoryError()])
@pytest.mark.parametrize("before", [0, 1, 10])
def test_an_error_is_raised_behind_the_items_before_it(before: int, error: BaseException) -> None:
    seen = list[int]()
    with pytest.raises(type(error)) as caught, prefetch(failing(range(before), error)) as items:  # noqa: PT012
        for item in items:
            seen.append(item)
    assert caught.value is error
    assert seen == list(range(before))


def test_an_iterable_that_cannot_be_iterated_is_an_error_where_items_are_wanted() -> None:
    number: Any = 5
    with prefetch(number) as items, pytest.raises(TypeError, match="not iterable"):
        list(items)


def test_what_is_made_ahead_is_bounded() -> None:
    made = list[int]()
    with prefetch(endless(made)) as items:
        assert 1 <= settled(lambda: len(made)) <= 3
        for taken, _ in enumerate(items, 1):
            assert taken <= settled(lambda: len(made)) <= taken + 3
            if taken == 4:
                break


def test_it_runs_ahead_before_the_first_item_is_asked_for() -> None:
    made = list[int]()
    with prefetch(endless(made)):
        assert eventually(lambda: len(made) > 1)


def test_items_are_made_in_another_thread() -> None:
    names = (threading.current_thread().name for _ in range(1))
    with prefetch(names) as items:
        assert list(items) != [threading.current_thread().name]


def test_a_consumer_that_leaves_early_ends_the_thread_and_closes_the_generator() -> None:
    closed, made = threading.Event(), list[int]()

    def closing() -> Iterator[int]:
        try:
            yield from endless(made)
        finally:
            closed.set()

    with prefetch(closing()) as items:
        for _ in items:
            break
    assert eventually(closed.is_set)
    assert settled(lambda: len(made)) == len(made)


def test_a_consumer_that_never_comes_ends_the_thread() -> None:
    made = list[int]()
    with prefetch(endless(made)):
        pass
    assert len(made) <= 4


def test_the_consumers_error_is_its_own_whatever_happened_ahead() -> None:
    with pytest.raises(OSError, match="full"), prefetch(failing([1], ValueError())) as items:  # noqa: PT012
        next(iter(items))
        raise OSError("full")


def nested(made: list[int]) -> Iterator[int]:
    with prefetch(endless(made)) as items:
        yield from items


def test_of_one_within_another_no_thread_is_left_even_while_the_error_is_looked_at() -> None:
    """What is held by a traceback is closed by no garbage collector."""
    before, made = threading.active_count(), list[int]()
    with pytest.raises(OSError, match="full") as caught, prefetch(nested(made)) as items:  # noqa: PT012
        next(iter(items))
        raise OSError("full")
    assert eventually(lambda: threading.active_count() == before)
    assert caught.value.args == ("full",)


def test_an_error_passes_through_one_within_another() -> None:
    def inner() -> Iterator[int]:
        with prefetch(failing([1, 2], ValueError("deep"))) as items:
            yield from items

    seen = list[int]()
    with pytest.raises(ValueError, match="deep"), prefetch(inner()) as items:  # noqa: PT012
        for item in items:
            seen.append(item)
    assert seen == [1, 2]


def test_one_that_waits_for_ever_does_not_keep_the_consumer_from_leaving() -> None:
    go_on = threading.Event()

    def waiting() -> Iterator[int]:
        go_on.wait(20)
        yield 1

    begun = time.monotonic()
    with prefetch(waiting()):
        pass
    assert time.monotonic() - begun < 10
    go_on.set()


def test_the_thread_does_not_keep_the_process_from_ending() -> None:
    before, go_on = set(threading.enumerate()), threading.Event()
    with prefetch(iter(lambda: go_on.wait(20), True)):
        (helper,) = set(threading.enumerate()) - before
        assert helper.daemon
        go_on.set()
