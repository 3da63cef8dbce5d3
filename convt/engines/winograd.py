"""Winograd: three products in place of four, for kernels of two taps a phase and many channels.

With ``a = h[r], b = h[s + r]`` a phase is ``y[m] = a*x[m] + b*x[m-1]``, and two neighbours of it are::

    y[m]     =  b*(x[m-1] - x[m])  +  (a + b)*x[m]
    y[m + 1] =  a*(x[m+1] - x[m])  +  (a + b)*x[m]

which is F(2, 2) of S. Winograd, "Arithmetic Complexity of Computations", 1980, chapter 5: the product with
(a + b) serves both. Each product is one of matrices, over all channels::

    3 x  (Cout*s, Cin)  @  (Cin, m/2)   =   3 x (Cout*s, m/2)   ->   (Cout, m*s)
         b, a + b, a       differences      sums of two, interleaved by phase
"""

import numpy as np

from convt.engines.contract import Array
from convt.engines.memory import Scratch, by_phase
from convt.geometry import Geometry


class Winograd:
    """The engine prepared for a kernel with a lag of one; see the contract in ``contract.py``."""

    def __init__(self, weight: Array, geometry: Geometry, scratch: Scratch) -> None:
        """Prepare for blocks of any even size."""
        self._groups, self._cin, self._cout, _ = weight.shape
        self._stride, self._scratch = geometry.stride, scratch
        both = by_phase(weight, geometry).transpose(3, 0, 2, 4, 1)
        newer, older = both.reshape(2, self._groups, self._cout * geometry.stride, self._cin)
        self._matrices = np.stack([older, newer + older, newer], axis=1)

    def __call__(self, frames: Array, bias: Array, out: Array) -> None:
        """Write what the frames make into `out`."""
        signals, blocks, _, length = frames.shape
        lead = (signals, blocks, self._groups)
        samples = frames.reshape(*lead, self._cin, length)
        middle = samples[..., 1::2]
        half = middle.shape[-1]
        columns = self._scratch("columns", frames.dtype, *lead, 3, self._cin, half)
        np.subtract(samples[..., 0:-1:2], middle, out=columns[:, :, :, 0])
        np.copyto(columns[:, :, :, 1], middle)
        np.subtract(samples[..., 2::2], middle, out=columns[:, :, :, 2])
        product = self._scratch("product", frames.dtype, *lead, 3, self._cout * self._stride, half)
        np.matmul(self._matrices, columns, out=product)
        phases = product.reshape(*lead, 3, self._cout, self._stride, half)
        shared = phases[:, :, :, 1]
        shared += bias.reshape(-1, 1, self._groups, self._cout, 1, 1)
        pairs = out.reshape(*lead, self._cout, half, 2, self._stride).swapaxes(-1, -3)
        np.add(phases[:, :, :, 0], shared, out=pairs[..., 0, :])
        np.add(phases[:, :, :, 2], shared, out=pairs[..., 1, :])
