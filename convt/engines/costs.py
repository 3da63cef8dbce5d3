"""The cost model: how long an engine takes, in multiply-adds of a fast matrix product of the dtype.

A cost is a time on one core, for one group of channels. It is the multiply-adds themselves, and the
constants below for the rest, which is memory and calls. They were fitted to the times that
``python -m tests.benchmarks`` lists with the model's; on the machine of that page the choice is within an
eighth of the best candidate for most kernels, and at worst takes 1.7 times as long, for short ones in
double precision.
"""

import math

from convt.arrays import DType
from convt.engines.buffers import SMALL_PRODUCT

# What touching an element costs, and transforming one, in a dtype's own multiply-adds.
_PRICES = {
    "float32": (1.0, 1.0),
    "float64": (0.5, 0.65),
    "complex64": (0.25, 0.5),
    "complex128": (0.12, 0.33),
}
# toeplitz: for each sample of a window, each channel of a row of windows, each output.
_WINDOW, _ROW, _OUTPUT = 22, 800, 5
_RUN_CALLS = 100_000  # for a run of several
_LARGE = 1.4  # times a product of more than SMALL_PRODUCT multiply-adds
# polyphase and col2im: for each element of a column, in multiply-adds.
_COLUMN_PRODUCT = 11
# polyphase: for each element of a column, each output, each product but the first.
_COLUMN, _INTERLEAVED, _PRODUCT_CALL = 17, 68, 5_000
# And for each copy of a lag, of all groups at once, beyond the calls that any engine makes for a block.
_LAG_CALL, _FEW_CALLS = 40_000, 16
# col2im: for each output, if there is a second lag, and for each further one; and, by the square of the
# channels, for a product over few.
_ADDED, _OVERLAP, _LAG, _THIN = 56, 14, 48, 400
# spectral: for each point and bit of its number, each product of spectra, each output; and for a block.
_POINT, _PRODUCT, _UNPACKED, _BLOCK_CALLS = 9, 30, 80, 1_500_000
_ROUGH = 4  # times the cost, of a transform whose number of points has a large prime factor
# By definition: for each product, if there are fewer samples than taps or not; for each of the fewer.
_BY_SAMPLE, _BY_TAP, _ADDITION = 250, 800, 700_000

# For each element of an engine's matrix, spread over the ten signals that it may serve; and for a call.
PREPARED, CALL = 30, 6_000_000


def toeplitz(dtype: DType, channels: int, window: int, run: int, rows: int, runs: int) -> float:
    """Return the cost of a window's step: in each run, `rows` windows at a time into `run` outputs each."""
    memory, _ = _PRICES[dtype.name]
    product = window * run * (_LARGE if rows * window * run > SMALL_PRODUCT else 1) * (1 + 2 / rows)
    rest = memory * (_WINDOW * window + _ROW * channels + _OUTPUT * run)
    rest += _RUN_CALLS / rows if runs > 1 else 0
    return runs * (product + rest)


def polyphase(dtype: DType, column: int, run: int, products: int, columns: int, copies: float) -> float:
    """Return the cost of a period: a column into a run of outputs, in some products of `columns` each.

    For them so many copies are made: one for each lag of each product, shared by all groups.
    """
    memory, _ = _PRICES[dtype.name]
    work = column * (run / products + _COLUMN_PRODUCT) + _PRODUCT_CALL * (products - 1) / columns
    calls = _LAG_CALL * max(0, copies - _FEW_CALLS) / columns
    return work + memory * (_COLUMN * column + _INTERLEAVED * run + calls)


def col2im(dtype: DType, cin: int, run: int, lag: int, inputs: int) -> float:
    """Return the cost of a sample into a run of outputs for each lag, summed, in blocks of `inputs`."""
    memory, _ = _PRICES[dtype.name]
    product = cin * (run * (lag + 1) + _COLUMN_PRODUCT) * (1 + lag / inputs)
    summed = memory * (_ADDED + _OVERLAP * min(lag, 1) + _LAG * max(0, lag - 1)) + _THIN / cin**2
    return product + run * summed


def spectral(
    dtype: DType, forth: tuple[int, int], back: tuple[int, int], outputs: int, folds: int, hops: int
) -> float:
    """Return the cost of a hop, one of those in a block, that makes so many outputs of a channel.

    `forth` and `back` are the channels and points of the transforms; each point of those back is the sum of
    products of so many folds.
    """
    memory, transform = _PRICES[dtype.name]
    (cin, _), (cout, made) = forth, back
    transforms = _POINT * sum(c * math.log2(n) * spectrum_size(n) for c, n in (forth, back))
    products = cin * cout * made * folds
    rest = memory * cout * outputs * _UNPACKED + _BLOCK_CALLS / hops
    return transform * (transforms + products * _PRODUCT) + rest


def spectrum_size(points: int) -> int:
    """Return the points of a transform, or _ROUGH times as many if they have a large prime factor."""
    rest = points
    for factor in (2, 3, 5, 7, 11):
        while rest % factor == 0:
            rest //= factor
    return points * (1 if rest == 1 else _ROUGH)


def definition(cin: int, cout: int, taps: int, samples: int) -> float:
    """Return the cost of all of so many samples, added by definition."""
    add = _BY_SAMPLE if samples < taps else _BY_TAP
    return samples * cout * taps * (cin + add) + min(samples, taps) * _ADDITION
