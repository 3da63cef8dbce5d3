"""Metadata that libsndfile does not return, so that a report can name what is lost.

FLAC begins with blocks (RFC 9639, section 8); AIFF and CAF files are lists of chunks.
"""

from collections.abc import Iterator

from convt_cli.files.source import Source
from convt_cli.metadata.chunks import chunk_headers, name_of

_FLAC_BLOCKS = {2: "application data", 5: "cue sheet", 6: "picture"}
_FLAC_COMMENTS = 4
# libsndfile returns these, or the output gets new ones.
_COMMENTS = {"TITLE", "COPYRIGHT", "SOFTWARE", "ENCODER", "ARTIST", "COMMENT", "DATE", "ALBUM", "LICENSE"}
_COMMENTS |= {"TRACKNUMBER", "GENRE"}
_AIFF = {b"COMM", b"SSND", b"FVER", b"NAME", b"AUTH", b"(c) ", b"ANNO", b"CHAN", b"FLLR", b"PEAK"}
_CAF = {b"desc", b"data", b"free", b"chan", b"pakt", b"kuki", b"info", b"peak", b"ovvw"}


def unread_names(source: Source) -> list[str]:
    """Return the names of a file's metadata that libsndfile does not return, up to any damage."""
    source.seek(0)
    magic = source.read(4)
    if magic == b"fLaC":
        return list(_flac(source))
    if magic == b"FORM":
        source.seek(12)
        return [name_of((name, b"")) for name, _ in chunk_headers(source, ">4sI", 2) if name not in _AIFF]
    if magic == b"caff":
        source.seek(8)
        return [name_of((name, b"")) for name, _ in chunk_headers(source, ">4sq", 1) if name not in _CAF]
    return []


def _flac(source: Source) -> Iterator[str]:
    last = False
    while not last and len(head := source.read(4)) == 4:
        last, kind = head[0] >= 128, head[0] & 127
        length = int.from_bytes(head[1:], "big")
        if kind == _FLAC_COMMENTS:
            yield from _comments(source.read(length))
        else:
            source.skip(length)
        if kind in _FLAC_BLOCKS:
            yield _FLAC_BLOCKS[kind]


def _comments(body: bytes) -> Iterator[str]:
    at = 4 + int.from_bytes(body[:4], "little")  # after the name of the encoder
    for _ in range(int.from_bytes(body[at : at + 4], "little")):
        at += 4
        length = int.from_bytes(body[at : at + 4], "little")
        name = body[at + 4 : at + 4 + length].partition(b"=")[0].upper().decode("ascii", "replace")
        at += length
        if not name:
            return
        if name not in _COMMENTS:
            yield name
