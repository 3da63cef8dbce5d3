"""Do the batches of a plan on a Dask cluster, whose workers see the same files.

::

    client       | window of batches ......... | takes outcomes, submits more ...... | cancels the rest
    scheduler    |   passes them on ........... | passes those of a lost worker to others
    workers      |     do_batch, a batch per thread ..................... | gone

The result of a batch is its record and its files, and to do it twice changes nothing. So whatever is lost,
a worker or the connection, its batches are submitted again. The scheduler needs Dask alone: it sees bytes.
"""

import asyncio
import json
import logging
import pickle
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import Future as ThreadFuture
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import count, islice
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import convt
from convt_cli.corpus.clips import Outcome
from convt_cli.corpus.cluster_worker import problem_with, versions
from convt_cli.corpus.corpus_plan import CorpusPlan
from convt_cli.errors import Failure
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.text.report import Reporter

if TYPE_CHECKING:
    from distributed import Client, Future

_ANSWER = 15.0  # seconds for the scheduler to answer, and to answer again when the connection is lost
_FAREWELL = 2.0  # seconds to close the connection: the scheduler drops what is in flight anyway
_FIRST_WORKER = 30.0  # seconds to wait for a worker, at first
_NO_WORKERS = 60.0  # seconds to wait for a worker, when all have gone
_TICK = 1.0  # seconds between looks at the workers and the connection
_AHEAD = 3  # batches in flight per thread of a worker: the next ones are there when one is done
_KILLS = 2  # times that a batch whose clips are alone may end workers before it is given up
_LOSSES = 20  # times that a batch may be lost otherwise
_SHOWN, _NAMED = 20, 3  # batches, and workers, in a message

T = TypeVar("T")


def do_on_cluster(
    plan: CorpusPlan,
    batches: Iterable[int],
    options: ResampleOptions,
    cluster: "str | Client",
    reporter: Reporter,
) -> Iterator[Outcome]:
    """Do batches on a cluster, and yield the outcome of each, in the order in which they end.

    Parameters
    ----------
    cluster : str or distributed.Client
        The scheduler's address or its JSON file; or a connection to it, which stays open.

    Raises
    ------
    Failure
        There is no such cluster, or it is gone, or its workers cannot do the work.
    """
    plan = plan.absolute()
    options = replace(options, sources=[], folder=plan.folder)
    with _quiet(), _connected(cluster) as client:
        try:
            found = _check_workers(client, plan, reporter)
        except OSError as error:
            raise _gone(client, error) from None
        with suppress(KeyError):  # it has none
            reporter.note(f"dashboard: {client.dashboard_link}")
        with closing(_Run(client, pickle.dumps((plan, options)), found, reporter)) as run:
            yield from run.outcomes(batches)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from logging to the terminal what is reported in a line, or mended."""
    import distributed  # noqa: F401  # sets the levels

    names = [
        name for name in logging.root.manager.loggerDict if name.startswith(("distributed", "tornado"))
    ]
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in names}
    for logger in levels:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


@contextmanager
def _connected(cluster: "str | Client") -> "Iterator[Client]":
    """Yield a connection to a cluster, which is closed if it was made here."""
    if not isinstance(cluster, str):
        if cluster.asynchronous:
            raise TypeError("client must not be asynchronous: make it with Client(..., asynchronous=False)")
        yield cluster
        return
    address = _address(cluster)
    made: ThreadFuture[Client] = ThreadFuture()
    # In a thread that can be left: Dask itself would wait forever for a server that is silent.
    Thread(target=_connect, args=(address, made), daemon=True).start()
    try:
        with warnings.catch_warnings(action="ignore"):  # of other versions of Dask's parts
            client = made.result(_ANSWER)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise Failure(
            f"--cluster {cluster}: no Dask scheduler answers at {address} ({_line(error)}); start one with"
            f" dask scheduler, and workers with dask worker {address}"
        ) from None
    try:
        yield client
    finally:
        with suppress(OSError, AssertionError):  # it may have closed itself
            client.close(timeout=_FAREWELL)


def _connect(address: str, made: "ThreadFuture[Client]") -> None:
    from distributed import Client

    try:
        made.set_result(Client(address, timeout=_ANSWER, set_as_default=False, name="convt"))
    except Exception as error:  # noqa: BLE001  # raised in the thread that waits
        made.set_exception(error)


def _address(cluster: str) -> str:
    """Return the address of a scheduler, of which its JSON file may be given."""
    if not cluster.endswith(".json"):
        return cluster
    try:
        return str(json.loads(Path(cluster).read_bytes())["address"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Failure(
            f"--cluster {cluster}: cannot be read: {_line(error)}; write it with"
            f" dask scheduler --scheduler-file {cluster}"
        ) from None


def _line(error: BaseException) -> str:
    """Return an error's message in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())


