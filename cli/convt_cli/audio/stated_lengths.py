"""Lengths that files state of themselves: placeholders, truncated files, and a repair for AIFF."""

import struct
from collections.abc import Callable

from convt_cli.files.source import Source
from convt_cli.metadata.chunks import chunk_headers

_MOST = 0xFFFFFFFF


def is_placeholder(length: int) -> bool:
    """Return whether programs write this length, of 32 or 64 bits, when they do not know it yet.

    They write the largest number, signed or not, less the bytes around the samples; sox writes 0x7f000000
    into AIFF files.
    """
    near = (length - most for most in (0x7F000000, 0x7FFFF000, 0xFFFFF000))
    return any(-256 <= beyond < 0x1100 for beyond in near) or length >= 1 << 62


def missing_bytes(source: Source) -> int:
    """Return how many bytes a file is shorter than its header states; 0 if the header states nothing.

    libsndfile reads a truncated file to its end, without a word.
    """
    source.seek(0)
    head = source.read(64)
    for magic, stated in _STATED.items():
        if head.startswith(magic):
            return max(0, stated(source, head) - (source.size or 0))
    return 0


def _caf(source: Source, _: bytes) -> int:
    source.seek(8)
    for name, length in chunk_headers(source, ">4sq", 1):
        if not length or is_placeholder(length):
            break
        end = source.tell() + length
        if name == b"data" or end > (source.size or 0):
            return end
    return 0


def _aiff(_: Source, head: bytes) -> int:
    length = int.from_bytes(head[4:8], "big")
    return 0 if is_placeholder(length) else 8 + length


def _w64(_: Source, head: bytes) -> int:
    length = int.from_bytes(head[16:24], "little")
    return 0 if is_placeholder(length) else length


_STATED: dict[bytes, Callable[[Source, bytes], int]] = {b"FORM": _aiff, b"riff": _w64, b"caff": _caf}


def fix_aiff_lengths(source: Source) -> None:
    """Correct an AIFF file that states no samples and has some: libsndfile believes what it states.

    A program that wrote to a pipe could not go back to the lengths. The correction is made in a copy.
    """
    source.seek(0)
    if source.read(4) != b"FORM":
        return
    source.seek(12)
    common = 0
    for name, length in chunk_headers(source, ">4sI", 2):
        start = source.tell()
        if name == b"SSND" and not length and common:
            _fix_aiff_lengths(source, common, start)
        if name == b"SSND" or not length:
            return
        common = start if name == b"COMM" else common


def _fix_aiff_lengths(source: Source, common: int, start: int) -> None:
    """Correct the lengths, given where the bodies of the chunks COMM and SSND start."""
    present = (source.size or 0) - start - 8
    if present <= 0:
        return
    source.seek(common)
    channels, _, bits = struct.unpack(">HIH", source.read(8))
    frames = present // max(1, channels * -(-bits // 8))
    source.spool()
    source.patch(4, struct.pack(">I", min(start + present, _MOST)))
    source.patch(common + 2, struct.pack(">I", min(frames, _MOST)))
    source.patch(start - 4, struct.pack(">I", min(present + 8, _MOST)))
