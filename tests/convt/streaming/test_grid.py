"""The grid of blocks, and where each output of a block lies in the signal."""

import numpy as np
import pytest

from convt.engines.planning import plan
from convt.geometry import Geometry
from convt.streaming.grid import Grid


@pytest.mark.parametrize(("stride", "down"), [(1, 1), (2, 1), (3, 2), (160, 147), (2, 5)])
@pytest.mark.parametrize("padding", [0, 7, 2000])
@pytest.mark.parametrize("taps", [1, 40, 700])
def test_outputs_of_a_block_depend_on_its_inputs_alone(
    stride: int, down: int, padding: int, taps: int
) -> None:
    geometry = Geometry.of(taps, stride, padding, down=down)
    grid = Grid(geometry, plan(geometry, (1, 1, 1, taps), np.dtype("float32"), "polyphase"))
    for block in (grid.first_block, grid.first_block + 3):
        first, end = grid.input_start(block), grid.input_start(block + 1) + grid.lag
        for output in (grid.output_start(block), grid.output_start(block + 1) - 1):
            position = padding + output * down  # in the full convolution
            assert first <= -((taps - 1 - position) // stride)
            assert position // stride < end
    assert grid.output_start(grid.first_block) <= 0 < grid.output_start(grid.first_block + 1)


def test_blocks_are_counted_when_their_inputs_have_come_and_their_outputs_are_certain() -> None:
    geometry = Geometry.of(9, 2, 3)
    grid = Grid(geometry, plan(geometry, (1, 1, 1, 9), np.dtype("float32")))
    inputs, outputs = grid.inputs, grid.outputs
    assert [grid.complete(n, 10 * outputs) for n in (0, inputs - 1, inputs, 2 * inputs)] == [0, 0, 1, 2]
    assert [grid.complete(10 * inputs, n) for n in (outputs - 4, outputs - 3)] == [0, 1]
    assert [grid.first_from(n) for n in (-grid.lag, 0, inputs - grid.lag, inputs)] == [0, 1, 1, 2]
    assert grid.outputs_of(5) == 10
    assert grid.steps(1) == 1
