"""Kernels of equal phases, against the projection that linear algebra gives."""

from typing import Any

import numpy as np
import pytest

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
