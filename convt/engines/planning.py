"""Which engine, and which block: the cost model.

The choice depends on the kernel and the dtype alone, never on how long a signal is, in which pieces it
arrives or how many threads there are: blocks of another size would round differently. The cores are used
by computing blocks, signals and parts of wide kernels side by side, each on one thread; products that
BLAS divides among its own threads were as fast at best, and may round differently with their number.

A cost is what one input sample of a signal takes on one core, in multiply-adds of a fast matrix product
of the dtype. It is the multiply-adds themselves, and what stands below for the rest, which is memory and
calls. The figures were fitted to the times that ``python -m tests.benchmarks`` puts beside the model; on
the machine of that page the choice is within an eighth of the best candidate for most kernels, and at
worst takes 1.7 times as long, for short ones in double precision.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Literal, get_args

from convt.arrays import Array, DType, compute_dtype
from convt.engines.buffers import SMALL_PRODUCT, Scratch
from convt.engines.col2im import TILE, Col2im
from convt.engines.polyphase import Polyphase
from convt.engines.protocol import Engine
from convt.engines.spectral import Spectral, folds
from convt.engines.toeplitz import Toeplitz
from convt.engines.winograd import PAIRS, Winograd, run_of, wider
from convt.errors import ParameterError
from convt.geometry import Geometry
from convt.kernel import Kernel

EngineName = Literal["toeplitz", "polyphase", "col2im", "winograd", "spectral"]
Planner = Callable[[Geometry, tuple[int, ...], DType, int | None], "Iterator[Plan]"]

# What touching an element costs, and transforming one, in a dtype's own multiply-adds.
_PRICES = {
    "float32": (1.0, 1.0),
    "float64": (0.5, 0.65),
    "complex64": (0.25, 0.5),
    "complex128": (0.12, 0.33),
}
# toeplitz: for each sample of a window, each channel of a row of windows, each output.
_WINDOW, _ROW, _OUTPUT = 22, 800, 5
_WIDEST = 256  # samples that windows advance by, unless a period is longer
_NARROWEST = 16  # samples of a run of a period, not counting the lag, at least
_RUN_CALLS = 100_000  # for a run of several
_LARGE = 1.4  # times a product of more than SMALL_PRODUCT multiply-adds
# polyphase, col2im and winograd: for each element of a column, in multiply-adds.
_COLUMN_PRODUCT = 11
# polyphase: for each element of a column, each output, and each product but the first.
_COLUMN, _INTERLEAVED, _PRODUCT_CALL = 17, 68, 5_000
# col2im: for each output, if there is a second lag, and for each further one, which may be so many; and,
# by the square of the channels, for a product over few.
_ADDED, _OVERLAP, _LAG, _MOST_LAGS, _THIN = 56, 14, 48, 16, 400
# winograd: for each sample of two neighbours; for each sum, of those copied together or one by one.
_APART, _SUMMED, _NARROW = 30, 120, 280
_COMPLEX = 1.5  # times a product, which OpenBLAS packs for however small it is
# spectral: for each point and bit of its number, each product of spectra, each output; and for a block.
_POINT, _PRODUCT, _UNPACKED, _BLOCK_CALLS = 9, 30, 80, 1_500_000
# Points of a transform, unless the lag wants more: a longer one back would leave the cache.
_SMALLEST, _LARGEST = 1 << 10, 1 << 12
_ROUGH = 4  # times the cost, of a transform whose number of points has a large prime factor
# By definition: for each product, if there are fewer samples than taps or not; for each of the fewer.
_BY_SAMPLE, _BY_TAP, _ADDITION = 250, 800, 700_000
# For each element of an engine's matrix, spread over the ten signals that it may serve; and for a call.
_PREPARED, _CALL = 30, 6_000_000

# What two engines want, which the others do not.
_WANTED = {
    "col2im": f"down=1 and dilation*(K - 1) + 1 <= {_MOST_LAGS}*stride",
    "winograd": "an even latency, down=1 and stride < dilation*(K - 1) + 1 <= 2*stride",
}

_MATRIX = 1 << 22  # elements that an engine may keep, or twice as many as its kernel has
_BLOCK = 1 << 20  # elements of what a block is copied to, and of its outputs
_FRAMES = 1 << 19  # elements of the frames that are transformed at a time, unless two have more
_PART, _PART_ROWS = 1 << 19, 512  # elements, or rows of a product, that are worth dividing


@dataclass(frozen=True, slots=True)
class Plan:
    """An engine and the block it works on.

    Attributes
    ----------
    engine : {"toeplitz", "polyphase", "col2im", "winograd", "spectral"}
        Name of the engine.
    inputs, outputs : int
        Input samples of a block, whole periods of the geometry, and the output samples it makes. A stream
        holds back less than that.
    step : int
        The signal's last block has any multiple of so many input samples.
    parts : int
        Runs of output channels that are computed side by side.
    elements : int
        Elements that one block of a signal occupies: input, output, and what lies between.
    matrix : int
        Elements that it takes to prepare the engine, which keeps so many at most.
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


