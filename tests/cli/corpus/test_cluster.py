"""A manifest resampled on a Dask cluster: equal bytes, whatever of it is killed in the middle."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from convt_cli import corpus
from convt_cli.app import app
from convt_cli.corpus.clips import Outcome
from convt_cli.errors import Failure
from convt_cli.text.report import Reporter
from tests.support.command import CONVT
from tests.support.processes import begin, ended, until

distributed = pytest.importorskip("distributed")
from convt_cli.corpus import cluster  # noqa: E402  # it needs distributed

pytestmark = pytest.mark.servers

CLIPS = 130
# What processes of the cluster do when they open a file, in children too. One that opens gate.wav leaves
# its number, and waits until the test goes on; and there may be no convt.
SITE = """
import os, signal, sys, time

here = os.environ["CONVT_TEST_FOLDER"]

def leave(name):
    with open(os.path.join(here, name + ".new"), "w") as file:
        file.write(str(os.getpid()))
    os.replace(file.name, os.path.join(here, name))

def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        name = os.path.basename(os.fsdecode(arguments[0]))
        if name == "poison.wav":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "gate.wav" and not os.path.exists(os.path.join(here, "go")):
            leave("at_gate")
            while not os.path.exists(os.path.join(here, "go")):
                time.sleep(0.01)

class NoConvt:
    def find_spec(self, name, path=None, target=None):
        if name == "convt":
            leave("refused")
            raise ModuleNotFoundError("No module named 'convt'")

sys.addaudithook(hook)
if "CONVT_TEST_WITHOUT" in os.environ:
    sys.meta_path.insert(0, NoConvt())
"""


@dataclass
class Servers:
    """A scheduler, and the workers of a test."""

    address: str
    client: Any
    site: Path

    @contextmanager
    def workers(self, *numbers: int, nanny: bool = False, **environment: str) -> Iterator[None]:
        """Run workers, each with a number of threads, which have ended when the test goes on."""
        processes = [
            start_worker(self.site, self.address, number, nanny=nanny, **environment) for number in numbers
        ]
        before = len(self.client.nthreads())
        try:
            until(lambda: len(self.client.nthreads()) == before + len(numbers))
            yield
        finally:
            for process in processes:
                kill_all(process)
            until(lambda: len(self.client.nthreads()) <= before)


def start(site: Path, module: str, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
    """Start a process of Dask on loopback."""
    environment = {"CONVT_TEST_FOLDER": str(Path.cwd()), "PYTHONPATH": str(site)} | environment
    with (site / f"{module}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--host", "127.0.0.1"],
            env=os.environ | environment,
            stderr=log,
            start_new_session=True,
        )


def start_worker(
    site: Path, address: str, threads: int, *, nanny: bool = False, **environment: str
) -> "subprocess.Popen[bytes]":
    more = ["--nanny" if nanny else "--no-nanny", "--no-dashboard", "--local-directory", "dask"]
    return start(site, "dask_worker", address, "--nthreads", str(threads), *more, **environment)


def kill_all(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


@contextmanager
def scheduler(site: Path, file: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a scheduler that gives a task to another worker once."""
    quick = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    more = ["--port", "0", "--no-dashboard", "--dashboard-address", ":0", "--scheduler-file", str(file)]
    process = start(site, "dask_scheduler", *more, **quick)
    try:
        until(lambda: file.exists() and file.read_text().endswith("}"), process)
        yield process
    finally:
        kill_all(process)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_TICK", 0.1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(SITE)
    return folder


@contextmanager
def served(site: Path, file: Path) -> Iterator[Servers]:
    with scheduler(site, file):
        address = json.loads(file.read_text())["address"]
        with closing(distributed.Client(address, set_as_default=False)) as client:
            yield Servers(address, client, site)


