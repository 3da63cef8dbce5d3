"""Audio files written by libsndfile: every format that :mod:`convt_cli.audio.pcm` does not write."""

import errno
import os
import struct
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Literal

import soundfile

from convt_cli.audio.bitrate import LOSSY, average_bitrate, encoder_settings
from convt_cli.audio.headers import riff_chunk
from convt_cli.errors import Unwritable
from convt_cli.files.source import Source, copy_all, open_output
from convt_cli.metadata.chunks import Chunk, Order, chunk_headers, name_of
from convt_cli.metadata.metadata import Metadata
from convt_cli.samples.formats import Array, Format
from convt_cli.samples.quantise import Quantiser

_MOST_AIFF = 0xFFFFFFFF
_COUNT_PADDING = ("AIFF", "VOC")
_VOC_LENGTH = 27  # where the first block states its own


class SndfileWriter:
    """Writes an audio file of one signal; standard output gets it from a temporary file.

    Parameters
    ----------
    path : Path or None
        The file's name, None for standard output.
    chosen, channels, meta, quantiser
        Same as in :class:`convt_cli.audio.pcm.PcmWriter`, but with integers in the upper bits.
    bitrate : float or None
        Bits per second of a lossy format; None for the best quality.

    Attributes
    ----------
    bitrate : float or None
        Measured bit rate of a lossy format, once it is written.
    """

    is_rf64 = False

    def __init__(
        self,
        path: Path | None,
        chosen: Format,
        channels: int,
        meta: Metadata,
        quantiser: Quantiser,
        bitrate: float | None = None,
    ) -> None:
        self.format, self.quantise = chosen, quantiser
        self.bitrate: float | None = None
        self.lost, self.notes = list[str](), list[str]()
        self._folder = None if path else tempfile.TemporaryDirectory(prefix="convt-")
        self._path = path or Path(self._folder.name) / "out"  # type: ignore[union-attr]
        self._frames = 0
        try:
            self._file = soundfile.SoundFile(
                os.fsencode(self._path),
                "w",
                chosen.rate,
                channels,
                chosen.subtype,
                chosen.endian,
                chosen.container,
                **encoder_settings(chosen, channels, bitrate),
            )
        except soundfile.LibsndfileError as error:
            _check_room(self._path)
            reason = error.error_string.rstrip(".")
            raise Unwritable(
                f"{chosen.container} cannot hold {channels} channel(s) of {chosen.subtype} at {chosen.rate}"
                f" Hz ({reason}); choose another file type with -o, such as .wav"
            ) from None
        self._meta, self._tags = meta, {} if meta.full else meta.tags
        if meta.full and chosen.container != "MP3" and "software" in meta.tags:
            self._tags["software"] = meta.tags["software"]
        for name, text in self._tags.items():
            with suppress(soundfile.LibsndfileError):  # `_check` finds missing texts
                setattr(self._file, name, text)

    def write(self, signal: int, block: Array) -> None:  # noqa: ARG002  # audio is one signal
        """Append a block (channels, n)."""
        samples = self.quantise(block)
        try:
            self._file.write(samples)
        except (soundfile.LibsndfileError, AssertionError):
            _check_room(self._path)
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from None
        self._frames += len(samples)

    def finish(self, late: Sequence[Chunk]) -> list[str]:
        """Complete the file, and return the names of the metadata that came late: it cannot hold any.

        The file is read again, since libsndfile does not always report what it could not write.
        """
        self._file.close()
        _check_room(self._path)
        self._check()
        if self._meta.full:
            from convt_cli.metadata.tags import write_tags

            self.lost += write_tags(self._path, self.format.container, self.format.subtype, self._meta.full)
        if self._meta.chunks:
            self._append_chunks()
        if self._folder:
            with open_output(None) as out:
                copy_all(self._path, out)
        return [name_of(chunk) for chunk in late]

    def _check(self) -> None:
        try:
            with soundfile.SoundFile(os.fsencode(self._path)) as held:
                rate, frames, tags = held.samplerate, held.frames, held.copy_metadata()
        except (soundfile.LibsndfileError, TypeError):
            if self.format.container == "RAW":  # it has no header to check
                self.lost += self._tags
                return
            raise Unwritable(f"{self.format.container} cannot hold this few samples; use .wav") from None
        if rate != self.format.rate:
            raise Unwritable(
                f"{self.format.container} cannot store a sample rate of {self.format.rate} Hz, only {rate};"
                " choose another file type with -o, such as .wav"
            )
        if frames < self._frames:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self.format.subtype in LOSSY and frames:
            self.bitrate = average_bitrate(self._path.stat().st_size, self.format, frames)
        if frames == self._frames + 1 and self.format.container in _COUNT_PADDING:
            self._leave_out_padding()
        elif frames > self._frames:
            how = "the header marks them" if self._state_frames() else "the header cannot mark them"
            more = f"{frames - self._frames} padding samples at the end"
            self.notes.append(f"{self.format.subtype} is coded in blocks: {more}; {how}")
        if any(name == b"ID3 " for name, _ in self._meta.chunks):  # it holds all tags
            return
        # libsndfile appends its own name to the software tag.
        self.lost += [name for name, text in self._tags.items() if not tags.get(name, "").startswith(text)]

    def _state_frames(self) -> bool:
        """Store in a WAV file how many of its samples count; return whether that is possible."""
        with closing(Source(self._path)) as source, self._path.open("r+b") as file:
            if source.read(4) not in (b"RIFF", b"RIFX", b"RF64"):
                return False
            order: Order = ">" if self.format.big_endian else "<"
            source.seek(12)
            for name, length in chunk_headers(source, f"{order}4sI", 2):
                if name == b"fact" and length >= 4:
                    file.seek(source.tell())
                    file.write(struct.pack(f"{order}I", self._frames))
                    return True
        return False

    def _append_chunks(self) -> None:
        """Append the chunks of an AIFF file, and add to its length."""
        with self._path.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(bytes(file.tell() % 2))
            file.write(b"".join(riff_chunk(">", *chunk) for chunk in self._meta.chunks))
            length = file.tell() - 8
            if length > _MOST_AIFF:
                raise Unwritable("AIFF is limited to 4 GB; use --format W64")
            file.seek(4)
            file.write(length.to_bytes(4, "big"))

    def _leave_out_padding(self) -> None:
        """Correct the lengths that libsndfile states: it counts a padding byte as a sample.

        The byte pads an AIFF chunk to an even length, or ends the blocks of a VOC file.
        """
        with self._path.open("r+b") as file:
            if self.format.container == "VOC":
                _patch(file, _VOC_LENGTH, 3, "little")
                return
            with closing(Source(self._path)) as source:
                source.seek(12)
                starts = {name: source.tell() for name, _ in chunk_headers(source, ">4sI", 2)}
            _patch(file, starts[b"COMM"] + 2, 4, "big")
            _patch(file, starts[b"SSND"] - 4, 4, "big")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._folder:
            self._folder.cleanup()


def _patch(file: IO[bytes], at: int, width: int, order: Literal["little", "big"]) -> None:
    """Subtract 1 from a number in a file."""
    file.seek(at)
    number = int.from_bytes(file.read(width), order) - 1
    file.seek(at)
    file.write(number.to_bytes(width, order))


def _check_room(path: Path) -> None:
    """Raise the system's error if a file cannot grow.

    libsndfile reports a system error or, in some formats, nothing. It writes fewer bytes at a time than
    this function: if these still fit, no earlier write can have failed for lack of space.
    """
    with path.open("ab") as file:
        size = file.tell()
        file.write(bytes(1 << 16))
        file.flush()
        file.truncate(size)
