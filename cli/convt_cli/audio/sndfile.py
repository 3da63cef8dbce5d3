"""Audio files by libsndfile: every format that :mod:`convt_cli.audio.pcm` does not read or write."""

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

import numpy as np
import soundfile

from convt_cli.audio.chunks import Chunk, name_of
from convt_cli.audio.metadata import Metadata
from convt_cli.audio.source import Source, copy_all, open_output
from convt_cli.audio.unread_metadata import unread_names
from convt_cli.errors import Failure, Unwritable
from convt_cli.samples.formats import Array, Format
from convt_cli.samples.quantise import Quantiser

_CAREFUL = 1 << 10  # frames at a time
_UNKNOWN = 1 << 62  # frames; libsndfile returns more for streams without a length


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # without types
    """A file that is read from start to end: libsndfile cannot seek in every format."""

    def seekable(self) -> bool:
        """Return False, so that soundfile does not seek after each read."""
        return False


class SndfileReader:
    """Any file that libsndfile reads; full scale is 1. A pipe is copied to a temporary file first."""

    signals, dimensions = 1, 2

    def __init__(
        self, source: Source, meta: Metadata, missing: int, precision: str | None, *, truncated: bool
    ) -> None:
        self.source, self._allowed, self.meta = source, truncated, meta
        meta.lost += unread_names(source)
        try:
            self._file = _Forward(source.descriptor())
        except soundfile.LibsndfileError as error:
            reason = str(error.error_string).rstrip(".")
            raise Failure(f"{source.name}: cannot be read as sound: {reason}") from None
        file = self._file
        self._fresh = True
        self.channels = file.channels
        self.frames: int | None = file.frames if file.frames < _UNKNOWN else None
        self.format = Format(file.format, file.subtype, file.endian, file.samplerate)
        self.meta.tags |= {name: text for name, text in file.copy_metadata().items() if text}
        self.precision = precision or self.format.precision
        self.dtype = np.dtype(self.precision)
        self.warnings: list[str] = []
        self._reading = Lock()
        if missing:
            self._cut_short(f"{missing} bytes are missing at its end")

    def _cut_short(self, what: str) -> None:
        self.warnings.append(self.source.cut_short(what, allowed=self._allowed))

    def blocks(self, signal: int, size: int) -> Iterator[Array]:  # noqa: ARG002  # audio is one signal
        """Yield the samples in blocks (channels, n), n at most `size`."""
        count = 0
        if not self._fresh:  # libsndfile cannot seek in every format
            self._file.close()
            self._file = _Forward(self.source.descriptor())
        self._fresh = False
        if self._allowed:  # a damage loses every sample of the same read
            size = min(size, _CAREFUL)
        while True:
            try:
                with self._reading:
                    block = self._file.read(size, self.precision, always_2d=True)
            except soundfile.LibsndfileError as error:
                self.source.check_unchanged()
                self._cut_short(f"it cannot be read beyond frame {count}: {error}")
                return
            if not len(block):
                break
            count += len(block)
            yield np.ascontiguousarray(block.T)
        self.source.check_unchanged()
        if self.frames is not None and count < self.frames:
            self._cut_short(f"it ends after {count} of {self.frames} frames")

    def late_chunks(self) -> list[Chunk]:
        """Return nothing: all metadata are known from the start."""
        return []

    def close(self) -> None:
        """Close the file, but not while a thread reads."""
        with self._reading:
            self._file.close()
        self.source.close()


class SndfileWriter:
    """An audio file of one signal; for standard output it is a temporary file first.

    Parameters
    ----------
    path : Path or None
        The file's name, None for standard output.
    chosen, channels, meta, quantiser
        As for :class:`convt_cli.audio.pcm.PcmWriter`, but with integers in the upper bits.
    """

    is_rf64 = False

    def __init__(
        self, path: Path | None, chosen: Format, channels: int, meta: Metadata, quantiser: Quantiser
    ) -> None:
        self.format, self.quantise, self.lost = chosen, quantiser, list[str]()
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
            )
        except soundfile.LibsndfileError as error:
            _check_room(self._path)
            reason = error.error_string.rstrip(".")
            raise Unwritable(
                f"{chosen.container} cannot hold {channels} channel(s) of {chosen.subtype} at {chosen.rate}"
                f" Hz ({reason}); name another container with -o, such as .wav"
            ) from None
        self._tags = meta.tags
        for name, text in meta.tags.items():
            with suppress(soundfile.LibsndfileError):  # `_check` finds the texts that are missing
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
        """Complete the file, and return the names of the metadata that came late: it holds none of them.

        The file is read again, since libsndfile does not always report what it could not write.
        """
        self._file.close()
        _check_room(self._path)
        self._check()
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
            raise Unwritable(f"{self.format.container} cannot hold so few samples; try .wav") from None
        if rate != self.format.rate:
            raise Unwritable(
                f"{self.format.container} cannot state {self.format.rate} Hz, but only {rate};"
                " name another container with -o, such as .wav"
            )
        if frames < self._frames:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        # libsndfile appends its own name to that of the software.
        self.lost += [name for name, text in self._tags.items() if not tags.get(name, "").startswith(text)]

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        if self._folder:
            self._folder.cleanup()


def _check_room(path: Path) -> None:
    """Raise the system's reason why a file cannot grow, if there is one.

    libsndfile reports a system error or, in some formats, nothing. It writes fewer bytes at a time than
    this function: if these still fit, no earlier write can have failed for lack of space.
    """
    with path.open("ab") as file:
        size = file.tell()
        file.write(bytes(1 << 16))
        file.flush()
        file.truncate(size)
