"""Headers of the audio files that convt reads and writes as streams: WAV (RIFF, RIFX, RF64) and AU.

A WAV file is a list of chunks: four letters, a length, and that number of bytes. RF64 keeps lengths of
more than 32 bits in a ``ds64`` chunk (EBU Tech 3306)::

    RIFF <length> WAVE | fmt <16 or 40> ... | bext ... | data <length> samples ... | LIST ...
    RF64 ffffffff WAVE | ds64 <28> ...  | fmt ... | data ffffffff samples ...

A program that writes to a pipe cannot go back to the header, so its lengths may be placeholders.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from convt_cli.audio.stated_lengths import is_placeholder
from convt_cli.errors import Failure, Unwritable
from convt_cli.files.source import Source
from convt_cli.metadata.chunks import Chunk, Order, chunk_headers
from convt_cli.metadata.metadata import Metadata
from convt_cli.samples.formats import Format

_MOST = 0xFFFFFFFF
WAV_LIMIT = _MOST  # bytes of a WAV file; a longer one is RF64. Tests lower it to save 5 GB of disk
_LARGEST_CHUNK = 1 << 26  # bytes of a metadata chunk that are believed
_ENDLESS = 1 << 62  # bytes, more than any file has
_WIDE = (b"RF64", b"BW64")  # they differ only in other chunks
_WIDEST = 0xFFFF  # bytes of a frame, the most that a WAV header can state
_LARGEST_HEADER = 1 << 28
_MOST_CHUNKS = 1000
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_GUID_END = bytes.fromhex("800000aa00389b71")
_WAV_CODES = {(_PCM, 8): "PCM_U8", (_PCM, 16): "PCM_16", (_PCM, 24): "PCM_24", (_PCM, 32): "PCM_32"}
_WAV_CODES |= {(_FLOAT, 32): "FLOAT", (_FLOAT, 64): "DOUBLE"}
_GSM = 0x31
_BLOCKS = (0x02, 0x11, 0x14, _GSM, 0x38, 0x40)  # codes of ADPCM and GSM, whose samples come in blocks
_LEAST_BLOCK = 1024  # samples per block if the format does not state it
_AU_CODES = {2: "PCM_S8", 3: "PCM_16", 4: "PCM_24", 5: "PCM_32", 6: "FLOAT", 7: "DOUBLE"}


@dataclass(slots=True)
class Header:
    """The format and the metadata of a file, from before and after its samples.

    Attributes
    ----------
    format : Format or None
        None if the samples are coded; libsndfile then reads them.
    channels : int
        Channels.
    length : int or None
        Bytes of samples as stated; None if the file states no credible length.
    start : int
        Bytes before the samples.
    length_at : int
        Position of the 32 bits of the length.
    meta : Metadata
        The rest of the file.
    ignored : int
        Bytes at the end of a file that are neither samples nor chunks.
    """

    format: Format | None
    channels: int
    length: int | None
    start: int
    meta: Metadata
    length_at: int = 8
    ignored: int = 0


def parse(source: Source) -> Header | None:
    """Read a header up to the samples; for another file type return None, back at the start.

    Raises
    ------
    Failure
        The header is damaged or contradicts itself.
    """
    magic = source.read(4)
    if magic in (b"RIFF", b"RIFX", *_WIDE):
        return _parse_wav(source, magic)
    if magic in (b".snd", b"dns."):
        return _parse_au(source, ">" if magic == b".snd" else "<")
    source.seek(0)
    return None


def _parse_wav(source: Source, magic: bytes) -> Header | None:
    order: Order = ">" if magic == b"RIFX" else "<"
    riff, kind = struct.unpack(f"{order}I4s", _exactly(source, 8))
    if kind != b"WAVE":
        source.seek(0)
        return None
    header, wide, chunks = None, None, list[Chunk]()
    for name, length in chunk_headers(source, f"{order}4sI", 2):
        if name == b"data":
            break
        body = _body(source, name, length)
        if name == b"fmt ":
            header = _parse_format(source, body, order, magic)
        elif name == b"ds64" and length >= 16:
            wide = struct.unpack("<QQ", body[:16])
        chunks.append((name, body))
        if len(chunks) == _MOST_CHUNKS:
            raise Failure(f"{source.name}: damaged: {_MOST_CHUNKS} chunks before the samples")
    else:
        raise _cut_short(source)
    if header is None:
        raise Failure(f"{source.name}: damaged: the data chunk comes before the fmt chunk")
    at = source.tell()
    header.start, header.length_at = at, at - 4
    header.meta.order, header.meta.chunks = order, chunks
    if magic in _WIDE and length == _MOST:
        riff, length = wide or (riff, length)
    if source.size is not None and length <= _MOST:
        header.length = _length_in_file(source, length, at, order)
    else:
        header.length = _credible(source, length, at, riff + 8)
    return header


def _length_in_file(source: Source, stated: int, start: int, order: Order) -> int | None:
    """Return the bytes of samples according to a 32-bit length; None for all up to the end of the file.

    The length may be a placeholder, or that of a longer file modulo 2**32. Only chunks can follow the
    samples, so a candidate is tested by what follows it.
    """
    present = (source.size or 0) - start
    for length in range(stated, present + 1, 1 << 32):
        if length and length in (present, present - 1):
            return length
        if length < present and _are_chunks(source, start + length, order):
            return length
    return None if stated == 0 or is_placeholder(stated) else stated


def _are_chunks(source: Source, start: int, order: Order) -> bool:
    """Return whether there are whole chunks, and nothing else, from a position to the end of a file."""
    source.seek(start + start % 2)
    end = start
    for name, length in chunk_headers(source, f"{order}4sI", 2):
        if not _is_name(name):
            return False
        end = source.tell() + length
    return source.size is not None and start < end <= source.size <= end + 1


def _is_name(name: bytes) -> bool:
    return name.isascii() and name.decode("ascii").isprintable()


def _body(source: Source, name: bytes, length: int) -> bytes:
    """Read the body of a chunk that comes before the samples."""
    if length > _LARGEST_CHUNK or source.tell() > _LARGEST_HEADER:
        raise Failure(f"{source.name}: damaged: a chunk {name!r} of {length} bytes before the samples")
    return _exactly(source, length + length % 2)[:length]


def _credible(source: Source, length: int, start: int, end: int) -> int | None:
    """Return the stated length of the samples, or None if it is a placeholder.

    The header of a file that was written as a stream states the largest length, or zero.
    """
    present = None if source.size is None else source.size - start
    if _MOST < length < _ENDLESS:
        return length
    if length == 0:
        # If chunks follow, the file truly has no samples.
        followed = end > start and not is_placeholder(end - 8)
        return 0 if followed or present == 0 else None
    if is_placeholder(length) and (present is None or present < length):
        return None
    return length


def _parse_format(source: Source, body: bytes, order: str, magic: bytes) -> Header:
    if len(body) < 16:
        raise Failure(f"{source.name}: damaged: the fmt chunk has {len(body)} bytes, fewer than 16")
    code, channels, rate, _, frame, bits = struct.unpack(f"{order}HHIIHH", body[:16])
    mask, container = 0, "RF64" if magic in _WIDE else "WAV"
    if code == _EXTENSIBLE and len(body) >= 40 and body[28:40] == _guid(order, 0)[4:]:
        mask, code = struct.unpack(f"{order}II", body[20:28])
        container = "WAVEX" if container == "WAV" and order == "<" else container
    if not channels or not rate:
        raise Failure(f"{source.name}: damaged: the header states {channels} channels at {rate} Hz")
    subtype = _WAV_CODES.get((code, bits))
    if subtype and frame != channels * bits // 8:
        raise Failure(
            f"{source.name}: damaged: a frame of {channels} channel(s) at {bits} bits has"
            f" {channels * bits // 8} bytes; the header states {frame}"
        )
    endian = "BIG" if order == ">" else "FILE"
    chosen = Format(container, subtype, endian, rate) if subtype else None
    return Header(chosen, channels, None, 0, Metadata(mask=mask))


def _parse_au(source: Source, order: Order) -> Header:
    start, length, code, rate, channels = struct.unpack(f"{order}5I", _exactly(source, 20))
    if not 24 <= start <= _LARGEST_CHUNK or not 0 < channels <= _WIDEST or not rate:
        raise Failure(
            f"{source.name}: damaged: the header states {channels} channels at {rate} Hz from byte {start}"
        )
    _exactly(source, start - 24)
    subtype = _AU_CODES.get(code)
    chosen = Format("AU", subtype, "LITTLE" if order == "<" else "FILE", rate) if subtype else None
    meta = Metadata(order=order)
    return Header(chosen, channels, _credible(source, length, start, start), start, meta)


def read_trailing_chunks(source: Source, header: Header) -> None:
    """Read the chunks after the samples of a file into the header's metadata."""
    if source.size is not None and header.meta.chunks and header.length is not None:
        end = header.start + header.length
        source.seek(end + end % 2)
        trailing = parse_trailing_chunks(source, header.meta.order)
        header.meta.chunks += trailing
        end += end % 2 + size_of(trailing)
        header.ignored = max(0, source.size - end)


