"""Metadata that libsndfile does not return: chunks of AIFF files, and the names of everything else.

FLAC begins with blocks (RFC 9639, section 8), Ogg with packets (RFC 3533; Vorbis I, section 5; RFC 7845),
MP3 with an ID3v2 tag (https://id3.org), and it may end with an APE tag. AIFF and CAF files are lists of
chunks.
"""

from collections.abc import Iterator, Mapping

from convt_cli.files.source import Source
from convt_cli.metadata.chunks import Chunk, chunk_headers, name_of
from convt_cli.metadata.tag_names import (
    ALIASES,
    COVER,
    ENCODER_COMMENTS,
    ENCODING_FRAMES,
    FRAMES,
    PICTURE_COMMENTS,
    SNDFILE_COMMENTS,
    SNDFILE_FRAMES,
)

_FLAC_BLOCKS = {2: "application data", 5: "cue sheet", 6: COVER}
_FLAC_COMMENTS = 4
_AIFF = {b"COMM", b"SSND", b"FVER", b"NAME", b"AUTH", b"(c) ", b"ANNO", b"CHAN", b"FLLR", b"PEAK"}
_CAF = {b"desc", b"data", b"free", b"chan", b"pakt", b"kuki", b"info", b"peak", b"ovvw"}
UNTAGGED = frozenset(("application data", "cue sheet"))  # FLAC blocks without a corresponding tag
_TEXTS = SNDFILE_FRAMES.keys() - {"COMM"}
_LARGEST = 1 << 26  # bytes of metadata that are read


def aiff_chunks(source: Source) -> list[Chunk]:
    """Return the chunks of an AIFF file that libsndfile does not read; none for other file types."""
    source.seek(0)
    if source.read(4) != b"FORM":
        return []
    source.seek(12)
    return [
        (name, source.read(length))
        for name, length in chunk_headers(source, ">4sI", 2)
        if name not in _AIFF and length <= _LARGEST
    ]


def unread_names(source: Source, read: Mapping[str, str]) -> list[str]:
    """Return the names of a file's tags, pictures and chunks that libsndfile does not return.

    `read` holds the texts that it returns. Tags that describe the encoder are left out.
    """
    source.seek(0)
    magic = source.read(4)
    if magic == b"fLaC":
        return list(_flac(source, read))
    if magic == b"OggS":
        source.seek(0)
        return list(_comments(ogg_comments(source), read))
    if magic == b"caff":
        source.seek(8)
        return [name_of((name, b"")) for name, _ in chunk_headers(source, ">4sq", 1) if name not in _CAF]
    if magic[:3] == b"ID3" or magic[:1] == b"\xff":
        source.seek(0)
        return [*_id3(source, read), *_ape(source, read)]
    return []


def _flac(source: Source, read: Mapping[str, str]) -> Iterator[str]:
    last = False
    while not last and len(head := source.read(4)) == 4:
        last, kind = head[0] >= 128, head[0] & 127
        length = int.from_bytes(head[1:], "big")
        if kind == _FLAC_COMMENTS:
            yield from _comments(source.read(length), read)
        else:
            source.skip(length)
        if kind in _FLAC_BLOCKS:
            yield _FLAC_BLOCKS[kind]


def ogg_comments(source: Source) -> bytes:
    """Return the comments of an Ogg file: its second packet."""
    packets, ended = [b""], False
    while len(packets) < 3 and len(head := source.read(27)) == 27 and head[:4] == b"OggS":
        for length in source.read(head[26]):
            packets = [*packets, b""] if ended else packets
            packets[-1] += source.read(length)
            ended = length < 255
        if len(packets[-1]) > _LARGEST:
            return b""
    return packets[1].removeprefix(b"\x03vorbis").removeprefix(b"OpusTags") if len(packets) > 1 else b""


def _comments(body: bytes, read: Mapping[str, str]) -> Iterator[str]:
    at = 4 + int.from_bytes(body[:4], "little")  # after the name of the encoder
    seen = set[str]()
    for _ in range(int.from_bytes(body[at : at + 4], "little")):
        at += 4
        length = int.from_bytes(body[at : at + 4], "little")
        name = body[at + 4 : at + 4 + length].partition(b"=")[0].upper().decode("ascii", "replace")
        at += length
        if not name:
            return
        if name in PICTURE_COMMENTS:
            yield COVER
        elif name not in ENCODER_COMMENTS and (name in seen or not _is_read(name.lower(), read)):
            yield name.lower()
        seen.add(name)


def _is_read(name: str, read: Mapping[str, str]) -> bool:
    return name in SNDFILE_COMMENTS and name in read


def _id3(source: Source, read: Mapping[str, str]) -> Iterator[str]:
    """Yield the names in an ID3v2 tag."""
    seen = set[str]()
    for kind, body in _frames(source):
        # In encodings with single-byte letters, a zero byte separates several texts.
        several = kind in _TEXTS and body[:1] in (b"\0", b"\3") and b"\0" in body[1:].rstrip(b"\0")
        is_read = SNDFILE_FRAMES.get(kind) in read and kind not in seen and not several
        if kind not in ENCODING_FRAMES and not is_read:
            yield _frame_name(kind)
        seen.add(kind)


def _frames(source: Source) -> Iterator[tuple[str, bytes]]:
    """Yield the identifiers and the bodies of the frames of an ID3v2 tag."""
    head = source.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return
    body, version = source.read(min(seven_bits(head[6:]), _LARGEST)), head[3]
    if head[5] & 0x80 and version < 4:
        body = body.replace(b"\xff\0", b"\xff")
    wide, at = version > 2, 0
    if head[5] & 0x40 and wide:  # a second header
        at = seven_bits(body[:4]) if version == 4 else 4 + int.from_bytes(body[:4], "big")
    while at < len(body) and body[at]:
        kind = body[at : at + (4 if wide else 3)].decode("ascii", "replace")
        field = body[at + 4 : at + 8] if wide else body[at + 3 : at + 6]
        length = seven_bits(field) if version == 4 else int.from_bytes(field, "big")
        at += (10 if wide else 6) + length
        yield kind, body[at - length : at]


def _frame_name(kind: str) -> str:
    if kind in ("APIC", "PIC"):
        return COVER
    return FRAMES[kind].lower() if kind in FRAMES else SNDFILE_FRAMES.get(kind, kind)


def seven_bits(data: bytes) -> int:
    """Return a number stored with seven bits per byte."""
    number = 0
    for byte in data:
        number = number << 7 | byte & 127
    return number


def _ape(source: Source, read: Mapping[str, str]) -> Iterator[str]:
    """Yield the item names of an APE tag at the end of a file, or before a final ID3v1 tag."""
    for behind in (32, 160):
        source.seek(max(0, (source.size or 0) - behind))
        start, foot = source.tell(), source.read(32)
        if foot[:8] == b"APETAGEX":
            length, count = int.from_bytes(foot[12:16], "little"), int.from_bytes(foot[16:20], "little")
            source.seek(max(0, start + 32 - length))
            yield from _ape_items(source.read(min(length, _LARGEST)), count, read)


def _ape_items(body: bytes, count: int, read: Mapping[str, str]) -> Iterator[str]:
    at = 0
    for _ in range(min(count, len(body))):
        length = int.from_bytes(body[at : at + 4], "little")
        name, found, _ = body[at + 8 :].partition(b"\0")
        if not found:
            return
        at += 8 + len(name) + 1 + length
        text = name.decode("ascii", "replace").lower()
        if text.startswith(COVER):
            yield COVER
        elif ALIASES.get(text.upper(), text).lower() not in read:
            yield text
