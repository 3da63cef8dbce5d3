"""Which engine, and which block: the cost model.

The choice depends on the kernel alone, never on how long a signal is or in which pieces it arrives:
blocks of another size would round differently.

Costs are in multiply-adds of a fast matrix product per output sample and channel. They were fitted to
the engines' times on some 30 kernels of 1 to 1,536 channels and 1 to 4,097 taps, and pick the faster
engine wherever the two differ by more than a quarter:

- `toeplitz` copies each input into (width + lag)/width windows, at the price of 40 multiply-adds, and
  writes its output at the price of 30;
- `polyphase` multiplies 1.4 times as fast, since its columns are shared by all phases and output
  channels, unless there are few of these; interleaving the phases costs as much as 80 multiply-adds;
- adding samples by definition costs 250 multiply-adds for each product where they are fewer than the
  taps and 800 where not, but no preparation; calls cost what numpy's calls do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from convt.engines.contract import Array, Engine
from convt.engines.polyphase import Polyphase
from convt.engines.toeplitz import Toeplitz
from convt.geometry import Geometry

_WINDOW_COPY, _WINDOW_OUTPUT = 40, 30
_PHASES_SPEED, _FEW_PHASES, _INTERLEAVE = 0.7, 64, 80
_ADD_BY_SAMPLE, _ADD_BY_TAP, _ADD_CALL = 250, 800, 700_000
_PREPARE, _ENGINE_CALL = 300, 6_000_000
_TOEPLITZ_MATRIX = 1 << 22  # elements; a wider one falls out of the cache
_WINDOWS = 1 << 22  # elements of one block's windows, at most
_POLYPHASE_COLUMNS = 1 << 16  # elements of one block's columns, likewise
_BLOCK_OUTPUTS = 1 << 20  # elements of one block's output, at most


@dataclass(frozen=True, slots=True)
class Plan:
    """An engine and the block it works on.

    Attributes
    ----------
    engine : str
        Name of the engine.
    prepare : callable
        Makes the engine for a weight (groups, C_in/groups, C_out/groups, K) and a geometry.
    inputs, outputs : int
        Input samples of a block, and the output samples it makes.
    workspace : int
        Elements the engine needs for a group beside a block's input and output.
    matrix : int
        Elements of the matrix that the engine prepares.
    cost : float
        Multiply-adds of a matrix product per output sample and channel that would take as long.
    """

    engine: str
    prepare: Callable[[Array, Geometry], Engine]
    inputs: int
    outputs: int
    workspace: int
    matrix: int
    cost: float


@lru_cache(maxsize=256)
def plan(geometry: Geometry, groups: int, cin: int, cout: int) -> Plan:
    """Return the cheaper plan for groups that map `cin` channels to `cout` each."""
    plans = (plan_toeplitz(geometry, groups, cin, cout), plan_polyphase(geometry, groups, cin, cout))
    return min(plans, key=lambda candidate: candidate.cost)


def plan_toeplitz(geometry: Geometry, groups: int, cin: int, cout: int) -> Plan:
    """Plan windows whose advance balances wasted products against a matrix too narrow to be fast."""
    stride, lag = geometry.stride, geometry.lag
    narrow = groups * cin * cout * stride  # elements of the matrix for windows that advance by one, per lag
    width = _power_of_two(4 * math.sqrt(lag + 1), 8, 128)
    while width > 1 and narrow * width * (width + lag) > _TOEPLITZ_MATRIX:
        width //= 2
    window = cin * (width + lag)
    room = min(_BLOCK_OUTPUTS / (width * stride * cout), _WINDOWS / (groups * window))
    rows = _power_of_two(room, 1, 64)
    return Plan(
        engine="toeplitz",
        prepare=partial(Toeplitz, rows=rows, width=width),
        inputs=rows * width,
        outputs=rows * width * stride,
        workspace=rows * window,
        matrix=narrow * width * (width + lag),
        cost=window * (1 + _WINDOW_COPY / (width * stride * cout)) + _WINDOW_OUTPUT,
    )


def plan_polyphase(geometry: Geometry, groups: int, cin: int, cout: int) -> Plan:
    """Plan blocks whose columns stay in the cache."""
    stride = geometry.stride
    lags = np.unique(np.arange(geometry.kernel_size) * geometry.dilation // stride).size
    largest = _power_of_two(_BLOCK_OUTPUTS / (stride * cout), 1, 256)
    inputs = _power_of_two(_POLYPHASE_COLUMNS / (cin * lags), min(64, largest), largest)
    multiply = _PHASES_SPEED * cin * lags * (1 + _FEW_PHASES / (stride * cout))
    return Plan(
        engine="polyphase",
        prepare=partial(Polyphase, block=inputs),
        inputs=inputs,
        outputs=inputs * stride,
        workspace=cin * lags * inputs + cout * inputs * stride,
        matrix=groups * cin * cout * lags * stride,
        cost=multiply + (_INTERLEAVE if stride > 1 else 0),
    )


def cheaper_by_definition(
    chosen: Plan, weight: tuple[int, ...], samples: int, blocks: int, ready: bool
) -> bool:
    """Tell whether so many samples are added by definition sooner than so many blocks are computed.

    `weight` is the shape (groups, C_in/groups, C_out/groups, K); `ready` says that the engine has been
    prepared for blocks before these.
    """
    groups, cin, cout, taps = weight
    add = _ADD_BY_SAMPLE if samples < taps else _ADD_BY_TAP
    definition = samples * groups * cout * taps * (cin + add) + min(samples, taps) * _ADD_CALL
    engine = blocks * groups * cout * chosen.outputs * chosen.cost + _ENGINE_CALL
    return definition < engine + (0 if ready else chosen.matrix * _PREPARE)


def _power_of_two(value: float, lowest: int, highest: int) -> int:
    """Return the power of two at or below `value`, between two others."""
    return min(highest, max(lowest, 1 << int(math.log2(max(1.0, value)))))
