"""Which engine, and which block: the cost model.

The choice depends on the kernel and the dtype alone, never on how long a signal is, in which pieces it
arrives or how many threads there are: blocks of another size would round differently. The cores are used
by computing blocks, signals and parts of wide kernels side by side, each on one thread; products that
BLAS divides among its own threads were as fast at best, and may round differently with their number.

A cost is what one input sample of a signal takes on one core, in multiply-adds of a fast matrix product
of the dtype. It is the multiply-adds themselves, and what stands below for the rest, which is memory and
calls. The figures were fitted to the times that ``python -m tests.benchmarks`` puts beside the model; on
the machine of that page the choice is within an eighth of the best candidate for most kernels, and at
worst takes 1.6 times as long, for short ones in double precision.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Literal, get_args

from convt.engines.contract import Array, DType, Engine
from convt.engines.memory import Scratch
from convt.engines.polyphase import Polyphase
from convt.engines.spectral import Spectral
from convt.engines.toeplitz import Toeplitz
from convt.engines.winograd import Winograd
from convt.errors import ParameterError
from convt.geometry import Geometry

EngineName = Literal["toeplitz", "polyphase", "winograd", "spectral"]

# What touching an element costs, and transforming one, in a dtype's own multiply-adds.
_PRICES = {
    "float32": (1.0, 1.0),
    "float64": (0.5, 0.65),
    "complex64": (0.25, 0.5),
    "complex128": (0.12, 0.33),
}
# toeplitz: for each sample of a window, each channel of a row of windows, each output.
_WINDOW, _ROW, _OUTPUT = 22, 800, 5
# OpenBLAS has a faster way for products of up to so many multiply-adds; others take longer by a factor.
_SMALL_PRODUCT, _LARGE = 1_000_000, 1.4
# polyphase and winograd: for each element of a column, also in multiply-adds; for each output.
_COLUMN, _COLUMN_PRODUCT, _INTERLEAVED, _SUMMED = 17, 11, 55, 130
_TILE = 16  # columns that a product computes at a time
# spectral: for each point and bit of its number, each product of spectra, each output; and for a block.
_POINT, _PRODUCT, _UNPACKED, _BLOCK_CALLS = 9, 30, 80, 1_500_000
_SMALLEST, _LARGEST = 1 << 10, 1 << 13  # points of a transform, unless the lag wants more
# By definition: for each product, if there are fewer samples than taps or not; for each of the fewer.
_BY_SAMPLE, _BY_TAP, _ADDITION = 250, 800, 700_000
# For each element of an engine's matrix, spread over the ten signals that it may serve; and for a call.
_PREPARED, _CALL = 30, 6_000_000

_MATRIX = 1 << 22  # elements that an engine may keep, or twice as many as its kernel has
_BLOCK = 1 << 20  # elements of what a block is copied to, and of its outputs
_FRAMES = 1 << 19  # elements of the frames that are transformed at a time, unless two have more
_PART, _PART_ROWS = 1 << 19, 512  # elements, or rows of a product, that are worth dividing


@dataclass(frozen=True, slots=True)
class Plan:
    """An engine and the block it works on.

    Attributes
    ----------
    engine : {"toeplitz", "polyphase", "winograd", "spectral"}
        Name of the engine.
    inputs, outputs : int
        Input samples of a block, and the output samples it makes. A stream holds back less than that.
    step : int
        The signal's last block has any multiple of so many input samples.
    parts : int
        Runs of output channels that are computed side by side.
    elements : int
        Elements that one block of a signal occupies: input, output, and what lies between.
    matrix : int
        Elements that the prepared engine keeps.
    cost : float
        Multiply-adds of a fast matrix product that would take as long as one input sample of a signal.
    prepare : callable
        Makes the engine for a weight (groups, C_in/groups, C_out/groups, K), a geometry and a scratch.
    """

    engine: EngineName
    inputs: int
    outputs: int
    step: int
    parts: int
    elements: int
    matrix: int
    cost: float
    prepare: Callable[[Array, Geometry, Scratch], Engine] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.engine} engine, blocks of {self.inputs} -> {self.outputs} samples"


def as_engine(engine: object) -> EngineName | None:
    """Return `engine` if it is an engine's name or None.

    Raises
    ------
    ParameterError
        It is neither.
    """
    if engine is not None and engine not in get_args(EngineName):
        raise ParameterError(f"engine must be one of {', '.join(get_args(EngineName))}, got {engine!r}")
    return engine  # type: ignore[return-value]  # checked right above


@lru_cache(maxsize=256)
def plan(
    geometry: Geometry,
    weight: tuple[int, ...],
    dtype: DType,
    engine: EngineName | None = None,
    latency: int | None = None,
) -> Plan:
    """Return the cheapest plan for a weight (groups, C_in/groups, C_out/groups, K).

    With `engine` only that engine is considered, with `latency` only blocks of so many inputs.

    Raises
    ------
    ParameterError
        The engine cannot do this.
    """
    considered = candidates(geometry, weight, dtype, engine, latency)
    if not considered:
        raise ParameterError(
            "engine='winograd' wants an even latency and stride < dilation*(K - 1) + 1 <= 2*stride, got"
            f" {latency=}, {geometry}"
        )
    return min(considered, key=lambda candidate: candidate.cost)


def candidates(
    geometry: Geometry,
    weight: tuple[int, ...],
    dtype: DType,
    engine: EngineName | None = None,
    latency: int | None = None,
) -> list[Plan]:
    """Return the plans to choose from: those that do not keep far more than the kernel, if there are."""
    planners = {
        "toeplitz": _toeplitz,
        "polyphase": _polyphase,
        "winograd": _winograd,
        "spectral": _spectral,
    }
    names = planners if engine is None else [engine]
    plans = [each for name in names for each in planners[name](geometry, weight, dtype, latency)]
    largest = max(_MATRIX, 2 * math.prod(weight))
    return [each for each in plans if each.matrix <= largest] or plans


def _toeplitz(
    geometry: Geometry, weight: tuple[int, ...], dtype: DType, latency: int | None
) -> Iterator[Plan]:
    """Plan windows of several widths: wider ones waste more products, narrower ones more copies."""
    (groups, cin, cout, _), stride, lag = weight, geometry.stride, geometry.lag
    memory, _ = _PRICES[dtype.name]
    for width in _divisors(latency) if latency else _powers(1, 256):
        window, run = cin * (width + lag), cout * width * stride
        if width > 1 and window * run > _MATRIX:
            continue
        rows = latency // width if latency else _rows(window, run)
        product = window * run * (_LARGE if rows * window * run > _SMALL_PRODUCT else 1) * (1 + 2 / rows)
        rest = _WINDOW * window + _ROW * (cin + cout) + _OUTPUT * run
        yield Plan(
            engine="toeplitz",
            inputs=rows * width,
            outputs=rows * width * stride,
            step=width,
            parts=_parts(groups, run, rows * (window + 2 * run)),
            elements=groups * rows * (cin * width + window + 2 * run),
            matrix=groups * window * run,
            cost=groups * (product + memory * rest) / width,
            prepare=partial(Toeplitz, width=width),
        )


def _rows(window: int, run: int) -> int:
    """Return how many windows make a block: few enough for a small product, and 16 if they have room."""
    small = _power_below(min(_SMALL_PRODUCT // (window * run), 64))
    room = _power_below(min(_BLOCK // run, 4 * _BLOCK // window))
    return min(room, max(16, small))


def _polyphase(
    geometry: Geometry, weight: tuple[int, ...], dtype: DType, latency: int | None
) -> Iterator[Plan]:
    """Plan blocks that are wide enough for a product and small enough for the cache."""
    (groups, cin, cout, taps), stride = weight, geometry.stride
    memory, _ = _PRICES[dtype.name]
    lags = min(taps, (geometry.span - 1) // stride + 1)
    column, run = cin * lags, cout * stride
    inputs = latency or _columns(column, run, 256)
    yield Plan(
        engine="polyphase",
        inputs=inputs,
        outputs=inputs * stride,
        step=math.gcd(inputs, _TILE),
        parts=_parts(groups, run, inputs * (column + 2 * run)),
        elements=groups * inputs * (cin + column + 2 * run),
        matrix=groups * column * run,
        cost=groups * (column * (run + _COLUMN_PRODUCT) + memory * (_COLUMN * column + _INTERLEAVED * run)),
        prepare=Polyphase,
    )


def _winograd(
    geometry: Geometry, weight: tuple[int, ...], dtype: DType, latency: int | None
) -> Iterator[Plan]:
    """Plan blocks for a kernel of two taps a phase, if this is one."""
    (groups, cin, cout, _), stride = weight, geometry.stride
    memory, _ = _PRICES[dtype.name]
    if geometry.lag != 1 or (latency and latency % 2):
        return
    column, run = 3 * cin, cout * stride  # of two neighbouring samples
    inputs = latency or _columns(column, run, 512)
    products = column * (run + _COLUMN_PRODUCT) / 2
    yield Plan(
        engine="winograd",
        inputs=inputs,
        outputs=inputs * stride,
        step=math.gcd(inputs, _TILE),
        parts=_parts(groups, run, inputs * (column // 2 + 3 * run)),
        elements=groups * inputs * (cin + column // 2 + 3 * run),
        matrix=groups * column * run,
        cost=groups * (products + memory * (2 * _COLUMN * cin + _SUMMED * run)),
        prepare=Winograd,
    )


def _columns(column: int, run: int, most: int) -> int:
    """Return how many columns make a block, at least a tile."""
    return max(_TILE, _power_below(min(_BLOCK // run, _BLOCK // column, most)))


def _spectral(
    geometry: Geometry, weight: tuple[int, ...], dtype: DType, latency: int | None
) -> Iterator[Plan]:
    """Plan transforms of several sizes: smaller ones waste more on the overlap."""
    (groups, cin, cout, _), stride, lag = weight, geometry.stride, geometry.lag
    memory, transform = _PRICES[dtype.name]
    smallest = max(_SMALLEST, 1 << (2 * lag + 1).bit_length())
    sizes = [(points - lag, points) for points in _powers(smallest, max(_LARGEST, 2 * smallest))]
    if latency:
        sizes = [(hop, _smooth(lag + hop)) for hop in _divisors(latency)]
    channels, kernels = cin + cout * stride, cin * cout * stride
    for hop, points in sizes:
        # As many frames as the instructions of a transform work on at a time, unless they are very long.
        rows = min(32 // dtype.itemsize, max(2, _FRAMES // points))
        inputs = latency or rows * hop
        frames = inputs // hop * points
        transforms = channels * _POINT * math.log2(points) + kernels * _PRODUCT
        rest = memory * cout * stride * _UNPACKED + _BLOCK_CALLS / inputs
        yield Plan(
            engine="spectral",
            inputs=inputs,
            outputs=inputs * stride,
            step=hop,
            parts=_parts(groups, cout * stride, 3 * channels * frames),
            elements=3 * groups * channels * frames,
            matrix=groups * kernels * points,
            cost=groups * (transform * transforms * points / hop + rest),
            prepare=partial(Spectral, hop=hop, points=points),
        )


def cheaper_by_definition(
    chosen: Plan, weight: tuple[int, ...], samples: int, steps: int, ready: bool
) -> bool:
    """Tell whether so many samples are added by definition sooner than so many steps are computed.

    `weight` is the shape (groups, C_in/groups, C_out/groups, K); `ready` says that the engine has been
    prepared for blocks before these, and is called for them anyhow.
    """
    groups, cin, cout, taps = weight
    add = _BY_SAMPLE if samples < taps else _BY_TAP
    definition = samples * cout * taps * (cin + add) + min(samples, taps) * _ADDITION
    engine = steps * chosen.step * chosen.cost + (0 if ready else chosen.matrix * _PREPARED)
    return definition + (_CALL if ready else -_CALL) < engine / groups


def _parts(groups: int, run: int, elements: int) -> int:
    """Return in how many parts to compute groups of so many elements, or a single group of `run` rows."""
    if groups > 1:
        return min(groups, -(-groups * elements // _PART))
    return 1 if run < _PART_ROWS else 2 * -(-run // (8 * _PART_ROWS))


def _powers(lowest: int, highest: int) -> list[int]:
    """Return the powers of two from one to another."""
    return [1 << n for n in range(lowest.bit_length() - 1, highest.bit_length())]


def _power_below(value: int) -> int:
    """Return the power of two at or below `value`, at least 1."""
    return 1 << max(0, value.bit_length() - 1)


def _divisors(number: int) -> list[int]:
    below = [divisor for divisor in range(1, math.isqrt(number) + 1) if number % divisor == 0]
    return sorted({*below, *(number // divisor for divisor in below)})


def _smooth(least: int) -> int:
    """Return a size at or above `least` that transforms are fast for."""
    return min(odd << (-(-least // odd) - 1).bit_length() for odd in (1, 3, 5))
