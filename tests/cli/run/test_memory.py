"""What no memory holds is refused in one line, and little is taken for it."""

import os
import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import convt
from tests.support.command import CONVT, refused
from tests.support.processes import QUICK, names
from tests.support.sounds import sound


def header(channels: int, rate: int, bits: int, length: int) -> bytes:
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", 1, channels, rate, min(rate * frame, 2**32 - 1), frame, bits)
    riff = struct.pack("<4sI4s4sI", b"RIFF", 36 + length, b"WAVE", b"fmt ", 16)
    return riff + fmt + struct.pack("<4sI", b"data", length)


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 200 MB, on which nothing is computed."""
    known = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 50_000, "SC_AVPHYS_PAGES": 50_000}
    monkeypatch.setattr(os, "sysconf", lambda name: known[name])

    def compute(*_: Any) -> None:
        raise AssertionError("it was not refused")

    monkeypatch.setattr(convt.Upsampler, "process", compute)


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.usefixtures("small_machine")
@pytest.mark.parametrize(
    "arguments",
    [
        ["many.wav", "-o", "out.wav"],
        ["many.au", "-o", "out.au"],
        ["many.au", "-o", "out.au", "--bias", "0.5"],
        ["in.wav", "--latency", "1000000000"],
        ["in.wav", "--stride", "1000000000"],
        ["in.wav", "--dilation", "100000000"],
        ["in.wav", "--weights", "wide.npz"],
    ],
    ids=" ".join,
)
def test_what_no_memory_holds_is_refused_before_it_is_asked_for(arguments: list[str]) -> None:
    sound("in.wav")
    if "many.wav" in arguments:
        rows = 65_535 * 1000
        Path("many.wav").write_bytes(header(65_535, 8000, 8, rows))
        os.truncate("many.wav", 44 + rows)
    Path("many.au").write_bytes(b".snd" + struct.pack(">5I", 24, 100, 2, 8000, 65_535) + bytes(100))
    if "wide.npz" in arguments:
        np.savez_compressed("wide", weight=np.zeros((1, 1 << 22, 1)))
    weights = [] if "--weights" in arguments else ["--weights", "w.npy"]
    assert "memory" in refused("upsample", *arguments, *weights, code=1)


@pytest.mark.usefixtures("short_kernel")
def test_many_channels_at_an_absurd_rate_take_little_to_refuse() -> None:
    rows = 65_535 * 20_000
    Path("in.wav").write_bytes(header(65_535, 2**31 - 1, 8, rows))
    os.truncate("in.wav", 44 + rows)
    two = 2 << 30
    result = subprocess.run(
        [*QUICK, "in.wav"],
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (two, two)),
        check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert (result.returncode, result.stdout, result.stderr.count(b"\n")) == (1, b"", 1)
    assert result.stderr.startswith(b"convt: in")
    assert names() == {"in.wav", "w.npy"}


@pytest.mark.usefixtures("short_kernel")
def test_a_latency_without_end_is_answered_at_once() -> None:
    sound("in.wav")
    command = [*QUICK, "in.wav", "--latency", str(10**18)]
    result = subprocess.run(command, capture_output=True, check=False, timeout=5)
    assert result.returncode in (1, 2)
    assert result.stderr.count(b"\n") == 1


@pytest.mark.usefixtures("short_kernel")
def test_a_header_full_of_nothing_is_not_read_to_its_end() -> None:
    """As a file is left by a crash: zeros, eight of which look like a chunk of no length."""
    Path("in.wav").write_bytes(header(1, 8000, 16, 100)[:36])
    os.truncate("in.wav", 1 << 36)  # a hole, which takes hours to read chunk by chunk
    result = subprocess.run([*QUICK, "in.wav"], capture_output=True, text=True, check=False, timeout=20)
    assert result.returncode == 1
    assert result.stderr == "convt: in.wav: damaged: 1000 chunks before the samples\n"


@pytest.mark.usefixtures("silent_input")
def test_a_large_stride_takes_no_more_memory_than_a_small_one() -> None:
    soundfile.write("long.wav", np.zeros((60_000, 1)), 8000)
    np.save("w.npy", np.ones(500))
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30));"
    command = [sys.executable, "-c", limited + CONVT[2], "upsample", "long.wav", "--weights", "w.npy"]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run(
        [*command, "--stride", "1000"], capture_output=True, text=True, check=False, env=environment
    )
    assert (result.returncode, result.stdout) == (0, "long_x1000.wav\n"), result.stderr
    Path("long_x1000.wav").unlink()


@pytest.mark.usefixtures("silent_input")
@pytest.mark.parametrize(
    ("reason", "shown"), [("Unable to allocate 3.64 TiB", ": Unable to allocate 3.64 TiB"), ("", "")]
)
def test_what_does_not_fit_in_memory_is_said_in_one_line(
    reason: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def need(*_: Any, **__: Any) -> None:
        raise MemoryError(reason)  # Python's own has no reason

    monkeypatch.setattr("convt.Upsampler.process", need)
    message = refused("upsample", "in.wav", code=1)
    assert message == f"convt: in.wav: not enough memory{shown}\n"
