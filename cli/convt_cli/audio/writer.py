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
            _check_room(path)
            reason = error.error_string.rstrip(".")
            raise Unwritable(
                f"{chosen.container} cannot hold {channels} channel(s) of {chosen.subtype} at {chosen.rate}"
                f" Hz ({reason}); name another container with -o, such as .wav"
            ) from None

    def write(self, signal: int, block: Array) -> None:  # noqa: ARG002  # a sound file holds one
        """Append a block, rounded to the file's format."""
        samples = np.ascontiguousarray(self.quantise(block.T))
        try:
            self._sound.write(samples)
        except (soundfile.LibsndfileError, AssertionError):
            _check_room(self._path)
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from None
        self._frames += len(samples)

    def finish(self) -> None:
        """Complete the file, and see that it holds what was written: libsndfile does not always tell."""
        self._sound.close()
        _check_room(self._path)
        try:
            held = soundfile.info(os.fsencode(self._path))
        except soundfile.LibsndfileError:
            raise Unwritable(f"{self.format.container} cannot hold so few samples; try .wav") from None
        if held.samplerate != self.format.rate:
            raise Unwritable(
                f"{self.format.container} cannot state {self.format.rate} Hz, but only {held.samplerate};"
                " name another container with -o, such as .wav"
            )
        if held.frames < self._frames:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def close(self) -> None:
        """Let the file go."""
        self._sound.close()


def _check_room(path: Path) -> None:
    """Raise the system's reason why a file cannot grow, if there is one.

    libsndfile calls it a system error or, in some formats, says nothing. It writes less than this at a
    time: where this still fits, nothing before it can have failed for want of room.
    """
    with path.open("ab") as file:
        size = file.tell()
        file.write(bytes(1 << 16))
        file.flush()
        file.truncate(size)


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
