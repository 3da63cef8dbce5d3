"""Files that are meant to break things: each is refused in one line, in little memory."""

import io
import resource
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import convt
from tests.support.checkpoints import safetensors, tensor


def many_tensors() -> bytes:
    return safetensors({str(number): tensor("F32", [1, 1, 0], 0, 0) for number in range(40_000)})


def packed(method: int, megabytes: int = 1) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, archive.open("weight.npy", "w") as member:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 16)}".ljust(117) + b"\n"
        member.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        for _ in range(megabytes):
            member.write(bytes(1 << 20))
    return file.getvalue()


def many_members() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_000):
            archive.writestr(str(number), b"")
    return file.getvalue()


def torn_sound(kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.linspace(-0.5, 0.5, 1000), 8000, format=kind, subtype="PCM_16")
    return file.getvalue()[:1044]


def misleading_aiff() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full((300, 2), 0.1), 8000, format="AIFF", subtype="PCM_16")
    content = bytearray(file.getvalue())
    content[31:39] = b"\xff" * 8
    return bytes(content)


def odd_header(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)


def lines(count: int) -> bytes:
    return b"1\n" * count


def long_directory(*, wide: bool) -> bytes:
    """An archive whose end says that the list of its members is long, in 32 bits or in 64."""
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, 1 << 24 if not wide else 0, 0, 0)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 24, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 30, 1)
    return b"PK\x03\x04" + bytes(26) + (record + locator if wide else b"") + end


def silence() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((1 << 24) + 1, "int16"), 8000, format="FLAC")
    return file.getvalue()


def cut_flac() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.random.default_rng(1).standard_normal(50_000), 8000, format="FLAC")
    return file.getvalue()[:40_000]


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "many tensors": (many_tensors, "has 40000 tensors, more than 32768"),
    "long header": (
        lambda: safetensors({"a": "x" * 9_000_000}),
        "not a complete .* its header has 9000009 bytes",
    ),
    "bzip2": (
        lambda: packed(zipfile.ZIP_BZIP2),
        r"weight is packed by a method that numpy does not use \(12",
    ),
    "lzma": (
        lambda: packed(zipfile.ZIP_LZMA),
        r"weight is packed by a method that numpy does not use \(14",
    ),
    "deflated": (lambda: packed(zipfile.ZIP_DEFLATED, 100), "not a complete .npy or .npz file"),
    "many members": (many_members, "has 20000 arrays, more than 16384"),
    "long directory": (
        lambda: long_directory(wide=False),
        "not a complete .* its directory has 16777216 bytes",
    ),
    "wide directory": (
        lambda: long_directory(wide=True),
        "not a complete .* its directory has 16777216 bytes",
    ),
    "silence": (
        silence,
        r"has 16777217 samples of 1 channel\(s\): an impulse response may have at most 16777216",
    ),
    "cut flac": (cut_flac, "cannot be read as audio|ends after .* of 50000 samples"),
    "binary": (
        lambda: bytes(range(256)),
        "is not a weight file: .npy, .npz, .safetensors, audio, or taps",
    ),
    "utf-16": (lambda: "1\n2\n".encode("utf-16"), "is not a weight file"),
    "torn wav": (lambda: torn_sound("WAV"), "ends after 1044 of 2044 bytes"),
    "torn aiff": (lambda: torn_sound("AIFF"), "ends after 1044 of"),
    "torn au": (lambda: torn_sound("AU"), "ends after 1044 of"),
    "misleading aiff": (misleading_aiff, "cannot be read as audio: it is damaged, or of an unknown type$"),
    "no descr": (
        lambda: odd_header(b"{'descr': (), 'fortran_order': False, 'shape': (1,)}\n"),
        "not a complete",
    ),
    "odd descr": (
        lambda: odd_header(b"{'descr': [('',())], 'fortran_order': False, 'shape': (1,)}\n"),
        "not a complete",
    ),
    "endless axis": (
        lambda: odd_header(
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (0x" + b"f" * 5000 + b",)}\n"
        ),
        "not a complete",
    ),
    "many lines": (lambda: lines(1 << 21), "is too long for taps as text: more than 1048576 lines"),
    "many words": (lambda: b"1 " * (1 << 21), "line 1: more than 1048576 taps"),
    "much text": (
        lambda: b"1" * (1 << 26),
        "is too long for taps as text: 67108864 bytes, more than 33554432",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_files_that_are_meant_to_break_things(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    make, message = HOSTILE[kind]
    Path("w").write_bytes(make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(convt.WeightsError, match=f"^w: {message}") as caught:
        convt.load_weights("w")
    assert str(caught.value).isprintable()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    assert capfd.readouterr().err == ""