def parse_trailing_chunks(source: Source, order: Order) -> list[Chunk]:
    """Read the chunks after the samples, up to the first incomplete one."""
    chunks = list[Chunk]()
    for name, length in chunk_headers(source, f"{order}4sI", 2):
        if length > _LARGEST_CHUNK or not _is_name(name):
            break
        body = source.read(length + length % 2)
        if len(body) < length:
            break
        chunks.append((name, body[:length]))
        if len(chunks) == _MOST_CHUNKS:
            break
    return chunks


def size_of(chunks: Iterable[Chunk]) -> int:
    """Return the bytes that chunks take."""
    return sum(8 + len(body) + len(body) % 2 for _, body in chunks)


def frames_that_count(header: Header, frames: int | None) -> int | None:
    """Return how many samples of coded blocks count: ``fact`` states it; the last block is padded."""
    chunks = dict(header.meta.chunks)
    form, fact = chunks.get(b"fmt ", b""), chunks.get(b"fact", b"")
    if frames is None or len(fact) < 4:
        return frames
    order = header.meta.order
    code, channels, block = struct.unpack(f"{order}HH14xH", form[:20].ljust(20, b"\0"))
    (stated,) = struct.unpack(f"{order}I", fact[:4])
    blocks = 2 if code == _GSM else 1  # libsndfile returns one GSM block too many
    is_padding = code in _BLOCKS and 0 < frames - stated < blocks * (block or _LEAST_BLOCK)
    # libsndfile states too few for several channels: it divides by their number.
    is_divided = channels > 1 and 0 <= frames - stated * channels < channels
    return stated if stated and is_padding and not is_divided else frames


