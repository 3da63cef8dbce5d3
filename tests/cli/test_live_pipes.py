"""Pipes that are written or read slowly: what is there flows, and nothing is lost."""

import fcntl
import io
import os
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support.command import MAIN, UPSAMPLE, run, upsample
from tests.support.pipes import (
    KINDS,
    PATIENCE,
    SAME,
    data_of,
    endless,
    from_file,
    honest,
    live,
    received,
    sound_bytes,
)
from tests.support.processes import KERNEL, QUICK, begin, ended, until, waiting
from tests.support.sounds import sound
from tests.support.strategies import numbers


def pieces(data: bytes, sizes: tuple[int, ...] = (1, 3, 39, 2, 997, 1501, 7, 2999)) -> Iterator[bytes]:
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        yield data[at : at + size]
        at, turn = at + size, turn + 1


def feed(write: Callable[[bytes], Any], data: bytes) -> None:
    """Write in pieces of odd sizes, each some time after the one before."""
    for piece in pieces(data):
        write(piece)
        time.sleep(0.002)


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize(("name", "subtype"), KINDS)
@pytest.mark.parametrize("known", [True, False])
def test_a_named_pipe_that_is_written_slowly_gives_the_same(name: str, subtype: str, known: bool) -> None:
    whole = sound_bytes(name, subtype)
    expected = from_file(name, result=f"reference.{name}")
    os.mkfifo(f"pipe.{name}")

    def write() -> None:
        with Path(f"pipe.{name}").open("wb", buffering=0) as pipe:
            feed(pipe.write, whole if known else endless(whole))

    writer = threading.Thread(target=write)
    writer.start()
    upsample(f"pipe.{name}", "-o", f"out.{name}")
    writer.join()
    found = Path(f"out.{name}").read_bytes()
    assert honest(found)
    assert data_of(found) == data_of(expected)
    if known:
        assert found == expected