def plan_for(
    kernel: Kernel,
    geometry: Geometry,
    result: DType,
    engine: EngineName | None = None,
    latency: int | None = None,
) -> Plan:
    """Return the plan for a kernel and a result's dtype; see :func:`plan`."""
    dtype, shape = compute_dtype(result), kernel.grouped_shape
    chosen = plan(geometry, shape, dtype, engine, latency)
    if geometry.down == 1 or chosen.engine != "spectral" or engine:
        return chosen  # which more products would not change, and to count them takes long
    return plan(geometry, shape, dtype, engine, latency, folds(kernel.grouped(dtype), geometry))


@lru_cache(maxsize=256)
def plan(
    geometry: Geometry,
    weight: tuple[int, ...],
    dtype: DType,
    engine: EngineName | None = None,
    latency: int | None = None,
    products: int = 1,
) -> Plan:
    """Return the cheapest plan for a weight (groups, C_in/groups, C_out/groups, K).

    With `engine` only that engine is considered, with `latency` only blocks of so many inputs: the whole
    periods in it, or one. `products` are those of :func:`convt.engines.spectral.folds`.

    Raises
    ------
    ParameterError
        The engine cannot do this.
    """
    considered = candidates(geometry, weight, dtype, engine, latency, products)
    if not considered:
        raise ParameterError(f"{engine=} wants {_WANTED[str(engine)]}, got {latency=}, {geometry}")
    return min(considered, key=lambda candidate: candidate.cost)