def _gone(client: "Client", error: BaseException | None = None) -> Failure:
    more = f" ({_line(error)})" if error else ""
    return Failure(
        f"--cluster: the scheduler {_named(client)} does not answer any more{more}; the work so far is"
        " kept: run the same again when it does"
    )


def _named(client: "Client") -> str:
    """Return the address of a connection that may be closed."""
    return str(client.scheduler.address if client.scheduler else client._start_arg)


# The workers, before the work


def _check_workers(client: "Client", plan: CorpusPlan, reporter: Reporter) -> dict[str, str]:
    """Refuse workers that cannot do the work, and return the versions of the others."""
    if not client.nthreads():
        reporter.note(f"{_named(client)} has no workers yet: waiting up to {_FIRST_WORKER:.0f} s for one")
        try:
            client.wait_for_workers(1, timeout=_FIRST_WORKER)
        except TimeoutError:
            address = _named(client)
            raise Failure(
                f"--cluster: {address} has no workers; start some with dask worker {address}"
            ) from None
    _refuse(_other_pythons(_within(client, client.get_versions)))
    problem, _ = _functions()
    _refuse(_within(client, lambda: client.run(problem, on_error="return")))
    _refuse(_within(client, lambda: client.run(problem_with, plan.home, plan.facts, on_error="return")))
    found: dict[str, str] = _within(client, lambda: client.run(versions))
    return found


def _within(client: "Client", ask: Callable[[], Awaitable[T]]) -> T:
    """Ask something of all workers, for a limited time."""

    async def asked() -> T:
        return await asyncio.wait_for(ask(), _ANSWER)  # in the client's thread, where its methods are async

    return asyncio.run_coroutine_threadsafe(asked(), client.loop.asyncio_loop).result()


def _refuse(problems: dict[str, Any]) -> None:
    """Refuse to work if workers have problems: texts or errors."""
    lines = [
        f"{address}: {_line(problem) if isinstance(problem, BaseException) else problem}"
        for address, problem in problems.items()
        if problem
    ]
    if lines:
        more = f"; and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
        raise Failure(f"--cluster: {'; '.join(lines[:_NAMED])}{more}")


def _other_pythons(found: dict[str, Any]) -> dict[str, str]:
    """Return the processes with another Python, which cannot take functions of this one."""
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    everybody = {found["scheduler"].get("address", "the scheduler"): found["scheduler"]} | found["workers"]
    others = {each: ".".join(facts["host"]["python"].split(".")[:2]) for each, facts in everybody.items()}
    return {
        each: f"has Python {other}, and this is {own}: start convt, scheduler and workers with one version"
        for each, other in others.items()
        if other != own
    }


def _functions() -> tuple[Callable[[], str], Callable[[bytes, int, bool], tuple[str, str, Any]]]:
    """Return two functions for workers, which may have no convt: nested ones are sent with their code.

    The first returns why a worker cannot do the work, or nothing. The second does a batch, and returns the
    worker's address, that problem, and else its versions and the outcome.
    """
    wanted = convt.__version__

    def problem() -> str:
        try:
            import convt

            if convt.__version__ != wanted:
                return f"has convt {convt.__version__}, and this is convt {wanted}: install that one there"
            from convt_cli.corpus import cluster_worker  # noqa: F401
        except ImportError as error:
            return f"has no convt ({error}): install convt {wanted} where the worker runs"
        return ""

    def do(packed: bytes, batch: int, alone: bool) -> tuple[str, str, Any]:
        from distributed import get_worker

        address = get_worker().address
        if why := problem():
            return address, why, None
        from convt_cli.corpus.cluster_worker import do_packed

        return address, "", do_packed(packed, batch, alone=alone)

    return problem, do


# The work


