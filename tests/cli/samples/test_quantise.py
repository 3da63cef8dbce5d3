"""Samples to integers, judged by the statistics of the error and by exact arithmetic."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convt_cli.errors import Unwritable
from convt_cli.samples.formats import Format
from convt_cli.samples.quantise import Dither, Overs, Quantiser
from tests.support.oracles import Array
from tests.support.strategies import chunkings, numbers

INTEGERS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
DITHERS: list[Dither] = ["none", "needed", "tpdf"]
REALS = ["float32", "float64"]
integers = pytest.mark.parametrize("subtype", INTEGERS)
either_dtype = pytest.mark.parametrize("dtype", REALS)
MANY = 1 << 18


def quantiser(
    subtype: str,
    channels: int,
    dither: Dither = "tpdf",
    *,
    gain: float = 1.0,
    overs: Overs = "clip",
    upper: bool = False,
) -> Quantiser:
    chosen = Format("WAV", subtype, "FILE", 8000)
    return Quantiser(chosen, channels, upper=upper, gain=gain, dither=dither, overs=overs)


def steps(result: Array, subtype: str, *, upper: bool = False) -> Array:
    """What stands in a file, (channels, n), as signed numbers of steps."""
    signed: Array = result.T.astype(np.int64)
    if upper:
        unit = 1 << (32 - INTEGERS[subtype])
        assert not (signed % unit).any()
        return np.floor_divide(signed, unit)
    return np.subtract(signed, 128) if subtype == "PCM_U8" else signed


def rounded(x: Array, subtype: str = "PCM_16", dither: Dither = "tpdf", **options: Any) -> Array:
    upper = options.get("upper", False)
    return steps(quantiser(subtype, len(x), dither, **options)(x), subtype, upper=upper)


def errors(x: Array, subtype: str = "PCM_16", dither: Dither = "tpdf", **options: Any) -> Array:
    """Quantised less exact, in steps."""
    exact: Array = x.astype(np.float64) * 2.0 ** (INTEGERS[subtype] - 1)
    return rounded(x, subtype, dither, **options) - exact


def tone(frames: int, level: float, frequency: float = 997 / 48000) -> Array:
    sine: Array = level * np.sin(2 * np.pi * frequency * np.arange(frames))
    return sine


def correlation(one: Array, other: Array) -> float:
    return float(np.corrcoef(one, other)[0, 1])


@pytest.mark.parametrize("level", [1e-4, 0.3, 0.99])
@pytest.mark.parametrize(
    ("subtype", "dtype", "upper"),
    [
        ("PCM_16", "float32", False),
        ("PCM_16", "float64", False),
        ("PCM_16", "float32", True),
        ("PCM_U8", "float32", False),
        ("PCM_S8", "float64", True),
        ("PCM_24", "float64", False),
        ("PCM_24", "float32", False),
    ],
)
def test_the_dithered_error_has_no_mean_and_half_a_step_of_rms(
    subtype: str, dtype: str, upper: bool, level: float
) -> None:
    x = np.stack([tone(MANY, level), tone(MANY, level, 0.3331)]).astype(dtype)
    for error in errors(x, subtype, upper=upper):
        assert abs(error.mean()) < 0.01
        assert np.sqrt(np.mean(error**2)) == pytest.approx(0.5, rel=0.01)
        assert np.abs(error).max() <= 1.5


@pytest.mark.parametrize("base", [0, 1, -1000, 12_345])
@pytest.mark.parametrize("tenths", range(10))
def test_the_errors_power_does_not_depend_on_the_place_between_two_steps(base: int, tenths: int) -> None:
    x = np.full((1, MANY), (base + tenths / 10) / 2**15)
    error = errors(x)[0]
    assert abs(error.mean()) < 0.01
    assert np.sqrt(np.mean(error**2)) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.7])
def test_the_dithered_error_is_white(level: float) -> None:
    error = errors(tone(MANY, level)[None])[0]
    pieces = error.reshape(-1, 256)
    periodogram = np.mean(np.abs(np.fft.rfft(pieces)[:, 1:-1]) ** 2, axis=0) / 256
    np.testing.assert_allclose(periodogram, 0.25, rtol=0.2)  # five times its own uncertainty
    for lag in range(1, 33):
        assert abs(correlation(error[lag:], error[:-lag])) < 5 / MANY**0.5


def test_the_dithered_error_has_nothing_of_the_signal_in_it() -> None:
    x = np.stack([tone(MANY, 3 / 2**15), 0.1 * np.tanh(numbers(1, (MANY,), "float64"))])
    for signal, error in zip(x, errors(x), strict=True):
        assert abs(correlation(signal, error)) < 5 / MANY**0.5
        assert abs(correlation(signal, error**2)) < 5 / MANY**0.5
        assert abs(correlation(signal**2, error**2)) < 5 / MANY**0.5


def test_channels_have_noise_of_their_own() -> None:
    error = errors(np.broadcast_to(tone(MANY, 0.1), (8, MANY)))
    table = np.corrcoef(error) - np.eye(8)
    assert np.abs(table).max() < 5 / MANY**0.5


@pytest.mark.parametrize("dither", ["tpdf", "needed"])
def test_a_faint_tone_has_no_harmonics(dither: Dither) -> None:
    frames, cycles = 96_000, 2000  # 1 kHz, at -90 dBFS
    x = tone(frames, 10 ** (-90 / 20), cycles / frames)[None]

    def spectrum(dither: Dither) -> Array:
        power: Array = np.abs(np.fft.rfft(rounded(x, dither=dither)[0])) ** 2
        return power

    harmonics = cycles * np.arange(2, 20)
    floor = 0.25 * frames
    heard = spectrum(dither)
    assert heard[harmonics].max() < 12 * floor
    assert np.sqrt(heard[cycles]) / frames * 2 / 2**15 == pytest.approx(10 ** (-90 / 20), rel=0.02)
    assert spectrum("none")[harmonics].max() > 1000 * floor  # which such a test does show


@st.composite
def cut_blocks(draw: st.DrawFn) -> tuple[str, Dither, str, bool, list[int]]:
    subtype = draw(st.sampled_from([*INTEGERS, "FLOAT"]))
    return (
        subtype,
        draw(st.sampled_from(DITHERS)),
        draw(st.sampled_from(REALS)),
        draw(st.booleans()),
        draw(chunkings(200)),
    )


def in_pieces(make: Callable[[], Quantiser], x: Array, sizes: list[int]) -> tuple[Array, list[float]]:
    made = make()
    stops = np.cumsum(sizes)
    parts = [made(x[:, stop - size : stop]) for size, stop in zip(sizes, stops, strict=True)]
    seen = made.levels
    return np.concatenate(parts), [seen.overs, seen.not_finite, seen.peak, seen.peak_at, seen.frames]


@given(cut_blocks())
def test_every_chunking_gives_the_same_bytes_and_levels(
    case: tuple[str, Dither, str, bool, list[int]],
) -> None:
    subtype, dither, dtype, upper, sizes = case
    x = (0.6 * numbers(7, (2, 200), "float64")).astype(dtype)
    x[:, 50:80] = 0  # exact steps, which "needed" leaves alone

    def make() -> Quantiser:
        return quantiser(subtype, 2, dither, upper=upper)

    whole, levels = in_pieces(make, x, [200])
    cut, cut_levels = in_pieces(make, x, sizes)
    np.testing.assert_array_equal(cut, whole)
    assert cut.dtype == whole.dtype
    assert cut_levels == levels


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_blocks_of_any_length_give_the_bytes_of_one(subtype: str) -> None:
    x = (0.6 * numbers(3, (2, 200_003), "float64")).astype(np.float32)
    whole, levels = in_pieces(lambda: quantiser(subtype, 2), x, [200_003])
    cut, cut_levels = in_pieces(lambda: quantiser(subtype, 2), x, [65_535, 1, 3, 131_073, 0, 3391])
    np.testing.assert_array_equal(cut, whole)
    assert cut_levels == levels


def test_the_same_in_every_run() -> None:
    x = tone(1000, 0.5)[None]
    np.testing.assert_array_equal(rounded(x), rounded(x))


@integers
@either_dtype
def test_where_nothing_is_rounded_dither_waits_to_be_asked_for(subtype: str, dtype: str) -> None:
    top = 2 ** (INTEGERS[subtype] - 1)
    codes = np.random.default_rng(5).integers(-min(top, 2**23), min(top, 2**23), (2, 3000))
    x = (codes / top).astype(dtype)
    np.testing.assert_array_equal(rounded(x, subtype, "needed"), codes)
    np.testing.assert_array_equal(rounded(x, subtype, "none"), codes)
    if subtype != "PCM_32":  # whose steps float32 does not reach
        assert np.mean(rounded(x, subtype, "tpdf") != codes) == pytest.approx(0.25, abs=0.03)


def test_silence_stays_silence_between_sounds() -> None:
    x = np.concatenate([tone(500, 0.1), np.zeros(500), tone(500, 0.1)])[None]
    result = rounded(x, dither="needed")[0]
    assert not result[500:1000].any()
    np.testing.assert_array_equal(result[1001:], rounded(x, dither="tpdf")[0, 1001:])


@integers
@either_dtype
def test_without_dither_halves_go_to_the_even_step(subtype: str, dtype: str) -> None:
    top = 2 ** (INTEGERS[subtype] - 1)
    codes = np.array([-7.5, -6.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 6.5, 7.5, 0.49, 0.51, -0.51, -1.49])
    even = [-8, -6, -2, -2, 0, 0, 2, 2, 6, 8, 0, 1, -1, -1]
    np.testing.assert_array_equal(rounded((codes / top)[None].astype(dtype), subtype, "none"), [even])
    np.testing.assert_array_equal(
        rounded((codes / top)[None].astype(dtype), subtype, "none", upper=True), [even]
    )


@pytest.mark.parametrize(
    ("subtype", "dtype"),
    [("PCM_24", "float64"), ("PCM_24", "float32"), ("PCM_32", "float64"), ("PCM_16", "float32")],
)
def test_rounding_has_no_bias(subtype: str, dtype: str) -> None:
    x = np.random.default_rng(2).uniform(-0.9, 0.9, (1, MANY)).astype(dtype)
    error = errors(x, subtype, "none")[0]
    assert np.abs(error).max() <= 0.5
    assert abs(error.mean()) < 0.005
    assert abs(correlation(x[0], error)) < 5 / MANY**0.5


def test_eight_bits_are_unsigned_about_128() -> None:
    result = quantiser("PCM_U8", 1, "none")(np.array([[-1.0, -0.5, 0.0, 1 / 128, 0.5, 127 / 128, 1.0]]))
    assert result.dtype == np.uint8
    assert result[:, 0].tolist() == [0, 64, 128, 129, 192, 255, 255]


@integers
@either_dtype
@pytest.mark.parametrize("dither", DITHERS)
@pytest.mark.parametrize("upper", [False, True])
def test_full_scale_saturates_and_never_wraps(
    subtype: str, dtype: str, dither: Dither, upper: bool
) -> None:
    top = 2 ** (INTEGERS[subtype] - 1)
    levels = [
        1.0,
        1 - 0.25 / top,
        1 - 0.5 / top,
        1 - 0.75 / top,
        1 - 1 / top,
        1 - 1.5 / top,
        1.5,
        1e6,
        1e30,
    ]
    x = np.repeat(levels, 500)[None].astype(dtype)
    up, down = rounded(x, subtype, dither, upper=upper)[0], rounded(-x, subtype, dither, upper=upper)[0]
    slack = 2 if subtype != "PCM_32" or dtype == "float64" else 256  # the spacing of float32 there
    assert up.max() == top - 1
    assert up.min() >= top - 1 - slack
    assert down.min() == -top
    assert down.max() <= -top + 1 + slack
    beyond = np.abs(x[0]) >= 1.5
    assert (up[beyond] == top - 1).all()
    assert (down[beyond] == -top).all()


@integers
@either_dtype
def test_overs_are_the_samples_that_become_no_step(subtype: str, dtype: str) -> None:
    top = 2 ** (INTEGERS[subtype] - 1)
    x = np.concatenate([1.2 * np.tanh(2 * numbers(8, (2, 4000), "float64")), [[1, -1, 0], [0, 1, -1]]], 1)
    x = x.astype(dtype)
    nearest = np.rint(x.astype(np.float64) * top)
    made = quantiser(subtype, 2, "none")
    made(x)
    assert made.levels.overs == np.count_nonzero((nearest > top - 1) | (nearest < -top))
    assert made.levels.peak == np.abs(x).max()
    assert made.levels.peak_at == np.abs(x).max(axis=0).argmax()
    assert made.levels.frames == 4003


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("gain", [0.37, 2.5])
def test_levels_are_those_behind_the_gain(gain: float, dtype: str) -> None:
    x = (0.5 * numbers(9, (2, 150_000), "float64")).astype(dtype)
    made = quantiser("FLOAT", 2, "none", gain=gain, overs="keep")
    made(x[:, :70_000])
    made(x[:, 70_000:])
    behind = np.abs(x.astype(np.float64) * gain)
    assert made.levels.overs == pytest.approx(np.count_nonzero(behind > 1), abs=1)
    assert made.levels.peak == pytest.approx(behind.max(), rel=1e-6)
    assert made.levels.peak_at == behind.max(axis=0).argmax()


def test_the_reported_peak_is_an_over() -> None:
    made = quantiser("PCM_16", 1, "none")
    made(np.array([[-1.0, 0.0, 1.0]]))  # -1 is the lowest step; 1 is beyond the highest
    assert (made.levels.overs, made.levels.peak_at) == (1, 2)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_32", "FLOAT"])
def test_the_error_names_the_frame_of_an_over(subtype: str) -> None:
    x = np.zeros((1, 100_000))
    x[0, 10], x[0, 90_000] = -1.0, np.nextafter(1, 2) if subtype == "FLOAT" else 1 - 0.1 / 2**31
    with pytest.raises(Unwritable, match="dBFS at output frame 90000: beyond full scale"):
        quantiser(subtype, 1, "none", overs="error")(x)


@pytest.mark.parametrize("sizes", [[99, 99_901], [20_000] * 5])
def test_the_error_names_the_same_over_for_every_chunking(sizes: list[int]) -> None:
    x = np.zeros((1, 100_000))
    x[0, 10], x[0, 50], x[0, 90_000] = 1.1, 1.2, 1.3
    messages = []
    for chunking in ([100_000], sizes):
        with pytest.raises(Unwritable, match="dBFS at output frame") as error:
            in_pieces(lambda: quantiser("FLOAT", 1, "none", overs="error"), x, chunking)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


@either_dtype
@pytest.mark.parametrize(("subtype", "result"), [("FLOAT", "float32"), ("DOUBLE", "float64")])
def test_real_numbers_are_kept_or_clipped_and_never_dithered(subtype: str, result: str, dtype: str) -> None:
    x = (0.8 * numbers(4, (2, 3000), "float64")).astype(dtype)
    kept = quantiser(subtype, 2, "none", overs="keep")(x)
    assert kept.dtype == result
    np.testing.assert_array_equal(kept.T, x.astype(result))
    clipped = quantiser(subtype, 2, "none", overs="clip")(x)
    np.testing.assert_array_equal(clipped.T, np.clip(x, -1, 1).astype(result))


@pytest.mark.parametrize("loud", [0.5, 2.0])
def test_an_infinity_that_is_kept_is_kept_beside_overs_too(loud: float) -> None:
    x = np.array([[np.inf, -np.inf, np.nan, loud]])
    made = quantiser("FLOAT", 1, "none", overs="clip")
    np.testing.assert_array_equal(made(x)[:, 0], [np.inf, -np.inf, np.nan, min(loud, 1)])
    assert (made.levels.not_finite, made.levels.overs) == (3, loud > 1)
