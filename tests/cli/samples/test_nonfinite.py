"""``--nonfinite``: NaN and infinities are refused with their place, zeroed or kept."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.command import tree, upsample
from tests.support.levels import LONG, TAPS, exact, kernel, loud, read, sound, warnings
from tests.support.oracles import Array


def spoilt(frames: int = LONG) -> Array:
    x = 0.1 * loud(frames)
    x[1, frames - 10_001], x[0, frames - 10_000], x[0, frames - 5] = np.nan, np.inf, -np.inf
    return x


@pytest.mark.parametrize("frames", [20_000, LONG])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_what_is_not_finite_is_an_error_with_its_place(subtype: str, frames: int) -> None:
    sound("in.wav", spoilt(frames), subtype)
    first = frames - 10_001
    result = upsample("in.wav", *kernel(*TAPS), code=1)
    assert result.stderr == (
        f"convt: in.wav: NaN or infinity at frame {first} ({first / 8000:.6f} s);"
        " use --nonfinite keep or --nonfinite zero to accept it\n"
    )
    assert "in_x2.wav" not in tree()


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16"])
def test_zero_goes_on_with_zeros_and_says_how_many(subtype: str) -> None:
    x = sound("in.wav", spoilt())
    sound("zero.wav", np.where(np.isfinite(x), x, 0))
    options = [*kernel(*TAPS), "--subtype", subtype]
    result = upsample("in.wav", *options, "--nonfinite", "zero")
    upsample("zero.wav", *options)
    assert Path("in_x2.wav").read_bytes() == Path("zero_x2.wav").read_bytes()
    [warning] = warnings(result)
    for word in ("in.wav", "3 sample", "frame 140000", "17.500000 s", "zero"):
        assert word in warning


@pytest.mark.parametrize("dtype", ["FLOAT", "DOUBLE"])
def test_keep_lets_it_reach_the_outputs_of_its_taps_and_no_others(dtype: str) -> None:
    x = sound("in.wav", spoilt(), dtype)
    result = upsample("in.wav", *kernel(*TAPS), "--nonfinite", "keep")
    np.testing.assert_allclose(read("in_x2.wav"), exact(x), rtol=1e-6, atol=1e-7)
    warning = next(line for line in warnings(result) if line.startswith("in.wav"))
    for word in ("3 sample", "frame 140000", "17.500000 s", "kept"):
        assert word in warning


def test_guard_counts_it_once_and_takes_the_peak_of_the_rest() -> None:
    x = spoilt()
    x[0, 7] = 3.0
    sound("in.wav", x)
    options = [*kernel(1), "--stride", "1", "--nonfinite", "keep", "--overs", "guard"]
    result = upsample("in.wav", *options)
    made = read("in_x1.wav")
    assert made[0, 7] == pytest.approx(1, abs=1e-6)
    assert not np.isfinite(made[0, 140_001])
    assert any("3 sample" in line and "in.wav" in line for line in warnings(result))


@pytest.mark.parametrize(
    ("dtype", "bad"),
    [
        ("float16", np.nan),
        ("float32", -np.inf),
        ("float64", np.nan),
        ("complex64", np.nan),
        ("complex64", complex(0, np.inf)),
        ("complex128", complex(1, np.nan)),
        ("complex128", complex(0, -np.inf)),
    ],
)
def test_arrays_that_are_not_finite(dtype: str, bad: complex) -> None:
    x = np.zeros(50, dtype)
    x[[5, 6, 7, 30]] = [1, -1, bad, bad]
    np.save("x.npy", x)
    result = upsample("x.npy", *kernel(*TAPS), code=1)
    assert "x.npy: NaN or infinity at frame 7; use --nonfinite keep or --nonfinite zero" in result.stderr
    result = upsample("x.npy", *kernel(*TAPS), "--nonfinite", "zero")
    x[[7, 30]] = 0
    np.save("zero.npy", x)
    upsample("zero.npy", *kernel(*TAPS))
    np.testing.assert_array_equal(np.load("x_x2.npy"), np.load("zero_x2.npy"))
    [warning] = [line for line in warnings(result) if "2 sample" in line]
    for word in ("x.npy", "frame 7"):
        assert word in warning


def test_the_frame_of_a_batch_is_counted_in_its_signal() -> None:
    x = np.zeros((3, 2, 50))
    x[1, 0, 5] = np.nan
    np.save("x.npy", x)
    assert "frame 5;" in upsample("x.npy", *kernel(*TAPS), code=1).stderr


def test_integers_are_finite() -> None:
    np.save("x.npy", np.array([-(2**62), 2**62]))
    upsample("x.npy", *kernel(1), "--stride", "1")
    assert np.load("x_x1.npy").tolist() == [-(2.0**62), 2.0**62]
