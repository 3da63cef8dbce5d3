"""Fitted kernels are the solution of the normal equations, whatever the pieces."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convt
from tests.support.oracles import Array
from tests.support.pairs import made, noise

pytestmark = pytest.mark.usefixtures("one_designed_kernel")


def lags(taps: int, crop: int, stride: int) -> tuple[int, int]:
    """The lags of the input that taps are at: of the kernel, and of one that is in time."""
    leads = [crop, (taps - 1) // 2] if abs((taps - 1) // 2 - crop) <= taps else [crop]
    return -max(leads) // stride, (taps - 1 - min(leads)) // stride


def brute_force(low: Array, high: Array, stride: int, taps: int, crop: int, ridge: float) -> Array:
    """The normal equations, row by row, of outputs whose taps all fall on samples."""
    count = min(len(low), len(high) // stride)
    weight = np.zeros(taps)
    first, last = lags(taps, crop, stride)
    for phase in range(stride):
        used = [k for k in range(taps) if (k - crop - phase) % stride == 0]
        rows, wanted = [], []
        for m in range(count):
            if m - last >= 0 and m - first < len(low) and m >= 0:
                rows.append([low[m - (k - crop - phase) // stride] for k in used])
                wanted.append(high[m * stride + phase])
        a, b = np.array(rows), np.array(wanted)
        gram = a.T @ a
        weight[used] = np.linalg.solve(
            gram + ridge * np.trace(gram) / len(used) * np.eye(len(used)), a.T @ b
        )
    return weight


@settings(max_examples=8)
@given(
    stride=st.integers(1, 4),
    more=st.integers(0, 14),
    crop=st.integers(0, 12),
    length=st.integers(60, 1500),
    surplus=st.integers(-9, 9),
    ridge=st.sampled_from([0.0, 1e-6, 0.1]),
    seed=st.integers(0, 99),
)
def test_it_is_the_solution_of_the_normal_equations(
    stride: int, more: int, crop: int, length: int, surplus: int, ridge: float, seed: int
) -> None:
    """Where nothing is kept back: the first four blocks are all that there is."""
    rng = np.random.default_rng(seed)
    low, high = rng.standard_normal(length), rng.standard_normal(length * stride + surplus)
    taps = stride + more
    fitted = convt.fit(low, high, stride, taps, padding=crop, delay=0, ridge=ridge)
    if fitted.held_out_samples == 0:
        expected = brute_force(low, high, stride, taps, crop, ridge)
        np.testing.assert_allclose(fitted.weight, expected, rtol=0, atol=1e-8)
        error = 10 * np.log10(residual(low, high, fitted.weight, stride, crop))
        assert fitted.error == pytest.approx(error, abs=1e-6)


def residual(low: Array, high: Array, weight: Array, stride: int, crop: int) -> float:
    first, last = lags(len(weight), crop, stride)
    begin, end = max(0, last), min(len(low) + min(first, 0), len(high) // stride)
    full = np.zeros(max(len(high), (len(low) + len(weight)) * stride) + crop + len(weight))
    made = convt.conv_transpose1d(low[np.newaxis], weight[np.newaxis, np.newaxis], stride=stride)[0]
    full[: len(made)] = made
    wanted, got = high[begin * stride : end * stride], full[crop:][begin * stride : end * stride]
    return float(((wanted - got) ** 2).sum() / (wanted**2).sum())


@pytest.mark.parametrize("sizes", [[1, 7, 64, 1000, 100_000], [333], [50_000]])
def test_pieces_give_the_same_bytes(sizes: list[int]) -> None:
    rng = np.random.default_rng(3)
    low, high = rng.standard_normal((2, 70_000)), rng.standard_normal((2, 140_001))
    whole = convt.fit(low, high, 2, 16, delay=1)
    fitter = convt.Fitter(2, 16, delay=1)
    places, turns = [0, 0], itertools.cycle(sizes)
    while places[0] < 70_000 or places[1] < 140_001:
        ends = [place + next(turns) for place in places]
        fitter.process(low[:, places[0] : ends[0]], high[:, places[1] : ends[1]])
        places = ends
    fitted = fitter.solve()
    assert fitted.weight.tobytes() == whole.weight.tobytes()
    assert (fitted.error, fitted.held_out_error) == (whole.error, whole.held_out_error)


@pytest.mark.parametrize("channels", ["shared", "mixed"])
def test_balanced_phases_have_the_same_gain_at_the_least_cost(channels: Any) -> None:
    low, kernel = noise(2, 9000), noise(2, 2, 13)
    high = made(low, kernel, 3) + 0.1 * noise(2, 27_000)
    free = convt.fit(low, high, 3, 13, channels=channels, ridge=0.0, delay=0)
    even = convt.fit(low, high, 3, 13, channels=channels, ridge=0.0, delay=0, balance=True)
    gains = np.stack([even.weight[..., phase::3].sum(-1) for phase in range(3)])
    np.testing.assert_allclose(gains - gains[0], 0, atol=1e-12)
    projected = convt.balance_kernel(free.weight, 3)
    errors = [
        lost(low, high, weight if weight.ndim == 3 else np.einsum("ij,k->ijk", np.eye(2), weight))
        for weight in (free.weight, even.weight, projected)
    ]
    assert errors[0] < errors[1] < errors[2] * 1.001


def lost(low: Array, high: Array, weight: Array) -> float:
    return float(((made(low, weight, 3) - high) ** 2)[:, 300:-300].sum())
