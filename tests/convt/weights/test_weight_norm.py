"""Weights that weight_norm split into a direction and a magnitude."""

import re
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import convt
from tests.support.checkpoints import ones, save_npz
from tests.support.oracles import Array
from tests.support.strategies import numbers


def folded(magnitude: Any, direction: Any) -> Array:
    save_file({"a.weight_g": np.asarray(magnitude), "a.weight_v": np.asarray(direction)}, "w.safetensors")
    weight: Array = convt.load_weights("w.safetensors", "a").weight
    return weight


def by_definition(magnitude: Array, direction: Array, axes: tuple[int, ...]) -> Array:
    norm = np.sqrt((direction.astype("longdouble") ** 2).sum(axes, keepdims=True))
    exact: Array = (magnitude.reshape(norm.shape) * direction / norm).astype("float64")
    return exact


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((4, 1, 1), (1, 2)),
        ((1, 3, 1), (0, 2)),
        ((1, 1, 5), (0, 1)),
        ((4,), (1, 2)),
        ((3,), (0, 2)),
        ((), (0, 1, 2)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_the_norm_leaves_out_the_axis_of_the_magnitude(
    shape: tuple[int, ...], axes: tuple[int, ...], dtype: str
) -> None:
    magnitude, direction = numbers(1, shape, dtype), numbers(2, (4, 3, 5), dtype)
    weight = folded(magnitude, direction)
    assert weight.dtype == dtype
    exact = by_definition(np.asarray(magnitude, "float64"), direction, axes)
    np.testing.assert_allclose(weight, exact, rtol=2 * float(np.finfo(dtype).eps))


def test_one_channel_has_one_magnitude() -> None:
    direction = numbers(2, (1, 3, 5), "float64")
    exact = by_definition(np.array(2.0), direction, (0, 1, 2))
    np.testing.assert_allclose(folded(np.full((1, 1, 1), 2.0), direction), exact, rtol=1e-15)


@pytest.mark.parametrize(
    ("shape", "direction", "message"),
    [
        ((4,), (4, 4, 5), "magnitude of shape (4,) for a weight of shape (4, 4, 5) fits several axes"),
        ((1, 1, 1), (4, 3, 5), "has one number, but every axis has several"),
        ((7, 1, 1), (4, 3, 5), "fits none of its axes"),
        ((4, 3, 1), (4, 3, 5), "fits none of its axes"),
        ((4, 1), (4, 3, 5), "fits none of its axes"),
        ((3, 1, 1), (4, 3, 5), "fits none of its axes"),
    ],
)
def test_magnitudes_that_do_not_fit(
    shape: tuple[int, ...], direction: tuple[int, ...], message: str
) -> None:
    with pytest.raises(convt.WeightsError, match=rf"w\.safetensors: a: .*{re.escape(message)}"):
        folded(np.ones(shape), np.ones(direction))


def test_integers_and_infinities() -> None:
    direction, magnitude = np.array([[[3, 0, 4]]]), np.array([[[7]]])
    np.testing.assert_allclose(folded(magnitude, direction), [[[4.2, 0, 5.6]]])
    np.testing.assert_array_equal(folded(np.full((1, 1, 1), np.inf), np.zeros((1, 1, 3))), [[[0, 0, 0]]])
    assert folded(np.array([5.0]), np.array([[[3.0, 4.0]]])).tolist() == [[[3, 4]]]


def test_a_complex_magnitude_is_refused() -> None:
    save_npz({"a.weight_g": np.ones((1, 1, 1), "complex64"), "a.weight_v": ones(1, 1, 3)})
    with pytest.raises(
        convt.WeightsError, match="the magnitude must be real and the direction numeric, got complex64"
    ):
        convt.load_weights("w.npz")


def test_a_norm_of_zero_gives_no_nan() -> None:
    direction = np.zeros((2, 1, 3))
    direction[1] = [3, 0, 4]
    np.testing.assert_array_equal(
        folded(np.array([7.0, 10.0]).reshape(2, 1, 1), direction), [[[0, 0, 0]], [[6, 0, 8]]]
    )


@pytest.mark.parametrize("scale", [1e200, 1e-200, 5e-324])
def test_a_norm_neither_vanishes_nor_overflows(scale: float) -> None:
    direction = scale * np.array([[[3.0, 4.0]]])
    np.testing.assert_allclose(folded(np.full((1, 1, 1), 5.0), direction), [[[3, 4]]], rtol=1e-15)


@pytest.mark.parametrize(
    "names",
    [
        ["a.weight_v"],
        ["a.weight_g"],
        ["a.weight", "a.weight_v", "a.weight_g"],
        ["a.weight_orig", "a.weight_v"],
        ["a.parametrizations.weight.original"],
    ],
)
def test_other_parametrizations_are_refused(names: list[str]) -> None:
    save_file(dict.fromkeys(names, ones(2, 2, 3)) | {"b.weight": ones(1, 1, 4)}, "w.safetensors")
    listing = convt.list_weights("w.safetensors").entries
    assert [(entry.name, entry.problem is None) for entry in listing] == [("a", False), ("b", True)]
    with pytest.raises(convt.WeightsError, match=r"a: has a\.\S+.*: neither a single weight nor"):
        convt.load_weights("w.safetensors", names[0])
