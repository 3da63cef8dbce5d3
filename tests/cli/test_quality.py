"""How clean the command's sound is, from file to file, beside what the best resamplers reach."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from tests.support.command import upsample
from tests.support.measures import measure
from tests.support.oracles import Array

TONES = (2 * 1000 / 48_000, 0.9)  # of 1 kHz at 48 kHz, and of 0.45 of the rate


class Floor(NamedTuple):
    """What the figures of `tests.support.measures` must at least be, at every stride and rate."""

    edge: float
    images: tuple[float, float]  # of tones up to 0.9 and 0.95
    rejection: float
    snr: tuple[float, float]  # of the two tones
    ripple: float
    error: float
    dc_image: float


FLOORS = {
    "fast": Floor(0.9, (115, 105), 110, (124, 120), 2e-5, 80, 250),
    "high": Floor(0.95, (190, 182), 180, (215, 195), 1e-8, 190, 250),
    "best": Floor(0.972, (238, 231), 215, (265, 238), 5e-12, 248, 264),
}


def through_files(signals: Array, rate: int, target: int, *options: str, subtype: str = "DOUBLE") -> Array:
    soundfile.write("in.wav", signals.T, rate, subtype)
    upsample("in.wav", "--rate", str(target), "-o", "out.wav", "--overwrite", "-q", *options)
    output, made = soundfile.read("out.wav", always_2d=True)
    assert made == target
    return np.asarray(output.T)


CASES = [(48_000, 48_000 * stride) for stride in (2, 5)]  # what counts is the ratio
RATIOS = [(44_100, 48_000), (16_000, 44_100), (44_100, 192_000)]


@pytest.mark.parametrize(("rate", "target"), CASES + RATIOS)
@pytest.mark.parametrize("quality", sorted(FLOORS))
def test_figures_from_file_to_file(quality: str, rate: int, target: int) -> None:
    def process(signals: Array) -> Array:
        return through_files(signals, rate, target, "--quality", quality)

    figures = measure(process, Fraction(target, rate), TONES)
    floor = FLOORS[quality]
    assert figures.edge >= floor.edge
    assert -figures.images[0.9] >= floor.images[0]
    assert -figures.images[0.95] >= floor.images[1]
    assert figures.rejection >= floor.rejection
    assert figures.snr[TONES[0]] >= floor.snr[0]
    assert figures.snr[TONES[1]] >= floor.snr[1]
    assert figures.ripple <= floor.ripple
    assert figures.error <= -floor.error
    assert figures.dc_image <= -floor.dc_image
    assert abs(figures.delay) < 1e-9
    assert figures.phase < 1e-9
    assert figures.surplus == 0


def test_float32_files_are_near_the_formats_own_limit() -> None:
    def process(signals: Array) -> Array:
        return through_files(signals, 48_000, 96_000, subtype="FLOAT")

    figures = measure(process, 2, TONES)
    assert figures.snr[TONES[0]] >= 150
    assert figures.snr[TONES[1]] >= 150
    assert figures.surplus == 0


def quiet_tone(count: int, amplitude: float) -> Array:
    return amplitude * np.sin(2 * np.pi * 997 * np.arange(count) / 48_000)


def test_16_bit_has_the_noise_of_its_dither_and_nothing_else() -> None:
    count = 480_000
    amplitude = 10 ** (-90 / 20)
    made = through_files(quiet_tone(count, amplitude)[None], 48_000, 96_000, "--subtype", "PCM_16")[0]
    exact = amplitude * np.sin(2 * np.pi * 997 * np.arange(2 * count) / 96_000)
    inner = slice(4000, -4000)
    error = (made - exact)[inner] * 32_768
    assert np.sqrt((error**2).mean()) == pytest.approx(0.5, abs=0.005)  # triangular dither, and rounding
    assert abs(error.mean()) < 0.01
    # A harmonic would stand out of the noise, whose bins hold less than 15 times their mean power.
    stretch = made[inner][: 96_000 * 8] * np.hanning(96_000 * 8)
    power = np.abs(np.fft.rfft(stretch)) ** 2
    noise = np.median(power) / np.log(2)
    harmonics = [power[8 * 997 * n - 2 : 8 * 997 * n + 3].max() / noise for n in range(2, 48)]
    assert max(harmonics) < 15
    assert power[8 * 997] / noise > 1e3  # the tone itself, three LSB from peak to peak


@pytest.mark.parametrize("sign", [-1, 1])
def test_24_bit_is_rounded_without_bias(sign: int) -> None:
    signal = sign * np.random.default_rng(1).uniform(0, 0.4, 200_000)
    made = through_files(signal[None], 48_000, 96_000, "--subtype", "PCM_24")[0]
    exact = through_files(signal[None], 48_000, 96_000)[0]
    error = (made - exact) * 2**23
    assert abs(error.mean()) < 0.005
    assert np.abs(error).max() <= 0.5 + 1e-6
    assert error.std() == pytest.approx(12**-0.5, abs=0.003)


@pytest.mark.parametrize(("subtype", "most"), [("PCM_16", 32_767), ("PCM_24", 2**23 - 1)])
def test_what_is_too_loud_saturates_and_never_wraps(subtype: str, most: int) -> None:
    square = np.sign(np.sin(2 * np.pi * 500 * np.arange(5000) / 48_000 + 0.1))
    made = through_files(square[None], 48_000, 96_000, "--subtype", subtype)[0] * (most + 1)
    assert (made.max(), made.min()) == (most, -most - 1)
    expected = np.repeat(square, 2)
    loud = np.abs(through_files(square[None], 48_000, 96_000)[0]) > 1.0001
    assert loud.sum() > 100
    assert (np.sign(made[loud]) == expected[loud]).all()