class _Run:
    """Batches on their way through a cluster.

    Each is a coroutine in the client's thread, which submits it until it is done; the main thread takes the
    outcomes, and looks after the connection and the workers.
    """

    def __init__(self, client: "Client", packed: bytes, found: dict[str, str], reporter: Reporter) -> None:
        self._client, self._packed, self._reporter = client, packed, reporter
        self._token, self._attempts = uuid4().hex, count()
        _, self._function = _functions()
        self._running: dict[int, ThreadFuture[Outcome | None]] = {}
        self._ended, self._warnings = SimpleQueue[int](), SimpleQueue[str]()
        self._given_up: list[int] = []
        # The client's thread changes these: each worker's threads; why some can do no work; who has which
        # versions; and what only some workers may do.
        self._threads: dict[str, int] = client.nthreads()
        self._useless: dict[str, str] = {}
        self._versions: dict[str, str] = {}
        self._bound: dict[Future[Any], list[str]] = {}
        for address, text in found.items():
            self._compare(address, text)
        self._worked = self._connected = time.monotonic()  # when there last were workers, and a connection
        self._watching = self._start(self._watch())

    def _start(self, work: Coroutine[Any, Any, T]) -> "ThreadFuture[T]":
        """Begin something in the client's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._client.loop.asyncio_loop)

    def close(self) -> None:
        """Cancel what is in flight."""
        self._watching.cancel()
        for future in self._running.values():
            future.cancel()

    def outcomes(self, batches: Iterable[int]) -> Iterator[Outcome]:
        """Yield the outcomes of batches, which are taken when there are workers for them.

        Raises
        ------
        Failure
            The scheduler or all workers are gone; or, at the end, batches were given up.
        """
        remaining = iter(batches)
        self._fill(remaining)
        while self._running:
            with suppress(Empty):
                if outcome := self._result(self._ended.get(timeout=_TICK)):
                    yield outcome
            self._check()
            self._fill(remaining)
        if self._given_up:
            shown = ", ".join(str(batch + 1) for batch in self._given_up[:_SHOWN])
            more = " ..." if len(self._given_up) > _SHOWN else ""
            raise Failure(
                f"--cluster: {len(self._given_up)} batches ended their workers each time ({shown}{more});"
                " all others are done: run the same again"
            )

    def _fill(self, remaining: Iterator[int]) -> None:
        """Begin batches until there are enough for the workers that are there."""
        wanted = max(1, _AHEAD * sum(self._threads[each] for each in self._usable()))
        for batch in islice(remaining, max(0, wanted - len(self._running))):
            self._running[batch] = self._start(self._do(batch))
            self._running[batch].add_done_callback(partial(self._end, batch))

    def _end(self, batch: int, _future: object) -> None:
        self._ended.put(batch)

    def _usable(self) -> list[str]:
        """Return the addresses of the workers that can do the work."""
        return [address for address in self._threads if address not in self._useless]

    def _result(self, batch: int) -> Outcome | None:
        """Return the outcome of a batch that has ended, if it has one."""
        outcome = self._running.pop(batch).result()
        if outcome is None:
            self._given_up.append(batch)
            self._reporter.fail(Failure(f"batch {batch + 1}: ends its workers each time, and is left out"))
        return outcome

    def _check(self) -> None:
        """Refuse to wait any longer for a scheduler or workers that are gone."""
        now = time.monotonic()
        if self._client.status == "running":
            self._connected = now
        elif self._client.status == "closed" or now > self._connected + _ANSWER:
            raise _gone(self._client)
        if self._usable():
            self._worked = now
        elif now > self._worked + _NO_WORKERS:
            raise Failure(
                f"--cluster: {_named(self._client)} has had no workers for {_NO_WORKERS:.0f} s; the work so"
                " far is kept: start workers, and run the same again"
            )
        if self._watching.done():  # by an error
            self._watching.result()
        while not self._warnings.empty():
            self._reporter.warn(self._warnings.get())

    async def _watch(self) -> None:
        """Learn which workers come and go."""
        while True:
            with suppress(OSError, AttributeError):  # there is no connection now
                self._threads = await asyncio.wait_for(self._client.nthreads(), _ANSWER)
                self._useless = {each: why for each, why in self._useless.items() if each in self._threads}
                gone = [each for each, of in self._bound.items() if not self._threads.keys() & of]
                if gone:
                    await self._client.cancel(gone)
            await asyncio.sleep(_TICK)

    async def _do(self, batch: int) -> Outcome | None:
        """Submit a batch until it is done, or has ended too many workers."""
        from distributed.scheduler import KilledWorker

        killed = lost = 0
        while killed <= _KILLS:
            while not (self._client.status == "running" and self._usable()):
                await asyncio.sleep(_TICK / 10)
            future = self._submitted(batch, alone=killed > 0)
            try:
                address, why, done = await future
            except KilledWorker:
                killed += 1
            except (CancelledError, OSError) as error:  # with the connection, or another client's restart
                lost += 1
                if lost > _LOSSES:
                    raise Failure(
                        f"--cluster: batch {batch + 1} was lost {lost} times: {_line(error)}"
                    ) from None
                await asyncio.sleep(_TICK / 10 * lost)
            else:
                if not why:
                    self._compare(address, done[0])
                    return Outcome(*done[1])
                self._useless[address] = why
                self._warnings.put(f"{address}: {why}; it gets no work")
            finally:
                self._bound.pop(future, None)
                future.release()
        return None

    def _submitted(self, batch: int, *, alone: bool) -> "Future[Any]":
        """Submit a batch, to some workers alone if others can do no work."""
        some = self._usable() if self._useless else None
        key = (f"convt-{self._token}", batch, next(self._attempts))
        future = self._client.submit(self._function, self._packed, batch, alone, key=key, workers=some)
        if some:
            self._bound[future] = some
        return future

    def _compare(self, address: str, text: str) -> None:
        """Warn of a worker with other versions than the first had."""
        if text in self._versions:
            return
        self._versions[text] = address
        first, *others = self._versions.items()
        if others:
            self._warnings.put(
                f"{first[1]} has {first[0]}, and {address} has {text}: outputs may differ in the last bits;"
                " install the same on all workers"
            )
