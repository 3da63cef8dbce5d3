"""Polyphase: one matrix product over channels and lags, for kernels with many channels or few taps.

``y[m*s + r] = sum over q of h[q*s + r] * x[m - q]``: each of the s phases of the output is an ordinary
convolution of the input with every s-th tap of the kernel (M. Bellanger, G. Bonnerot and M. Coudreuse,
"Digital filtering by polyphase network", IEEE Trans. ASSP 24(2), 1976). Only lags q that some tap
really has are kept, so a dilated kernel costs what its taps cost::

    (Cout*s, Q*Cin)            @  (Q*Cin, m)               =  (Cout*s, m)  ->  (Cout, m*s)
    row:    taps of one phase     column: x[m-q] per q        interleaved, phase by phase
"""

import numpy as np

from convt.engines.contract import Array
from convt.engines.memory import Scratch
from convt.geometry import Geometry


class Polyphase:
    """The engine prepared for one kernel; see the contract in ``contract.py``."""

    def __init__(self, weight: Array, geometry: Geometry, scratch: Scratch) -> None:
        """Prepare for blocks of any size."""
        self._groups, self._cin, self._cout, taps = weight.shape
        self._lag, self._stride = geometry.lag, geometry.stride
        lag, phase = np.divmod(np.arange(taps) * geometry.dilation, geometry.stride)
        lags, which = np.unique(lag, return_inverse=True)
        bank = np.zeros((self._groups, self._cout, self._stride, lags.size, self._cin), weight.dtype)
        for k in range(taps):
            bank[:, :, phase[k], which[k]] = weight[..., k].swapaxes(1, 2)
        self._matrix = bank.reshape(self._groups, self._cout * self._stride, lags.size * self._cin)
        self._starts = (geometry.lag - lags).tolist()
        self._scratch = scratch

    def __call__(self, frames: Array, bias: Array, out: Array) -> None:
        """Write what the frames make into `out`."""
        signals, blocks, _, length = frames.shape
        block = length - self._lag
        lead = (signals, blocks, self._groups)
        grouped = frames.reshape(*lead, self._cin, length)
        columns = self._scratch("columns", frames.dtype, *lead, len(self._starts), self._cin, block)
        for q, start in enumerate(self._starts):
            columns[:, :, :, q] = grouped[..., start : start + block]
        product = self._scratch("product", frames.dtype, *lead, self._cout * self._stride, block)
        np.matmul(self._matrix, columns.reshape(*lead, -1, block), out=product)
        phases = product.reshape(signals, blocks, self._groups * self._cout, self._stride, block)
        interleaved = out.reshape(*out.shape[:-1], block, self._stride).swapaxes(-1, -2)
        np.add(phases, bias[..., np.newaxis], out=interleaved)