def fix_length(source: Source, header: Header) -> int:
    """Write the length of coded samples into a header that lacks it; return how many bytes are missing.

    libsndfile, which reads them, believes the length. The correction is made in a copy.
    """
    present = max(0, (source.size or 0) - header.start)
    if header.length is not None:
        return max(0, header.length - present)
    source.spool()
    source.patch(header.length_at, struct.pack(f"{header.meta.order}I", min(present, _MOST)))
    return 0


def _exactly(source: Source, count: int) -> bytes:
    data = source.read(count)
    if len(data) < count:
        raise _cut_short(source)
    return data


def _cut_short(source: Source) -> Failure:
    return Failure(f"{source.name}: truncated: it ends within its header")


def riff_chunk(order: str, name: bytes, body: bytes) -> bytes:
    """Return the bytes of a chunk."""
    return struct.pack(f"{order}4sI", name, len(body)) + body + bytes(len(body) % 2)


def _even(body: bytes) -> bytes:
    """Return metadata padded to an even length: after an odd one libsndfile finds no samples in RF64."""
    return body + bytes(len(body) % 2)


def near_limit(length: int) -> bool:
    """Return whether `length` bytes of samples may leave too little room in a WAV file for the rest."""
    return length >= WAV_LIMIT - WAV_LIMIT // 16


