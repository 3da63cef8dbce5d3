"""The measurements that the planner's cost model rests on: every candidate for a kernel, timed.

Times are in the model's own unit, multiply-adds of a fast matrix product on one core, and stand beside
what the model says. `regret` is the time of the planner's choice over that of the best candidate.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from convt.engines.planning import Plan, candidates
from convt.geometry import Geometry
from convt.kernel import Kernel
from convt.streaming.driver import Driver
from convt.streaming.threads import ThreadTeam
from tests.benchmarks.worker import seconds

_DURATION = 0.05

KERNELS = [  # C_in, C_out, taps, stride
    *((1, 1, taps, stride) for stride in (2, 8) for taps in (9, 33, 129, 375, 1025, 4097)),
    (2, 2, 33, 2),
    (2, 2, 513, 2),
    (8, 8, 16, 2),
    (32, 32, 4, 2),
    (64, 32, 4, 2),
    (128, 64, 8, 4),
    (256, 128, 16, 8),
    (384, 192, 8, 4),
]


@dataclass(frozen=True)
class Measured:
    """A candidate, and the multiply-adds that would take as long as an input sample of it."""

    plan: Plan
    seconds: float
    unit: float

    @property
    def cost(self) -> float:
        return self.seconds / self.unit


def measure(dtype: str) -> Iterator[tuple[tuple[int, int, int, int], list[Measured]]]:
    """Yield each kernel with its candidates, the planner's own choice first."""
    unit = _multiply_add(dtype)
    for cin, cout, taps, stride in KERNELS:
        geometry = Geometry.of(taps, stride)
        weight = np.random.default_rng(1).standard_normal((cin, cout, taps)).astype(dtype)
        kernel = Kernel.of(weight, None, 1)
        plans = sorted(candidates(geometry, kernel.grouped_shape, weight.dtype), key=lambda p: p.cost)
        # What is far from the choice is measured by nobody's need, and takes long.
        near = [p for p in plans if p.cost < 4 * plans[0].cost]
        yield (
            (cin, cout, taps, stride),
            [Measured(p, _seconds(kernel, geometry, p, weight.dtype), unit) for p in near],
        )


def _multiply_add(dtype: str) -> float:
    """Seconds of a multiply-add in a fast product on one core."""
    square = np.ones((512, 512), dtype)
    with ThreadTeam(1):
        return seconds(lambda: square @ square, _DURATION) / 512**3


def _seconds(kernel: Kernel, geometry: Geometry, plan: Plan, dtype: np.dtype[Any]) -> float:
    """Seconds of an input sample, in blocks of the plan, on one thread."""
    samples = math.ceil(3e8 / plan.cost / plan.inputs) * plan.inputs
    x = np.random.default_rng(2).standard_normal((1, kernel.in_channels, samples)).astype(dtype)
    driver = Driver(kernel, geometry, plan, dtype, 1)

    def run() -> None:
        driver.reset()
        driver.push(x)

    return seconds(run, _DURATION) / samples
