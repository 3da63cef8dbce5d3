"""Disks and devices without room: one line, and nothing left."""

import io
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support.command import upsample
from tests.support.pipes import piped, sound_bytes, through
from tests.support.processes import KERNEL, QUICK, limited, names
from tests.support.sounds import sound


@contextmanager
def room(size: int) -> Iterator[None]:
    """Let the files of this process have so many bytes, as a disk does that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "dont_write_bytecode", True)  # half a file of it would be read later
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("name", ["o.au", "o.aiff", "o.mp3", "o.raw"])
def test_a_full_disk_is_one_line_and_leaves_nothing(name: str) -> None:
    sound("in.wav", shape=(200_000,))
    before = names()
    with room(20_000):
        result = upsample("in.wav", "-o", name, "-q", *KERNEL, code=1)
    assert (result.stdout, result.stderr) == ("", f"convt: {name}: cannot be written: File too large\n")
    assert names() == before


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_file_that_finds_no_room_does_not_keep_the_rest(jobs: str) -> None:
    sound("large.wav", shape=(100_000,))
    sound("small.wav")
    with room(50_000):
        result = upsample("large.wav", "small.wav", "-d", "out", "-q", "-j", jobs, *KERNEL, code=3)
    assert result.stdout == "out/small.wav\n"
    assert result.stderr.startswith("convt: out/large.wav: cannot be written: File too large\n")
    assert names("out") == {"small.wav"}


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize(("container", "short_by"), [("WAV", 1), ("FLAC", 1)])
def test_standard_output_that_finds_no_room_is_one_line(container: str, short_by: int) -> None:
    """Also where there is room for all but the end: what is written in part is not all written."""
    sound("in.wav", shape=(100_000,))
    command = [*QUICK, "in.wav", "-q", "-o", "-", "--format", container]
    upsample("in.wav", "-o", "whole", "--format", container, *KERNEL)
    size = Path("whole").stat().st_size
    with Path("out").open("wb") as out:
        out.write(bytes(1_000_000))
        out.flush()
        limit = limited(1_000_000 + size - short_by)
        result = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, preexec_fn=limit, check=False)
    assert result.returncode == 1
    assert result.stderr == b"convt: standard output: cannot be written: File too large\n"


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_full_device_as_standard_output_is_one_line(container: str) -> None:
    sound("in.wav", shape=(100_000,))
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [*QUICK, "in.wav", "-q", "-o", "-", "--format", container],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr == b"convt: standard output: cannot be written: No space left on device\n"


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("short_by", [1, 150_000])
def test_a_pipe_that_cannot_be_kept_is_one_line(short_by: int) -> None:
    """Also where all but its end could be: that end is not to be missing from the output."""
    data = np.zeros(100_000, "<i2").tobytes()
    options = ["--raw", "--rate", "8000", "--channels", "1", "--overs", "guard", "-q"]
    result = subprocess.run(
        [*QUICK, "-", "-o", "out.mp3", *options],
        input=data,
        capture_output=True,
        preexec_fn=limited(len(data) - short_by),
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(b"convt: standard input: cannot be stored in ")
    assert result.stderr.endswith(b": File too large; set TMPDIR to another folder\n")
    assert names() == {"w.npy"}


@pytest.mark.usefixtures("silent_input")
@pytest.mark.parametrize("name", ["out.wav", "out.flac", "out.ogg", "out.npy"])
def test_a_full_disk_leaves_nothing(name: str) -> None:
    rng = np.random.default_rng(1)
    soundfile.write("long.wav", rng.uniform(-0.5, 0.5, (400_000, 1)), 8000)
    with room(100_000):
        result = upsample("long.wav", "-o", name, code=1)
    assert (result.stdout, result.stderr) == ("", f"convt: {name}: cannot be written: File too large\n")
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "long.wav"]


@pytest.mark.usefixtures("silent_input")
@pytest.mark.parametrize("short_by", [1, 512])
@pytest.mark.parametrize("name", ["out.flac", "out.mp3", "out.wav"])
def test_a_disk_that_is_full_at_the_very_end_leaves_nothing(name: str, short_by: int) -> None:
    rng = np.random.default_rng(3)
    soundfile.write("long.wav", rng.uniform(-0.5, 0.5, (60_000, 1)), 8000)
    upsample("long.wav", "-o", name)
    limit = Path(name).stat().st_size - short_by
    Path(name).unlink()
    with room(limit):
        result = upsample("long.wav", "-o", name, code=1)
    assert result.stdout == ""
    assert f"convt: {name}: cannot be written: File too large\n" in result.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "long.wav"]


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize("at_once", [True, False])
def test_where_a_pipe_cannot_be_kept_that_is_said(monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    def full(*_: Any, **__: Any) -> io.FileIO:
        if at_once:
            raise OSError(28, "No space left on device")
        return io.FileIO("/dev/full", "r+")

    whole = sound_bytes("in.flac", frames=100)
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    said = through(whole, "-o", "out.wav", code=1).stderr
    assert "cannot be stored in " in said
    assert said.endswith("No space left on device; set TMPDIR to another folder\n")
    assert not Path("out.wav").exists()


@pytest.mark.usefixtures("short_kernel")
def test_a_dry_run_that_finds_no_room_fails_for_that_file_alone() -> None:
    """It tries the encoder of each file in a temporary one."""
    sound("a.flac", shape=(5000,))
    sound("b.wav")
    options = ["-d", "out", "--dry-run", "--json"]
    with room(2000):
        result = upsample("a.flac", "b.wav", *options, *KERNEL, code=3)
    assert result.stderr == ""
    assert f"{tempfile.gettempdir()}: cannot be written: File too large" in result.stdout
    assert names() == {"a.flac", "b.wav", "w.npy"}


def test_an_endless_pipe_that_is_no_sound_ends_soon() -> None:
    with subprocess.Popen(["/usr/bin/env", "yes"], stdout=subprocess.PIPE) as endless:
        _, said = piped("-", "-o", "out.wav", stdin=endless.stdout, code=1)
        endless.kill()
    assert said == "convt: standard input: not recognised as audio from its first 17 MB\n"
    assert names() == set()


@pytest.mark.parametrize("options", [[], ["--overs", "guard"]])
def test_a_pipe_that_is_kept_leaves_room_on_the_disk(
    options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sound_bytes("in.wav" if options else "in.flac", frames=20_000, channels=1)
    assert 30_000 < len(data) <= 65_536
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=30_000))
    said = through(data, "-o", "out.wav", *options, code=1).stderr
    assert said.endswith(
        f": longer than the 0.0 GB of space in {tempfile.gettempdir()}; set TMPDIR to another folder\n"
    )
    assert not Path("out.wav").exists()
