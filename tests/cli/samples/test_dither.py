"""The noise of dither beside its definition, wherever its stream is begun and however it is cut."""

import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from convt_cli.samples.dither import TriangularNoise, random_words
from tests.support.command import CONVT, upsample
from tests.support.levels import BITS, TAPS, exact, kernel, loud, read, sound
from tests.support.oracles import Array

MANY = (1 << 19) + 1000  # more than are cached of one channel


def split_mix(seed: int, count: int) -> list[int]:
    """The generator as its authors publish it, word by word."""
    words = []
    for _ in range(count):
        seed = (seed + 0x9E3779B97F4A7C15) % 2**64
        word = seed
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
        words.append(word ^ (word >> 31))
    return words


def noise(channels: int, start: int, count: int) -> Array:
    """Two bytes of a random word for each value, the upper one signed, less their mean."""
    rows = []
    for seed in split_mix(0x636F6E7674, channels):
        skipped = start // 4 * 0x9E3779B97F4A7C15
        words = split_mix((seed + skipped) % 2**64, count // 4 + 2)
        pairs = np.array(words, "<u8").view(np.uint8).reshape(-1, 2)[start % 4 :][:count].astype(int)
        rows.append(pairs[:, 0] + pairs[:, 1] - 256 * (pairs[:, 1] >= 128) - 127)
    return np.array(rows)


def test_the_random_words_are_the_published_ones() -> None:
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert split_mix(1234567, 4) == published
    assert random_words(1234567, 0, 4).tolist() == published
    assert random_words(1234567, 2, 2).tolist() == published[2:]


@pytest.mark.parametrize("start", [0, 1, 6, 1 << 18, (1 << 18) + 3, 5 * 10**12 + 1])
def test_a_stream_begins_anywhere(start: int) -> None:
    np.testing.assert_array_equal(TriangularNoise(2, start)(1001), noise(2, start, 1001))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_cut_gives_the_same_values(channels: int) -> None:
    whole = TriangularNoise(channels, 0)(MANY)
    np.testing.assert_array_equal(whole[:, : 1 << 16], noise(channels, 0, 1 << 16))
    made = TriangularNoise(channels, 0)
    kept = (1 << 19) // channels
    stops = [0, 1, 5, 65_535, 65_538, 65_538, 100_003, kept - 2, kept + 7, kept + 9, MANY]
    pieces = [made(stop - start) for start, stop in pairwise(stops)]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)


def test_cached_values_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        TriangularNoise(1, 0)(10)[:] = 0


def test_many_channels() -> None:
    np.testing.assert_array_equal(TriangularNoise(600, 0)(100), noise(600, 0, 100))


def test_sixteen_bits_are_dithered_by_default_and_more_are_not() -> None:
    y = exact(sound("in.wav", 0.3 * loud(20_000)))
    for subtype, dither, rms in (
        ("PCM_16", [], 0.5),
        ("PCM_U8", [], 0.5),
        ("PCM_16", ["--dither", "tpdf"], 0.5),
        ("PCM_24", ["--dither", "tpdf"], 0.5),
        ("PCM_24", [], 12**-0.5),
        ("PCM_16", ["--dither", "none"], 12**-0.5),
    ):
        result = upsample("in.wav", *kernel(*TAPS), "--subtype", subtype, *dither, "--overwrite")
        error = (read("in_x2.wav") - y) * 2 ** (BITS[subtype] - 1)
        assert np.sqrt(np.mean(error**2)) == pytest.approx(rms, rel=0.02), subtype
        assert abs(error.mean()) < 0.01
        assert (" (dithered)," in result.stderr) == (rms == 0.5)


def test_a_faint_tone_is_upsampled_to_a_tone_without_harmonics() -> None:
    frames, cycles = 32_000, 4000  # 1 kHz at 8 kHz, -90 dBFS
    level = 10 ** (-90 / 20)
    sound("in.wav", level * np.sin(2 * np.pi * cycles / frames * np.arange(frames) + 0.1)[None], "FLOAT")
    upsample("in.wav", "--stride", "4", "--subtype", "PCM_16")
    y = read("in_x4.wav")[0]
    power = np.abs(np.fft.rfft(y[frames : 3 * frames] * 2**15)) ** 2  # away from both ends
    tone = cycles // 2
    floor = 0.25 * 2 * frames
    assert power[tone * np.arange(2, 16)].max() < 12 * floor
    assert np.sqrt(power[tone]) / frames / 2**15 == pytest.approx(level, rel=0.03)


@pytest.mark.parametrize(
    ("name", "subtype"), [("in.wav", "PCM_16"), ("in.wav", "PCM_U8"), ("in.flac", "PCM_16")]
)
def test_a_stride_of_one_copies_bit_by_bit_unless_dither_is_asked_for(name: str, subtype: str) -> None:
    x = sound(name, loud(), subtype)
    target = upsample(name, "--stride", "1").stdout.strip()
    np.testing.assert_array_equal(read(target), x)
    upsample(name, "--stride", "1", "--dither", "tpdf", "--overwrite")
    assert np.mean(read(target) != x) == pytest.approx(0.25, abs=0.03)


def test_silence_stays_silence_unless_dither_is_asked_for() -> None:
    sound("in.wav", np.zeros((2, 5000)), "PCM_16")
    upsample("in.wav")
    assert not read("in_x2.wav").any()
    upsample("in.wav", "--dither", "tpdf", "--overwrite")
    assert np.mean(read("in_x2.wav") != 0) == pytest.approx(0.25, abs=0.03)


def test_dither_is_the_same_in_every_run_and_from_every_pipe() -> None:
    sound("in.wav", 0.3 * loud(50_000), "PCM_16")
    upsample("in.wav", "-o", "one.wav")
    upsample("in.wav", "-o", "two.wav")
    assert Path("one.wav").read_bytes() == Path("two.wav").read_bytes()
    data = Path("in.wav").read_bytes()
    with subprocess.Popen(
        [*CONVT, "upsample", "-", "-q", "-o", "three.wav"], stdin=subprocess.PIPE
    ) as convt:
        assert convt.stdin
        for start in range(0, len(data), 33_333):
            convt.stdin.write(data[start : start + 33_333])
            convt.stdin.flush()
    np.testing.assert_array_equal(read("three.wav"), read("one.wav"))
