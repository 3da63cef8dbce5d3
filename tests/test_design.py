from typing import Any

import numpy as np
import pytest
from scipy.signal import freqz

import convt
from tests.oracles import Array


def gain_in_db(kernel: Array, stride: int, frequencies: Array) -> Array:
    """Magnitude at frequencies given in input Nyquist frequencies, relative to the phases' gain of 1."""
    _, response = freqz(kernel, worN=frequencies * np.pi / stride)
    decibels: Array = 20 * np.log10(np.abs(response) / stride + 1e-300)
    return decibels


@pytest.mark.parametrize("stride", [2, 3, 4, 5, 8, 16])
def test_default_meets_its_specification(stride: int) -> None:
    kernel = convt.design_kernel(stride)
    passband = gain_in_db(kernel, stride, np.linspace(0, 0.95, 2001))
    stopband = gain_in_db(kernel, stride, np.linspace(1, stride, 40_001))
    assert np.abs(passband).max() < 0.01
    assert stopband.max() <= -180 + 0.05


@pytest.mark.parametrize("stride", [2, 3, 7, 32])
def test_every_phase_has_unit_gain_and_the_kernel_is_symmetric(stride: int) -> None:
    kernel = convt.design_kernel(stride)
    assert kernel.size % 2 == 1
    np.testing.assert_allclose([kernel[r::stride].sum() for r in range(stride)], 1, rtol=0, atol=1e-12)
    np.testing.assert_allclose(kernel, kernel[::-1], rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("passband", "rejection"), [(0.5, 30), (0.9, 45), (0.8, 80), (0.95, 160), (0.9, 200), (0.97, 250)]
)
def test_other_specifications_are_met(passband: float, rejection: float) -> None:
    kernel = convt.design_kernel(2, passband=passband, rejection=rejection)
    stopband = gain_in_db(kernel, 2, np.linspace(1, 2, 40_001))
    assert stopband.max() <= -rejection + 0.1
    ripple = np.abs(10 ** (gain_in_db(kernel, 2, np.linspace(0, passband, 2001)) / 20) - 1)
    assert ripple.max() <= 1.1 * 10 ** (-rejection / 20) + 1e-15


def test_stride_one_changes_nothing() -> None:
    np.testing.assert_array_equal(convt.design_kernel(1), [1.0])


def test_centred_output_is_exactly_in_time() -> None:
    time = np.arange(2000) / 8000
    x = np.sin(2 * np.pi * 1000 * time)
    y = convt.conv_transpose1d(x[None], convt.design_kernel(3)[None, None], stride=3, padding="center")[0]
    exact = np.sin(2 * np.pi * 1000 * np.arange(6000) / 24000)
    np.testing.assert_allclose(y[2000:4000], exact[2000:4000], rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", ["passband", "rejection"])
@pytest.mark.parametrize("value", ["0.9", None, True, [0.9]])
def test_what_is_no_number(name: str, value: Any) -> None:
    with pytest.raises(convt.ParameterTypeError, match=f"{name} must be a number, got"):
        convt.design_kernel(2, **{name: value})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"passband": 1.0}, "passband must be above 0 and below 1, got 1.0"),
        ({"passband": 0.0}, "passband must be above 0 and below 1, got 0.0"),
        ({"passband": float("nan")}, "passband must be above 0 and below 1, got nan"),
        ({"rejection": 20}, "rejection must be 30 to 250 dB, got 20"),
        ({"rejection": float("nan")}, "rejection must be 30 to 250 dB, got nan"),
        (
            {"stride": 10**6},
            "needs a kernel of [0-9]+ taps, more than 1048576: use a smaller",
        ),
    ],
)
def test_bad_specifications(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(convt.ParameterError, match=message):
        convt.design_kernel(**{"stride": 2, **arguments})  # type: ignore[arg-type]
