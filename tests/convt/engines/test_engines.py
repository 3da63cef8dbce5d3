"""Each engine alone, on stacks of blocks, against the definition."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convt
from convt.engines.buffers import Scratch
from convt.engines.col2im import Col2im
from convt.engines.direct import scatter
from convt.engines.polyphase import Polyphase
from convt.engines.protocol import Engine
from convt.engines.spectral import Spectral
from convt.engines.toeplitz import Toeplitz
from convt.geometry import Geometry
from tests.support.oracles import Array, transposed
from tests.support.strategies import numbers


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
    block = padded[:, geometry.lag * geometry.stride : frames.shape[1] * geometry.stride]
    return block[:, geometry.offset :: geometry.down]


@pytest.mark.parametrize(
    ("prepare", "block"),
    [
        (partial(Toeplitz, width=1), 64),
        (partial(Toeplitz, width=8), 32),
        (Polyphase, 4),
        (Polyphase, 7),
        (Col2im, 1),
        (Col2im, 14),
        (partial(Spectral, hop=5, points=64), 5),
        (partial(Spectral, hop=7, points=50), 35),
    ],
)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@settings(max_examples=15)  # for each engine and dtype
@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(1, 6),
    st.integers(1, 4),
)
def test_maps_each_block_of_a_stack_by_itself(
    prepare: Any,
    block: int,
    dtype: str,
    groups: int,
    cin: int,
    cout: int,
    taps: int,
    stride: int,
    dilation: int,
) -> None:
    geometry = Geometry.of(taps, stride, dilation=dilation)
    weight = numbers(taps, (groups, cin, cout, taps), dtype)
    frames = numbers(stride, (2, 3, groups * cin, geometry.lag + block), dtype)
    bias = numbers(cin, (2, 1, groups * cout, 1), dtype)
    engine: Engine = prepare(weight, geometry, Scratch())
    out = np.full((2, groups * cout, 3, block * stride + 2), np.nan, dtype)[..., 1:-1].swapaxes(1, 2)
    engine(frames, bias, out)
    expected = of_one_block(frames[1, 2], weight, geometry) + bias[1, 0]
    np.testing.assert_allclose(out[1, 2], expected, rtol=0, atol=1e-12)
    alone = np.empty((1, 1, groups * cout, block * stride), dtype)
    engine(frames[1:, 2:], bias[1:], alone)
    np.testing.assert_array_equal(out[1, 2], alone[0, 0])


@pytest.mark.parametrize("cin", [1, 5])
@pytest.mark.parametrize("length", [16, 19])
def test_how_frames_lie_in_memory_is_nothing_to_col2im(cin: int, length: int) -> None:
    geometry, weight = Geometry.of(6, 3), numbers(1, (1, cin, 2, 6), "float32")
    plain, bias = numbers(2, (1, 1, cin, length), "float32"), np.zeros((1, 1, 2, 1), "float32")
    engine, expected = Col2im(weight, geometry, Scratch()), np.empty((1, 1, 2, 3 * length - 3), "float32")
    engine(plain, bias, expected)
    aside = np.zeros((1, 1, length, cin), "float32").swapaxes(-1, -2)
    apart = np.zeros((1, 1, 3 * cin, 2 * length), "float32")[:, :, 1::3, ::2]
    backwards = np.zeros_like(plain)[..., ::-1, ::-1]
    overlapping = np.lib.stride_tricks.as_strided(plain[0, 0, 0], (1, 1, 1, length), (0, 0, 0, 4))
    for frames in (aside, apart, backwards, *([overlapping] if cin == 1 else [])):
        if frames is not overlapping:
            frames[...] = plain
        made = np.empty_like(expected)
        engine(frames, bias, made)
        np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(
    ("stride", "down", "offset"),
    [(2, 3, 0), (3, 2, 1), (6, 4, 3), (5, 4, 2), (4, 8, 7), (1, 5, 4), (9, 1, 0)],
)
@settings(max_examples=12)  # for each ratio and dtype
@given(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 40), st.integers(1, 4))
def test_ratios_of_rates_in_blocks_of_periods(
    stride: int,
    down: int,
    offset: int,
    dtype: str,
    groups: int,
    cin: int,
    cout: int,
    taps: int,
    dilation: int,
) -> None:
    geometry = Geometry.of(taps, stride, offset, 0, dilation, down)
    inputs, outputs = geometry.period
    weight = numbers(taps, (groups, cin, cout, taps), dtype)
    frames = numbers(stride, (2, 2, groups * cin, geometry.lag + 12 * inputs), dtype)
    bias = numbers(cin, (2, 1, groups * cout, 1), dtype)
    expected = of_one_block(frames[1, 1], weight, geometry) + bias[1, 0]
    points = (-(-geometry.lag // inputs) + 4) * inputs
    engines: tuple[Engine, ...] = (
        Toeplitz(weight, geometry, Scratch(), width=3 * inputs),
        *(
            Toeplitz(weight, geometry, Scratch(), width=inputs, runs=n)
            for n in (2, outputs)
            if n <= outputs
        ),
        Polyphase(weight, geometry, Scratch()),
        Spectral(weight, geometry, Scratch(), hop=4 * inputs, points=points),
    )
    for engine in engines:
        out = np.full((2, 2, groups * cout, 12 * outputs), np.nan, dtype)
        engine(frames, bias, out)
        np.testing.assert_allclose(out[1, 1], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1e-300, 1e-170, 1e140])
@pytest.mark.parametrize("down", [1, 3])
def test_spectra_of_kernels_of_any_size(scale: float, down: int) -> None:
    geometry, weight = Geometry.of(40, 4, down=down), numbers(5, (1, 1, 1, 40), "float64")
    frames, bias = numbers(6, (1, 1, 1, geometry.lag + 30), "float64"), np.zeros((1, 1, 1, 1))
    small, plain = np.empty((2, 1, 1, 1, 120 // down))
    Spectral(scale * weight, geometry, Scratch(), hop=15, points=45)(frames, bias, small)
    Spectral(weight, geometry, Scratch(), hop=15, points=45)(frames, bias, plain)
    np.testing.assert_allclose(small, scale * plain, rtol=0, atol=1e-13 * scale)


def test_a_faint_channel_beside_a_loud_one_loses_nothing() -> None:
    low, high = convt.design_kernel(4, quality="fast"), numbers(1, (521,), "float64")
    weight = np.stack([low, 1e-12 * high])[:, np.newaxis, np.newaxis]
    geometry = Geometry.of(521, 4)
    frames, bias = numbers(6, (1, 1, 2, geometry.lag + 126), "float64"), np.zeros((1, 1, 2, 1))
    out = np.empty((1, 1, 2, 504))
    Spectral(weight, geometry, Scratch(), hop=126, points=256)(frames, bias, out)
    expected = of_one_block(frames[0, 0], weight, geometry)
    for channel, atol in enumerate((1e-13, 1e-23)):
        np.testing.assert_allclose(out[0, 0, channel], expected[channel], rtol=0, atol=atol)


def test_more_output_channels_than_are_transformed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    geometry, weight = Geometry.of(40, 7), numbers(5, (1, 2, 3, 40), "float64")
    frames, bias = numbers(6, (1, 1, 2, geometry.lag + 30), "float64"), np.zeros((1, 1, 3, 1))
    results = np.empty((2, 1, 1, 3, 210))
    for elements, out in zip((1 << 18, 1000), results, strict=True):
        monkeypatch.setattr("convt.engines.spectral._OUTPUTS", elements)
        Spectral(weight, geometry, Scratch(), hop=10, points=32)(frames, bias, out)
    np.testing.assert_array_equal(*results)


def test_buffers_stay_and_grow_and_are_each_threads_own() -> None:
    scratch, single = Scratch(), np.dtype("float32")
    first = scratch("a", single, 2, 3)
    assert np.shares_memory(first, scratch("a", single, 6))
    assert not np.shares_memory(first, scratch("b", single, 6))
    assert not np.shares_memory(first, scratch("a", np.dtype("float64"), 6))
    assert scratch("a", single, 4, 5).shape == (4, 5)
    with ThreadPoolExecutor(1) as other:
        elsewhere = other.submit(scratch, "a", single, 20).result()
    assert not np.shares_memory(scratch("a", single, 20), elsewhere)


@given(
    st.lists(st.integers(0, 25), unique=True, max_size=26),
    st.integers(1, 9),
    st.integers(1, 4),
    st.sampled_from([1, 2, 4, 13]),
)
def test_scatter_is_the_definition_for_the_given_samples(
    columns: list[int], taps: int, dilation: int, down: int
) -> None:
    geometry, weight = Geometry.of(taps, 2, 0, 0, dilation, down), numbers(1, (2, 2, 3, taps), "float64")
    lag, kept = geometry.lag, sorted(columns)
    frames = numbers(2, (4, lag + 26), "float64")
    only = np.zeros_like(frames)
    only[:, kept] = frames[:, kept]
    positions = 2 * (np.array(kept, int) - lag)
    result = scatter(frames[:, kept], positions, weight, geometry, 52 // down)
    np.testing.assert_allclose(result, of_one_block(only, weight, geometry), rtol=0, atol=1e-13)


def test_scatter_of_more_products_than_are_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, samples = numbers(3, (1, 2, 3, 5), "float64"), numbers(4, (7, 2, 40), "float64")
    positions, geometry = 3 * np.arange(40), Geometry.of(5, 3)
    whole = scatter(samples, positions, weight, geometry, 122)
    monkeypatch.setattr("convt.engines.direct.PRODUCTS", 4 * 15)
    np.testing.assert_allclose(
        scatter(samples, positions, weight, geometry, 122), whole, rtol=0, atol=1e-13
    )
