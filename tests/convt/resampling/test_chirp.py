"""The chirp-z transform, compared with sums over the samples, and the bound of its error."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import convt
from convt.design.designer import lowpass
from convt.design.presets import QUALITIES, Quality
from convt.resampling.chirp import Chirp
from tests.support.oracles import Array


def chirp(rate_in: int, rate_out: int, quality: Quality = "high") -> Chirp:
    preset = QUALITIES[quality]

    def taps(density: Fraction) -> Array:
        return lowpass(density, 1, preset.passband, preset.rejection, 1.0, "linear")

    return Chirp(
        Fraction(rate_out, rate_in),
        taps,
        stopband=1.0,
        is_symmetric=True,
        is_extended=False,
        dtype=np.dtype(np.float64),
        latency=None,
    )


def kernel_of(prepared: Chirp, late: float) -> Array:
    """g(n + late) of the equation, 0 <= n < N: the transform of its spectrum, of both signs."""
    points, bins, before = prepared._sizes.points, prepared._sizes.bins, prepared._sizes.before
    k = np.arange(-bins, bins + 1)
    half = prepared._spectrum * np.exp(-2j * np.pi * (k[bins:] * before % points) / points)
    spectrum = np.concatenate([half[:0:-1].conj(), half]) * np.exp(2j * np.pi * k * late / points)
    folded = np.zeros(points, np.complex128)
    np.add.at(folded, k % points, spectrum)
    return np.asarray(points * np.fft.ifft(folded).real)


@pytest.mark.parametrize("rates", [(44_100, 44_101), (12_499, 15_001), (48_000, 16_001), (8000, 95_989)])
def test_outputs_are_the_sum_over_the_samples_that_they_depend_on(rates: tuple[int, int]) -> None:
    prepared = chirp(*rates)
    x = np.random.default_rng(1).standard_normal((1, 9000))
    y = prepared.whole(x, -(-9000 * rates[1] // rates[0]), 1)[0]
    for j in np.linspace(0, y.size - 1, 7).astype(int):
        whole, part = divmod(int(j) * rates[0], rates[1])
        n = np.arange(9000)
        near = n[np.abs(whole - n) <= prepared._sizes.before]
        exact = x[0, near] @ kernel_of(prepared, part / rates[1])[whole - near]
        assert y[j] == pytest.approx(exact, abs=2e-9)


@pytest.mark.parametrize(("quality", "margin"), [("fast", 4), ("high", 9), ("best", 13)])
@pytest.mark.parametrize("rates", [(44_100, 44_101), (48_000, 16_001)])
def test_the_bound_of_the_error_is_as_stated(
    quality: Quality, margin: float, rates: tuple[int, int]
) -> None:
    """The sum of all abs(g) outside the reach, for a maximum of 1 of the samples."""
    prepared = chirp(*rates, quality)
    sizes = prepared._sizes
    for late in (0.0, 0.25, 0.5, 0.9):
        bound = np.abs(kernel_of(prepared, late)[sizes.before + 1 : sizes.points - sizes.after]).sum()
        assert 20 * np.log10(bound) < -QUALITIES[quality].rejection - margin


def test_the_taps_have_the_response_that_is_applied() -> None:
    """Impulses through it are the designed low-pass: flat, and rejected beyond the Nyquist frequency."""
    x = np.zeros((1, 4001))
    x[0, 2000] = 1
    y = chirp(40_000, 40_001).whole(x, 4002, 1)[0]
    gains = np.abs(np.fft.rfft(y, 1 << 16))
    edge = int(0.96 * gains.size)
    assert np.abs(20 * np.log10(gains[:edge])).max() < 0.01


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_what_is_not_finite_reaches_what_the_filter_reaches(bad: float, dtype: Any) -> None:
    for rates in ((44_100, 44_101), (48_000, 16_001), (8000, 95_989)):
        x = np.random.default_rng(2).standard_normal((2, 12_000)).astype(dtype)
        clean = convt.resample(x, *rates, quality="fast")
        x[1, 6000] = bad
        made = convt.resample(x, *rates, quality="fast")
        np.testing.assert_array_equal(made[0], clean[0])
        reached = np.flatnonzero(np.isnan(made[1])) * rates[0] / rates[1]
        reach = 66 * max(1, rates[0] / rates[1])
        assert abs(reached.min() - (6000 - reach)) < 3 * max(1, rates[0] / rates[1])
        assert abs(reached.max() - (6000 + reach)) < 3 * max(1, rates[0] / rates[1])
        rest = np.isfinite(made[1])
        np.testing.assert_allclose(made[1, rest], clean[1, rest], atol=1e-4)
        assert np.isnan(convt.resample(np.full(3000, bad, dtype), *rates, quality="fast")).all()


def test_numbers_whose_products_would_overflow_are_scaled() -> None:
    x = np.random.default_rng(3).standard_normal(6000)
    made = convt.resample(x * 1e300, 44_100, 44_101, quality="fast")
    np.testing.assert_allclose(made / 1e300, convt.resample(x, 44_100, 44_101, quality="fast"), atol=1e-13)


@pytest.mark.parametrize(
    ("rate_in", "rate_out"), [(1, 10_003.5), (1_000_003, 1000), (44_100, 44_100 * 700 + 1)]
)
def test_rates_far_apart(rate_in: float, rate_out: float) -> None:
    """A low tone keeps its level, and is in time."""
    low = min(rate_in, rate_out)
    count = int(600 * rate_in / low)
    made = convt.resample(np.cos(2 * np.pi * 0.05 * low / rate_in * np.arange(count)), rate_in, rate_out)
    exact = np.cos(2 * np.pi * 0.05 * low / rate_out * np.arange(made.size))
    inner = slice(made.size * 9 // 20, made.size * 11 // 20)
    np.testing.assert_allclose(made[inner], exact[inner], atol=1e-8)


def test_rates_too_far_apart_are_refused() -> None:
    with pytest.raises(convt.ParameterError, match=r"a ratio of 1e-05 needs a filter of \d+ samples, more"):
        convt.resample(np.ones(10), 100_001, 1)


@pytest.mark.parametrize("rates", [(44_100, 44_101), (44_101, 16_000), (16_000, 44_101)])
def test_minimum_phase_passes_tones_and_rejects_what_is_beyond(rates: tuple[int, int]) -> None:
    """At any delay, a tone is a sum of a cosine and a sine of its frequency, of the same amplitude."""
    low = min(rates)
    n = np.arange(6000 * rates[0] // low)
    for part, level in ((0.05, 0.0), (0.2, 0.0), (0.44, 0.0), (0.52, -110.0)):
        if part > 0.5 and rates[0] <= rates[1]:
            continue
        made = convt.resample(
            np.cos(2 * np.pi * part * low / rates[0] * n), *rates, quality="fast", phase="minimum"
        )
        j = np.arange(made.size)[made.size // 3 : -made.size // 3]
        angle = 2 * np.pi * part * low / rates[1] * j
        basis = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        found, *_ = np.linalg.lstsq(basis, made[j], rcond=None)
        if level < 0:
            assert 20 * np.log10(np.abs(made[j]).max()) < level + 1
            continue
        assert 20 * np.log10(np.hypot(*found)) == pytest.approx(0, abs=0.01)
        assert np.abs(made[j] - basis @ found).max() < 10 ** (-110 / 20)
