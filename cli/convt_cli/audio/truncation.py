"""Whether a file holds as many bytes as it says."""

from collections.abc import Callable

from convt_cli.audio.source import Source


def is_placeholder(length: int) -> bool:
    """Return whether a length of 32 or 64 bits is what programs write that do not know it yet.

    That is the most there can be, signed or not, less what stands around the samples; sox writes
    0x7f000000 into AIFF files.
    """
    near = (length - most for most in (0x7F000000, 0x7FFFF000, 0xFFFFF000))
    return any(-256 <= beyond < 0x1100 for beyond in near) or length >= 1 << 62


def missing_bytes(source: Source) -> int:
    """Return by how many bytes a file is shorter than its header says; 0 where that says nothing.

    libsndfile reads what is there, without a word.
    """
    source.seek(0)
    head = source.read(64)
    for magic, stated in _STATED.items():
        if head.startswith(magic):
            return max(0, stated(source, head) - (source.size or 0))
    return 0


def _caf(source: Source, _: bytes) -> int:
    at = 8
    while True:
        source.seek(at)
        name = source.read(4)
        length = int.from_bytes(source.read(8), "big", signed=True)
        if length <= 0 or is_placeholder(length):
            return 0
        at += 12 + length
        if name == b"data" or at > (source.size or 0):
            return at


def _aiff(_: Source, head: bytes) -> int:
    length = int.from_bytes(head[4:8], "big")
    return 0 if is_placeholder(length) else 8 + length


def _w64(_: Source, head: bytes) -> int:
    length = int.from_bytes(head[16:24], "little")
    return 0 if is_placeholder(length) else length


_STATED: dict[bytes, Callable[[Source, bytes], int]] = {b"FORM": _aiff, b"riff": _w64, b"caff": _caf}
