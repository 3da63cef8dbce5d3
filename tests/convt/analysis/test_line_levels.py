"""Lines in audio: noise and speech have none, tones have theirs, and hum and music do not count."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter

import convt
from tests.support.oracles import Array

ROOT = Path(__file__).parents[3]
STRIDES = (8, 8, 2, 2)
RATE = 22_050


def noise(seconds: float = 10, seed: int = 1) -> Array:
    drawn: Array = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    steep: Array = lfilter([1.0], [1.0, -0.9], drawn)  # as speech is
    return steep


def comb(layer: int, length: int) -> Array:
    """A tone of random phase at each line of one layer."""
    rng, spacing, time = np.random.default_rng(layer), math.prod(STRIDES[layer:]), np.arange(length)
    tones: Array = np.sum(
        [
            np.cos(2 * np.pi * multiple * time / spacing + rng.uniform(0.5, 1.0))
            for multiple in range(1, spacing // 2 + 1)
            if multiple % STRIDES[layer]
        ],
        axis=0,
    )
    return tones


def test_noise_has_no_lines() -> None:
    measured = convt.line_levels(noise(), STRIDES)
    np.testing.assert_allclose(measured.levels, 0, atol=2.5)
    assert measured.spectrum.max() == 0


@pytest.mark.parametrize("layer", range(4))
def test_the_lines_of_one_layer_are_found_there(layer: int) -> None:
    x = np.random.default_rng(1).standard_normal(10 * RATE)
    frame, amplitude = 16 * 256, 0.3
    levels = convt.line_levels(x + amplitude * comb(layer, x.size), STRIDES).levels
    # A tone in white noise, in a bin of a Hann window of N samples, and the mean logarithm of noise.
    expected = 10 * math.log10(amplitude**2 * frame / 6) + 10 * np.euler_gamma / math.log(10)
    if layer == 3:  # at half of the sample rate, only the cosine counts
        phase = np.random.default_rng(3).uniform(0.5, 1.0)
        expected += 10 * math.log10(4 * math.cos(phase) ** 2) + 10 * math.log10(2)
    assert levels[layer] == pytest.approx(expected, abs=0.6)
    np.testing.assert_allclose(np.delete(levels, layer), 0, atol=2.5)


def test_frequencies_are_the_multiples_that_no_later_layer_has() -> None:
    measured = convt.line_levels(noise(), STRIDES)
    hertz = [np.round(each * RATE, 1).tolist() for each in measured.frequencies]
    assert hertz[3] == [11025.0]
    assert hertz[2] == [5512.5]
    assert hertz[1] == [689.1, 1378.1, 2067.2, 2756.2, 3445.3, 4134.4, 4823.4, 6201.6, 6890.6, 7579.7,
                        8268.8, 8957.8, 9646.9, 10335.9]  # fmt: skip
    assert len(hertz[0]) == 112
    assert [each.shape for each in measured.lines] == [each.shape for each in measured.frequencies]


def test_hum_music_and_clicks_are_no_lines() -> None:
    y, time = noise(), np.arange(10 * RATE) / RATE
    y += sum(np.cos(2 * np.pi * 50 * harmonic * time) for harmonic in range(1, 40))
    notes = 440 * 2 ** (np.random.default_rng(1).integers(-12, 12, 40) / 12)
    pitch = np.repeat(notes, time.size // 40)[: time.size]
    y[: pitch.size] += sum(np.cos(np.cumsum(2 * np.pi * pitch * h / RATE)) / h for h in range(1, 9))
    y[:: RATE // 3] += 30
    assert convt.line_levels(y, STRIDES).levels.max() < 3


RECORDINGS = [
    ROOT / "sample_audio" / name for name in ("speech_16k.flac", "speech_8k.wav", "music_22k.flac")
]
RECORDINGS += [ROOT / "tests/data" / name for name in ("vctk_p240.mp3", "vctk_p260.mp3")]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
@pytest.mark.parametrize("strides", [(8, 8, 2, 2), (8, 8, 4, 2), (8, 5, 4, 2), (4, 4)])
def test_recordings_have_no_lines_until_they_get_some(path: Path, strides: tuple[int, ...]) -> None:
    samples, _ = soundfile.read(path)
    assert convt.line_levels(samples.T, strides).levels.max() < 3
    whistle = 0.01 * np.abs(samples).max() * np.cos(np.pi * np.arange(len(samples)))
    assert convt.line_levels(samples.T + whistle, strides).levels[-1] > 10


def test_silence_between_words_does_not_count_and_pieces_do_not_matter() -> None:
    y = noise()
    y[RATE : 4 * RATE] = 0
    whole = convt.line_levels(y, STRIDES)
    meter = convt.LineMeter(STRIDES)
    for piece in np.split(y, [5, 5000, 5001, 60_000]):
        meter.add(piece)
    np.testing.assert_allclose(meter.result().levels, whole.levels, rtol=0, atol=1e-9)
    assert np.abs(whole.levels).max() < 3


def test_channels_are_averaged() -> None:
    left, right = noise(seed=1), noise(seed=2)
    both = convt.line_levels([left, right], (4, 2))
    each = [convt.line_levels(one, (4, 2)).levels for one in (left, right)]
    assert np.abs(both.levels - np.mean(each, 0)).max() < 1


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(convt.ParameterError, match="at least 4096 samples that are not silent"):
        convt.line_levels(np.ones(4095), STRIDES)
    with pytest.raises(convt.ParameterError, match="that are not silent"):
        convt.line_levels(np.zeros(10_000), STRIDES)
    with pytest.raises(convt.ParameterError, match="strides must have a product of 2 to"):
        convt.line_levels(np.ones(100), (1, 1))
    with pytest.raises(convt.ParameterTypeError, match="strides must be a sequence of int"):
        convt.line_levels(np.ones(100), "8,8")  # type: ignore[arg-type]
    with pytest.raises(convt.ParameterTypeError, match="signal must be real"):
        convt.line_levels(np.ones(100, complex), (2,))
    with pytest.raises(convt.ParameterError, match=r"signal must have shape \(L,\) or \(C, L\)"):
        convt.line_levels(np.ones((1, 1, 100)), (2,))
    with pytest.raises(convt.ParameterError, match="signal must be finite"):
        convt.line_levels(np.full(100, np.nan), (2,))
    meter = convt.LineMeter((2,))
    meter.add(np.ones(10))
    with pytest.raises(convt.ParameterError, match="signal must keep its 1 channels"):
        meter.add(np.ones((2, 10)))
