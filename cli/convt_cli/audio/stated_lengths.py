"""Lengths that files state: placeholders, truncated files, and lengths that libsndfile misreads."""

import struct
from collections.abc import Callable

from convt_cli.files.source import Source
from convt_cli.metadata.chunks import chunk_headers

_MOST = 0xFFFFFFFF
_LONGEST_PAGE = 27 + 255 + 255 * 255  # bytes, of an Ogg file
_EXTENSIBLE = b"\xfe\xff"
_VOC = b"Creative Voice File\x1a"
_VOC_SAMPLES = (1, 2, 3, 9)  # types of blocks: samples, more of them, silence, samples again


def is_placeholder(length: int) -> bool:
    """Return whether programs write this 32- or 64-bit length when they do not know the length yet.

    They write the largest number, signed or not, less the bytes around the samples; sox writes 0x7f000000
    into AIFF files.
    """
    near = (length - most for most in (0x7F000000, 0x7FFFF000, 0xFFFFF000))
    return any(-256 <= beyond < 0x1100 for beyond in near) or length >= 1 << 62


def missing_bytes(source: Source) -> int:
    """Return how many bytes a file is shorter than its header states; 0 if the header states nothing.

    libsndfile reads a truncated file to its end without an error.
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


def _ogg(source: Source, _: bytes) -> int:
    start, page = _last_page(source)
    return start + 27 + sum(page[27:]) + len(page[27:]) if len(page) > 26 else start + 27


def _last_page(source: Source) -> tuple[int, bytes]:
    """Return where an Ogg file's last page starts, and its header (RFC 3533, section 6)."""
    start = max(0, (source.size or 0) - 2 * _LONGEST_PAGE)  # a tag may follow it
    source.seek(start)
    tail = source.read(2 * _LONGEST_PAGE)
    at = max(0, tail.rfind(b"OggS\0"))
    return start + at, tail[at : at + 27 + (tail[at + 26] if len(tail) > at + 26 else 0)]


def lacks_last_page(source: Source) -> bool:
    """Return whether the last page of an Ogg file is not marked as its last."""
    source.seek(0)
    if source.read(4) != b"OggS":
        return False
    _, page = _last_page(source)
    return len(page) > 26 and not page[5] & 4


_STATED: dict[bytes, Callable[[Source, bytes], int]] = {
    b"FORM": _aiff,
    b"riff": _w64,
    b"caff": _caf,
    b"OggS": _ogg,
}


def count_ogg_streams(source: Source) -> int:
    """Return how many streams follow each other in an Ogg file: libsndfile reads only the first."""
    source.seek(0)
    count, was_first = 0, 0
    while len(head := source.read(27)) == 27 and head.startswith(b"OggS"):
        is_first = head[5] & 2
        count += is_first > was_first
        was_first = is_first
        lengths = source.read(head[26])
        source.seek(source.tell() + sum(lengths))
    return count


def count_voc_blocks(source: Source) -> int:
    """Return how many blocks of samples and silence a VOC file has: libsndfile reads them as one."""
    source.seek(0)
    head = source.read(26)
    if not head.startswith(_VOC):
        return 0
    source.seek(int.from_bytes(head[20:22], "little"))
    count = 0
    while len(block := source.read(4)) == 4 and block[0]:
        count += block[0] in _VOC_SAMPLES
        source.seek(source.tell() + int.from_bytes(block[1:], "little"))
    return count


def fix_w64_format(source: Source) -> None:
    """Replace the extensible format code of a W64 file: with it, libsndfile reads floats as integers.

    A W64 chunk begins with a name of 16 bytes and a length of 8; the length includes these 24 bytes.
    """
    source.seek(0)
    if source.read(4) != b"riff":
        return
    source.seek(40)
    for name, _ in chunk_headers(source, "<4s12xQ", 8):
        if name != b"fmt ":
            return
        start = source.tell()
        body = source.read(40)
        if body.startswith(_EXTENSIBLE) and body[24:26] not in (b"\1\0", b""):
            source.spool()
            source.patch(start, body[24:26])
        return


def fix_aiff_lengths(source: Source) -> None:
    """Correct an AIFF file whose header states no samples although it has some: libsndfile believes it.

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
