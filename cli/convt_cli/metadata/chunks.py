"""Chunks of WAVE and AIFF files: walking through them, and rescaling them to a new sample rate.

Sources: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991 (LIST,
cue); Microsoft, "New Multimedia Data Types and Data Techniques", 1994 (smpl, inst); EBU Tech 3285 and R 98
(bext); Apple, "Audio Interchange File Format", 1989 (MARK, INST, COMT).
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Literal

from convt_cli.files.source import Source

Chunk = tuple[bytes, bytes]  # four-character id, payload without padding
Order = Literal["<", ">"]  # RIFF, RIFX
_ABSURD = 1 << 62  # bytes, more than any file has

# The writer creates these again or does not need them: they describe the encoding of the samples, fill
# space, or hold levels of the old samples (PEAK, levl).
_REMADE = frozenset(b"fmt |data|fact|wavl|slnt|ds64|JUNK|junk|PAD |FLLR|filr|PEAK|levl".split(b"|"))
# acid: beats and their tempo; iXML: it states the recorder's rate, to which its counts refer
_TIMELESS = frozenset(b"id3 |ID3 |acid|inst|DISP|iXML|INST|COMT|MIDI".split(b"|"))
_XML = frozenset((b"_PMX", b"axml"))
_ADTL_SIZES = {b"labl": 4, b"note": 4, b"ltxt": 20, b"file": 8}  # minimum bytes
_BEXT_SIZE, _TIME_REFERENCE = 602, 338
_TEXTS = {  # the comment last: libsndfile reads no text that follows one of 2 KiB
    b"INAM": "title",
    b"ICOP": "copyright",
    b"ISFT": "software",
    b"IART": "artist",
    b"ICRD": "date",
    b"IPRD": "album",
    b"ITRK": "tracknumber",
    b"IGNR": "genre",
    b"ICMT": "comment",
}


def chunk_headers(source: Source, layout: str, alignment: int) -> Iterator[tuple[bytes, int]]:
    """Yield the name and the stated length of each chunk, with `source` at the start of its body.

    The caller may read the body. The iteration ends at the end of the file, at an incomplete header, or at
    an impossible length.

    Parameters
    ----------
    source : Source
        At the first header. A pipe is allowed if the caller reads every body.
    layout : str
        Layout of a header for :mod:`struct`: a name and a length.
    alignment : int
        Each chunk starts at a multiple of this number of bytes after the first.
    """
    width = struct.calcsize(layout)
    while len(head := source.read(width)) == width:
        name, length = struct.unpack(layout, head)
        if not 0 <= length < _ABSURD:
            return
        end = source.tell() + length + length % alignment
        yield name, length
        source.seek(end)


def rescaled(
    chunks: Iterable[Chunk], factor: Fraction, order: Order, step: str = ""
) -> tuple[list[Chunk], list[str]]:
    """Return the chunks for `factor` times the sample rate, and the names of those that cannot be kept.

    Sample positions (in bext, cue, smpl, LIST adtl, MARK) are multiplied and rounded to the nearest sample.
    A loop keeps its length, which sets its pitch. Chunks without positions or rates are kept unchanged.
    Chunks that belong to the encoding, the container or the samples are dropped silently. Any other chunk
    may count samples in an unknown way and is lost, as are damaged chunks and chunks whose new positions do
    not fit their field.

    Parameters
    ----------
    chunks : iterable of (bytes, bytes)
        Four-character id and payload, without padding, of each chunk.
    factor : Fraction
        New rate over old, at least 1.
    order : {"<", ">"}
        Byte order: little-endian for RIFF, big-endian for RIFX and AIFF.
    step : str
        A line for the coding history in bext that describes this conversion.

    Returns
    -------
    kept : list of (bytes, bytes)
        In the order of `chunks`.
    lost : list of str
        Their printable names, such as ``"cart"`` or ``"LIST adtl"``.
    """
    kept, lost, chunks = [], [], list(chunks)
    loops = _aiff_loops(chunks)
    for chunk_id, payload in chunks:
        if chunk_id in _REMADE:
            continue
        try:
            if chunk_id == b"bext":
                kept.append((chunk_id, _bext(payload, factor, order, step)))
            elif chunk_id == b"MARK":
                kept.append((chunk_id, _mark(payload, factor, loops)))
            else:
                kept.append((chunk_id, _rescaled(chunk_id, payload, factor, order)))
        except (struct.error, ValueError):
            lost.append(name_of((chunk_id, payload)))
    return kept, lost


def name_of(chunk: Chunk) -> str:
    """Return a chunk's id, and the type of a LIST, in printable ASCII."""
    chunk_id, payload = chunk
    parts = (chunk_id, payload[:4]) if chunk_id == b"LIST" else (chunk_id,)
    return " ".join(ascii(part.decode("latin-1"))[1:-1] for part in parts).strip(" ") or "(blank)"


