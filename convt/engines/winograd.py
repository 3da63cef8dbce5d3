"""Winograd: three products in place of four, for kernels of two taps a phase and many channels.

With ``a = h[r], b = h[s + r]`` a phase is ``y[m] = a*x[m] + b*x[m-1]``, and two neighbours of it are::

    y[m]     =  b*(x[m-1] - x[m])  +  (a + b)*x[m]
    y[m + 1] =  a*(x[m+1] - x[m])  +  (a + b)*x[m]

which is F(2, 2) of S. Winograd, "Arithmetic Complexity of Computations", 1980, chapter 5: the product with
(a + b) serves both. Each product is one of matrices, over all channels, in tiles that BLAS need not pack
(a run is the phases of a few channels; A. Heinecke et al., "LIBXSMM", SC16, on why that is faster)::

    3 x  (m/2, Cin)  @  (Cin, Cout*s)   =   3 x (m/2, Cout*s)   ->   (Cout, m*s)
         differences    b, a + b, a         by runs: sums of two     each run goes where it belongs
"""

import numpy as np

from convt.arrays import Array
from convt.engines.buffers import SMALL_PRODUCT, Scratch, by_phase
from convt.geometry import Geometry

_RUN = 128  # bytes of a run, or a few times as many: what a product is fastest for
PAIRS = 8  # of a tile, or a multiple


class Winograd:
    """The engine prepared for a kernel with a lag of one; see the contract in ``protocol.py``."""

    contained = False

    def __init__(self, weight: Array, geometry: Geometry, scratch: Scratch) -> None:
        """Prepare for blocks of any even size."""
        self._groups, self._cin, self._cout, _ = weight.shape
        self._stride, self._scratch = geometry.stride, scratch
        self._width, self._channels = run_of(geometry.stride, weight.itemsize)
        taps = by_phase(weight, geometry)
        newer, older = (self._by_run(taps[..., lag, :]).swapaxes(1, 2) for lag in (0, 1))
        self._matrices = np.empty((self._groups, 3, *newer.shape[1:]), weight.dtype)
        self._matrices[:, 0], self._matrices[:, 2] = older, newer
        np.add(newer, older, out=self._matrices[:, 1])

    def __call__(self, frames: Array, bias: Array, out: Array) -> None:
        """Write what the frames make into `out`."""
        products = self._products(self._columns(frames))
        shared = products[:, :, :, 1:2]
        if bias.any():
            each = np.repeat(bias.reshape(-1, 1, self._groups, self._cout, 1), self._stride, axis=-1)
            shared += self._by_run(each)[:, :, :, np.newaxis, :, np.newaxis]
        *lead, _, runs, pairs, width = products.shape
        sums = self._scratch("sums", frames.dtype, *lead, runs, pairs, 2, width)
        np.add(products[:, :, :, ::2], shared, out=np.moveaxis(sums, -2, 3))
        self._place(sums.reshape(*lead, runs, 2 * pairs, width), out.reshape(*lead, self._cout, -1))

    def _columns(self, frames: Array) -> Array:
        """Return what is multiplied, (signals, blocks, groups, 3, C_in, pairs)."""
        signals, blocks, _, length = frames.shape
        lead, pairs = (signals, blocks, self._groups), length // 2
        samples = frames.reshape(*lead, self._cin, length)
        columns = self._scratch("columns", frames.dtype, *lead, 3, self._cin, pairs)
        # Neighbours are taken apart first: sums of every other sample take three times as long.
        outer = self._scratch("outer", frames.dtype, *lead, self._cin, pairs + 1)
        middle = columns[:, :, :, 1]
        outer[...], middle[...] = samples[..., ::2], samples[..., 1::2]
        np.subtract(outer[..., :-1], middle, out=columns[:, :, :, 0])
        np.subtract(outer[..., 1:], middle, out=columns[:, :, :, 2])
        return columns

    def _products(self, columns: Array) -> Array:
        """Return the three products, (signals, blocks, groups, 3, runs, pairs, width)."""
        *lead, cin, pairs = columns.shape
        runs, width = self._matrices.shape[2], self._width
        tile = _tile(pairs, cin * width)
        tiles = columns.reshape(*lead, 1, cin, pairs // tile, tile).swapaxes(-3, -2).swapaxes(-1, -2)
        products = self._scratch("product", columns.dtype, *lead, runs, pairs // tile, tile, width)
        np.matmul(tiles, self._matrices[:, :, :, np.newaxis], out=products)
        return products.reshape(*lead, runs, pairs, width)

    def _by_run(self, channels: Array) -> Array:
        """Return (..., C_out, stride) by runs of a few channels, (..., runs, width), with zeros between."""
        *lead, cout, stride = channels.shape
        runs, taken = -(-cout // self._channels), self._channels * stride
        if cout % self._channels or taken < self._width:
            padded = np.zeros((*lead, runs * self._channels, stride), channels.dtype)
            padded[..., :cout, :] = channels
            channels = np.zeros((*lead, runs, self._width), channels.dtype)
            channels[..., :taken] = padded.reshape(*lead, runs, taken)
        return channels.reshape(*lead, runs, self._width)

    def _place(self, sums: Array, out: Array) -> None:
        """Copy sums (..., runs, samples, width) to `out`, (..., C_out, samples*stride)."""
        *lead, runs, samples, _ = sums.shape
        phases = self._stride
        if kind := wider(phases * out.itemsize):  # neighbours, copied as one element
            phases = phases * out.itemsize // kind.itemsize
            sums, out = sums.view(kind), out.view(kind)
        taken = sums[..., : self._channels * phases]
        by_channel = taken.reshape(*lead, runs, samples, self._channels, phases).swapaxes(-3, -2)
        outputs = out.reshape(*lead, self._cout, samples, phases)
        whole = self._cout // self._channels
        together = outputs[..., : whole * self._channels, :, :]
        np.copyto(
            together.reshape(*lead, whole, self._channels, samples, phases),
            by_channel[..., :whole, :, :, :],
        )
        if rest := self._cout % self._channels:
            np.copyto(outputs[..., -rest:, :, :], by_channel[..., -1, :rest, :, :])


def run_of(stride: int, itemsize: int) -> tuple[int, int]:
    """Return how many elements wide a run is, and how many channels have their phases in it."""
    unit = _RUN // itemsize
    widths = [unit * times for times in (1, 2, 3, 4)] if stride <= 4 * unit else [-(-stride // unit) * unit]
    best = min(widths, key=lambda width: (width % stride / width, width))
    return best, best // stride


def _tile(pairs: int, run: int) -> int:
    """Return how many pairs a product takes: as many as are no more than quick, in tiles all alike."""
    if pairs % PAIRS:
        return pairs
    most = max(1, SMALL_PRODUCT // run // PAIRS)
    tiles = pairs // PAIRS
    return PAIRS * max(each for each in range(1, min(most, tiles) + 1) if tiles % each == 0)


def wider(size: int) -> np.dtype[np.generic] | None:
    """Return a dtype that divides `size` bytes and is copied in one go, if any is wider than a number."""
    return next(
        (np.dtype(kind) for kind in ("complex128", "complex64") if size % np.dtype(kind).itemsize == 0),
        None,
    )
