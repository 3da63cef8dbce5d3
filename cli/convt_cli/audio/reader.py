"""Signals from files and pipes.

A reader holds `signals` of one shape, (`channels`, `frames`), with `frames` None if unknown, and yields
each of them in `blocks`. It has their `dtype`, the `precision` of arithmetic that suits them, the
`format` and `meta`data of audio, the `dimensions` of an array, and `warnings`.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from convt_cli.audio import headers, mpeg
from convt_cli.audio.headers import Header
from convt_cli.audio.npy import NpyReader
from convt_cli.audio.pcm import PcmReader
from convt_cli.audio.stated_lengths import (
    count_ogg_streams,
    count_voc_blocks,
    fix_aiff_lengths,
    fix_w64_format,
    lacks_last_page,
    missing_bytes,
)
from convt_cli.errors import Failure
from convt_cli.files.source import Source
from convt_cli.metadata.metadata import Metadata
from convt_cli.samples.formats import Format

if TYPE_CHECKING:
    from convt_cli.audio.sndfile import SndfileReader
Reader: TypeAlias = "PcmReader | SndfileReader | NpyReader"

# First bytes of the formats that are most often piped. libsndfile's other formats hold short files.
_KNOWN = (b"FORM", b"ID3", b"NIST", b"OggS", b"Crea", b"caff", b"fLaC", b"riff")
_MOST_UNKNOWN = 1 << 24  # bytes that are read of an unknown pipe, which may be endless


class Raw(NamedTuple):
    """The format of a stream without a header."""

    rate: int
    channels: int
    subtype: str


def open_reader(
    path: Path,
    precision: str | None,
    *,
    raw: Raw | None,
    again: bool,
    truncated: bool,
    channels_last: bool = False,
    held: Path | None = None,
) -> Reader:
    """Open a signal: an array if its name ends in ``.npy``, else audio.

    Parameters
    ----------
    path : Path
        A file, or ``-`` for standard input.
    precision : {"float32", "float64", None}
        Precision of the samples; None chooses the one that suits them.
    raw : Raw or None
        The format of an input without a header.
    again : bool
        Whether the blocks can be read twice.
    truncated : bool
        Whether a truncated input is accepted.
    channels_last : bool
        Whether an array is (L, C) or (N, L, C).
    held : Path or None
        The file that holds the bytes, if `path` is only a name.

    Raises
    ------
    Failure
        The input is missing or damaged, or its name does not fit its content.
    """
    if path.suffix.lower() == ".npy" and raw is None:
        return NpyReader(path, precision, channels_last=channels_last, held=held)
    source = Source(path, held)
    try:
        return _open_audio(source, precision, raw, truncated, again)
    except BaseException:
        source.close()
        raise


def _open_audio(
    source: Source, precision: str | None, raw: Raw | None, truncated: bool, again: bool
) -> Reader:
    if raw:
        chosen = Format("RAW", raw.subtype, "LITTLE", raw.rate)
        header = Header(chosen, raw.channels, None, 0, Metadata())
        return _plain(source, header, chosen, precision, truncated, again)
    if source.path.suffix.lower() == ".raw":
        raise Failure(f"{source.name}: .raw files carry no sample rate: give --raw, --rate and --channels")
    if not source.read(1):
        raise Failure(f"{source.name}: empty file")
    source.seek(0)
    found = headers.parse(source)
    if found:
        headers.read_trailing_chunks(source, found)
    if found and found.format:
        return _plain(source, found, found.format, precision, truncated, again)
    if source.size is None:
        source.seek(0)
        source.spool(math.inf if found or _is_known(source.read(4)) else _MOST_UNKNOWN)
    from convt_cli.audio.sndfile import SndfileReader  # loads libsndfile

    missing = headers.fix_length(source, found) if found else _prepare(source)
    damage = f"{missing} bytes are missing at the end" if missing else ""
    meta = found.meta if found else Metadata()
    start, container = found.start if found else 0, None
    gaps = None if damage else mpeg.rewrite(source, start)
    if gaps is not None:
        start, container = 0, "WAV" if found else None
        damage = f"{gaps} bytes between its frames are not MPEG audio" if gaps else ""
    may_lack = not damage and lacks_last_page(source)
    reader = SndfileReader(
        source, meta, damage, precision, truncated=truncated, start=start, container=container
    )
    reader.frames = headers.frames_that_count(found, reader.frames) if found else reader.frames
    if may_lack:
        reader.warnings.append(f"{source.name}: may be truncated: its last Ogg page is not marked as last")
    return reader


def _prepare(source: Source) -> int:
    """Correct a file that libsndfile would misread; return how many bytes it is too short."""
    fix_aiff_lengths(source)
    fix_w64_format(source)
    kind = ""
    if (blocks := count_voc_blocks(source)) > 1:
        kind = f"VOC file of {blocks} blocks, which libsndfile reads as one"
    if (streams := count_ogg_streams(source)) > 1:
        kind = f"Ogg file of {streams} consecutive streams, of which libsndfile reads only the first"
    if kind:
        from convt_cli.audio.sndfile import pipe_from_ffmpeg

        raise Failure(f"{source.name}: {kind}; {pipe_from_ffmpeg(source)}")
    return missing_bytes(source)


def _plain(
    source: Source, header: Header, chosen: Format, precision: str | None, truncated: bool, again: bool
) -> PcmReader:
    if again and source.size is None:
        source.spool()
    return PcmReader(source, header, chosen, precision, truncated=truncated)


def _is_known(head: bytes) -> bool:
    is_mpeg = head[:1] == b"\xff" and head[1:2] >= b"\xe0"
    return is_mpeg or head.startswith(_KNOWN)
