"""Each engine alone, on stacks of blocks, against the definition."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convt.engines.contract import Engine
from convt.engines.definition import scatter
from convt.engines.polyphase import Polyphase
from convt.engines.toeplitz import Toeplitz
from convt.geometry import Geometry
from tests.oracles import Array, transposed
from tests.strategies import numbers


def of_one_block(frames: Array, weight: Array, geometry: Geometry) -> Array:
    """The block's outputs, cut from the definition applied to all its frames."""
    groups, cin, cout, taps = weight.shape
    full = transposed(
        frames,
        weight.reshape(groups * cin, cout, taps),
        None,
        geometry.stride,
        0,
        0,
        groups,
        geometry.dilation,
    )
    padded = np.pad(full, ((0, 0), (0, geometry.stride)))
    return padded[:, geometry.lag * geometry.stride : frames.shape[1] * geometry.stride]


@pytest.mark.parametrize(
    ("prepare", "block"),
    [
        (partial(Toeplitz, rows=64, width=1), 64),
        (partial(Toeplitz, rows=4, width=8), 32),
        (partial(Polyphase, block=4), 4),
        (partial(Polyphase, block=7), 7),
    ],
)
@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(1, 6),
    st.integers(1, 4),
)
def test_maps_each_block_of_a_stack_by_itself(
    prepare: Any, block: int, groups: int, cin: int, cout: int, taps: int, stride: int, dilation: int
) -> None:
    geometry = Geometry.of(taps, stride, dilation=dilation)
    weight = numbers(taps, (groups, cin, cout, taps), "float64")
    frames = numbers(stride, (2, 3, groups * cin, geometry.lag + block), "float64")
    engine: Engine = prepare(weight, geometry)
    stack = engine(frames)
    assert stack.shape == (2, 3, groups * cout, block * stride)
    np.testing.assert_allclose(
        stack[1, 2], of_one_block(frames[1, 2], weight, geometry), rtol=0, atol=1e-12
    )
    np.testing.assert_array_equal(stack[1, 2], engine(frames[1, 2]))


@given(st.lists(st.integers(0, 25), unique=True, max_size=26), st.integers(1, 9), st.integers(1, 4))
def test_scatter_is_the_definition_for_the_given_samples(
    columns: list[int], taps: int, dilation: int
) -> None:
    geometry, weight = Geometry.of(taps, 2, dilation=dilation), numbers(1, (2, 2, 3, taps), "float64")
    lag, kept = geometry.lag, sorted(columns)
    frames = numbers(2, (4, lag + 26), "float64")
    only = np.zeros_like(frames)
    only[:, kept] = frames[:, kept]
    positions = 2 * (np.array(kept, int) - lag)
    result = scatter(frames[:, kept], positions, weight, dilation, 52)
    np.testing.assert_allclose(result, of_one_block(only, weight, geometry), rtol=0, atol=1e-13)


def test_scatter_of_more_products_than_are_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, samples = numbers(3, (1, 2, 3, 5), "float64"), numbers(4, (7, 2, 40), "float64")
    positions = 3 * np.arange(40)
    whole = scatter(samples, positions, weight, 1, 122)
    monkeypatch.setattr("convt.engines.definition.PRODUCTS", 4 * 15)
    np.testing.assert_allclose(scatter(samples, positions, weight, 1, 122), whole, rtol=0, atol=1e-13)
