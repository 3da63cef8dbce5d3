"""Toeplitz: one matrix product over overlapping windows, for kernels with few channels.

``y[m*s + r] = sum over q of h[q*s + r] * x[m - q]`` for B neighbouring m at once is a product with a
banded Toeplitz matrix (G. Golub and C. Van Loan, "Matrix Computations", section 4.7; the overlapping
windows are those of overlap-save). It does (B + lag)/(lag + 1) times the necessary arithmetic, but at the
full speed of a matrix product, and its output is already interleaved::

    (rows, B + lag)             @  (B + lag, B*s)           =  (rows, B*s)
    row: x[t*B - lag .. t*B + B)   column m*s + r: h[r::s]     row after row: the output
                                   reversed, m down

For a ratio of rates s/d there is a column for every d-th output, B*s/d of them, and B is whole periods. A
long period may be divided into runs of outputs, each with its own windows and matrix.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from convt.arrays import Array
from convt.engines.buffers import Scratch, by_output, outputs_of_period, windows
from convt.geometry import Geometry


class _Run(NamedTuple):
    """Some outputs of a window, their matrix, (groups, C_in*samples, C_out*outputs), and their samples."""

    matrix: Array
    start: int
    samples: int
    outputs: slice


class Toeplitz:
    """The engine prepared for one kernel and one width of windows; see ``protocol.py``."""

    def __init__(
        self, weight: Array, geometry: Geometry, scratch: Scratch, *, width: int, runs: int = 1
    ) -> None:
        """Prepare for windows that advance by `width` input samples, which are whole periods.

        With several `runs` of outputs, `width` is one period.
        """
        self._groups, self._cin, self._cout, _ = weight.shape
        self._width, self._lag = width, geometry.lag
        self._run = width * geometry.stride // geometry.down
        inputs, outputs = geometry.period
        sample, _ = outputs_of_period(geometry)
        cuts = [outputs * n // runs for n in range(runs + 1)]
        taps = by_output(weight, geometry)
        self._runs = []
        for first, stop in pairwise(cuts):
            matrix = _of_outputs(taps, geometry, slice(first, stop))
            if runs == 1:
                matrix = _banded(matrix, inputs, width // inputs)
            window, count = matrix.shape[2], matrix.shape[4]
            shaped = matrix.reshape(self._groups, self._cin * window, self._cout * count)
            self._runs.append(_Run(shaped, int(sample[first]), window, slice(first, first + count)))
        self._scratch = scratch

    def __call__(self, frames: Array, bias: Array, out: Array) -> None:
        """Write the outputs of the frames into `out`."""
        signals, blocks, _, length = frames.shape
        rows = (length - self._lag) // self._width
        lead = (signals, blocks, self._groups)
        outputs = out.reshape(*lead, self._cout, rows, self._run)
        if self._cout == 1 and len(self._runs) == 1:  # the product is the output
            np.matmul(
                self._windows(self._runs[0], frames, rows), self._runs[0].matrix, out=outputs[:, :, :, 0]
            )
            if bias.any():
                out += bias
            return
        offset = bias.reshape(-1, 1, self._groups, self._cout, 1, 1)
        for run in self._runs:
            count = run.outputs.stop - run.outputs.start
            product = self._scratch("product", frames.dtype, *lead, rows, self._cout * count)
            np.matmul(self._windows(run, frames, rows), run.matrix, out=product)
            by_channel = product.reshape(*lead, rows, self._cout, count).swapaxes(3, 4)
            np.add(by_channel, offset, out=outputs[..., run.outputs])

    def _windows(self, run: _Run, frames: Array, rows: int) -> Array:
        """Return the windows of a run, (signals, blocks, groups, rows, C_in*samples)."""
        signals, blocks, *_ = frames.shape
        lead = (signals, blocks, self._groups)
        view = windows(frames[..., run.start :], run.samples, self._width, rows)
        # Rows that overlap in memory would keep numpy from using BLAS, so they are copied.
        copied = self._scratch("windows", frames.dtype, *lead, rows, self._cin, run.samples)
        np.copyto(copied, view.reshape(*lead, self._cin, rows, run.samples).swapaxes(3, 4))
        return copied.reshape(*lead, rows, self._cin * run.samples)


def _of_outputs(taps: Array, geometry: Geometry, outputs: slice) -> Array:
    """Return the matrix of some outputs of a period, (groups, C_in, samples, C_out, outputs)."""
    groups, cin, cout, lags, _ = taps.shape
    sample = outputs_of_period(geometry)[0][outputs]
    if sample[0] == sample[-1]:  # as for every whole factor: just the taps, latest first
        return np.ascontiguousarray(taps[..., ::-1, outputs].swapaxes(2, 3))
    rows = sample - sample[0] + geometry.lag - np.arange(lags)[:, np.newaxis]
    matrix = np.zeros((groups, cin, int(sample[-1] - sample[0]) + lags, cout, sample.size), taps.dtype)
    matrix[:, :, rows, :, np.arange(sample.size)] = taps[..., outputs].transpose(3, 4, 0, 1, 2)
    return matrix


def _banded(one: Array, inputs: int, periods: int) -> Array:
    """Return the matrix of several periods, (groups, C_in, samples, C_out, outputs), from that of one."""
    groups, cin, samples, cout, outputs = one.shape
    matrix = np.zeros((groups, cin, (periods - 1) * inputs + samples, cout, periods, outputs), one.dtype)
    *lead, down, across, right, along = matrix.strides
    # Each period repeats the one before it further down: one view, with a stride along the diagonal.
    shape = (groups, cin, periods, samples, cout, outputs)
    diagonal = np.ndarray(shape, one.dtype, matrix, 0, (*lead, inputs * down + right, down, across, along))
    diagonal[...] = one[:, :, np.newaxis]
    return matrix.reshape(groups, cin, -1, cout, periods * outputs)
