"""The delay between the signals of a pair: estimated, or given."""

import numpy as np
import pytest

import convt
from tests.support.pairs import made, noise, warnings

pytestmark = pytest.mark.usefixtures("one_designed_kernel")


@pytest.mark.parametrize("delay", [0, 1, -1, 7, -5, 1234, -2001])
@pytest.mark.parametrize("taps", [17, 32])
def test_the_delay_is_estimated(delay: int, taps: int) -> None:
    kernel, low = np.zeros(taps), noise(30_000)
    kernel[(taps - 1) // 2 - 5 : (taps - 1) // 2 + 6] = convt.design_kernel(2, taps=11)
    high = np.roll(made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0], delay)
    fitted = convt.fit(low[2000:-2000], high[4000:-4000], 2, taps)
    assert fitted.delay == delay
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-9)


def test_the_delay_of_a_full_convolution_is_its_middle() -> None:
    kernel, low = convt.design_kernel(3, taps=41), noise(20_000)
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 3, "full")[0]
    fitted = convt.fit(low, high, 3, 41)
    assert fitted.delay == 20
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-9)


def test_a_delay_that_is_given_is_kept_to() -> None:
    kernel, low = noise(9), noise(5000)
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0]
    fitted = convt.fit(low, np.concatenate([np.zeros(3), high]), 2, 9, delay=3)
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-10)
    late = convt.fit(low, high, 2, 9, delay=2)  # of which two taps are then beyond the end
    np.testing.assert_allclose(late.weight[:7], kernel[2:], rtol=0, atol=0.1)
    assert late.delay == 2


@pytest.mark.parametrize("reach", [4096, -4096, 4000, -4000])
@pytest.mark.parametrize("stride", [2, 3])
def test_delays_are_found_as_far_as_is_promised(reach: int, stride: int) -> None:
    low = noise(60_000)
    kernel = convt.design_kernel(stride, taps=31)
    high = np.roll(made(low[np.newaxis], kernel[np.newaxis, np.newaxis], stride)[0], reach * stride)
    assert (
        convt.fit(low[5000:-5000], high[5000 * stride : -5000 * stride], stride, 31).delay == reach * stride
    )


@pytest.mark.parametrize("quiet", [0.0, 1e-4])
def test_sound_that_begins_late_is_waited_for(quiet: float) -> None:
    low, before = noise(90_000), 300_000
    high = np.roll(made(low[np.newaxis], convt.design_kernel(2, taps=31)[np.newaxis, np.newaxis], 2)[0], 7)
    low = np.concatenate([quiet * noise(before), low])
    high = np.concatenate([quiet * noise(2 * before), high])
    whole = convt.fit(low, high, 2, 31)
    assert whole.delay == 7
    fitter = convt.Fitter(2, 31)
    for begin in range(0, len(low), 10_000):
        fitter.process(low[np.newaxis, begin : begin + 10_000], high[np.newaxis, 2 * begin :][:, :20_000])
    pieces = fitter.solve()
    assert pieces.delay == 7
    assert pieces.weight.tobytes() == whole.weight.tobytes()


def test_the_sums_begin_as_soon_as_the_delay_is_clear() -> None:
    """Nothing is kept then; what never is clear is kept no longer than four excerpts."""
    kernel = convt.design_kernel(2, taps=31)[np.newaxis, np.newaxis]
    for related, excerpts in ((True, 1), (False, 4)):
        fitter = convt.Fitter(2, 31)
        for _ in range(excerpts * 8 + 1):
            low = noise(1, 1 << 15)
            assert fitter._equations is None
            fitter.process(low, made(low, kernel, 2) if related else noise(1, 1 << 16))
            if related:
                fitter.end_pair()
            if fitter._equations:
                break
        assert fitter._equations
        assert fitter._estimator is None
        assert ("no delay stands out" in "; ".join(fitter.solve().warnings)) != related


def test_a_delay_that_does_not_stand_out_is_a_warning() -> None:
    assert "no delay stands out: if the estimated one is wrong" in warnings(
        noise(20_000), noise(40_000), 2, 16
    )
    assert "delay" not in warnings(None, noise(40_000), 2, 16)


def test_channels_against_each_other_have_a_delay() -> None:
    low = noise(2, 20_000)
    wide = np.stack([low[0], -low[0], low[1]])
    high = np.roll(made(wide, np.einsum("ij,k->ijk", np.eye(3), convt.design_kernel(2, taps=15)), 2), 9)
    assert convt.fit(low, high, 2, 15).delay == 9
