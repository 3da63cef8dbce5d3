"""The errors of a fit, those of designed kernels, and warnings."""

from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

import convt
from tests.support.pairs import SPEECH, made, noise, warnings


@pytest.mark.parametrize("padding", ["full", "causal", 3, "center", "same"])
@pytest.mark.parametrize("delay", [None, 0])
def test_designed_kernels_are_judged_in_time(padding: Any, delay: int | None) -> None:
    speech, _ = soundfile.read(SPEECH)
    fitted = convt.fit(None, speech, 2, 32, padding=padding, delay=delay)
    assert fitted.designed["lanczos"] == pytest.approx(-22.5, abs=0.7)
    middle = fitted.delay + 15 - convt.geometry.Geometry.of(32, 2, padding).crop
    assert middle == 0 or delay is not None


def test_designed_kernels_are_in_time_and_have_the_gain_that_suits_them() -> None:
    low = resample_poly(noise(60_000), 1, 2, window=("kaiser", 8.0))
    kernel = convt.design_kernel(2, kind="cubic")
    high = 0.3 * made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0]
    for taps in (7, 8, 15, 16):
        fitted = convt.fit(low, high, 2, taps, delay=0)
        assert fitted.designed["cubic"] == -120
        assert fitted.designed["linear"] > -60
        assert set(fitted.designed) >= {"kaiser", "equiripple", "cubic", "linear", "hold"}
        assert ("lanczos" in fitted.designed) == (taps >= 3)


def test_the_error_is_that_of_what_was_kept_back() -> None:
    low = noise(200_000)
    high = made(low[np.newaxis], np.ones((1, 1, 4)), 2)[0] + 0.1 * noise(400_000)
    fitted = convt.fit(low, high, 2, 4)
    expected = 10 * np.log10(0.01 / (2 + 0.01))
    assert fitted.held_out_error == pytest.approx(expected, abs=0.1)  # of 80,000 samples, 4 deviations
    assert fitted.error == pytest.approx(expected, abs=0.05)
    assert fitted.held_out_samples / fitted.samples == pytest.approx(1 / 4, rel=0.05)


def test_little_audio_is_said_to_be_little() -> None:
    low = noise(3000)
    high = noise(6000)
    (few, *_) = convt.fit(low[:100], high[:200], 2, 32, delay=0).warnings
    assert few == "84 samples of LOW are few for 16 taps per phase: use at least 160"
    *_, apart = convt.fit(low, high, 2, 10, delay=0).warnings
    assert (
        apart == "less than half of HIGH depends on LOW: do they belong together, and is the delay right?"
    )
    found = convt.fit(low[:500], high[:1000], 2, 4, delay=0).warnings
    assert found[0] == "there are too few samples to hold any out: the error is that of the fitted samples"


def test_what_was_kept_back_may_be_harder_for_every_kernel() -> None:
    """Noise that no kernel makes is in the fifth block: that says nothing against the fit."""
    low = noise(5100)
    high = made(low[np.newaxis], convt.design_kernel(2, taps=15)[np.newaxis, np.newaxis], 2)[0]
    high += 0.1 * noise(10_200)
    high[2 * 4100 :] += 0.4 * noise(2000)
    fitted = convt.fit(low, high, 2, 15, delay=0)
    assert fitted.held_out_error > fitted.error + 3
    assert fitted.warnings == ()


def test_what_was_kept_back_may_be_another_thing() -> None:
    """In the fifth block another kernel is at work, which is no harder for those that are designed."""
    low, kernels = noise(5100), noise(2, 15)
    first, second = (made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0] for kernel in kernels)
    high = np.concatenate([first[: 2 * 4056], second[2 * 4056 :]])
    assert "difference for a designed kernel: use more audio or fewer taps" in warnings(
        low, high, 2, 15, delay=0
    )
    speech, _ = soundfile.read(SPEECH)
    for begin in range(0, 200_000, 40_000):
        assert "fewer taps" not in warnings(None, speech[begin : begin + 80_000], 2, 16)


def test_a_frequency_that_nothing_asked_for_is_a_warning() -> None:
    """LOW that is made of HIGH has nothing at the edge of its band, which many taps would bring back."""
    speech, _ = soundfile.read(SPEECH)

    loudest, remarked = {}, {}
    for ridge in (None, 1e-4, 1e-13):
        fitted = convt.fit(None, speech, 2, 512, ridge=ridge)
        loudest[ridge] = np.abs(np.fft.rfft(fitted.weight, 8192)).max() / 2
        remarked[ridge] = any("dB more than the whole signal, since LOW" in one for one in fitted.warnings)
    assert loudest[1e-4] < 4 < loudest[None] < 10 < loudest[1e-13]
    assert remarked == {None: True, 1e-4: False, 1e-13: True}


def test_a_silent_channel_has_no_kernel() -> None:
    low, kernel = noise(2, 9000), noise(15)
    low[1] = 0
    high = made(low, np.einsum("ij,k->ijk", np.eye(2), kernel), 2)
    fitted = convt.fit(low, high, 2, 15, delay=0, channels="each")
    np.testing.assert_allclose(fitted.weight, [kernel, np.zeros(15)], rtol=0, atol=1e-9)
    assert fitted.warnings == ("channel 2 is silent: its kernel is 0",)