@pytest.mark.usefixtures("copying_kernel")
def test_standard_input_that_is_written_slowly_gives_the_same() -> None:
    whole = sound_bytes("in.wav", "PCM_16")
    expected = from_file("in.wav")
    process = subprocess.Popen(
        [*UPSAMPLE, "-", "-o", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin
    feed(lambda piece: os.write(process.stdin.fileno(), piece), whole)  # type: ignore[union-attr]
    found, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert found == expected


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize("blocking", [True, False])
def test_a_live_source_flows(blocking: bool) -> None:
    whole = endless(sound_bytes("in.wav", "PCM_16", 3200, 1))
    expected = from_file("in.wav", "--latency", "160")
    reading, writing = os.pipe()
    os.set_blocking(reading, blocking)  # as programs leave it that share a pipe, and wait for several
    process = live(reading, "--latency", "160")
    first = 44 + 10 * 160 * 2
    os.write(writing, whole[:first])
    found = received(process, 44 + 2 * 1000 * 2)  # the kernel looks some 500 samples ahead
    os.write(writing, whole[first:])
    os.close(writing)
    rest, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, b"Traceback" in said) == (0, False), said
    assert data_of(found + rest) == data_of(expected)


def wait_until_full(reading: int) -> None:
    """Wait until a pipe takes hardly any more."""
    deadline, held = time.monotonic() + PATIENCE, bytearray(4)
    while int.from_bytes(held, sys.byteorder) < fcntl.fcntl(reading, fcntl.F_GETPIPE_SZ) - 2 * 4096:
        fcntl.ioctl(reading, termios.FIONREAD, held)
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.skipif(not hasattr(fcntl, "F_GETPIPE_SZ"), reason="asks a pipe for its size, as on Linux")
@pytest.mark.parametrize("container", ["WAV", "AIFF"])
def test_a_reader_that_takes_its_time_gets_everything(container: str) -> None:
    sound_bytes("in.wav", "PCM_16", 50_000, 1)
    expected = from_file("in.wav", "--format", container)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = subprocess.Popen(
        [*UPSAMPLE, "in.wav", "-o", "-", "--format", container], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    wait_until_full(reading)
    with os.fdopen(reading, "rb") as pipe:
        found = pipe.read()
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert len(found) == len(expected)
    np.testing.assert_array_equal(
        soundfile.read(io.BytesIO(found))[0], soundfile.read(io.BytesIO(expected))[0]
    )


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize("options", [["--latency", "160"], ["--format", "AU"]])
def test_a_reader_that_has_enough_ends_it_quietly(options: list[str]) -> None:
    header = endless(sound_bytes("in.wav", frames=0))
    forever = f"import os\nos.write(1, {header!r})\nwhile True: os.write(1, bytes(65536))"
    with (
        subprocess.Popen(
            [sys.executable, "-c", forever], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as source,
        subprocess.Popen(
            [*UPSAMPLE, "-", "-o", "-", *options],
            stdin=source.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        ) as process,
    ):
        assert source.stdout
        assert process.stdout
        assert process.stderr
        source.stdout.close()
        assert len(received(process, 100)) >= 100
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == b""
        assert source.wait(PATIENCE) != 0  # nobody reads from it any more


@pytest.mark.usefixtures("short_kernel")
def test_what_comes_late_through_a_stream_that_does_not_block_is_waited_for() -> None:
    """Another program may have set the pipe so; nothing there is not its end."""
    data = numbers(1, (20_000,), "float64").tobytes()
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    options = ["--raw", "--rate", "8000", "--channels", "1", "--subtype", "double"]
    process = begin([*QUICK, "-", "-o", "out.wav", "-q", *options], stdin=read_end)
    with os.fdopen(write_end, "wb", 0) as pipe:
        pipe.write(data[:800])
        until(lambda: waiting(read_end) == 0, process)
        time.sleep(0.2)
        os.close(read_end)
        pipe.write(data[800:])
    assert ended(process) == (0, b"out.wav\n", b"")
    assert soundfile.info("out.wav").frames == 40_000


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("container", ["FLAC", "AU"])
def test_all_goes_to_a_stream_that_does_not_block(container: str) -> None:
    sound("in.wav", shape=(100_000,))
    command = [*QUICK, "in.wav", "-q", "-o", "-", "--format", container]
    upsample("in.wav", "-o", "whole", "--format", container, *KERNEL)
    whole = Path("whole").read_bytes()
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    process = begin(command, stdout=write_end)
    os.close(write_end)
    until(lambda: waiting(read_end) > 60_000)
    time.sleep(0.1)
    with os.fdopen(read_end, "rb") as pipe:
        assert pipe.read() == whole
    assert ended(process)[0] == 0


@pytest.mark.usefixtures("silent_input")
def test_a_pipe_that_carries_no_sound_is_refused_and_not_waited_for() -> None:
    os.mkfifo("pipe.wav")
    writer = subprocess.Popen(["bash", "-c", "echo hiss > pipe.wav"])  # noqa: S607
    result = run("upsample", "pipe.wav", timeout=60)
    writer.wait(timeout=60)
    assert result.returncode == 1
    assert result.stderr.startswith("convt: pipe.wav: not recognised as audio; ")


@pytest.mark.usefixtures("copying_kernel")
def test_a_pipe_may_be_the_thousandth_open_file() -> None:
    data = endless(sound_bytes("in.wav"))
    many = (
        "import os; from resource import *\n"
        "setrlimit(RLIMIT_NOFILE, (1300, getrlimit(RLIMIT_NOFILE)[1]))\n"
        "for _ in range(1200): os.open(os.devnull, os.O_RDONLY)\n"
    )
    command = [sys.executable, "-c", many + MAIN, "upsample", "/dev/stdin", "-o", "out.wav", *SAME]
    result = subprocess.run(command, input=data, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert data_of(Path("out.wav").read_bytes()) == data_of(data)