def is_info(chunk: Chunk) -> bool:
    """Return whether a chunk holds texts."""
    return chunk[0] == b"LIST" and chunk[1].startswith(b"INFO")


def tags_of(chunks: Iterable[Chunk], order: Order) -> dict[str, str]:
    """Return the texts of LIST INFO under libsndfile's names: title, copyright, software, artist and so on.

    If there are several texts of one kind, the last non-empty one is returned. Texts are UTF-8, or Latin-1
    if they are not valid UTF-8. Texts after a damaged chunk are not found.

    Parameters
    ----------
    chunks : iterable of (bytes, bytes)
        Four-character id and payload, without padding, of each chunk.
    order : {"<", ">"}
        Byte order: little-endian for RIFF, big-endian for RIFX.
    """
    infos = (chunk[1] for chunk in chunks if is_info(chunk))
    return {_TEXTS[kind]: text for payload in infos for kind, text in _texts(payload, order)}


def untagged(chunks: Iterable[Chunk], order: Order) -> dict[str, str]:
    """Return the texts of LIST INFO that libsndfile has no name for, under their own names."""
    texts = dict[str, str]()
    for _, payload in filter(is_info, chunks):
        with suppress(struct.error, ValueError):
            for kind, start, stop in _subchunks(payload, order):
                if kind not in _TEXTS:
                    name = f"INFO {name_of((kind, b''))}"
                    texts[name] = _decoded(payload[start:stop].split(b"\0")[0])
    return texts


def info_of(tags: Mapping[str, str], order: Order) -> Chunk | None:
    """Return a LIST INFO chunk with these texts; None if there are none.

    Parameters
    ----------
    tags : mapping of str to str
        Texts under libsndfile's names. LIST INFO has no field for a license, so it is not written.
    order : {"<", ">"}
        Byte order: little-endian for RIFF, big-endian for RIFX.
    """
    body = b"".join(_text_chunk(kind, tags[name], order) for kind, name in _TEXTS.items() if tags.get(name))
    return (b"LIST", b"INFO" + body) if body else None


def _rescaled(chunk_id: bytes, payload: bytes, factor: Fraction, order: Order) -> bytes:
    """Return a payload for the new rate, or raise ValueError or struct.error.

    Only sample positions change. struct raises if a field lies beyond the payload's end, or if a product
    exceeds the field's range.
    """
    if chunk_id == b"LIST":
        return _list(payload, factor, order)
    if chunk_id == b"cue ":
        return _cue(payload, factor, order)
    if chunk_id == b"smpl":
        return _smpl(payload, factor, order)
    # XMP and the audio definition model can name the rate, in an attribute that ends in "samplerate".
    if chunk_id in _TIMELESS or (chunk_id in _XML and b"samplerate" not in payload.lower()):
        return payload
    raise ValueError("may count samples")


def _bext(payload: bytes, factor: Fraction, order: Order, step: str) -> bytes:
    if len(payload) < _BEXT_SIZE:
        raise ValueError("damaged")
    body = bytearray(payload)
    if step:
        history = payload[_BEXT_SIZE:].rstrip(b"\0\r\n")
        body[_BEXT_SIZE:] = history + b"\r\n" * bool(history) + step.encode("ascii", "replace") + b"\r\n"
    low, high = struct.unpack_from(f"{order}II", body, _TIME_REFERENCE)
    high, low = divmod(_nearest((high << 32 | low) * factor), 1 << 32)
    struct.pack_into(f"{order}II", body, _TIME_REFERENCE, low, high)
    return bytes(body)


def _cue(payload: bytes, factor: Fraction, order: Order) -> bytes:
    body = bytearray(payload)
    (count,) = struct.unpack_from(f"{order}I", body)
    if len(body) != 4 + 24 * count:
        raise ValueError("damaged")
    for at in range(4, len(body), 24):
        kind, chunk_start, block_start = struct.unpack_from(f"{order}4sII", body, at + 8)
        if (kind, chunk_start, block_start) != (b"data", 0, 0):
            raise ValueError("counts from elsewhere")
        _multiply(body, at + 4, factor, order)
        _multiply(body, at + 20, factor, order)
    return bytes(body)


