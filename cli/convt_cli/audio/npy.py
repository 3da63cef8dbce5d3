"""Signals as .npy files: arrays (L,), (C, L) or (N, C, L); with channels last (L, C) or (N, L, C)."""

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convt_cli.errors import Failure
from convt_cli.files.source import Source, open_output
from convt_cli.metadata.chunks import Chunk
from convt_cli.metadata.metadata import Metadata
from convt_cli.samples.formats import Array, cast, precise

_MOST_EMPTY = 1 << 16  # signals without samples
_FARTHEST = 1 << 63

# Version 3 differs from 2 only in field names, which signals do not have.
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0} | dict.fromkeys(
    ((2, 0), (3, 0)), np.lib.format.read_array_header_2_0
)


class NpyReader:
    """An array of one to three axes, read block by block.

    It is not memory-mapped: a mapped file that shrinks kills the process.
    """

    format = None

    def __init__(
        self, path: Path, precision: str | None, *, channels_last: bool = False, held: Path | None = None
    ) -> None:
        self._channels_last = channels_last
        self.source = Source(path, held)
        try:
            self._open(path, precision)
        except BaseException:
            self.source.close()
            raise

    def _open(self, path: Path, precision: str | None) -> None:
        if self.source.size is None:
            raise Failure(f"{path}: an .npy signal must be a file, not a pipe")
        shape, fortran, dtype = self._read_header()
        if not 1 <= len(shape) <= 3:
            wanted = "(L, C) or (N, L, C)" if self._channels_last else "(C, L) or (N, C, L)"
            raise Failure(f"{path}: shape {shape}; a signal must have shape (L,), {wanted}")
        if dtype.kind not in "biufc" or dtype.char in "gG":
            raise Failure(f"{path}: dtype {dtype}; a signal must hold numbers of up to 64 bits each")
        self._stored, self.dimensions = dtype, len(shape)
        sizes = _in_order(_as_three(shape, channels_last=self._channels_last), self._channels_last)
        self.signals, self.channels, self.frames = sizes
        self._steps = self._strides(shape, fortran=fortran)
        if not self.channels:
            raise Failure(f"{path}: shape {shape} has no channel; a signal needs at least one")
        if not self.frames and self.signals > _MOST_EMPTY:
            raise Failure(f"{path}: shape {shape} has {self.signals} signals without samples")
        self._check_size(math.prod(shape) * dtype.itemsize)
        single = dtype.newbyteorder("=") in ("float16", "float32", "complex64")
        self.precision = precision or ("float32" if single else "float64")
        self.dtype = precise(dtype, precision) if precision else dtype
        self.meta, self.warnings = Metadata(), list[str]()

    def _read_header(self) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        try:
            header = _parse_header(self.source)
        except Failure:
            raise
        except Exception:  # noqa: BLE001  # numpy raises about ten types for damaged headers
            raise _not_whole(self.source, "the header is damaged, or not numpy's") from None
        self._start = self.source.tell()
        return header

    def _check_size(self, wanted: int) -> None:
        present = (self.source.size or 0) - self._start
        if present < wanted:
            raise Failure(
                f"{self.source.path}: truncated .npy file: {present} of {wanted} bytes of samples"
            )

    def blocks(self, signal: int, size: int) -> Iterator[Array]:
        """Yield one signal's samples in blocks (channels, n), n at most `size`."""
        for start in range(0, self.frames, size):
            yield cast(self._block(signal, start, min(size, self.frames - start)), self.dtype)
        self.source.check_unchanged()

    def _strides(self, shape: tuple[int, ...], *, fortran: bool) -> tuple[int, int, int]:
        """Return the distance, in numbers, from one signal, channel and frame to the next."""
        sizes = _as_three(shape, channels_last=self._channels_last)
        steps = (1, sizes[0], sizes[0] * sizes[1]) if fortran else (sizes[1] * sizes[2], sizes[2], 1)
        return _in_order(steps, self._channels_last)

    def _block(self, signal: int, start: int, count: int) -> Array:
        """Return samples of one signal, read frame by frame or channel by channel, in the file's order."""
        of_signal, of_channel, of_frame = self._steps
        outside, inside = (0, signal * of_signal) if of_signal < of_frame else (signal * of_signal, 0)
        if of_channel < of_frame:
            picked = inside + of_channel * np.arange(self.channels)
            return self._frames(outside + start * of_frame, count)[:, picked].T
        rows = (outside + channel * of_channel + start * of_frame for channel in range(self.channels))
        return np.stack([self._frames(row, count)[:, inside] for row in rows])

    def _frames(self, first: int, count: int) -> Array:
        frame = self._steps[2]
        return self._read(first, count * frame).reshape(count, frame)

    def _read(self, first: int, count: int) -> Array:
        width = self._stored.itemsize
        room = np.empty(count * width, np.uint8)
        self.source.seek(self._start + first * width)
        if self.source.fill(room, len(room)) < len(room):
            raise Failure(f"{self.source.path}: changed while being read")
        return room.view(self._stored)

    def late_chunks(self) -> list[Chunk]:
        """Return nothing: an array has no metadata."""
        return []

    def close(self) -> None:
        """Close the file."""
        self.source.close()


