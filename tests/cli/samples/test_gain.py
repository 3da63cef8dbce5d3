"""``--gain``, held against a few lines of numpy."""

import numpy as np
import pytest
from typer.testing import CliRunner

from convt_cli.app import app
from tests.support.command import facts, tree, upsample
from tests.support.levels import TAPS, exact, kernel, loud, overs, read, sound
from tests.support.strategies import numbers


@pytest.mark.parametrize("gain", [-6.0206, 3.5])
@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("out.wav", "FLOAT", 2.0**-22),
        ("out.wav", "DOUBLE", 1e-14),
        ("out.wav", "PCM_24", 2.0**-23),
        ("out.flac", "PCM_16", 2.0**-15),
        ("out.au", "PCM_16", 2.0**-15),
    ],
)
def test_gain_is_in_decibels(name: str, subtype: str, step: float, gain: float) -> None:
    y = exact(sound("in.wav", 0.2 * loud()), gain=gain)
    options = [*kernel(*TAPS), "--subtype", subtype, "--dither", "none", "-o", name]
    level = facts("in.wav", *options, "--gain", str(gain))["level"]
    assert np.abs(read(name) - y).max() <= 0.51 * step
    assert level["gain_db"] == pytest.approx(gain)
    assert level["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(y).max()), abs=1e-5)


def test_overs_are_those_with_the_gain() -> None:
    y = exact(sound("in.wav", 0.2 * loud()), gain=15)
    level = facts("in.wav", *kernel(*TAPS), "--gain", "15", "--subtype", "PCM_16")["level"]
    assert level["overs"] == overs(y, "PCM_16") > 0


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((50,), "float32"),
        ((2, 50), "float64"),
        ((3, 2, 50), "complex64"),
        ((50,), "complex128"),
        ((2, 50), "int16"),
    ],
)
def test_gain_of_arrays(shape: tuple[int, ...], dtype: str) -> None:
    np.save("x.npy", (10 * numbers(1, shape, dtype if dtype.startswith("c") else "float64")).astype(dtype))
    upsample("x.npy", *kernel(*TAPS), "-o", "plain.npy")
    upsample("x.npy", *kernel(*TAPS), "-o", "louder.npy", "--gain", "20")
    plain, louder = np.load("plain.npy"), np.load("louder.npy")
    assert plain.dtype == louder.dtype
    np.testing.assert_allclose(louder, 10 * plain, rtol=3e-7)


def test_gain_of_half_precision_is_not_rounded_to_it() -> None:
    x = numbers(2, (100,), "float64").astype(np.float16)
    np.save("x.npy", x)
    np.save("one.npy", np.ones(1, np.float16))
    upsample("x.npy", "--weights", "one.npy", "--stride", "1", "--gain", "65")
    y = np.load("x_x1.npy")
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y, (x * np.float64(10 ** (65 / 20))).astype(np.float16))


@pytest.mark.parametrize("gain", ["nan", "inf", "-inf", "100000", "-100000"])
def test_a_gain_that_is_no_number_of_decibels_is_a_usage_error(gain: str) -> None:
    sound("in.wav", loud())
    result = upsample("in.wav", "--gain", gain, code=2)
    assert "gain" in result.stderr
    assert result.stderr.count("\n") == 1
    assert tree() == ["in.wav"]


@pytest.mark.parametrize("gain", ["700", "-900"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_an_absurd_gain_is_taken_or_refused_without_a_warning_of_numpys(gain: str, subtype: str) -> None:
    sound("in.wav", loud(), "PCM_16")
    result = CliRunner().invoke(app, ["upsample", "in.wav", "--gain", gain, "--subtype", subtype])
    assert result.exit_code in (0, 2), result.exception
