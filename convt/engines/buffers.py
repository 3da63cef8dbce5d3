"""Arrays that several engines use: taps by phase, overlapping windows, scratch buffers."""

import math
import threading

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from convt.arrays import Array, DType, array_cache
from convt.geometry import Geometry

SMALL_PRODUCT = 1_000_000  # multiply-adds: up to here OpenBLAS, on AVX-512, does not pack its arguments


def windows(array: Array, length: int, step: int, count: int) -> Array:
    """Return `count` windows of `length` samples, one every `step`, as a view (..., count, length).

    The last axis of the array must have (count - 1)*step + length samples.
    """
    if count == 1:  # faster for most short calls
        return array[..., np.newaxis, :length]
    *strides, sample = array.strides
    shape, strides = (*array.shape[:-1], count, length), [*strides, step * sample, sample]
    if array.flags.c_contiguous:  # faster, too
        return np.ndarray(shape, array.dtype, array, 0, strides)
    return as_strided(array, shape, strides)


def by_phase(weight: Array, geometry: Geometry) -> Array:
    """Return a weight (..., K) as (..., lag + 1, stride), with h[q*s + r] at (q, r) and zeros elsewhere."""
    dense, taps = weight, (geometry.lag + 1) * geometry.stride
    if weight.shape[-1] != taps:
        dense = np.zeros((*weight.shape[:-1], taps), weight.dtype)
        dense[..., : geometry.span : geometry.dilation] = weight
    return dense.reshape(*weight.shape[:-1], geometry.lag + 1, geometry.stride)


@array_cache(1 << 22)  # each engine asks twice, and short calls would spend long on it
def outputs_of_period(geometry: Geometry) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the input sample, counted from the first of the period, and the phase of each output.

    With h of :func:`by_phase`, the output is the sum over q of h[q, phase] * x[sample - q].
    """
    _, outputs = geometry.period
    sample, phase = np.divmod(geometry.offset + geometry.down * np.arange(outputs), geometry.stride)
    return sample, phase


def outputs_of_taps(geometry: Geometry) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the lag of each tap, and the output of a period that has its phase, or -1 if none has."""
    _, phase = outputs_of_period(geometry)
    lag, of_tap = np.divmod(np.arange(geometry.kernel_size) * geometry.dilation, geometry.stride)
    order = np.argsort(phase)
    output = order[np.searchsorted(phase, of_tap, sorter=order) % phase.size]
    return lag, np.where(phase[output] == of_tap, output, -1)


def by_output(weight: Array, geometry: Geometry) -> Array:
    """Return a weight (..., K) as (..., lag + 1, outputs of a period), with zeros between the taps."""
    if geometry.down == 1:
        return by_phase(weight, geometry)
    lag, output = outputs_of_taps(geometry)
    used = output >= 0
    dense = np.zeros((*weight.shape[:-1], geometry.lag + 1, geometry.period[1]), weight.dtype)
    dense[..., lag[used], output[used]] = weight[..., used]
    return dense


_Buffers = dict[tuple[str, DType], Array]


class Scratch(threading.local):
    """Buffers by name and dtype, separate for each thread.

    Blocks and parts of a kernel reuse them: to touch fresh memory can take longer than the work in it. A
    signal handler may call convt in the middle of a task, so a task has its buffers to itself::

        with scratch:
            ...
    """

    def __init__(self) -> None:
        self._buffers: _Buffers = {}
        self._outer: list[_Buffers] = []  # of the tasks that a signal handler has interrupted
        self._spare: _Buffers | None = None

    def __enter__(self) -> "Scratch":
        self._outer.append(self._buffers)
        self._buffers, self._spare = self._spare or {}, None
        return self

    def __exit__(self, *_: object) -> None:
        self._spare, self._buffers = self._buffers, self._outer.pop()

    def __reduce__(self) -> tuple[type["Scratch"], tuple[()]]:
        return Scratch, ()  # a copy starts without buffers

    def __call__(self, name: str, dtype: DType, *shape: int) -> Array:
        """Return an array of this shape and dtype, with any content."""
        size = math.prod(shape)
        buffer = self._buffers.get((name, dtype))
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name, dtype] = np.empty(size, dtype)
        return buffer[:size].reshape(shape)