def candidates(
    geometry: Geometry,
    weight: tuple[int, ...],
    dtype: DType,
    engine: EngineName | None = None,
    latency: int | None = None,
    products: int = 1,
) -> list[Plan]:
    """Return the plans to choose from: those that do not keep far more than the kernel, if there are."""
    planners: dict[EngineName, Planner] = {
        "toeplitz": _toeplitz,
        "polyphase": _polyphase,
        "col2im": _col2im,
        "winograd": _winograd,
        "spectral": partial(_spectral, each=products),
    }
    names = list(planners) if engine is None else [engine]
    if latency:
        period = geometry.period[0]
        latency = max(1, latency // period) * period
    plans = [each for name in names for each in planners[name](geometry, weight, dtype, latency)]
    largest = max(_MATRIX, 2 * math.prod(weight))
    return [each for each in plans if each.matrix <= largest] or plans


def _toeplitz(
    geometry: Geometry, weight: tuple[int, ...], dtype: DType, latency: int | None
) -> Iterator[Plan]:
    """Plan windows of several widths: wider ones waste more products, narrower ones more copies.

    Those of a long period may be narrower than it is: it is divided into runs.
    """
    (groups, cin, cout, _), lag = weight, geometry.lag
    memory, _ = _PRICES[dtype.name]
    inputs, outputs = geometry.period
    widths = [(periods, 1) for periods in (_divisors(latency // inputs) if latency else _powers(1, 256))]
    most = min(max(2, inputs // _NARROWEST), outputs) if inputs > _NARROWEST else 1
    widths += [(1, runs) for runs in _powers(2, most)]
    for periods, runs in widths:
        width = periods * inputs
        window, run = cin * (-(-width // runs) + lag), cout * -(-periods * outputs // runs)
        if periods > 1 and (window * run > _MATRIX or (width > _WIDEST and not latency)):
            continue
        taken = max(runs * window, cin * width)  # samples that a period takes: copied, or in between
        rows = latency // width if latency else _rows(window, run, taken, runs * run)
        product = window * run * (_LARGE if rows * window * run > SMALL_PRODUCT else 1) * (1 + 2 / rows)
        rest = memory * (_WINDOW * window + _ROW * (cin + cout) + _OUTPUT * run)
        rest += _RUN_CALLS / rows if runs > 1 else 0
        yield Plan(
            engine="toeplitz",
            inputs=rows * width,
            outputs=rows * periods * outputs,
            step=width,
            parts=_parts(groups, run, runs * rows * (window + 2 * run)),
            elements=groups * rows * (cin * width + runs * (window + 2 * run)),
            matrix=groups * runs * window * run,
            cost=groups * runs * (product + rest) / width,
            prepare=partial(Toeplitz, width=width, runs=runs),
        )


def _rows(window: int, run: int, taken: int, made: int) -> int:
    """Return how many windows make a block: few enough for a small product, and 16 if they have room.

    With each of them so many elements are taken, and so many made.
    """
    small = _power_below(min(SMALL_PRODUCT // (window * run), 64))
    room = _power_below(min(_BLOCK // made, 4 * _BLOCK // taken))
    return min(room, max(16, small))


def _polyphase(
    geometry: Geometry, weight: tuple[int, ...], dtype: DType, latency: int | None
) -> Iterator[Plan]:
    """Plan blocks that are wide enough for a product and small enough for the cache."""
    (groups, cin, cout, taps), (inputs, outputs) = weight, geometry.period
    memory, _ = _PRICES[dtype.name]
    lags = min(taps, (geometry.span - 1) // geometry.stride + 1)
    products = min(inputs, outputs)  # of a period, each with columns of its own
    column, run = products * cin * lags, cout * outputs
    columns = latency // inputs if latency else _columns(max(column, cin * inputs), run, 256, inputs)
    work = column * (run / products + _COLUMN_PRODUCT) + _PRODUCT_CALL * (products - 1) / columns
    yield Plan(
        engine="polyphase",
        inputs=columns * inputs,
        outputs=columns * outputs,
        step=math.gcd(columns, -(-TILE // inputs)) * inputs,
        parts=_parts(groups, run, columns * (column + 2 * run)),
        elements=groups * columns * (cin * inputs + column + 2 * run),
        matrix=groups * column * run // products,
        cost=groups * (work + memory * (_COLUMN * column + _INTERLEAVED * run)) / inputs,
        prepare=Polyphase,
    )


def _col2im(
    geometry: Geometry, weight: tuple[int, ...], dtype: DType, latency: int | None
) -> Iterator[Plan]:
    """Plan blocks that are whole tiles with their lag, few enough for a small product if those are many."""
    (groups, cin, cout, _), lag = weight, geometry.lag
    memory, _ = _PRICES[dtype.name]
    if geometry.down != 1 or lag >= _MOST_LAGS:
        return
    run = cout * geometry.stride
    taps = run * (lag + 1)
    parts = _parts(groups, run, 256 * (cin + taps))
    columns = _columns(cin, taps, 256)
    small = SMALL_PRODUCT // (cin * -(-taps // parts)) // (2 * TILE) * 2 * TILE
    columns = small if columns // 4 <= small <= columns else columns
    inputs = latency or columns - lag
    product = cin * (taps + _COLUMN_PRODUCT) * (1 + lag / inputs)
    summed = memory * (_ADDED + _OVERLAP * min(lag, 1) + _LAG * max(0, lag - 1)) + _THIN / cin**2
    yield Plan(
        engine="col2im",
        inputs=inputs,
        outputs=inputs * geometry.stride,
        step=1,
        parts=parts,
        elements=groups * inputs * (cin + taps + run),
        matrix=groups * cin * taps,
        cost=groups * (product + run * summed),
        prepare=Col2im,
    )


def _winograd(
    geometry: Geometry, weight: tuple[int, ...], dtype: DType, latency: int | None
) -> Iterator[Plan]:
    """Plan blocks for a kernel of two taps a phase, if this is one."""
    (groups, cin, cout, _), stride = weight, geometry.stride
    memory, _ = _PRICES[dtype.name]
    if geometry.lag != 1 or geometry.down != 1 or (latency and latency % 2):
        return
    column, run = 3 * cin, cout * stride  # of two neighbouring samples
    width, channels = run_of(stride, dtype.itemsize)
    rows = width * -(-cout // channels)  # of them `run`
    parts = _parts(groups, run, 512 * (column + 3 * rows))
    inputs = latency or _columns(2 * cin, -(-rows // parts), 512)
    product = column * (rows + _COLUMN_PRODUCT) / 2 * (_COMPLEX if dtype.kind == "c" else 1)
    summed = _SUMMED if wider(stride * dtype.itemsize) else _NARROW
    yield Plan(
        engine="winograd",
        inputs=inputs,
        outputs=inputs * stride,
        step=math.gcd(inputs, 2 * PAIRS),
        parts=parts,
        elements=groups * inputs * (cin + column + 4 * rows),
        matrix=groups * column * rows,
        cost=groups * (product + memory * (_APART * cin + summed * rows)),
        prepare=Winograd,
    )


def _columns(column: int, run: int, most: int, inputs: int = 1) -> int:
    """Return how many columns make a block, at least a tile unless they are far apart."""
    return max(-(-TILE // inputs), _power_below(min(_BLOCK // run, _BLOCK // column, most)))


def _spectral(
    geometry: Geometry, weight: tuple[int, ...], dtype: DType, latency: int | None, each: int
) -> Iterator[Plan]:
    """Plan transforms of several sizes: smaller ones waste more on the overlap."""
    (groups, cin, cout, _), (inputs, outputs) = weight, geometry.period
    memory, transform = _PRICES[dtype.name]
    lag = -(-geometry.lag // inputs)  # in periods, as all that follows
    smallest = _power_above(max(-(-_SMALLEST // inputs), 2 * lag + 1))
    largest = max(_power_above(-(-_LARGEST // inputs)), 2 * smallest)
    sizes = [(size - lag, size) for size in _powers(smallest, largest)]
    if latency:
        sizes = [(hop, _smooth(lag + hop)) for hop in _divisors(latency // inputs)]
    for hop, size in sizes:
        points, made = size * inputs, size * outputs
        # As many frames as the instructions of a transform work on at a time, unless they are very long.
        rows = min(32 // dtype.itemsize, max(2, _FRAMES // points))
        hops = latency // inputs // hop if latency else rows
        elements = 3 * groups * (cin * points + cout * made) * hops
        transforms = _POINT * sum(
            c * math.log2(n) * _transformed(n) for c, n in ((cin, points), (cout, made))
        )
        products = cin * cout * made * each
        rest = memory * cout * hop * outputs * _UNPACKED + _BLOCK_CALLS / hops
        yield Plan(
            engine="spectral",
            inputs=hops * hop * inputs,
            outputs=hops * hop * outputs,
            step=hop * inputs,
            parts=_parts(groups, cout * outputs, elements // groups),
            elements=elements,
            matrix=groups * cin * cout * _transformed(points * geometry.stride),
            cost=groups * (transform * (transforms + products * _PRODUCT) + rest) / (hop * inputs),
            prepare=partial(Spectral, hop=hop * inputs, points=points),
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


def _power_above(value: int) -> int:
    """Return the power of two at or above `value`."""
    return 1 << (value - 1).bit_length()


def _transformed(points: int) -> int:
    """Return the points of a transform, or _ROUGH times as many if they have a large prime factor."""
    rest = points
    for factor in (2, 3, 5, 7, 11):
        while rest % factor == 0:
            rest //= factor
    return points * (1 if rest == 1 else _ROUGH)


def _divisors(number: int) -> list[int]:
    below = [divisor for divisor in range(1, math.isqrt(number) + 1) if number % divisor == 0]
    return sorted({*below, *(number // divisor for divisor in below)})


def _smooth(least: int) -> int:
    """Return a size at or above `least` that transforms are fast for."""
    return min(odd << (-(-least // odd) - 1).bit_length() for odd in (1, 3, 5))
