"""Choose the engine and the block size.

The choice depends only on the kernel and the dtype, never on the length of a signal, its pieces or the
number of threads: blocks of another size would round differently. To use several cores, blocks, signals and
parts of wide kernels are computed in parallel, each on one thread. Matrix products on several threads of
BLAS were no faster, and may round differently with the number of threads.

Each planner proposes blocks for its engine, ``costs.py`` estimates their time, and the cheapest is chosen.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Literal, NamedTuple, get_args

from convt.arguments import as_choice
from convt.arrays import Array, DType, compute_dtype, fast_length
from convt.engines import costs
from convt.engines.buffers import SMALL_PRODUCT, Scratch
from convt.engines.col2im import TILE, Col2im
from convt.engines.kernel_spectrum import folds
from convt.engines.polyphase import Polyphase
from convt.engines.protocol import Engine
from convt.engines.spectral import Spectral
from convt.engines.toeplitz import Toeplitz
from convt.engines.transforms import transforms
from convt.errors import ParameterError
from convt.geometry import Geometry
from convt.kernel import Kernel

EngineName = Literal["toeplitz", "polyphase", "col2im", "spectral"]

_WIDEST = 256  # samples that windows of toeplitz advance by, unless a period is longer
_NARROWEST = 16  # minimum samples of a run of a period, without the lag
_MOST_LAGS = 16  # of col2im
# Points of a transform, and of both transforms, unless the lag needs more: more do not fit the cache.
_SMALLEST, _LARGEST = 1 << 10, 5 << 13

_MATRIX = 1 << 22  # elements that an engine may keep, or twice the elements of its kernel
_BLOCK = 1 << 20  # elements of the copy of a block, and of its outputs
# Limits for the elements of a frame and of an engine, or 4 and 16 times the elements of the kernel.
_FRAME, _ENGINE = 1 << 24, 1 << 26
# Elements of the frames to transform at a time: preferred, and if vector instructions need more frames.
_FRAMES, _MOST_FRAMES = 1 << 16, 1 << 19
WORTH_A_THREAD = 3e7  # multiply-adds that take as long as waking a thread
_PART, _PART_ROWS = 1 << 19, 512  # elements, or rows of a product, that are worth dividing


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """An engine and its block size.

    Attributes
    ----------
    engine : {"toeplitz", "polyphase", "col2im", "spectral", "chirp", "definition"}
        Name of the engine: "chirp" for a ratio of large numbers, "definition" for taps or outputs that are
        too far apart for the memory of an engine.
    inputs, outputs : int
        Input and output samples of a block. A stream holds back less than that, plus the samples that the
        next outputs depend on.
    matrix : int
        Elements needed to prepare the engine, which keeps that many at most.
    """

    engine: EngineName | Literal["chirp", "definition"]
    inputs: int
    outputs: int
    matrix: int = field(repr=False)

    @property
    def fft(self) -> str | None:
        """Library of the Fourier transforms, "ducc0" or "scipy"; None for engines without transforms."""
        return transforms().name if self.engine in ("spectral", "chirp") else None

    def __str__(self) -> str:
        library = " with ducc0" if self.fft == "ducc0" else ""
        return f"{self.engine} engine{library}, blocks of {self.inputs} -> {self.outputs} samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Blocks):
    """How to compute a kernel: blocks of whole periods of the geometry, their memory and their cost.

    Attributes
    ----------
    step : int
        The input samples of a signal's last block are a multiple of this.
    parts : int
        Runs of output channels that threads compute at the same time.
    elements : int
        Elements that one block of a signal occupies: input, output and intermediate results.
    cost : float
        Multiply-adds of a fast matrix product that would take as long as one input sample of a signal.
    prepare : callable
        Returns the engine for a weight (groups, C_in/groups, C_out/groups, K), a geometry and a scratch.
    """

    step: int = field(repr=False)
    parts: int = field(repr=False)
    elements: int = field(repr=False)
    cost: float = field(repr=False)
    prepare: Callable[[Array, Geometry, Scratch], Engine] = field(repr=False)


def as_engine(engine: EngineName | None) -> EngineName | None:
    """Return `engine`, an engine's name or None; raises like :func:`as_choice`."""
    return None if engine is None else as_choice("engine", engine, get_args(EngineName))


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
        return chosen  # more products would not change it, and counting them is slow
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

    With `engine` only that engine is considered. With `latency` only blocks of that many inputs are
    considered, in whole periods. `products` are those of :func:`convt.engines.spectral.folds`.

    Raises
    ------
    ParameterError
        The engine cannot compute this kernel.
    """
    considered = candidates(geometry, weight, dtype, engine, latency, products)
    if not considered:
        required = f"down=1 and dilation*(K - 1) + 1 <= {_MOST_LAGS}*stride"  # for col2im
        raise ParameterError(f"{engine=} needs {required}, got {latency=}, {geometry}")
    taps, frame = math.prod(weight), weight[1] * (geometry.lag + geometry.period[0])
    fitting = [each for each in considered if each.matrix <= max(_ENGINE, 16 * taps)]
    chosen = min(fitting or considered, key=lambda candidate: candidate.cost)
    if fitting and frame <= max(_FRAME, 4 * taps):
        return chosen
    # Each block checks all samples of its frame; blocks as long as the lag keep this linear.
    blocks = 1 if latency else max(1, -(-geometry.lag // chosen.inputs))
    return replace(
        chosen, engine="definition", inputs=blocks * chosen.inputs, outputs=blocks * chosen.outputs
    )


def candidates(
    geometry: Geometry,
    weight: tuple[int, ...],
    dtype: DType,
    engine: EngineName | None = None,
    latency: int | None = None,
    products: int = 1,
) -> list[Plan]:
    """Return the plans to choose from, without those that keep far more than the kernel, if possible."""
    if latency:
        period = geometry.period[0]
        latency = max(1, latency // period) * period
    groups, cin, cout, _ = weight
    problem = _Problem(geometry, groups, cin, cout, dtype, latency, products)
    names = list(_PLANNERS) if engine is None else [engine]
    plans = [each for name in names for each in _PLANNERS[name](problem)]
    largest = max(_MATRIX, 2 * math.prod(weight))
    return [each for each in plans if each.matrix <= largest] or plans


class _Problem(NamedTuple):
    """The problem to plan for.

    `cin` and `cout` are the channels of one group; `products` are those of :func:`plan`.
    """

    geometry: Geometry
    groups: int
    cin: int
    cout: int
    dtype: DType
    latency: int | None
    products: int


def _toeplitz(problem: _Problem) -> Iterator[Plan]:
    """Plan windows of several widths: wide ones waste products, narrow ones waste copies.

    A long period may be divided into runs, whose windows are narrower.
    """
    geometry, groups, cin, cout, dtype, latency, _ = problem
    inputs, outputs = geometry.period
    widths = [(periods, 1) for periods in (_divisors(latency // inputs) if latency else _powers(1, 256))]
    most = min(max(2, inputs // _NARROWEST), outputs) if inputs > _NARROWEST else 1
    widths += [(1, runs) for runs in _powers(2, most)]
    for periods, runs in widths:
        width = periods * inputs
        window, run = cin * (-(-width // runs) + geometry.lag), cout * -(-periods * outputs // runs)
        if periods > 1 and (window * run > _MATRIX or (width > _WIDEST and not latency)):
            continue
        taken = max(runs * window, cin * width)  # samples of a period: copied, or in between
        rows = latency // width if latency else _rows(window, run, taken, runs * run)
        yield Plan(
            engine="toeplitz",
            prepare=partial(Toeplitz, width=width, runs=runs),
            inputs=rows * width,
            outputs=rows * periods * outputs,
            step=width,
            parts=_parts(groups, run, runs * rows * (window + 2 * run)),
            elements=groups * rows * (cin * width + runs * (window + 2 * run)),
            matrix=groups * runs * window * run,
            cost=groups * costs.toeplitz(dtype, cin + cout, window, run, rows, runs) / width,
        )


def _rows(window: int, run: int, taken: int, made: int) -> int:
    """Return the number of windows in a block: few enough for a small product, but 16 if memory allows.

    A window reads `taken` elements and writes `made`.
    """
    small = _power_below(min(SMALL_PRODUCT // (window * run), 64))
    room = _power_below(min(_BLOCK // made, 4 * _BLOCK // taken))
    return min(room, max(16, small))


def _polyphase(problem: _Problem) -> Iterator[Plan]:
    """Plan blocks that are wide enough for a product and small enough for the cache."""
    geometry, groups, cin, cout, dtype, latency, _ = problem
    inputs, outputs = geometry.period
    lags = min(geometry.kernel_size, (geometry.span - 1) // geometry.stride + 1)
    products = min(inputs, outputs)  # of a period, each with its own columns
    column, run = products * cin * lags, cout * outputs
    columns = latency // inputs if latency else _columns(max(column, cin * inputs), run, 256, inputs)
    yield Plan(
        engine="polyphase",
        prepare=partial(Polyphase, few_columns=1 < columns < TILE),
        inputs=columns * inputs,
        outputs=columns * outputs,
        step=math.gcd(columns, -(-TILE // inputs)) * inputs,
        parts=1
        if latency and groups == 1 and columns * column * run < WORTH_A_THREAD
        else _parts(groups, run, columns * (column + 2 * run)),
        elements=groups * columns * (cin * inputs + column + 2 * run),
        matrix=groups * column * run // products,
        cost=groups
        * costs.polyphase(dtype, column, run, products, columns, lags * products / groups)
        / inputs,
    )


def _col2im(problem: _Problem) -> Iterator[Plan]:
    """Plan blocks that, with their lag, are whole tiles, and preferably fit a small product."""
    geometry, groups, cin, cout, dtype, latency, _ = problem
    lag, run = geometry.lag, cout * geometry.stride
    if geometry.down != 1 or lag >= _MOST_LAGS:
        return
    taps = run * (lag + 1)
    parts = _parts(groups, run, 256 * (cin + taps))
    columns = _columns(cin, taps, 256)
    small = SMALL_PRODUCT // (cin * -(-taps // parts)) // (2 * TILE) * 2 * TILE
    columns = small if columns // 4 <= small <= columns else columns
    inputs = latency or columns - lag
    yield Plan(
        engine="col2im",
        prepare=Col2im,
        inputs=inputs,
        outputs=inputs * geometry.stride,
        step=1,
        parts=parts,
        elements=groups * inputs * (cin + taps + run),
        matrix=groups * cin * taps,
        cost=groups * costs.col2im(dtype, cin, run, lag, inputs, -(-(inputs + lag) // TILE) * TILE)
        + (costs.COL2IM_CALLS / inputs if latency else 0),
    )


def _columns(column: int, run: int, most: int, inputs: int = 1) -> int:
    """Return the number of columns in a block, at least a tile unless a period has many samples."""
    return max(-(-TILE // inputs), _power_below(min(_BLOCK // run, _BLOCK // column, most)))


def _spectral(problem: _Problem) -> Iterator[Plan]:
    """Plan transforms of several sizes: small ones spend more on the overlap."""
    geometry, groups, cin, cout, dtype, latency, products = problem
    inputs, outputs = geometry.period
    lag = -(-geometry.lag // inputs)  # in periods, like everything below
    smallest = _power_above(max(-(-_SMALLEST // inputs), 2 * lag + 1))
    largest = max(_power_below(_LARGEST // (inputs + outputs)), 2 * smallest)
    sizes = [(size - lag, size) for size in _powers(smallest, largest)]
    if latency:
        sizes = [(hop, fast_length(lag + hop)) for hop in _divisors(latency // inputs)]
    for hop, size in sizes:
        points, made = size * inputs, size * outputs
        vectors = 32 // dtype.itemsize  # frames that fill vector instructions, once or twice
        rows = max(vectors // 2, min(vectors, _power_above(max(1, _FRAMES // points))))
        rows = min(rows, max(2, _MOST_FRAMES // points))
        hops = latency // inputs // hop if latency else rows
        elements = 3 * (cin * points + cout * made) * hops
        cost = costs.spectral(dtype, (cin, points), (cout, made), hop * outputs, products, hops)
        yield Plan(
            engine="spectral",
            prepare=partial(Spectral, hop=hop * inputs, points=points),
            inputs=hops * hop * inputs,
            outputs=hops * hop * outputs,
            step=hop * inputs,
            parts=_parts(groups, cout * outputs, elements),
            elements=groups * elements,
            matrix=groups * cin * cout * costs.spectrum_size(points * geometry.stride),
            cost=groups * cost / (hop * inputs),
        )


_PLANNERS: dict[EngineName, Callable[[_Problem], Iterator[Plan]]] = {
    "toeplitz": _toeplitz,
    "polyphase": _polyphase,
    "col2im": _col2im,
    "spectral": _spectral,
}


def cheaper_by_definition(
    chosen: Plan, geometry: Geometry, weight: tuple[int, ...], samples: int, steps: int, ready: bool
) -> bool:
    """Return whether `samples` computed by definition take less time than `steps` of the engine.

    `weight` is the shape (groups, C_in/groups, C_out/groups, K). `ready` says that the engine is already
    prepared, and is called anyway for earlier blocks.
    """
    groups, cin, cout, taps = weight
    definition = costs.definition(cin, cout, taps, samples)
    inputs = steps * chosen.step
    engine = inputs * chosen.cost + groups * cin * (geometry.lag + inputs)  # one per sample of its frame
    engine += 0 if ready else chosen.matrix * costs.PREPARED
    is_cheaper = definition + (costs.CALL if ready else -costs.CALL) < engine / groups
    return is_cheaper or chosen.engine == "definition"


def _parts(groups: int, run: int, elements: int) -> int:
    """Return the number of parts for groups of `elements` each, or for a single group of `run` rows."""
    if groups > 1:
        return min(groups, -(-groups * elements // _PART))
    return 1 if run < _PART_ROWS else 2 * -(-run // (8 * _PART_ROWS))


def _powers(lowest: int, highest: int) -> list[int]:
    """Return the powers of two from `lowest` to `highest`."""
    return [1 << n for n in range(lowest.bit_length() - 1, highest.bit_length())]


def _power_below(value: int) -> int:
    """Return the power of two at or below `value`, at least 1."""
    return 1 << max(0, value.bit_length() - 1)


def _power_above(value: int) -> int:
    """Return the power of two at or above `value`."""
    return 1 << (value - 1).bit_length()


def _divisors(number: int) -> list[int]:
    below = [divisor for divisor in range(1, math.isqrt(number) + 1) if number % divisor == 0]
    return sorted({*below, *(number // divisor for divisor in below)})
