"""Objects of stores by several threads of a process, as most of the time they wait for the network."""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from convt_cli.files.paths import is_url

if TYPE_CHECKING:  # slow to import, and few commands need threads
    from concurrent.futures import ThreadPoolExecutor

_THREADS = 4
Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    function: Callable[[Item], Result], items: Sequence[Item], paths: Iterable[Path]
) -> list[Result]:
    """Return the result for each item: by several threads if any of their paths is in a store."""
    if len(items) < 2 or not any(map(is_url, paths)):
        return list(map(function, items))
    futures = [_pool(os.getpid()).submit(function, item) for item in items]
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()


@lru_cache(maxsize=1)
def _pool(_process: int) -> "ThreadPoolExecutor":
    """Return threads that stay, as each has its own cache of prepared filters; a fork needs new ones."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(_THREADS, "convt-store")
