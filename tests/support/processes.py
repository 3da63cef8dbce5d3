"""Commands that run in processes of their own, and what they leave."""

import ctypes
import fcntl
import os
import resource
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import MAIN, UPSAMPLE

KERNEL = ["--weights", "w.npy"]  # a short one: it is quick
QUICK = [*UPSAMPLE, *KERNEL]
# A computation that takes its time, so that there is a half-way to be caught at.
SLOW = [
    sys.executable,
    "-c",
    "import time, convt\n"
    "process = convt.Upsampler.process\n"
    "def slow(self, x):\n"
    "    time.sleep(0.1 * bool(x.size))\n"
    "    return process(self, x)\n"
    f"convt.Upsampler.process = slow\n{MAIN}",
    "upsample",
    *KERNEL,
]
Process = subprocess.Popen[bytes]
_begun = list[Process]()


def begin(command: list[str], **options: Any) -> Process:
    """Begin a command; it does not outlive the test."""
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    process = subprocess.Popen(command, start_new_session=True, **streams)
    _begun.append(process)
    return process


def end_all() -> None:
    """End what was begun and goes on."""
    while _begun:
        process = _begun.pop()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()
        process.wait(10)


def names(folder: str = ".") -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def parts() -> list[Path]:
    return list(Path().rglob(".*.part"))


def being_written() -> list[int]:
    """The sizes of the outputs that have been begun below this folder; on Linux they have no name."""
    sizes, here = [part.stat().st_size for part in parts()], f"{Path().resolve()}/"
    for _, opened in open_files():
        with suppress(OSError):  # it has been closed
            link = str(opened.readlink())
            if link.startswith(here) and link.endswith(" (deleted)"):
                sizes.append(opened.stat().st_size)
    return sizes


def until(holds: Callable[[], Any], process: Process | None = None) -> None:
    """Wait for what another process is about to do."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.005)


def ended(process: Process) -> tuple[int, bytes, bytes]:
    """Return how a process ends that has been asked to: soon, and without a traceback."""
    try:
        output, errors = process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        pytest.fail("does not end")
    assert b"Traceback" not in errors
    assert b"ignored" not in errors
    return process.returncode, output, errors


def open_files() -> Iterator[tuple[int, Path]]:
    """The files that processes have open, with the process of each, as Linux tells of those that go on."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):  # it has ended, or is not ours
                yield from [(int(process.name), opened) for opened in (process / "fd").iterdir()]


def readers_of(name: str) -> set[int]:
    """The other processes that have a pipe open."""
    wanted, found = str(Path(name).resolve()), set[int]()
    for process, opened in open_files():
        with suppress(OSError):  # it has been closed
            if str(opened.readlink()) == wanted:
                found.add(process)
    return found - {os.getpid()}


def limited(size: int) -> Callable[[], None]:
    """Let files have so many bytes, as a disk does that is full; for a process that begins."""

    def limit() -> None:
        os.environ["PYTHONDONTWRITEBYTECODE"] = (
            "1"  # Python would leave half a file of it, and read it later
        )
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def without_privileges() -> None:
    """Have permissions hold for root, too, as for anybody else; they hold for others anyway."""
    if sys.platform == "linux":
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH of linux/capability.h
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP of linux/prctl.h


def waiting(stream: int) -> int:
    """Bytes that wait in a pipe."""
    return int(struct.unpack("i", fcntl.ioctl(stream, termios.FIONREAD, bytes(4)))[0])
