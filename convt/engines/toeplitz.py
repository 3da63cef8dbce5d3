"""Toeplitz: one matrix product over overlapping windows, for kernels with few channels.

``y[m*s + r] = sum over q of h[q*s + r] * x[m - q]`` for B neighbouring m at once is a product with a
banded Toeplitz matrix (G. Golub and C. Van Loan, "Matrix Computations", section 4.7; the overlapping
windows are those of overlap-save). It spends (B + lag)/(lag + 1) times the least arithmetic, at the
full speed of a matrix product, and its output comes out interleaved::

    (rows, B + lag)             @  (B + lag, B*s)           =  (rows, B*s)
    row: x[t*B - lag .. t*B + B)   column m*s + r: h[r::s]     row after row: the output
                                   reversed, m down

Of a ratio of rates s/d the columns are those of every d-th output, B*s/d of them, and B fills periods.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from convt.engines.contract import Array
from convt.engines.memory import Scratch, by_phase, outputs_of_period, windows
from convt.geometry import Geometry


class Toeplitz:
    """The engine prepared for one kernel and windows of one width; see the contract in ``contract.py``."""

    def __init__(self, weight: Array, geometry: Geometry, scratch: Scratch, *, width: int) -> None:
        """Prepare for windows that advance by `width` input samples: whole periods, in any block."""
        self._groups, self._cin, self._cout, _ = weight.shape
        self._width, self._window = width, width + geometry.lag
        self._run = width * geometry.stride // geometry.down
        self._matrix = _banded(weight, geometry, width).reshape(
            self._groups, self._cin * self._window, self._cout * self._run
        )
        self._scratch = scratch

    def __call__(self, frames: Array, bias: Array, out: Array) -> None:
        """Write what the frames make into `out`."""
        signals, blocks, _, length = frames.shape
        rows = (length - self._window) // self._width + 1
        lead = (signals, blocks, self._groups)
        view = windows(frames, self._window, self._width, rows)
        # Copied, since rows that overlap in memory would keep the product away from BLAS.
        copied = self._scratch("windows", frames.dtype, *lead, rows, self._cin, self._window)
        np.copyto(copied, view.reshape(*lead, self._cin, rows, self._window).swapaxes(3, 4))
        stretched = copied.reshape(*lead, rows, self._cin * self._window)
        outputs = out.reshape(*lead, self._cout, rows, self._run)
        if self._cout == 1:  # the product is the output
            np.matmul(stretched, self._matrix, out=outputs[:, :, :, 0])
            if bias.any():
                out += bias
            return
        product = self._scratch("product", frames.dtype, *lead, rows, self._cout * self._run)
        np.matmul(stretched, self._matrix, out=product)
        by_channel = product.reshape(*lead, rows, self._cout, self._run).swapaxes(3, 4)
        np.add(by_channel, bias.reshape(-1, 1, self._groups, self._cout, 1, 1), out=outputs)


def _banded(weight: Array, geometry: Geometry, width: int) -> Array:
    """Return the matrix as (groups, C_in, width + lag, C_out, periods, outputs of a period)."""
    groups, cin, cout, _ = weight.shape
    inputs, outputs = geometry.period
    lag, periods = geometry.lag, width // inputs
    sample, phase = outputs_of_period(geometry)
    rows = sample + lag - np.arange(lag + 1)[:, np.newaxis]
    one = np.zeros((groups, cin, inputs + lag, cout, outputs), weight.dtype)
    taps = by_phase(weight, geometry)[..., phase]
    one[:, :, rows, :, np.arange(outputs)] = taps.transpose(3, 4, 0, 1, 2)
    matrix = np.zeros((groups, cin, width + lag, cout, periods, outputs), weight.dtype)
    *lead, down, across, right, along = matrix.strides
    # A period is the one before it, further down: they are one view with a stride along the diagonal.
    shape = (groups, cin, periods, inputs + lag, cout, outputs)
    diagonal = as_strided(matrix, shape, (*lead, inputs * down + right, down, across, along))
    diagonal[...] = one[:, :, np.newaxis]
    return matrix
