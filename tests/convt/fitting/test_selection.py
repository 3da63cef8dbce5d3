"""The ridge: selected, or given."""

import numpy as np
import pytest

import convt
from tests.support.pairs import made, noise


def test_a_frequency_that_is_missing_does_not_blow_up_the_taps() -> None:
    low = np.repeat(noise(20_000), 4) * 1e-3
    low = np.convolve(low, np.hanning(33), "same")  # next to nothing in the upper three quarters
    high = made(low[np.newaxis], convt.design_kernel(2, taps=31)[np.newaxis, np.newaxis], 2)[0]
    noisy = high + 1e-3 * np.std(high) * noise(len(high))
    fitted = convt.fit(low, noisy, 2, 31, delay=0)
    assert fitted.ridge >= 1e-10
    assert np.abs(fitted.weight).max() < 3
    assert fitted.held_out_error < -55


def test_the_ridge_can_be_given() -> None:
    low = noise(9000)
    high = made(low[np.newaxis], np.ones((1, 1, 4)), 2)[0]
    fitted = convt.fit(low, high, 2, 4, ridge=1.0, delay=0)
    assert fitted.ridge == 1.0
    np.testing.assert_allclose(fitted.weight, 0.5, atol=0.05)


def test_silence_within_does_not_choose_the_ridge() -> None:
    low = noise(993 * 5 + 20)
    low[953:2046] = 0
    kernel = noise(31)
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0]
    fitted = convt.fit(low, high, 2, 31, delay=0)
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-9)


def test_a_quiet_part_does_not_choose_the_ridge() -> None:
    low = noise(993 * 5 + 20)
    low[:1100] *= 1e-6
    kernel = noise(31)
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0] + 1e-4 * noise(2 * len(low))
    np.testing.assert_allclose(convt.fit(low, high, 2, 31, delay=0).weight, kernel, rtol=0, atol=1e-3)


@pytest.mark.parametrize("silent", [slice(4000, None), slice(0, 4100)])
def test_silence_in_a_part_that_should_judge_or_teach(silent: slice) -> None:
    low, kernel = noise(5000), noise(15)
    low[silent] = 0
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0]
    fitted = convt.fit(low, high, 2, 15, delay=0)
    assert fitted.held_out_samples == 0
    assert np.isnan(fitted.held_out_error)
    assert not np.isnan(list(fitted.designed.values())).any()
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-5)  # of one fold, the ridge is 1e-6
