"""Systems other than Linux: macOS, as far as Linux can be taken for it, and Windows without a command."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from convt_cli.errors import Misuse
from convt_cli.jobs.job_plan import plan_jobs
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.run import segments
from tests.support import macos
from tests.support.command import MAIN, upsample
from tests.support.processes import names
from tests.support.sounds import noise_file

SEGMENT = 20_000  # samples: what is longer is divided among processes, on Linux
KERNEL = ["--weights", "w.npy", "-q"]
Run = Callable[..., bytes]


@pytest.fixture
def on_macos(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return partial(macos.on_macos, tmp_path_factory.mktemp("site"))


@pytest.fixture
def convt_on_macos(on_macos: Run) -> Run:
    small = f"import convt_cli.run.segments as segments; segments.SEGMENT_SAMPLES = {SEGMENT}\n"
    return lambda *arguments, first="", **options: on_macos(
        first + small + MAIN, "upsample", *arguments, *KERNEL, **options
    )


@pytest.fixture(autouse=True)
def _inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_SAMPLES", SEGMENT)
    np.save("w.npy", np.hanning(9))
    noise_file("a.wav")
    noise_file("b.flac", channels=2)


def test_the_simulation_holds(on_macos: Run) -> None:
    code = "import os, sys; print(sys.platform, hasattr(os, 'O_TMPFILE'), os.path.exists('/proc/self/fd'))"
    assert on_macos(code) == b"darwin False False\n"
    code = "import os\ntry:\n    os.fork()\nexcept AssertionError as error:\n    print(error)"
    assert b"fork" in on_macos(code)


@pytest.mark.parametrize("name", ["a.wav", "b.flac", "long.wav"])
def test_a_file_on_macos(name: str, convt_on_macos: Run) -> None:
    noise_file("long.wav", frames=10 * SEGMENT)
    output = f"out{Path(name).suffix}"
    upsample(name, "-o", f"expected{Path(name).suffix}", *KERNEL)
    no_workers = "import subprocess; del subprocess.Popen\n"  # they take long to begin
    assert convt_on_macos(name, "-o", output, first=no_workers) == f"{output}\n".encode()
    assert Path(output).read_bytes() == Path(f"expected{Path(name).suffix}").read_bytes()
    assert not [each for each in names() if each.startswith(".")]


def test_many_files_on_macos(convt_on_macos: Run) -> None:
    Path("in").mkdir()
    for number in range(5):
        noise_file(f"in/{number}.wav", frames=1000 + number)
    upsample("in", "-d", "expected", *KERNEL)
    printed = convt_on_macos("in", "-d", "out", "-j", "2").decode()
    assert printed.splitlines() == [f"out/{number}.wav" for number in range(5)]
    for path in Path("expected").iterdir():
        assert Path("out", path.name).read_bytes() == path.read_bytes()
    assert names("out") == names("expected")


def test_pipes_on_macos(convt_on_macos: Run) -> None:
    upsample("a.wav", "-o", "expected.wav", *KERNEL)
    assert convt_on_macos("-", data=Path("a.wav").read_bytes()) == Path("expected.wav").read_bytes()
    upsample("b.flac", "-o", "expected.flac", *KERNEL)
    convt_on_macos("-", "-o", "out.flac", data=Path("b.flac").read_bytes())  # by a temporary file
    assert Path("out.flac").read_bytes() == Path("expected.flac").read_bytes()


def test_signals_are_held_while_the_first_worker_is_spawned(on_macos: Run) -> None:
    code = """
import signal
import subprocess
from convt_cli.run.workers import workers

popen, held = subprocess.Popen, []

def watched(*arguments, **options):
    held.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
    return popen(*arguments, **options)

subprocess.Popen = watched
with workers(2) as some:
    print(*some.run(abs, [(-1,), (-2,), (-3,)]))
assert len(held) == 2
assert all({signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= mask for mask in held)
"""
    assert on_macos(code) == b"1 2 3\n"


@pytest.mark.parametrize("other", ["out/A.wav", "out/a\u0308.wav"])
def test_outputs_that_are_one_file_on_macos(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [Path("x/a.wav"), Path("y/ä.wav"), Path("z") / Path(other).name]
    options = UpsampleOptions(sources, folder=Path("out"))
    assert len(plan_jobs(options).jobs) == 3
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Misuse, match="would both become"):
        plan_jobs(options)


def test_the_command_on_windows_is_one_line() -> None:
    code = "import sys; sys.platform = 'win32'\n"
    code += (
        "import os, signal; del os.fork, os.getuid, os.sched_getaffinity, os.register_at_fork, os.mkfifo\n"
    )
    code += "del signal.SIGHUP, signal.SIGKILL, signal.SIGALRM, signal.setitimer, signal.pthread_sigmask\n"
    code += "sys.modules |= dict.fromkeys(('fcntl', 'pwd', 'resource', 'select', 'termios'))\n"
    for arguments in (["upsample", "a.wav"], ["--help"]):
        result = subprocess.run(
            [sys.executable, "-c", code + MAIN, *arguments], capture_output=True, check=False
        )
        assert (result.returncode, result.stdout) == (1, b"")
        assert result.stderr.startswith(b"convt: the command runs on Linux and macOS: use WSL")
        assert result.stderr.count(b"\n") == 1
