"""Signals from files: sound files block by block, .npy files memory-mapped.

A reader holds `signals` of one shape, (`channels`, `frames`), and yields each of them in `blocks`. It
says their `dtype`, the `precision` of the arithmetic that suits them, their `format` (sound only), and
the `dimensions` of an array of them.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError

import numpy as np
import soundfile

from convt_cli.audio.formats import Array, Format
from convt_cli.audio.precision import cast, precise
from convt_cli.errors import Failure

# What numpy raises for a header that is damaged or absurd.
_UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    EOFError,
    MemoryError,
    RecursionError,
    SyntaxError,
    TokenError,
)


class SoundReader:
    """Whatever libsndfile reads; full scale is 1."""

    signals, dimensions = 1, 2

    def __init__(self, path: Path, precision: str | None, block: int) -> None:
        self._path, self._block = path, block
        try:
            self._file = soundfile.SoundFile(os.fsencode(path))
        except soundfile.LibsndfileError as error:
            raise Failure(f"{path}: cannot be read as sound: {_reason(path, error)}") from None
        except TypeError:  # of soundfile, for names that end in .raw
            raise Failure(
                f"{path}: a .raw file states neither rate nor format; turn it into .wav"
            ) from None
        file = self._file
        self.channels, self.frames = file.channels, file.frames
        self.format = Format(file.format, file.subtype, file.endian, file.samplerate)
        self.precision = precision or self.format.precision
        self.dtype = np.dtype(self.precision)

    def blocks(self, signal: int) -> Iterator[Array]:  # noqa: ARG002  # a sound file holds one
        """Yield the samples, in blocks (channels, n); the last of them is empty."""
        count, more = 0, True
        while more:
            try:
                block = self._file.read(self._block, self.precision, always_2d=True)
            except soundfile.LibsndfileError as error:
                raise Failure(f"{self._path}: cannot be read beyond frame {count}: {error}") from None
            count, more = count + len(block), len(block) > 0
            yield block.T
        if count < self.frames:
            raise Failure(f"{self._path}: is cut short: it ends after {count} of {self.frames} frames")

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


class NpyReader:
    """An array (L,), (C, L) or (N, C, L)."""

    format = None

    def __init__(self, path: Path, precision: str | None, block: int) -> None:
        try:
            with np.errstate(over="ignore"):  # an absurd shape is refused below
                array = np.lib.format.open_memmap(path, mode="r")
        except OSError as error:
            raise Failure(f"{path}: cannot be read: {error.strerror or error}") from None
        except _UNREADABLE as error:
            reason = " ".join(str(error).split())[:200]
            raise Failure(
                f"{path}: not a whole .npy file (pickled data is never loaded): {reason}"
            ) from None
        if not 1 <= array.ndim <= 3:
            raise Failure(f"{path}: a signal has shape (L,), (C, L) or (N, C, L), not {array.shape}")
        if array.dtype.kind not in "biufc" or array.dtype.char in "gG":
            raise Failure(f"{path}: a signal is made of numbers of up to 64 bits, not of {array.dtype}")
        self.dimensions, self._block = array.ndim, block
        self._signals = array.reshape((1,) * (3 - array.ndim) + array.shape)
        self.signals, self.channels, self.frames = self._signals.shape
        single = array.dtype.newbyteorder("=") in ("float16", "float32", "complex64")
        self.precision = precision or ("float32" if single else "float64")
        self.dtype = precise(array.dtype, precision) if precision else array.dtype

    def blocks(self, signal: int) -> Iterator[Array]:
        """Yield one signal's samples, in blocks (channels, n), at least one."""
        for start in range(0, max(1, self.frames), self._block):
            yield cast(self._signals[signal, :, start : start + self._block], self.dtype)

    def close(self) -> None:
        """Let the file go: its mapping goes with the array."""


Reader = SoundReader | NpyReader


def open_reader(path: Path, precision: str | None, block: int) -> Reader:
    """Open a signal, to be read in blocks of so many frames; ``.npy`` by its name, all else as sound.

    Raises
    ------
    Failure
        The file is missing, or not what its name says.
    """
    return (NpyReader if path.suffix.lower() == ".npy" else SoundReader)(path, precision, block)


def _reason(path: Path, error: soundfile.LibsndfileError) -> str:
    """Return the system's word for why a file does not open, or libsndfile's where it has none."""
    try:
        if not path.is_fifo():  # to open that once more would wait for another writer
            path.open("rb").close()
    except OSError as system:
        return str(system.strerror)
    return str(error.error_string).rstrip(".")
