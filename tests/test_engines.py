"""Each engine alone, on stacks of blocks, against the definition."""

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
    ("engine", "block"), [(Toeplitz, 64), (Toeplitz, 192), (Polyphase, 4), (Polyphase, 7)]
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
    engine: type[Toeplitz | Polyphase],
    block: int,
    groups: int,
    cin: int,
    cout: int,
    taps: int,
    stride: int,
    dilation: int,
) -> None:
    geometry = Geometry.of(taps, stride, dilation=dilation)
    weight = numbers(taps, (groups, cin, cout, taps), "float64")
    frames = numbers(stride, (2, 3, groups * cin, geometry.lag + block), "float64")
    prepared: Engine = engine(weight, geometry, block)
    stack = prepared(frames)
    assert stack.shape == (2, 3, groups * cout, block * stride)
    np.testing.assert_allclose(
        stack[1, 2], of_one_block(frames[1, 2], weight, geometry), rtol=0, atol=1e-12
    )
    np.testing.assert_array_equal(stack[1, 2], prepared(frames[1, 2]))


def test_scatter_is_the_definition_for_the_given_columns() -> None:
    geometry, weight = Geometry.of(5, 2, dilation=3), numbers(1, (2, 2, 3, 5), "float64")
    frames = numbers(2, (4, geometry.lag + 20), "float64")
    columns = np.array([0, 3, 9, 25])
    only = np.zeros_like(frames)
    only[:, columns] = frames[:, columns]
    result = scatter(frames, columns, weight, geometry, 40)
    np.testing.assert_allclose(result, of_one_block(only, weight, geometry), rtol=0, atol=1e-13)
