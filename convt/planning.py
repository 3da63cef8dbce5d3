"""Which engine, and which block: the cost model.

The choice depends on the kernel alone, never on how long a signal is or in which pieces it arrives:
blocks of another size would round differently.

Costs are in multiply-adds of a fast matrix product per output sample and channel. They were fitted to
the engines' times on some 30 kernels of 1 to 1,536 channels and 1 to 4,097 taps, and tell the faster
engine wherever the two differ by more than a quarter:

- `toeplitz` copies each input into (width + lag)/width windows, at the price of 40 multiply-adds, and
  writes its output at the price of 30;
- `polyphase` multiplies 1.4 times as fast, since its columns are shared by all phases and output
  channels, unless there are few of these; interleaving the phases costs as much as 80 multiply-adds.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from convt.engines import toeplitz
from convt.engines.contract import Array, Engine
from convt.engines.polyphase import Polyphase
from convt.engines.toeplitz import Toeplitz
from convt.geometry import Geometry

_ENGINES: dict[str, Callable[[Array, Geometry, int], Engine]] = {
    "toeplitz": Toeplitz,
    "polyphase": Polyphase,
}

_WINDOW_COPY, _WINDOW_OUTPUT = 40, 30
_PHASES_SPEED, _FEW_PHASES, _INTERLEAVE = 0.7, 64, 80
_TOEPLITZ_MATRIX = 1 << 22  # elements; a wider one falls out of the cache
_POLYPHASE_COLUMNS = 1 << 16  # elements of one block's columns, likewise


@dataclass(frozen=True, slots=True)
class Plan:
    """An engine and the block it works on.

    Attributes
    ----------
    engine : str
        Name of the engine.
    inputs, outputs : int
        Input samples of a block, and the output samples it makes.
    workspace : int
        Elements the engine needs beside a block's input and output.
    cost : float
        Multiply-adds of a matrix product per output sample and channel that would take as long.
    """

    engine: str
    inputs: int
    outputs: int
    workspace: int
    cost: float

    def prepare(self, weight: Array, geometry: Geometry) -> Engine:
        """Return the engine, ready for a weight (groups, C_in/groups, C_out/groups, K)."""
        return _ENGINES[self.engine](weight, geometry, self.inputs)


@lru_cache(maxsize=256)
def plan(geometry: Geometry, cin: int, cout: int) -> Plan:
    """Return the cheaper plan for groups that map `cin` channels to `cout`."""
    plans = (plan_toeplitz(geometry, cin, cout), plan_polyphase(geometry, cin, cout))
    return min(plans, key=lambda plan: plan.cost)


def plan_toeplitz(geometry: Geometry, cin: int, cout: int) -> Plan:
    """Plan windows whose advance balances wasted products against a matrix too narrow to be fast."""
    width = _power_of_two(4 * math.sqrt(geometry.lag + 1), 8, 128)
    while width > 1 and cin * (width + geometry.lag) * cout * width * geometry.stride > _TOEPLITZ_MATRIX:
        width //= 2
    window = cin * (width + geometry.lag)
    cost = window * (1 + _WINDOW_COPY / (width * geometry.stride * cout)) + _WINDOW_OUTPUT
    inputs = width * toeplitz.ROWS
    return Plan("toeplitz", inputs, inputs * geometry.stride, window * toeplitz.ROWS, cost)


def plan_polyphase(geometry: Geometry, cin: int, cout: int) -> Plan:
    """Plan blocks whose columns stay in the cache."""
    lags = np.unique(np.arange(geometry.kernel_size) * geometry.dilation // geometry.stride).size
    inputs = _power_of_two(_POLYPHASE_COLUMNS / (cin * lags), 64, 256)
    outputs = inputs * geometry.stride
    workspace = cin * lags * inputs + cout * outputs
    cost = _PHASES_SPEED * cin * lags * (1 + _FEW_PHASES / (geometry.stride * cout))
    if geometry.stride > 1:
        cost += _INTERLEAVE
    return Plan("polyphase", inputs, outputs, workspace, cost)


def _power_of_two(value: float, lowest: int, highest: int) -> int:
    """Return the power of two at or below `value`, between two others."""
    return min(highest, max(lowest, 1 << int(math.log2(max(1.0, value)))))
