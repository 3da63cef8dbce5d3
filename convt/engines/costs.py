"""The cost model: the time of an engine, in multiply-adds of a fast matrix product of the dtype.

A cost is the time on one core for one group of channels: the multiply-adds themselves, plus memory and
calls, which the constants below describe. They were fitted to the times that ``python -m tests.benchmarks``
lists next to the model's. On the machine of that page the choice is within an eighth of the best candidate
for most kernels; at worst, for short kernels in double precision, it takes 1.7 times as long.
"""

import math

from convt.arrays import DType
from convt.engines.buffers import SMALL_PRODUCT

# The costs of a memory access and of a transform, per element, in multiply-adds of the dtype.
_PRICES = {
    "float32": (1.0, 1.0),
    "float64": (0.5, 0.65),
    "complex64": (0.25, 0.5),
    "complex128": (0.12, 0.33),
}
# toeplitz: per sample of a window, per channel of a row of windows, per output.
_WINDOW, _ROW, _OUTPUT = 22, 800, 5
_RUN_CALLS = 100_000  # per run, if there are several
_LARGE = 1.4  # factor for a product of more than SMALL_PRODUCT multiply-adds
# polyphase and col2im: per element of a column, in multiply-adds.
_COLUMN_PRODUCT = 11
# polyphase: per element of a column, per output, per product after the first.
_COLUMN, _INTERLEAVED, _PRODUCT_CALL = 17, 68, 5_000
# Also per copy of a lag, of all groups at once, beyond the calls that any engine makes for a block.
_LAG_CALL, _FREE_CALLS = 40_000, 16
# col2im: per output, for a second lag, for each further lag; and for a product over few channels, divided
# by the square of their number.
_ADDED, _OVERLAP, _LAG, _THIN = 56, 14, 48, 400
COL2IM_CALLS = 500_000  # per block, where a latency asks for small ones
# spectral: per point and bit of the number of points, per product of spectra, per output, per block.
_POINT, _PRODUCT, _COPIED, _BLOCK_CALLS = 10, 27, 10, 800_000
_ROUGH = 4  # factor for a transform whose number of points has a large prime factor
# By definition: per product, with fewer samples than taps or not; per addition.
_BY_SAMPLE, _BY_TAP, _ADDITION = 250, 800, 700_000

# Per element of an engine's matrix, assuming that ten signals use it; and per call.
PREPARED, CALL = 30, 6_000_000


def toeplitz(dtype: DType, channels: int, window: int, run: int, rows: int, runs: int) -> float:
    """Return the cost of a window's step: each run maps `rows` windows at a time to `run` outputs each."""
    memory, _ = _PRICES[dtype.name]
    product = window * run * (_LARGE if rows * window * run > SMALL_PRODUCT else 1) * (1 + 2 / rows)
    rest = memory * (_WINDOW * window + _ROW * channels + _OUTPUT * run)
    rest += _RUN_CALLS / rows if runs > 1 else 0
    return runs * (product + rest)


def polyphase(dtype: DType, column: int, run: int, products: int, columns: int, copies: float) -> float:
    """Return the cost of a period, which maps a column to a run of outputs in products of `columns` each.

    `copies` are made for them: one per lag of each product, shared by all groups.
    """
    memory, _ = _PRICES[dtype.name]
    work = column * (run / products + _COLUMN_PRODUCT) + _PRODUCT_CALL * (products - 1) / columns
    calls = _LAG_CALL * max(0, copies - _FREE_CALLS) / columns
    return work + memory * (_COLUMN * column + _INTERLEAVED * run + calls)


def col2im(dtype: DType, cin: int, run: int, lag: int, inputs: int, columns: int) -> float:
    """Return the cost of a sample, which adds to a run of outputs for each lag.

    A block is of `inputs`, computed in that many columns and more.
    """
    memory, _ = _PRICES[dtype.name]
    product = cin * (run * (lag + 1) + _COLUMN_PRODUCT) * columns / inputs
    summed = memory * (_ADDED + _OVERLAP * min(lag, 1) + _LAG * max(0, lag - 1)) + _THIN / cin**2
    return product + run * summed


def spectral(
    dtype: DType, forth: tuple[int, int], back: tuple[int, int], outputs: int, folds: int, hops: int
) -> float:
    """Return the cost of a hop, one of `hops` in a block, with `outputs` per channel.

    `forth` and `back` are the channels and points of the transforms; each point of those back is a sum of
    `folds` products.
    """
    memory, transform = _PRICES[dtype.name]
    (cin, _), (cout, made) = forth, back
    transforms = _POINT * sum(c * math.log2(n) * spectrum_size(n) for c, n in (forth, back))
    products = cin * cout * made * folds
    rest = memory * cout * outputs * _COPIED + _BLOCK_CALLS / hops
    return transform * (transforms + products * _PRODUCT) + rest


def spectrum_size(points: int) -> int:
    """Return the points of a transform, times _ROUGH if their number has a large prime factor."""
    rest = points
    for factor in (2, 3, 5, 7, 11):
        while rest % factor == 0:
            rest //= factor
    return points * (1 if rest == 1 else _ROUGH)


def definition(cin: int, cout: int, taps: int, samples: int) -> float:
    """Return the cost of computing this number of samples by definition."""
    add = _BY_SAMPLE if samples < taps else _BY_TAP
    return samples * cout * taps * (cin + add) + min(samples, taps) * _ADDITION
