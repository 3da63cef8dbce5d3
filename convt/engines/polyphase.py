"""Polyphase: one matrix product over channels and lags, for kernels with many channels or few taps.

``y[m*s + r] = sum over q of h[q*s + r] * x[m - q]``: each of the s phases of the output is an ordinary
convolution of the input with every s-th tap of the kernel (M. Bellanger, G. Bonnerot and M. Coudreuse,
"Digital filtering by polyphase network", IEEE Trans. ASSP 24(2), 1976). Only lags q that some tap
really has are kept, so a dilated kernel costs what its taps cost::

    (Cout*s, Cin*Q)            @  (Cin*Q, m)               =  (Cout*s, m)  ->  (Cout, m*s)
    row:    taps of one phase     column: x[m-q] per q        interleaved, phase by phase
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convt.engines.contract import Array
from convt.geometry import Geometry


class Polyphase:
    """The engine prepared for one kernel and one block size; see the contract in ``contract.py``."""

    def __init__(self, weight: Array, geometry: Geometry, *, block: int) -> None:
        """Prepare for blocks of `block` input samples."""
        self._groups, cin, cout, taps = weight.shape
        self._channels, self._stride, self._block = self._groups * cout, geometry.stride, block
        lag, phase = np.divmod(np.arange(taps) * geometry.dilation, geometry.stride)
        lags, which = np.unique(lag, return_inverse=True)
        bank = np.zeros((self._groups, cout, geometry.stride, cin, lags.size), weight.dtype)
        bank[:, :, phase, :, which] = weight.transpose(3, 0, 2, 1)
        self._matrix = bank.reshape(self._groups, cout * geometry.stride, cin * lags.size)
        self._starts = geometry.lag - lags

    def __call__(self, frames: Array) -> Array:
        """Map frames (..., C_in, lag + block) to (..., C_out, block*stride)."""
        *lead, channels, length = frames.shape
        grouped = frames.reshape(*lead, self._groups, channels // self._groups, length)
        shifted = sliding_window_view(grouped, self._block, axis=-1)[..., self._starts, :]
        columns = shifted.reshape(*lead, self._groups, self._matrix.shape[-1], self._block)
        product = self._matrix @ columns
        phases = product.reshape(*lead, self._channels, self._stride, self._block)
        interleaved: Array = phases.swapaxes(-1, -2).reshape(
            *lead, self._channels, self._block * self._stride
        )
        return interleaved