@pytest.fixture(scope="module")
def servers(site: Path) -> Iterator[Servers]:
    with served(site, site / "scheduler.json") as found:
        yield found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, two manifests, one of them with a clip that kills, and the outputs."""
    folder = tmp_path_factory.mktemp("corpus")
    rng, paths = np.random.default_rng(0), list[Path]()
    for number in range(CLIPS):
        name = {0: "gate", 100: "poison"}.get(number, f"clip{number}")
        paths.append(folder / "raw" / f"speaker{number % 5}" / f"{name}.wav")
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        samples = 0.1 * rng.standard_normal((int(rng.integers(500, 3000)), 1 + number % 2))
        soundfile.write(paths[-1], samples, (44_100, 48_000, 22_050)[number % 3], "PCM_16")
    lines = [json.dumps({"path": str(path)}) + "\n" for path in paths]
    (folder / "poison.jsonl").write_text("".join(lines))
    (folder / "train.jsonl").write_text("".join(line for line in lines if "poison" not in line))
    plan = corpus.plan(folder / "poison.jsonl", folder / "out", rate=16_000, quiet=True)
    plan.run()
    return folder


def command(made: Path, address: str, name: str = "train") -> list[str]:
    manifest = str(made / f"{name}.jsonl")
    return ["resample", "--manifest", manifest, "-d", "out", "-r", "16k", "--cluster", address]


def run(made: Path, address: str, *more: str, name: str = "train", code: int = 0) -> str:
    """Run the command here, and return what it said."""
    result = CliRunner().invoke(app, [*command(made, address, name), *more])
    assert result.exit_code == code, (result.stderr, result.exception)
    return str(result.stderr)


def outputs(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.wav")}


def check(made: Path) -> None:
    """See that the outputs are those of one machine, all of them, and nothing else."""
    expected = outputs(made / "out")
    del expected["speaker0/poison.wav"]
    assert outputs(Path("out")) == expected
    assert not Path("out/failed.jsonl").exists()
    assert not list(Path().rglob("*.part"))
    assert len(Path("out/manifest.jsonl").read_text().splitlines()) == CLIPS - 1


@contextmanager
def amid(act: Callable[[int], object]) -> Iterator[None]:
    """Do something when a worker, whose number it gets, is amid a batch; then let the batch go on."""

    def wait() -> None:
        until(Path("at_gate").exists)
        act(int(Path("at_gate").read_text()))
        Path("go").touch()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_workers_of_several_threads_make_the_same_bytes(made: Path, servers: Servers) -> None:
    Path("go").touch()
    with servers.workers(4, 1):
        said = run(made, servers.address)
        assert said.startswith("dashboard: http://127.0.0.1:")
        check(made)
        assert "dashboard" not in run(made, str(servers.site / "scheduler.json"))  # all is done
        (made / "few.jsonl").write_text("".join((made / "train.jsonl").read_text().splitlines(True)[:9]))
        plan = corpus.plan(made / "few.jsonl", "again", rate=16_000, quiet=True)
        assert plan.run(client=servers.client).clips == 9
    assert servers.client.status == "running"


def test_a_worker_is_killed(made: Path, servers: Servers) -> None:
    with servers.workers(1, 1), amid(kill):
        run(made, servers.address)
    check(made)


def test_the_nanny_of_a_worker_is_killed(made: Path, servers: Servers) -> None:
    with servers.workers(1, nanny=True), ExitStack() as late:

        def kill_nanny(worker: int) -> None:
            late.enter_context(servers.workers(1))
            kill(parent(worker))

        with amid(kill_nanny):
            run(made, servers.address)
    check(made)


def test_the_command_is_interrupted_killed_and_goes_on(made: Path, servers: Servers) -> None:
    with servers.workers(2):
        for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
            process = begin([*CONVT, *command(made, servers.address)])
            until(Path("at_gate").exists, process)
            Path("at_gate").unlink()
            process.send_signal(number)
            assert ended(process)[0] == code
        Path("go").touch()
        run(made, servers.address)
    check(made)


def test_the_scheduler_is_killed_and_another_takes_its_place(
    made: Path, site: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_ANSWER", 1.0)
    with scheduler(site, Path("other.json").absolute()) as process, ExitStack() as stack:
        address = json.loads(Path("other.json").read_text())["address"]
        stack.callback(kill_all, start_worker(site, address, 1))
        with amid(lambda _: kill(process.pid)):
            said = run(made, "other.json", code=1)
    assert f"--cluster: the scheduler {address} does not answer any more; the work so far is kept" in said
    with servers.workers(1):
        run(made, servers.address)
    check(made)


def test_all_workers_have_gone(made: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_NO_WORKERS", 1.0)
    with servers.workers(1), amid(kill):
        said = run(made, servers.address, code=1)
    assert f"{servers.address} has had no workers for 1 s; the work so far is kept: start workers" in said
    corpus.plan(made / "train.jsonl", "out", rate=16_000, quiet=True).run(jobs=1)
    run(made, servers.address)  # nothing is left to do
    check(made)


def test_a_clip_that_kills_is_named(made: Path, servers: Servers) -> None:
    Path("go").touch()
    with servers.workers(1, nanny=True):
        said = run(made, servers.address, name="poison", code=3)
    assert "speaker0/poison.wav: the worker process was killed" in said
    assert f"1 of {CLIPS} files failed" in said
    (failed,) = map(json.loads, Path("out/failed.jsonl").read_text().splitlines())
    assert failed["path"] == str(made / "raw/speaker0/poison.wav")
    Path("out/failed.jsonl").unlink()
    check(made)


def test_a_worker_without_convt_is_refused(made: Path, servers: Servers) -> None:
    with servers.workers(1, CONVT_TEST_WITHOUT="convt"):
        (address,) = servers.client.nthreads()
        said = run(made, servers.address, code=1)
    assert f"--cluster: {address}: has no convt (No module named 'convt'): install convt " in said
    assert not list(Path("out/_convt/parts").iterdir())


def test_a_worker_without_convt_that_comes_later_gets_no_work(made: Path, servers: Servers) -> None:
    with servers.workers(1), ExitStack() as late:

        def add(_worker: int) -> None:
            late.enter_context(servers.workers(1, CONVT_TEST_WITHOUT="convt"))
            until(Path("refused").exists)

        with amid(add):
            said = run(made, servers.address)
    assert ": has no convt (No module named 'convt'): install convt " in said
    assert "; it gets no work\n" in said
    check(made)


def test_no_scheduler(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_ANSWER", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        said = run(made, address, code=1)
    assert f"convt: --cluster {address}: no Dask scheduler answers at {address} (" in said
    assert f"); start one with dask scheduler, and workers with dask worker {address}\n" in said
    assert "--cluster none.json: cannot be read: No such file" in run(made, "none.json", code=1)


def test_no_workers(made: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_FIRST_WORKER", 0.5)
    said = run(made, servers.address, code=1)
    assert f"{servers.address} has no workers yet: waiting up to 0 s for one" in said
    assert f"--cluster: {servers.address} has no workers; start some with dask worker" in said


class Killing:
    """As much of a client as a run needs, whose workers some batches kill."""

    status = "running"

    def __init__(self, client: Any) -> None:
        self.loop, self.scheduler = client.loop, client.scheduler
        self.tried = list[tuple[int, bool]]()

    def nthreads(self) -> Any:
        async def later() -> dict[str, int]:
            return {"tcp://a": 1}

        is_here = threading.current_thread() is threading.main_thread()
        return {"tcp://a": 1} if is_here else later()

    def submit(self, _do: object, _packed: bytes, batch: int, alone: bool, **_: object) -> Any:
        self.tried.append((batch, alone))
        done: Any = asyncio.get_running_loop().create_future()
        done.release = lambda: None
        if batch == 1 or (batch == 2 and not alone):
            done.set_exception(distributed.scheduler.KilledWorker(batch, None, 1))
        else:
            done.set_result(("tcp://a", "", ("", tuple(Outcome(clips=1)))))
        return done


def test_a_batch_that_kills_each_time_is_left_out(
    servers: Servers, capfd: pytest.CaptureFixture[str]
) -> None:
    client = Killing(servers.client)
    run = cluster._Run(client, b"", {}, Reporter(quiet=True))
    with closing(run), pytest.raises(Failure, match=r"1 batches ended their workers each time \(2\); all"):
        assert len(list(run.outcomes(range(5)))) == 4
    assert "convt: batch 2: ends its workers each time, and is left out" in capfd.readouterr().err
    assert sorted(client.tried)[1:] == [
        (1, False),
        (1, True),
        (1, True),
        (2, False),
        (2, True),
        (3, False),
        (4, False),
    ]