def build(
    chosen: Format, channels: int, meta: Metadata, length: int | None, *, room: bool = False, after: int = 0
) -> bytes:
    """Return the header of a file; with `room`, its size does not depend on the length.

    Parameters
    ----------
    chosen : Format
        A format of plain numbers; a WAV file that is too long for 32-bit lengths becomes RF64.
    channels : int
        Channels.
    meta : Metadata
        The chunks to write before the samples, and the channel mask.
    length : int or None
        Bytes of samples; None if unknown.
    room : bool
        Whether to reserve room for lengths of more than 32 bits even if they are not needed.
    after : int
        Bytes that follow the samples.
    """
    if chosen.container == "RAW":
        return b""
    if chosen.container == "AU":
        return _build_au(chosen, channels, length)
    order = ">" if chosen.big_endian else "<"
    fmt = riff_chunk(order, b"fmt ", _build_format(chosen, channels, meta.mask, order))
    size = _MOST if length is None else length
    if chosen.subtype in ("FLOAT", "DOUBLE"):
        frames = min(size // (channels * chosen.bits // 8), _MOST)
        fmt += riff_chunk(order, b"fact", struct.pack(f"{order}I", _MOST if length is None else frames))
    rest = fmt + b"".join(riff_chunk(order, *chunk) for chunk in meta.chunks)
    total = 4 + 36 + len(rest) + 8 + size + size % 2 + after
    wide = order == "<" and length is not None and (chosen.container == "RF64" or total > WAV_LIMIT)
    total -= 0 if room or wide else 36
    if wide:
        rest = fmt + b"".join(riff_chunk(order, name, _even(body)) for name, body in meta.chunks)
    lengths = struct.pack("<QQQI", total, size, size // (channels * chosen.bits // 8), 0)
    first = riff_chunk(order, b"ds64", lengths) if wide else riff_chunk(order, b"JUNK", bytes(28)) * room
    return b"".join(
        (
            struct.pack(
                f"{order}4sI4s", _magic(order, wide=wide), _MOST if wide else min(total, _MOST), b"WAVE"
            ),
            first,
            rest,
            struct.pack(f"{order}4sI", b"data", _MOST if wide else min(size, _MOST)),
        )
    )


def _magic(order: str, *, wide: bool) -> bytes:
    if order == ">":
        return b"RIFX"
    return b"RF64" if wide else b"RIFF"


def _build_format(chosen: Format, channels: int, mask: int, order: str) -> bytes:
    bits = chosen.bits
    code = _FLOAT if chosen.is_float else _PCM
    extensible = chosen.container == "WAVEX" or mask
    frame = channels * bits // 8
    if frame > _WIDEST:
        raise Unwritable(f"{chosen.container} cannot hold {channels} channels of {chosen.subtype}")
    body = struct.pack(
        f"{order}HHIIHH",
        _EXTENSIBLE if extensible else code,
        channels,
        chosen.rate,
        min(chosen.rate * frame, _MOST),
        frame,
        bits,
    )
    if extensible:
        body += struct.pack(f"{order}HHI", 22, bits, mask) + _guid(order, code)
    elif code == _FLOAT:
        body += bytes(2)  # the length of an extension, required for every code but PCM
    return body


def _guid(order: str, code: int) -> bytes:
    """Return the GUID of a code in an extensible format."""
    return struct.pack(f"{order}IHH", code, 0, 0x10) + _GUID_END


def _build_au(chosen: Format, channels: int, length: int | None) -> bytes:
    codes = {subtype: code for code, subtype in _AU_CODES.items()}
    size = _MOST if length is None else min(length, _MOST)
    order = ">" if chosen.big_endian else "<"
    magic = b".snd" if order == ">" else b"dns."
    return magic + struct.pack(f"{order}5I", 24, size, codes[chosen.subtype], chosen.rate, channels)