def _smpl(payload: bytes, factor: Fraction, order: Order) -> bytes:
    body = bytearray(payload)
    period, loops = struct.unpack_from(f"{order}8xI16xI4x", body)
    struct.pack_into(f"{order}I", body, 8, _nearest(period / factor))
    for loop in range(loops):
        at = 36 + 24 * loop
        first, last, fraction, _ = struct.unpack_from(f"{order}4I", body, at + 8)
        if last < first:
            raise ValueError("damaged")
        # A loop lasts from its first sample to its last, plus a fraction in units of 2**-32 samples. Its
        # length sets its pitch: the start is rounded, and the end follows from the length.
        start = _nearest(first * factor)
        length, fraction = divmod(_nearest(((last + 1 - first) << 32 | fraction) * factor), 1 << 32)
        struct.pack_into(f"{order}3I", body, at + 8, start, start + length - 1, fraction)
    return bytes(body)


def _aiff_loops(chunks: Iterable[Chunk]) -> dict[int, int]:
    """Return the loops in INST: the marker at which each ends, and the marker at which it begins."""
    loops = dict[int, int]()
    for name, payload in chunks:
        if name == b"INST" and len(payload) >= 20:
            for at in (8, 14):  # the sustain loop and the release loop
                is_played, begin, end = struct.unpack_from(">hhh", payload, at)
                loops |= {end: begin} if is_played else {}
    return loops


def _mark(payload: bytes, factor: Fraction, loops: Mapping[int, int]) -> bytes:
    body, at, places = bytearray(payload), 2, dict[int, tuple[int, int]]()
    (count,) = struct.unpack_from(">H", body)
    for _ in range(count):
        marker, position, length = struct.unpack_from(">hIB", body, at)
        places[marker] = at + 2, position
        at += 7 + length + (length + 1) % 2
    if at > len(body):
        raise ValueError("damaged")
    for marker, (field, position) in places.items():
        place = _nearest(position * factor)
        if marker in loops and loops[marker] in places:
            begin = places[loops[marker]][1]
            place = _nearest(begin * factor) + _nearest((position - begin) * factor)
        struct.pack_into(">I", body, field, place)
    return bytes(body)


def _list(payload: bytes, factor: Fraction, order: Order) -> bytes:
    if payload.startswith(b"INFO"):
        return payload
    if not payload.startswith(b"adtl"):
        raise ValueError("may count samples")
    body = bytearray(payload)
    for kind, start, stop in _subchunks(payload, order):
        if kind not in _ADTL_SIZES or stop - start < _ADTL_SIZES[kind]:
            raise ValueError("unknown or damaged")
        if kind == b"ltxt":
            _multiply(body, start + 4, factor, order)
    return bytes(body)


def _multiply(body: bytearray, at: int, factor: Fraction, order: Order) -> None:
    (count,) = struct.unpack_from(f"{order}I", body, at)
    struct.pack_into(f"{order}I", body, at, _nearest(count * factor))


def _nearest(count: Fraction) -> int:
    return math.floor(count + Fraction(1, 2))


def _subchunks(payload: bytes, order: Order) -> Iterator[tuple[bytes, int, int]]:
    """Yield the id, start and stop of each chunk in a LIST; raise at a damaged one."""
    at = 4
    while at < len(payload):
        kind, size = struct.unpack_from(f"{order}4sI", payload, at)
        start, stop = at + 8, at + 8 + size
        if stop > len(payload):
            raise ValueError("damaged")
        yield kind, start, stop
        at = stop + size % 2


def _texts(payload: bytes, order: Order) -> Iterator[tuple[bytes, str]]:
    with suppress(struct.error, ValueError):
        for kind, start, stop in _subchunks(payload, order):
            raw = payload[start:stop].split(b"\0")[0]
            if raw and kind in _TEXTS:
                yield kind, _decoded(raw)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _text_chunk(kind: bytes, text: str, order: Order) -> bytes:
    raw = text.encode("utf-8", "replace") + b"\0"
    return struct.pack(f"{order}4sI", kind, len(raw)) + raw + bytes(len(raw) % 2)
