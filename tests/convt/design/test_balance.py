"""Kernels of equal phases, against the projection that linear algebra gives."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

import convt
from tests.support.oracles import Array


def projection(kernel: Array, stride: int) -> Array:
    """The nearest point of the space in which neighbouring phases have the same sum."""
    differences = np.zeros((stride - 1, kernel.size))
    for r in range(stride - 1):
        differences[r, r::stride] = 1
        differences[r, r + 1 :: stride] -= 1
    nearest: Array = kernel - np.linalg.pinv(differences) @ (differences @ kernel)
    return nearest


@pytest.mark.parametrize(("taps", "stride"), [(16, 2), (17, 2), (11, 3), (8, 8), (33, 16), (5, 1)])
def test_the_change_is_the_smallest(taps: int, stride: int) -> None:
    kernel = np.random.default_rng(taps).standard_normal(taps)
    np.testing.assert_allclose(convt.balance_kernel(kernel, stride), projection(kernel, stride), atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_comes_out_as_one(dtype: Any) -> None:
    kernel = np.random.default_rng(1).random((2, 3, 12)).astype(dtype)
    balanced = convt.balance_kernel(kernel, 4)
    assert balanced.dtype == dtype
    gains = convt.Response(balanced, 4).phase_gains
    assert np.ptp(gains, axis=-1).max() <= np.finfo(dtype).eps
    np.testing.assert_allclose(balanced, np.apply_along_axis(projection, -1, kernel, 4), atol=1e-6)


def test_rounding_is_taken_up_by_the_smallest_tap() -> None:
    kernel = np.array([0.5, 1.0, 1e-4, 0.3, 0.5, 1e-4], np.float16)
    gains = convt.Response(convt.balance_kernel(kernel, 2), 2).phase_gains
    assert np.ptp(gains) < 1e-6  # float16 alone rounds to 5e-4


def test_a_learned_kernel_of_complex_or_integer_taps() -> None:
    np.testing.assert_array_equal(convt.balance_kernel([1, 2, 3, 4], 2), [1.5, 1.5, 3.5, 3.5])
    kernel = np.array([1 + 1j, 2, 3, 4j])
    assert np.ptp(convt.balance_kernel(kernel, 2).reshape(2, 2).sum(0)) == pytest.approx(0, abs=1e-15)


def test_what_the_dtype_cannot_hold_is_refused() -> None:
    with pytest.raises(convt.ParameterError, match="weight must be finite and within the range of float16"):
        convt.balance_kernel(np.full(3, 6e4, np.float16), 2)  # one phase has but one tap


def test_the_argument_is_left_as_it_is() -> None:
    kernel = np.array([1.0, 2.0])
    convt.balance_kernel(kernel, 2)
    np.testing.assert_array_equal(kernel, [1.0, 2.0])


@pytest.mark.parametrize("weight", [[1.0, 2.0], 1.0, np.zeros((3, 0))])
def test_a_kernel_that_leaves_phases_without_taps_is_refused(weight: Any) -> None:
    with pytest.raises(convt.ParameterError, match="weight must have a tap for each of the 3 phases"):
        convt.balance_kernel(weight, 3)


@pytest.mark.parametrize(("taps", "stride"), [(16, 8), (4, 2), (9, 3), (10, 4), (7, 3), (5, 4), (8, 8)])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_balanced_layer_has_even_gains_and_even_powers(taps: int, stride: int, groups: int) -> None:
    weight = np.random.default_rng(taps).standard_normal((6, 4, taps))
    even = convt.balance_layer(weight, stride, groups)
    response = convt.LayerResponse(even, stride, groups)
    assert response.lines.max() < -250
    assert response.power_ripple.max() < -60
    np.testing.assert_allclose(even, convt.balance_kernel(even, stride), rtol=0, atol=1e-12)
    np.testing.assert_allclose(convt.balance_layer(even, stride, groups), even, rtol=0, atol=1e-6)


def test_no_even_layer_is_nearer() -> None:
    """Against a general optimiser, on one output channel."""
    weight = np.random.default_rng(1).standard_normal((2, 1, 6))
    even = convt.balance_layer(weight, 2)

    def uneven(flat: Array) -> Array:
        taps = flat.reshape(2, 6)
        gains = taps[:, 0::2].sum(1) - taps[:, 1::2].sum(1)
        return np.append(gains, (taps[:, 0::2] ** 2).sum() - (taps[:, 1::2] ** 2).sum())

    best = min(
        (
            minimize(
                lambda flat: ((flat - weight.ravel()) ** 2).sum(),
                weight.ravel() + 0.1 * np.random.default_rng(seed).standard_normal(12),
                constraints={"type": "eq", "fun": uneven},
            )
            for seed in range(5)
        ),
        key=lambda found: found.fun,
    )
    assert ((even - weight) ** 2).sum() == pytest.approx(best.fun, rel=1e-5)
    np.testing.assert_allclose(even.ravel(), best.x, rtol=0, atol=1e-3)


def test_a_balanced_layer_keeps_its_dtype_and_is_even_in_it() -> None:
    weight = np.random.default_rng(2).standard_normal((64, 32, 16)).astype("float32")
    even = convt.balance_layer(weight, 8)
    assert even.dtype == np.float32
    assert convt.LayerResponse(even.astype(float), 8).lines.max() < -120


def test_phases_without_deviations_get_some() -> None:
    steps = np.arange(4) / 4  # linear interpolation: the middle phase has two equal taps
    even = convt.balance_layer(np.concatenate([steps, 1 - steps])[None, None], 4)
    response = convt.LayerResponse(even, 4)
    assert response.lines.max() < -250
    assert response.power_ripple.max() < -60


def test_layers_that_cannot_be_balanced() -> None:
    with pytest.raises(
        convt.ParameterError, match=r"weight must be real with shape .*, got float64 \(4,\)"
    ):
        convt.balance_layer(np.ones(4), 2)
    with pytest.raises(convt.ParameterError, match="groups must divide C_in = 3, got 2"):
        convt.balance_layer(np.ones((3, 1, 4)), 2, 2)