def _not_whole(source: Source, reason: str) -> Failure:
    return Failure(f"{source.path}: not a valid .npy file (pickled data is never loaded): {reason}")


def _parse_header(source: Source) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, Fortran order and dtype; numpy's errors are passed on."""
    version = np.lib.format.read_magic(source)
    if version not in _HEADERS:
        raise _not_whole(source, f"version {version} of the format")
    with warnings.catch_warnings(action="ignore"):  # about headers that Python 2 wrote
        shape, fortran, dtype = _HEADERS[version](source)
    if dtype.hasobject or any(type(axis) is not int or not 0 <= axis < _FARTHEST for axis in shape):
        raise _not_whole(source, f"an array {str(shape)[:80]} of {dtype}")
    return shape, fortran, dtype


def _as_three(shape: tuple[int, ...], *, channels_last: bool) -> tuple[int, int, int]:
    """Return a shape with three axes; missing ones have length 1: one signal, one channel."""
    if channels_last and len(shape) == 1:
        return 1, shape[0], 1
    first, second, third = (1,) * (3 - len(shape)) + shape
    return first, second, third


def _in_order(three: tuple[int, int, int], channels_last: bool) -> tuple[int, int, int]:
    """Reorder values from the axes of the array to signals, channels and frames; and back."""
    return (three[0], three[2], three[1]) if channels_last else three


class NpyWriter:
    """An array (N, C, L) or (N, L, C), or only its last one or two axes."""

    format, quantise, is_rf64 = None, None, False
    notes: Sequence[str] = ()
    bitrate = None

    def __init__(
        self,
        path: Path,
        sizes: tuple[int, int, int],
        dimensions: int,
        dtype: np.dtype[Any],
        gain: float,
        *,
        channels_last: bool = False,
    ) -> None:
        self._dtype, self._gain, self._channels_last = dtype, gain, channels_last
        _, self._channels, self._frames = sizes
        ordered = _in_order(sizes, channels_last)
        shape = (self._frames,) if dimensions == 1 else ordered[-dimensions:]
        self._signal, self._done = 0, 0
        self.lost = list[str]()
        self._file = io.BufferedWriter(open_output(path))
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._start = self._file.tell()
        try:
            self._file.truncate(self._start + math.prod(shape) * dtype.itemsize)
        except OSError:  # no room on the disk
            self._file.close()
            raise

    def write(self, signal: int, block: Array) -> None:
        """Append a block to each channel of a signal, at its place in C order."""
        if signal != self._signal:
            self._signal, self._done = signal, 0
        if self._gain != 1:
            block = block * np.result_type(block.dtype, np.float32).type(self._gain)
        if self._channels_last:
            self._put((signal * self._frames + self._done) * self._channels, block.T)
        else:
            for channel, samples in enumerate(block):
                self._put((signal * self._channels + channel) * self._frames + self._done, samples)
        self._done += block.shape[1]

    def _put(self, position: int, numbers: Array) -> None:
        self._file.seek(self._start + position * self._dtype.itemsize)
        self._file.write(np.ascontiguousarray(numbers, self._dtype).data)

    def finish(self, late: Sequence[Chunk]) -> list[str]:  # noqa: ARG002  # arrays have no metadata
        """Complete the file."""
        self._file.close()
        return []

    def close(self) -> None:
        """Close the file."""
        self._file.close()
