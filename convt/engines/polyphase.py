"""Polyphase: one matrix product over channels and lags, for kernels with many channels or few taps.

``y[m*s + r] = sum over q of h[q*s + r] * x[m - q]``: each of the s phases of the output is an ordinary
convolution of the input with every s-th tap of the kernel (M. Bellanger, G. Bonnerot and M. Coudreuse,
"Digital filtering by polyphase network", IEEE Trans. ASSP 24(2), 1976). Lags q without a tap are left out,
so that a dilated kernel costs no more than its taps::

    (Cout*s, Q*Cin)            @  (Q*Cin, m)               =  (Cout*s, m)  ->  (Cout, m*s)
    row:    taps of one phase     column: x[m-q] per q        interleaved, phase by phase

For a ratio of rates the outputs of a period take the place of the phases; those that follow the same input
sample share a product.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convt.arrays import Array
from convt.engines.buffers import Scratch, outputs_of_period, outputs_of_taps
from convt.geometry import Geometry


class _Product(NamedTuple):
    """Neighbouring outputs of a period that follow the same input sample.

    Attributes
    ----------
    matrix : ndarray, (groups, C_out*outputs, starts*C_in)
        Their taps.
    starts : list of int
        The position in a frame at which the column of each lag starts.
    outputs : slice
        Their positions in the period.
    """

    matrix: Array
    starts: list[int]
    outputs: slice


class Polyphase:
    """The engine prepared for one kernel; see the contract in ``protocol.py``."""

    def __init__(
        self, weight: Array, geometry: Geometry, scratch: Scratch, *, few_columns: bool = False
    ) -> None:
        """Prepare for blocks of any number of periods; `few_columns` if most have only a few."""
        self._lag, self._cout = geometry.lag, weight.shape[2]
        self._inputs, self._outputs = geometry.period
        sample, _ = outputs_of_period(geometry)
        taps = _taps_of_outputs(geometry)
        cuts = [0, *(np.flatnonzero(np.diff(sample)) + 1).tolist(), self._outputs]
        self._products = [
            _product(weight, slice(*cut), taps, geometry.lag + int(sample[cut[0]]))
            for cut in pairwise(cuts)
        ]
        if few_columns:  # a product with them reads the matrix once, row by row
            self._products = [
                each._replace(matrix=np.ascontiguousarray(each.matrix)) for each in self._products
            ]
        self._scratch = scratch

    def __call__(self, frames: Array, bias: Array, out: Array) -> None:
        """Write the outputs of the frames into `out`."""
        count = (frames.shape[-1] - self._lag) // self._inputs
        interleaved = out.reshape(*out.shape[:-1], count, self._outputs).swapaxes(-1, -2)
        for product in self._products:
            np.add(
                self._multiplied(product, frames, count),
                bias[..., np.newaxis],
                out=interleaved[..., product.outputs, :],
            )

    def _multiplied(self, product: _Product, frames: Array, count: int) -> Array:
        """Return the product's outputs as (signals, blocks, channels, outputs, periods)."""
        signals, blocks, channels, length = frames.shape
        groups, rows, _ = product.matrix.shape
        lead, cin = (signals, blocks, groups), channels // groups
        grouped = frames.reshape(*lead, cin, length)
        columns = self._scratch("columns", frames.dtype, *lead, len(product.starts), cin, count)
        for q, start in enumerate(product.starts):
            columns[:, :, :, q] = grouped[..., start : start + count * self._inputs : self._inputs]
        result = self._scratch("product", frames.dtype, *lead, rows, count)
        np.matmul(product.matrix, columns.reshape(*lead, -1, count), out=result)
        return result.reshape(signals, blocks, groups * self._cout, rows // self._cout, count)


class _Taps(NamedTuple):
    """Taps sorted by their output of a period; those of an output start at `first[output]`."""

    number: NDArray[np.intp]
    output: NDArray[np.intp]
    lag: NDArray[np.intp]
    first: NDArray[np.intp]


def _taps_of_outputs(geometry: Geometry) -> _Taps:
    lag, output = outputs_of_taps(geometry)
    order = np.argsort(output, kind="stable")
    ordered = output[order]
    first = np.searchsorted(ordered, np.arange(geometry.period[1] + 1))
    return _Taps(order, ordered, lag[order], first)


def _product(weight: Array, outputs: slice, taps: _Taps, latest: int) -> _Product:
    """Return the product for outputs whose lag 0 is sample `latest` of a frame."""
    groups, cin, cout, _ = weight.shape
    used = slice(taps.first[outputs.start], taps.first[outputs.stop])
    lags, place = np.unique(taps.lag[used], return_inverse=True)
    count = outputs.stop - outputs.start
    rows, numbers = taps.output[used] - outputs.start, taps.number[used]
    bank = np.zeros((groups, lags.size, cin, cout, count), weight.dtype)
    for lag in range(lags.size):
        row, number = rows[place == lag], numbers[place == lag]
        target = bank[:, lag]
        target[..., _as_slice(row)] = weight[..., _as_slice(number)]
    matrix = bank.reshape(groups, lags.size * cin, cout * count).swapaxes(1, 2)  # a view
    return _Product(matrix, (latest - lags).tolist(), outputs)


def _as_slice(indices: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """Return neighbouring indices as a slice, which is far faster."""
    first, last = int(indices[0]), int(indices[-1])
    return slice(first, last + 1) if (np.diff(indices) == 1).all() else indices
