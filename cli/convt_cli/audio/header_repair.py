"""Lengths that a program could not go back to, put into a copy for libsndfile: it believes them."""

import struct

from convt_cli.audio.headers import Header
from convt_cli.audio.source import Source

_MOST = 0xFFFFFFFF


def fix_lengths(source: Source, found: Header) -> int:
    """Have coded samples in a WAV or AU file state their length, and return the bytes that are missing."""
    present = max(0, (source.size or 0) - found.start)
    if found.length is not None:
        return max(0, found.length - present)
    source.spool()
    order = ">" if found.meta.order == ">" else "<"
    source.patch(found.length_at, struct.pack(f"{order}I", min(present, _MOST)))
    return 0


def fix_aiff_lengths(source: Source) -> int:
    """Have an AIFF file whose samples are said to be none, and are not, state them; nothing is missing."""
    source.seek(0)
    if source.read(4) != b"FORM":
        return 0
    at, common = 12, 0
    while True:
        source.seek(at)
        name, length = struct.unpack(">4sI", source.read(8).ljust(8, b"\0"))
        if name == b"SSND" or not length:
            break
        common = at + 8 if name == b"COMM" else common
        at += 8 + length + length % 2
    present = (source.size or 0) - at - 16
    if name == b"SSND" and length == 0 and common and present > 0:
        source.seek(common)
        channels, _, bits = struct.unpack(">HIH", source.read(8))
        frames = present // max(1, channels * -(-bits // 8))
        source.spool()
        source.patch(4, struct.pack(">I", min(at + 8 + present, _MOST)))
        source.patch(common + 2, struct.pack(">I", min(frames, _MOST)))
        source.patch(at + 4, struct.pack(">I", min(present + 8, _MOST)))
    return 0
