"""What is said of a kernel, against closed forms, scipy and definitions."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import firwin, freqz, group_delay

import convt
from tests.support.oracles import Array


def db(gain: float) -> float:
    return 20 * math.log10(gain)


@pytest.mark.parametrize("stride", [2, 3, 8])
def test_the_gain_of_a_hold_is_that_of_its_closed_form(stride: int) -> None:
    response = convt.Response(np.ones(stride), stride)
    angle = np.pi / 2 * response.frequencies[1:]
    exact = np.abs(np.sin(angle) / (stride * np.sin(angle / stride)))
    np.testing.assert_allclose(response.gains[1:], exact, rtol=0, atol=1e-14)
    # A tone at 0.5 comes out at 1.5, 2.5 ...: the first is the loudest.
    image = response.worst_image(0.5)
    assert image.level == pytest.approx(
        db(math.sin(0.75 * math.pi) / (stride * math.sin(0.75 * math.pi / stride)))
    )
    assert image.frequency == 1.5
    assert response.ripple(1.0) == pytest.approx(-db(1 / (stride * math.sin(math.pi / 2 / stride))))


def test_the_gain_of_linear_interpolation_is_that_of_its_closed_form() -> None:
    response = convt.Response([0.5, 1.0, 0.5], 2)
    np.testing.assert_allclose(response.gains, np.cos(np.pi * response.frequencies / 4) ** 2, atol=1e-15)
    for tolerance in (0.01, 0.1, 1.0, 3.0):
        exact = math.acos(10 ** (-tolerance / 40)) * 4 / math.pi
        assert response.passband_edge(tolerance) == pytest.approx(exact, abs=1e-7)


def test_a_half_band_kernel_has_images_as_far_below_1_as_its_passband_is_off() -> None:
    kernel = 2 * firwin(31, 0.5, window=("kaiser", 6.0), scale=False)
    response = convt.Response(kernel, 2)
    below = response.frequencies < 0.7
    off = np.abs(1 - response.gains[below])
    np.testing.assert_allclose(off, response.gains[::-1][below], atol=1e-14)


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_gains_and_group_delay_are_those_of_scipy(stride: int) -> None:
    kernel = np.random.default_rng(stride).standard_normal(17)
    response = convt.Response(kernel, stride)
    angles = np.pi * response.frequencies / stride
    np.testing.assert_allclose(response.gains, np.abs(freqz(kernel, worN=angles)[1]) / stride, atol=1e-12)
    inner = slice(1, -1)  # scipy warns of the ends
    _, exact = group_delay((kernel, 1), angles[inner])
    np.testing.assert_allclose(response.group_delay[inner], exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("stride", [2, 3, 4, 8])
def test_tonal_lines_are_what_a_constant_makes(stride: int) -> None:
    kernel = 1 + 0.1 * np.random.default_rng(stride).standard_normal(3 * stride + 1)
    response = convt.Response(kernel, stride)
    ones = np.ones((1, 200))
    settled = convt.conv_transpose1d(ones, kernel[None, None], stride=stride)[0, 8 * stride : -8 * stride]
    np.testing.assert_allclose(settled[:stride], response.phase_gains, rtol=1e-12)
    turns = np.arange(1, stride // 2 + 1)[:, None] * np.arange(100 * stride) / stride
    pairs = [(np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)) for turn in turns]
    waves = np.array([np.ones(100 * stride), *(wave for pair in pairs for wave in pair)])
    mean, *parts = np.linalg.lstsq(waves.T, settled[: 100 * stride], rcond=None)[0]
    lines = [db(np.hypot(*parts[at : at + 2]) / abs(mean)) for at in range(0, len(parts), 2)]
    np.testing.assert_allclose(response.tonal_lines, lines, atol=1e-6)
    assert response.tonal_lines.shape == (stride // 2,)


def test_tonal_lines_of_a_phase_that_is_a_tenth_louder() -> None:
    """1.1, 1, 1, 1 has a mean of 1.025, and the tones 0.05*cos(pi/2*n) and 0.025*cos(pi*n)."""
    lines = convt.Response([1.1, 1, 1, 1], 4).tonal_lines
    np.testing.assert_allclose(lines, [db(0.05 / 1.025), db(0.025 / 1.025)], rtol=1e-12)
    np.testing.assert_allclose(lines, [-26.24, -32.26], atol=0.005)


def test_divisibility_is_no_safeguard_nor_its_want_a_fault() -> None:
    divisible = convt.Response([1.0, 0.8, 0.2, 0.1], 2)
    assert divisible.tonal_lines[0] == pytest.approx(db(0.3 / 2.1))
    not_divisible = convt.Response([0.5, 1.0, 0.5], 2)
    assert not_divisible.tonal_lines[0] < -300


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("tone", [0.25, 0.5, 0.75])
def test_images_of_a_tone_stand_where_and_as_loud_as_said(stride: int, tone: float) -> None:
    kernel = np.random.default_rng(1).random(12)
    response = convt.Response(kernel, stride)
    length = 800
    x = np.cos(np.pi * tone * np.arange(length + 40))[None]
    y = convt.conv_transpose1d(x, kernel[None, None], stride=stride)[0, 20 * stride :][: length * stride]
    spectrum = np.abs(np.fft.rfft(y)) / (length * stride / 2)
    spectrum[[0, -1]] /= 2
    bins = np.flatnonzero(spectrum > 1e-9)
    unit = response.frequencies.size // stride
    for bin_ in bins:
        frequency = bin_ * 2 / length
        expected = response.gains[round(frequency * unit)]
        both = 2 if frequency == stride and spectrum.size - 1 == bin_ else 1
        assert spectrum[bin_] * both == pytest.approx(expected * both, rel=1e-6)
    assert {round(f, 9) for f in bins * 2 / length} <= {
        round(abs(2 * k + sign * tone), 9) for k in range(stride) for sign in (-1, 1)
    }


@given(st.integers(1, 5), st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_no_samples_within_1_go_beyond_the_max_overshoot(stride: int, taps: list[float]) -> None:
    kernel = np.array(taps)
    worst = float(convt.Response(kernel, stride).max_overshoot)
    signs = np.sign(np.concatenate([kernel, np.zeros(-kernel.size % stride)]).reshape(-1, stride)[::-1])
    reached = [
        np.abs(convt.conv_transpose1d(signs[:, phase][None], kernel[None, None], stride=stride)).max()
        for phase in range(stride)
    ]
    assert max(reached) == pytest.approx(worst, rel=1e-12, abs=1e-300)


def test_delay_is_that_of_the_stream() -> None:
    kernel = np.random.default_rng(3).standard_normal(20)
    assert convt.Response(kernel, 2).delay == pytest.approx(
        convt.Upsampler(kernel, stride=2).delay, rel=1e-14
    )


@pytest.mark.parametrize(
    ("taps", "linear"),
    [
        ([1, 2, 1], True),
        ([1, 2, 2, 1], True),
        ([-1, 0, 1], True),
        ([0, 0, 1, 2, 1], True),
        ([1, 2, 3], False),
        (np.array([0.1, 0.7, 0.1 + 3e-8], np.float32), True),
        (np.array([0.1, 0.7, 0.1 + 3e-8]), False),
    ],
)
def test_linear_phase_is_symmetry_to_rounding(taps: Any, linear: bool) -> None:
    assert convt.Response(taps, 2).is_linear_phase == linear


def test_an_array_of_kernels_gives_an_array_of_what_each_gives() -> None:
    kernels = np.random.default_rng(5).standard_normal((3, 4, 9))
    together = convt.Response(kernels, 3)
    for index in np.ndindex(3, 4):
        alone = convt.Response(kernels[index], 3)
        for name in ("phase_gains", "dc_gain", "reference", "tonal_lines", "max_overshoot", "delay"):
            np.testing.assert_allclose(getattr(together, name)[index], getattr(alone, name), rtol=1e-12)
        assert together.passband_edge(1.0)[index] == pytest.approx(alone.passband_edge(1.0), abs=1e-3)
        assert together.worst_image(0.8).level[index] == pytest.approx(
            alone.worst_image(0.8).level, abs=0.02
        )
        assert together.peak.frequency[index] == pytest.approx(alone.peak.frequency, abs=1e-2)


def test_without_a_gain_at_0_hz_levels_are_relative_to_the_peak() -> None:
    response = convt.Response([1.0, -1.0], 2)
    assert response.reference == pytest.approx(1.0)
    assert response.peak.level == pytest.approx(0, abs=1e-12)
    assert response.peak.frequency == 2
    assert response.passband_edge(3.0) == 0
    assert response.tonal_lines[0] == pytest.approx(0, abs=1e-12)


def test_a_kernel_of_stride_1_has_no_images_and_no_lines() -> None:
    response = convt.Response([1.0], 1)
    assert response.worst_image().level == pytest.approx(-6000)
    assert response.tonal_lines.shape == (0,)
    assert response.passband_edge(0.01) == 1.0


def test_taps_near_the_least_number_do_no_harm() -> None:
    response = convt.Response(np.full(8, 1e-310), 2)
    assert not np.isinf(response.group_delay).any()
    assert np.isfinite(response.passband_edge(0.1))


def test_a_kernel_of_zeros_does_no_harm() -> None:
    response = convt.Response(np.zeros(4), 2)
    assert np.isnan(response.delay)
    assert np.isnan(response.group_delay).all()
    assert response.max_overshoot == 0
    assert response.passband_edge(0.1) == 0


def level(kernel: Array, stride: int, frequency: float) -> float:
    return db(abs(np.exp(-1j * np.pi * frequency * np.arange(kernel.size) / stride) @ kernel) / stride)


@pytest.mark.parametrize("stride", [2, 3])
def test_edges_are_where_the_definition_crosses(stride: int) -> None:
    kernel = convt.design_kernel(stride, passband=0.8, rejection=90)
    response = convt.Response(kernel, stride)
    for tolerance in (0.01, 3.0):
        assert level(kernel, stride, float(response.passband_edge(tolerance))) == pytest.approx(
            -tolerance, rel=0.01
        )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1j], 2), convt.ParameterTypeError, "kernel must be real, got complex taps"),
        (([], 2), convt.ParameterError, r"kernel must have shape \(..., K\) with K >= 1, got \(0,\)"),
        ((1.0, 2), convt.ParameterError, r"kernel must have shape \(..., K\) with K >= 1, got \(\)"),
        (([1.0, math.nan], 2), convt.ParameterError, "kernel must be finite, got 1 taps that are NaN"),
        (([1.0], 0), convt.ParameterError, "stride must be at least 1, got 0"),
        (([1e101, 1.0], 2), convt.ParameterError, r"kernel must have taps of at most 1e\+100, got 1e\+101"),
        (([1.0], 10**9), convt.ParameterError, "has 32000000000 points, more than 67108864: use a smaller"),
        ((["a"], 2), convt.ParameterTypeError, "kernel must have a boolean, integer"),
    ],
)
def test_what_has_no_response(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        convt.Response(*arguments)
