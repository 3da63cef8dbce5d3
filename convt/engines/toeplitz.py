"""Toeplitz: one matrix product over overlapping windows, for kernels with few channels.

``y[m*s + r] = sum over q of h[q*s + r] * x[m - q]`` for B neighbouring m at once is a product with a
banded Toeplitz matrix (G. Golub and C. Van Loan, "Matrix Computations", section 4.7; the overlapping
windows are those of overlap-save). It spends (B + lag)/(lag + 1) times the least arithmetic, at the
full speed of a matrix product, and its output comes out interleaved::

    (rows, B + lag)             @  (B + lag, B*s)           =  (rows, B*s)
    row: x[t*B - lag .. t*B + B)   column m*s + r: h[r::s]     row after row: the output
                                   reversed, m down
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convt.engines.contract import Array
from convt.geometry import Geometry


class Toeplitz:
    """The engine prepared for one kernel and one block size; see the contract in ``contract.py``."""

    def __init__(self, weight: Array, geometry: Geometry, *, rows: int, width: int) -> None:
        """Prepare for blocks of `rows` windows, each `width` input samples after the one before."""
        self._groups, self._cin, self._cout, _ = weight.shape
        self._rows, self._width = rows, width
        self._window = width + geometry.lag
        self._run = width * geometry.stride
        self._matrix = _banded(weight, geometry, width).reshape(
            self._groups, self._cin * self._window, self._cout * self._run
        )

    def __call__(self, frames: Array) -> Array:
        """Map frames (..., C_in, lag + block) to (..., C_out, block*stride)."""
        *lead, _, length = frames.shape
        grouped = frames.reshape(*lead, self._groups, self._cin, length)
        windows = sliding_window_view(grouped, self._window, axis=-1)[..., :: self._width, :]
        # Copied, since rows that overlap in memory would keep the product away from BLAS.
        rows = np.ascontiguousarray(windows.swapaxes(-2, -3)).reshape(
            *lead, self._groups, self._rows, self._cin * self._window
        )
        product = (rows @ self._matrix).reshape(*lead, self._groups, self._rows, self._cout, self._run)
        return product.swapaxes(-2, -3).reshape(*lead, self._groups * self._cout, self._rows * self._run)


def _banded(weight: Array, geometry: Geometry, width: int) -> Array:
    """Return the matrix as (groups, C_in, width + lag, C_out, width, stride)."""
    groups, cin, cout, _ = weight.shape
    lags = geometry.lag + 1
    dense = np.zeros((groups, cin, cout, lags * geometry.stride), weight.dtype)
    dense[..., : geometry.span : geometry.dilation] = weight
    reversed_lags = dense.reshape(groups, cin, cout, lags, geometry.stride)[..., ::-1, :].swapaxes(2, 3)
    matrix = np.zeros((groups, cin, width + geometry.lag, cout, width, geometry.stride), weight.dtype)
    for m in range(width):
        matrix[:, :, m : m + lags, :, m] = reversed_lags
    return matrix
