"""``convt upsample`` between pipes, and the files that flow through it."""

import os
import select
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.support.command import UPSAMPLE, upsample
from tests.support.oracles import Array

PATIENCE = 60  # seconds; nothing here takes more than a few tenths
# With this kernel what comes out is what went in.
SAME = ["--weights", "one.npy", "--stride", "1", "--dither", "none"]


def noise(frames: int, channels: int = 2) -> Array:
    return np.random.default_rng(frames).uniform(-0.5, 0.5, (frames, channels))


def sound_bytes(
    name: str, subtype: str = "PCM_16", frames: int = 2501, channels: int = 2, **more: str
) -> bytes:
    """Write a sound file, and return its bytes."""
    soundfile.write(name, noise(frames, channels), 8000, subtype=subtype, **more)
    return Path(name).read_bytes()


def piped(*arguments: str, data: bytes = b"", code: int = 0, **options: Any) -> tuple[bytes, str]:
    """Run the command on standard input; return what it wrote, and what it said."""
    given = {} if "stdin" in options else {"input": data}
    how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given, **options}
    result = subprocess.run([*UPSAMPLE, *arguments], check=False, timeout=PATIENCE, **how)
    said = result.stderr.decode()
    assert result.returncode == code, said
    assert "Traceback" not in said
    return result.stdout or b"", said


@contextmanager
def pipe_of(data: bytes) -> Iterator[str]:
    """A name under which a pipe is read that holds all of these bytes."""
    assert len(data) <= 65_536
    reading, writing = os.pipe()
    try:
        os.write(writing, data)
        os.close(writing)
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)


def through(data: bytes, *arguments: str, code: int = 0) -> Any:
    """Run the command, in this process, on a pipe."""
    with pipe_of(data) as name:
        return upsample(name, *arguments, code=code)


def chunks(whole: bytes) -> dict[bytes, bytes]:
    """The chunks of a WAV file; of the samples, what is there."""
    assert whole[8:12] == b"WAVE"
    order = ">" if whole.startswith(b"RIFX") else "<"
    found, at = {}, 12
    while at + 8 <= len(whole):
        name, length = struct.unpack_from(f"{order}4sI", whole, at)
        found[name] = whole[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return found


def data_of(whole: bytes) -> bytes:
    """The samples of a WAV or AU file, as bytes."""
    if whole.startswith(b".snd"):
        return whole[int.from_bytes(whole[4:8], "big") :]
    return chunks(whole)[b"data"]


def honest(whole: bytes) -> bool:
    """Whether a header's lengths are those of the file, to the byte."""
    if whole.startswith(b".snd"):
        start, length = struct.unpack_from(">II", whole, 4)
        return bool(len(whole) == start + length)
    order = ">" if whole.startswith(b"RIFX") else "<"
    (riff,) = struct.unpack_from(f"{order}I", whole, 4)
    at = 12
    while at < len(whole):
        (length,) = struct.unpack_from(f"{order}I", whole, at + 4)
        at += 8 + length + length % 2
    return bool(riff == len(whole) - 8 and at == len(whole))


def endless(whole: bytes) -> bytes:
    """The same stream as a program writes it that does not know its length."""
    if whole.startswith(b".snd"):
        return whole[:8] + b"\xff" * 4 + whole[12:]
    at = whole.index(b"data") + 4
    length = int.from_bytes(whole[at : at + 4], "little")
    return whole[:4] + b"\xff" * 4 + whole[8:at] + b"\xff" * 4 + whole[at + 4 : at + 4 + length]


def from_file(name: str, *arguments: str, result: str = "reference.wav") -> bytes:
    upsample(name, "-o", result, "--overwrite", *arguments)
    return Path(result).read_bytes()


KINDS = [("in.wav", "PCM_16"), ("in.wav", "PCM_24"), ("in.wav", "FLOAT"), ("in.au", "PCM_16")]


def live(reading: int, *arguments: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [*UPSAMPLE, "-", "-o", "-", *arguments],
        stdin=reading,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    os.close(reading)
    return process


def received(process: "subprocess.Popen[bytes]", count: int) -> bytes:
    """Read so many bytes as they come, and no longer than patience lasts."""
    assert process.stdout
    found = b""
    while len(found) < count:
        assert select.select([process.stdout], [], [], PATIENCE)[0], (
            f"after {len(found)} bytes nothing came"
        )
        more = os.read(process.stdout.fileno(), 1 << 16)
        assert more, f"after {len(found)} bytes it ended"
        found += more
    return found
