"""Audio files made byte by byte, as programs write them and as nobody should, and how they are read."""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from convt_cli.audio import headers
from convt_cli.audio.headers import Header
from convt_cli.audio.reader import Reader, open_reader
from convt_cli.files.source import Source
from tests.support.oracles import Array

Way = Literal["file", "pipe"]
WAYS: list[Way] = ["file", "pipe"]
MOST = 0xFFFFFFFF
GUID = bytes.fromhex("00001000800000aa00389b71")  # behind the four bytes of the code
WIDTHS = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


@contextmanager
def stored(data: bytes, way: Way) -> Iterator[Path]:
    """A name under which the bytes are read: a file's, or a pipe's that holds them all."""
    if way == "file":
        Path("x.bin").write_bytes(data)
        yield Path("x.bin")
        return
    assert len(data) <= 65_536
    reading, writing = os.pipe()
    try:
        os.write(writing, data)
        os.close(writing)
        yield Path(f"/dev/fd/{reading}")
    finally:
        os.close(reading)


@contextmanager
def opened(data: bytes, way: Way, *, truncated: bool = False) -> Iterator[Reader]:
    with stored(data, way) as path:
        reader = open_reader(path, "float64", raw=None, again=False, truncated=truncated)
        with closing(reader):
            yield reader


def parsed_header(data: bytes, way: Way = "file", *, behind: bool = False) -> Header | None:
    with stored(data, way) as path, closing(Source(path)) as source:
        header = headers.parse(source)
        if header and behind:
            headers.read_trailing_chunks(source, header)
        return header


def header_of(data: bytes, way: Way = "file", *, behind: bool = False) -> Header:
    header = parsed_header(data, way, behind=behind)
    assert header
    return header


def samples(data: bytes, way: Way = "file", *, truncated: bool = False) -> Array:
    with opened(data, way, truncated=truncated) as reader:
        blocks = list(reader.blocks(0, 1000))
        found = np.concatenate([np.empty((reader.channels, 0)), *blocks], axis=1)
        assert reader.frames in (None, found.shape[1]) or truncated
        return found


def chunk(name: bytes, body: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}4sI", name, len(body)) + body + bytes(len(body) % 2)


def fmt(
    code: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, frame: int = -1, order: str = "<"
) -> bytes:
    frame = channels * bits // 8 if frame < 0 else frame
    return struct.pack(f"{order}HHIIHH", code, channels, rate, rate * frame & MOST, frame, bits)


def extensible(code: int, bits: int = 16, mask: int = 3, guid: bytes = GUID) -> bytes:
    return fmt(0xFFFE, 2, bits=bits) + struct.pack("<HHII", 22, bits, mask, code) + guid


DATA = np.arange(-50, 50, dtype="<i2").tobytes()
MU_LAW = fmt(7, bits=8) + bytes(2)


def wav(
    data: bytes = DATA,
    *,
    before: bytes = b"",
    behind: bytes = b"",
    form: bytes | None = None,
    length: int | None = None,
    riff: int | None = None,
    magic: bytes = b"RIFF",
) -> bytes:
    """A WAV file, true unless `length` or `riff` say something else."""
    order = ">" if magic == b"RIFX" else "<"
    form = fmt(order=order) if form is None else form
    stated = len(data) if length is None else length
    body = b"WAVE" + before + chunk(b"fmt ", form, order) + struct.pack(f"{order}4sI", b"data", stated)
    body += data + (bytes(len(data) % 2) if length is None else b"") + behind
    return magic + struct.pack(f"{order}I", len(body) if riff is None else riff) + body


def ds64(length: int, riff: int = 0, frames: int = 0) -> bytes:
    return chunk(b"ds64", struct.pack("<QQQI", riff, length, frames, 0))


def au(
    data: bytes = DATA,
    *,
    length: int | None = None,
    code: int = 3,
    channels: int = 1,
    rate: int = 8000,
    note: bytes = b"",
    order: str = ">",
) -> bytes:
    magic = b".snd" if order == ">" else b"dns."
    stated = len(data) if length is None else length
    return magic + struct.pack(f"{order}5I", 24 + len(note), stated, code, rate, channels) + note + data


def written(
    container: str, subtype: str, frames: int = 12, channels: int = 1, endian: str = "FILE"
) -> bytes:
    """A file as libsndfile writes it."""
    sound = np.random.default_rng(frames).uniform(-0.5, 0.5, (frames, channels))
    file = io.BytesIO()
    soundfile.write(file, sound, 8000, format=container, subtype=subtype, endian=endian)
    return file.getvalue()


WHOLE = {
    "WAV": written("WAV", "PCM_16"),
    "WAV float": written("WAV", "FLOAT"),
    "RIFX": written("WAV", "PCM_24", endian="BIG"),
    "WAVEX": written("WAVEX", "PCM_32"),
    "RF64": written("RF64", "PCM_16"),
    "AU": written("AU", "PCM_16"),
    "AU little": written("AU", "FLOAT", endian="LITTLE"),
    "WAV mu-law": written("WAV", "ULAW"),
    "WAV ADPCM": written("WAV", "IMA_ADPCM"),
    "RF64 mu-law": written("RF64", "ULAW"),
    "AU mu-law": written("AU", "ULAW"),
    "AU mu-law little": written("AU", "ULAW", endian="LITTLE"),
    "AIFF": written("AIFF", "PCM_16"),
    "AIFF little": written("AIFF", "PCM_16", endian="LITTLE"),
    "AIFF mu-law": written("AIFF", "ULAW"),
    "W64": written("W64", "PCM_16"),
    "W64 float": written("W64", "DOUBLE"),
    "CAF": written("CAF", "PCM_16"),
    "CAF float": written("CAF", "FLOAT", endian="LITTLE"),
    "FLAC": written("FLAC", "PCM_16", 5000),
}


def aiff(form: int, frames: int, ssnd: int, *, before: bytes = b"", data: bytes = DATA) -> bytes:
    """An AIFF file of 8 kHz, mono, 16 bits; `data` has the highest byte first."""
    common = struct.pack(">hIh", 1, frames, 16) + bytes.fromhex("400bfa00000000000000")
    sound = struct.pack(">4sIII", b"SSND", ssnd, 0, 0) + data
    return struct.pack(">4sI4s", b"FORM", form, b"AIFF") + before + chunk(b"COMM", common, ">") + sound
