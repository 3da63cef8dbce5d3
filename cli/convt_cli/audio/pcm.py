"""PCM and floating-point samples as files and as streams: WAV, AU, and raw samples without a header."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from convt_cli.audio import headers
from convt_cli.audio.headers import Header
from convt_cli.errors import Unwritable
from convt_cli.files.source import Source, open_output, write_all
from convt_cli.metadata.chunks import Chunk, name_of
from convt_cli.metadata.metadata import Metadata
from convt_cli.samples.formats import Array, Format
from convt_cli.samples.pcm_codec import CODES, PcmCodec
from convt_cli.samples.quantise import Quantiser

RIFF = ("WAV", "WAVEX", "RF64")
_CONTAINERS = (*RIFF, "AU", "RAW")


def is_plain(chosen: Format) -> bool:
    """Return whether this module reads and writes a format."""
    return chosen.container in _CONTAINERS and chosen.subtype in CODES


def predicted_size(chosen: Format | None, channels: int, frames: int | None, meta: Metadata) -> int | None:
    """Return the size of a file in bytes; None if its length is unknown or its samples are coded."""
    if chosen is None or frames is None or not is_plain(chosen):
        return None
    length = frames * channels * chosen.bits // 8
    header = headers.build(chosen, channels, meta, length, room=headers.near_limit(length))
    return len(header) + length + (length % 2 if chosen.container in RIFF else 0)


class PcmReader:
    """A file or a pipe of PCM or floating-point samples; full scale is 1."""

    signals, dimensions = 1, 2

    def __init__(
        self, source: Source, header: Header, chosen: Format, precision: str | None, *, truncated: bool
    ) -> None:
        self.source, self._header, self._allowed = source, header, truncated
        self.format, self.channels, self.meta = chosen, header.channels, header.meta
        self._codec = PcmCodec.of(chosen)
        self._unit = self._codec.width * header.channels
        self.precision = precision or chosen.precision
        self.dtype = np.dtype(self.precision)
        self.warnings = list[str]()
        if header.ignored:
            self._ignore(f"{header.ignored} bytes")
        self.is_file = source.size is not None and not source.spooled
        self.identity = source.identity
        self._length = self._present()
        self.frames = None if self._length is None else self._length // self._unit
        if header.length is None and self._length:
            self._leave_out(self._length % self._unit)

    def _present(self) -> int | None:
        """Return the bytes of samples if known; those of a file are counted."""
        stated, size = self._header.length, self.source.size
        if size is None:
            return stated
        present = max(0, size - self._header.start)
        if stated is None or stated <= present:
            return present if stated is None else stated
        self._cut_short(present // self._unit, stated // self._unit)
        return present

    def _cut_short(self, frames: int, stated: int) -> None:
        what = f"ends after {frames} of {stated} frames"
        self.warnings.append(self.source.cut_short(what, allowed=self._allowed))

    def blocks(self, signal: int, size: int) -> Iterator[Array]:  # noqa: ARG002  # audio is one signal
        """Yield the samples in blocks (channels, n), n at most `size`."""
        yield from self.region(0, self.frames, size)

    def region(self, start: int, stop: int | None, size: int) -> Iterator[Array]:
        """Yield the samples from frame `start` to `stop`, or to the end, in blocks like :meth:`blocks`."""
        self.source.seek(self._header.start + start * self._unit)
        at, frames = start, 1
        while frames and (stop is None or at < stop):
            room = np.empty((size if stop is None else min(size, stop - at)) * self._unit, np.uint8)
            filled = self.source.fill(room, self._unit)
            frames = filled // self._unit
            if frames:
                yield self._codec.decode(room[: frames * self._unit], self.channels, self.dtype)
            at += frames
            if stop is None:
                self._leave_out(filled % self._unit)
        self.source.check_unchanged()
        if stop is not None and at < stop:
            self._cut_short(at, stop)

    def late_chunks(self) -> list[Chunk]:
        """Return the metadata that came after the samples of a pipe."""
        if self.source.size is not None or self._length is None or not self.meta.chunks:
            return []
        self.source.read(self._length % self._unit + self._length % 2)
        start = self.source.tell()
        chunks = headers.parse_trailing_chunks(self.source, self.meta.order)
        if self.source.tell() - start > headers.size_of(chunks) or self.source.read(1):
            self._ignore("bytes")
        return chunks

    def _ignore(self, what: str) -> None:
        self.warnings.append(f"{self.source.name}: {what} after the samples are not chunks; ignored")

    def _leave_out(self, count: int) -> None:
        if count > (self.format.container in RIFF):  # whose chunks may end with a byte of padding
            what = f"the last {count} byte(s) are no whole frame of {self._unit} bytes; left out"
            self.warnings.append(f"{self.source.name}: {what}")

    def close(self) -> None:
        """Close the input."""
        self.source.close()


class PcmWriter:
    """Writes PCM or floating-point samples to a file or to standard output.

    Parameters
    ----------
    path : Path or None
        The file's name, None for standard output.
    chosen : Format
        A plain format, see :func:`is_plain`.
    channels : int
        Channels.
    frames : int or None
        Frames that will be written, if known.
    meta : Metadata
        The metadata to write.
    quantiser : Quantiser
        Turns samples into the file's numbers.

    Attributes
    ----------
    is_rf64 : bool
        Whether the file's lengths need more than 32 bits.
    """

    notes: Sequence[str] = ()
    bitrate = None

    def __init__(
        self,
        path: Path | None,
        chosen: Format,
        channels: int,
        frames: int | None,
        meta: Metadata,
        quantiser: Quantiser,
    ) -> None:
        self._codec = PcmCodec.of(chosen)
        self._unit = self._codec.width * channels
        self.format, self.quantise = chosen, quantiser
        self._channels, self._meta = channels, meta
        self._stated = None if frames is None else frames * self._unit
        self._length = 0
        self.lost = list[str]()
        self._is_file = path is not None
        header = self._header(self._stated)
        self._file: IO[bytes] = open_output(path)
        write_all(self._file, header)

    def reserve(self) -> int:
        """Reserve the space for all samples for :class:`PcmRegionWriter`; return the bytes before them."""
        before = self._file.tell()
        self._length = self._stated or 0
        self._file.truncate(before + self._length)
        self._file.seek(before + self._length)
        return before

    def _header(self, length: int | None, after: int = 0) -> bytes:
        if self.format.big_endian and self.format.container == "WAV" and headers.near_limit(length or 0):
            raise Unwritable("big-endian WAV is limited to 4 GB; use --format W64")
        room = self._is_file and (self._stated is None or headers.near_limit(self._stated))
        header = headers.build(self.format, self._channels, self._meta, length, room=room, after=after)
        self.is_rf64 = self._is_file and header.startswith(b"RF64")
        return header

    def write(self, signal: int, block: Array) -> None:  # noqa: ARG002  # audio is one signal
        """Append a block (channels, n)."""
        data = self._codec.encode(self.quantise(block))
        write_all(self._file, data.reshape(-1).view(np.uint8).data)
        self._length += data.nbytes

    def finish(self, late: Sequence[Chunk]) -> list[str]:
        """Complete the file with the metadata that came late; return the names of what it cannot hold."""
        after = b"".join(headers.riff_chunk(self._meta.order, *chunk) for chunk in late)
        riff = self.format.container in RIFF
        takes = self._is_file and riff
        if riff and (self._is_file or self._stated is not None):
            write_all(self._file, bytes(self._length % 2) + (after if takes else b""))
        if self._is_file and (self._length != self._stated or (after and takes)):
            self._file.seek(0)
            write_all(self._file, self._header(self._length, len(after) if takes else 0))
        self._file.close()
        return [] if takes else [name_of(chunk) for chunk in late]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class PcmRegionWriter:
    """Writes a region of a file whose space another process has reserved.

    Parameters
    ----------
    path : Path
        The file.
    chosen, channels, quantiser
        Same as in :class:`PcmWriter`.
    before : int
        Bytes before the samples of the file.
    start : int
        Frames before the region.
    """

    def __init__(
        self, path: Path, chosen: Format, channels: int, before: int, start: int, quantiser: Quantiser
    ) -> None:
        self._codec, self.quantise = PcmCodec.of(chosen), quantiser
        self._file = io.FileIO(path, "r+b")
        self._file.seek(before + start * self._codec.width * channels)

    def write(self, block: Array) -> None:
        """Write the next samples (channels, n)."""
        write_all(self._file, self._codec.encode(self.quantise(block)).reshape(-1).view(np.uint8).data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
