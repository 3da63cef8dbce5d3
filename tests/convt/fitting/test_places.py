"""The delay that is chosen: of all places the one of the least error."""

from typing import Any

import numpy as np
import pytest
from scipy.signal import firwin

import convt
from convt.fitting.least_squares import Placement, solve
from convt.fitting.normal_equations import Channels, NormalEquations
from convt.fitting.places import place_errors
from convt.fitting.squared_error import squared_error
from tests.support.oracles import Array
from tests.support.pairs import made, noise

pytestmark = pytest.mark.usefixtures("one_designed_kernel")


def test_random_taps_are_found_where_a_convolution_put_them() -> None:
    """Of the full convolution, of which `center` would drop 11 samples."""
    low, kernel = noise(20_000), noise(24)
    high = np.convolve(np.kron(low, [1, 0]), kernel)[: 2 * len(low)]
    fitted = convt.fit(low, high, 2, 24)
    assert fitted.delay == 11
    assert fitted.held_out_error == -120
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-9)


def shaped(shape: str, taps: int) -> Array:
    """A kernel whose peak may be anywhere, and whose ends are loud enough to be missed."""
    kernel, times = 0.5 + np.abs(noise(taps)), np.arange(taps)
    if shape == "decaying":
        return kernel * 0.01 ** (times / taps)
    if shape == "growing":
        return kernel * 0.01 ** (1 - times / taps)
    if shape == "minimum phase":
        return np.real(np.poly(0.9 * np.exp(2j * np.pi * times[1:] / taps)))
    return kernel * np.sign(noise(taps))


@pytest.mark.parametrize("shape", ["decaying", "growing", "minimum phase", "random"])
@pytest.mark.parametrize(
    ("stride", "taps", "padding"),
    [
        (1, 9, 3),
        (1, 12, "full"),
        (2, 17, "center"),
        (2, 20, "causal"),
        (3, 10, 3),
        (4, 16, "same"),
        (8, 21, 0),
    ],
)
def test_the_delay_of_asymmetric_kernels(stride: int, taps: int, shape: str, padding: Any) -> None:
    kernel, low = shaped(shape, taps), noise(6000)
    late = int(np.random.default_rng(taps).integers(-60, 60))
    high = np.roll(made(low[np.newaxis], kernel[np.newaxis, np.newaxis], stride, padding)[0], late)
    fitted = convt.fit(low[99:-99], high[99 * stride : -99 * stride], stride, taps, padding=padding)
    assert fitted.held_out_error < -115
    assert fitted.delay == late
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-7 * np.abs(kernel).max())


@pytest.mark.parametrize("front", [1, 3, 8, 11])
def test_equal_places_go_to_the_centre(front: int) -> None:
    """A kernel of 5 equal taps, of which the middle one stands out, fits 17 taps at 13 places."""
    kernel = np.zeros(17)
    kernel[front : front + 5] = [1, 1, 2, 1, 1]
    low = noise(9000)
    high = np.roll(made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0], 4)
    fitted = convt.fit(low, high, 2, 17)
    assert fitted.delay == 4 + (front + 2) - 8
    assert int(np.argmax(fitted.weight)) == 8


@pytest.mark.parametrize("cut", [0.5, 0.2])
@pytest.mark.parametrize("loud", [0, -1])
def test_a_peak_that_low_cannot_show_sharply_is_near_enough(cut: float, loud: int) -> None:
    kernel = 0.05 * noise(16)
    kernel[loud] = 3
    low = np.convolve(noise(9000), firwin(101, cut), "same")
    high = np.roll(made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 8)[0], 23)
    high += 1e-4 * np.std(high) * noise(len(high))
    fitted, given = (convt.fit(low, high, 8, 16, delay=delay) for delay in (None, 23))
    assert fitted.held_out_error < given.held_out_error + 0.3


def test_noise_does_not_hide_the_place() -> None:
    low, kernel = noise(30_000), noise(12)
    high = np.roll(made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0], -5)
    high += 0.1 * np.std(high) * noise(len(high))
    kernel[0] = kernel[-1] = 1.0
    assert convt.fit(low, high, 2, 12).held_out_error == pytest.approx(-20.04, abs=0.2)


@pytest.mark.parametrize("channels", ["shared", "each", "mixed"])
def test_kernels_of_several_channels_share_a_place(channels: Any) -> None:
    low, kernels = noise(2, 9000), noise(2, 2, 14)
    if channels != "mixed":
        kernels *= np.eye(2)[..., np.newaxis]
    if channels == "shared":
        kernels[1, 1] = kernels[0, 0]
    high = np.roll(made(low, kernels, 2), 13)
    fitted = convt.fit(low[:, 50:-50], high[:, 100:-100], 2, 14, channels=channels)
    assert (fitted.delay, fitted.held_out_error) == (13, -120)


def test_without_held_out_samples_the_fitted_ones_choose() -> None:
    low, kernel = noise(900), noise(12)
    high = np.convolve(np.kron(low, [1, 0]), kernel)[: 2 * len(low)]
    fitted = convt.fit(low, high, 2, 12)
    assert (fitted.held_out_samples, fitted.delay) == (0, 5)
    assert fitted.error < -100  # of one fold, the ridge is 1e-6


def test_pieces_choose_the_same_place() -> None:
    low, kernel = noise(30_000), noise(24)
    high = np.convolve(np.kron(low, [1, 0]), kernel)[: 2 * len(low)]
    fitter = convt.Fitter(2, 24)
    for begin in range(0, len(low), 777):
        fitter.process(low[np.newaxis, begin : begin + 777], high[np.newaxis, 2 * begin :][:, : 2 * 777])
    pieces, whole = fitter.solve(), convt.fit(low, high, 2, 24)
    assert pieces.delay == whole.delay == 11
    assert pieces.weight.tobytes() == whole.weight.tobytes()


@pytest.mark.parametrize(("channels", "sizes"), [("shared", (1, 1)), ("each", (2, 2)), ("mixed", (2, 3))])
@pytest.mark.parametrize(("stride", "taps"), [(1, 6), (2, 9), (3, 3), (4, 18), (5, 12)])
def test_the_errors_of_all_places_are_those_of_each(
    stride: int, taps: int, channels: Channels, sizes: tuple[int, int]
) -> None:
    first = -taps // stride - 1
    equations = NormalEquations(channels, sizes, stride, first, 2 * (taps // stride) + 4)
    low = noise(sizes[0], 6000)
    low[:, 1:] += 0.9 * low[:, :-1]
    equations.add(low, noise(sizes[1], 6000 * stride), last=True)
    fitted, judged = equations.sums(range(4)), equations.sums([4])
    places = [Placement(taps, stride, lead, first) for lead in range(taps)]
    expected = []
    for place in places:
        kernels = [solve(sums, place, 1e-9) for sums in fitted]
        known = [kernel for kernel in kernels if kernel is not None]
        expected.append(squared_error(judged, place, known).lost)
    np.testing.assert_allclose(place_errors(fitted, judged, places, 1e-9), expected, rtol=1e-7)


def test_places_without_a_single_solution_have_no_error_to_name() -> None:
    equations = NormalEquations("mixed", (2, 1), 2, -2, 6)
    equations.add(noise(2, 6000) * [[1], [0]], noise(1, 12_000), last=True)
    places = [Placement(4, 2, lead, -2) for lead in range(4)]
    assert np.isinf(place_errors(equations.sums([0]), equations.sums([1]), places, 0.0)).all()
