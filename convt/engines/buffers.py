"""Arrays that engines share: taps by phase, overlapping windows, scratch buffers."""

import math
import threading

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convt.arrays import Array, DType, array_cache
from convt.geometry import Geometry

SMALL_PRODUCT = 1_000_000  # multiply-adds; up to so many OpenBLAS, on AVX-512, packs nothing
_ROWS = 16  # of a matrix, transposed at a time: a line of the cache holds as many elements


def windows(array: Array, length: int, step: int, count: int) -> Array:
    """Return `count` windows of `length` samples, one every `step`, as a view (..., count, length).

    They are windows of the last axis, which must hold (count - 1)*step + length samples.
    """
    if count == 1:  # as in most short calls, which this spares a view that takes long to make
        return array[..., np.newaxis, :length]
    *strides, sample = array.strides
    return as_strided(array, (*array.shape[:-1], count, length), (*strides, step * sample, sample))


def by_phase(weight: Array, geometry: Geometry) -> Array:
    """Return a weight (..., K) as (..., lag + 1, stride): h[q*s + r] at (q, r), zero where no tap is."""
    dense, taps = weight, (geometry.lag + 1) * geometry.stride
    if weight.shape[-1] != taps:
        dense = np.zeros((*weight.shape[:-1], taps), weight.dtype)
        dense[..., : geometry.span : geometry.dilation] = weight
    return dense.reshape(*weight.shape[:-1], geometry.lag + 1, geometry.stride)


def transposed(matrices: Array) -> Array:
    """Return a transposed copy of matrices (..., rows, columns), a few rows at a time.

    All at once, each element would be fetched into the cache alone.
    """
    *lead, rows, columns = matrices.shape
    result = np.empty((*lead, columns, rows), matrices.dtype)
    for start in range(0, rows, _ROWS):
        part = slice(start, start + _ROWS)
        result[..., part] = matrices[..., part, :].swapaxes(-1, -2)
    return result


@array_cache(1 << 22)  # as each engine asks twice, and a short call takes long to make them
def outputs_of_period(geometry: Geometry) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for each output of a period its sample, counted from the period's first, and its phase.

    With them and h of :func:`by_phase`, that output is the sum over q of h[q, phase] * x[sample - q].
    """
    _, outputs = geometry.period
    sample, phase = np.divmod(geometry.offset + geometry.down * np.arange(outputs), geometry.stride)
    return sample, phase


def outputs_of_taps(geometry: Geometry) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for each tap its lag, and which output of a period has its phase; -1 if none has."""
    _, phase = outputs_of_period(geometry)
    lag, of_tap = np.divmod(np.arange(geometry.kernel_size) * geometry.dilation, geometry.stride)
    order = np.argsort(phase)
    output = order[np.searchsorted(phase, of_tap, sorter=order) % phase.size]
    return lag, np.where(phase[output] == of_tap, output, -1)


def by_output(weight: Array, geometry: Geometry) -> Array:
    """Return a weight (..., K) as (..., lag + 1, outputs of a period), zero where no tap is."""
    if geometry.down == 1:
        return by_phase(weight, geometry)
    lag, output = outputs_of_taps(geometry)
    used = output >= 0
    dense = np.zeros((*weight.shape[:-1], geometry.lag + 1, geometry.period[1]), weight.dtype)
    dense[..., lag[used], output[used]] = weight[..., used]
    return dense


class Scratch(threading.local):
    """Buffers by name and dtype, for each thread its own.

    They stay from block to block, and serve all parts of a kernel: to touch fresh memory can cost more
    than the work that is done in it.
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, DType], Array] = {}

    def __reduce__(self) -> tuple[type["Scratch"], tuple[()]]:
        return Scratch, ()  # a copy has buffers of its own

    def __call__(self, name: str, dtype: DType, *shape: int) -> Array:
        """Return an array of this shape and dtype, of any content."""
        size = math.prod(shape)
        buffer = self._buffers.get((name, dtype))
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name, dtype] = np.empty(size, dtype)
        return buffer[:size].reshape(shape)
