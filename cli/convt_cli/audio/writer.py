"""Signals to files: sound files block by block, .npy files in place.

A writer takes the blocks (channels, n) of each signal in turn, and says its `format` (sound only). What
the system refuses is an OSError.
"""

import errno
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from convt_cli.audio.formats import Array, Format, Quantiser
from convt_cli.errors import Unwritable


class SoundWriter:
    """A sound file of one signal."""

    def __init__(self, path: Path, chosen: Format, channels: int) -> None:
        self.format = chosen
        self.quantise = Quantiser(chosen)
        self._path, self._frames = path, 0
        try:
            self._sound = soundfile.SoundFile(
                os.fsencode(path),
                "w",
                chosen.rate,
                channels,
                chosen.subtype,
                chosen.endian,
                chosen.container,
            )
        except soundfile.LibsndfileError as error:
            reason = error.error_string.rstrip(".")
            raise Unwritable(
                f"{chosen.container} cannot hold {channels} channel(s) of {chosen.subtype} at {chosen.rate}"
                f" Hz ({reason}); name another container with -o, such as .wav or .flac"
            ) from None

    def write(self, signal: int, block: Array) -> None:  # noqa: ARG002  # there is one
        """Append a block, rounded to the file's format."""
        samples = np.ascontiguousarray(self.quantise(block.T))
        try:
            self._sound.write(samples)
        except (soundfile.LibsndfileError, AssertionError):
            raise self._obstacle() from None
        self._frames += len(samples)

    def finish(self) -> None:
        """Complete the file, and see that it holds all that was written: some coders do not tell."""
        self._sound.close()
        try:
            held = soundfile.info(os.fsencode(self._path)).frames
        except soundfile.LibsndfileError:
            held = -1
        if held < 0 == self._frames:
            raise Unwritable(f"{self.format.container} cannot hold a signal without samples; try .wav")
        if held < self._frames:
            raise self._obstacle()

    def close(self) -> None:
        """Let the file go."""
        self._sound.close()

    def _obstacle(self) -> OSError:
        """Return the system's reason, which libsndfile does not tell, by writing a little more."""
        try:
            with self._path.open("ab") as file:
                file.write(bytes(1 << 16))
        except OSError as error:
            return error
        return OSError(errno.EIO, os.strerror(errno.EIO))


class NpyWriter:
    """An array of one to three dimensions, the last of them time."""

    format = None

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._channels, self._frames = (1, *shape)[-2:]
        self._signal, self._done = 0, 0
        self._file = path.open("wb")
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._start = self._file.tell()
        self._file.truncate(self._start + math.prod(shape) * dtype.itemsize)

    def write(self, signal: int, block: Array) -> None:
        """Append a block to each channel of a signal, where C order has its place."""
        if signal != self._signal:
            self._signal, self._done = signal, 0
        for channel, samples in enumerate(block):
            position = (signal * self._channels + channel) * self._frames + self._done
            self._file.seek(self._start + position * self._dtype.itemsize)
            self._file.write(np.ascontiguousarray(samples, self._dtype).data)
        self._done += block.shape[1]

    def finish(self) -> None:
        """Complete the file."""
        self._file.close()

    close = finish


Writer = SoundWriter | NpyWriter
