"""``convt upsample`` on .npy signals: the operator on arrays in files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convt
from tests.support.command import upsample
from tests.support.oracles import Array
from tests.support.strategies import numbers


@pytest.mark.parametrize(
    ("shape", "weight", "options", "result"),
    [
        ((50,), (5,), [], (103,)),
        ((50,), (1, 1, 5), [], (103,)),
        ((50,), (1, 2, 5), [], (2, 103)),
        ((3, 50), (5,), [], (3, 103)),
        ((3, 50), (3, 2, 5), [], (2, 103)),
        ((4, 3, 50), (3, 2, 5), [], (4, 2, 103)),
        ((4, 1, 50), (5,), [], (4, 1, 103)),
        ((0, 3, 50), (3, 2, 5), [], (0, 2, 103)),
        ((2, 4, 50), (4, 3, 5), ["--groups", "2", "--padding", "same"], (2, 6, 100)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int16", "float16", ">f4"])
def test_is_the_operator(
    shape: tuple[int, ...], weight: tuple[int, ...], options: list[str], result: tuple[int, ...], dtype: str
) -> None:
    x = (10 * numbers(1, shape, "float64")).astype(dtype)
    w = numbers(2, weight, "float32")
    np.save("x.npy", x)
    np.save("w.npy", w)
    assert upsample("x.npy", "--weights", "w.npy", "--stride", "2", *options).stdout == "x_x2.npy\n"
    y = np.load("x_x2.npy")
    signals = x.reshape((1,) * (3 - x.ndim) + x.shape)
    kernel = w if w.ndim == 3 else np.broadcast_to(w, (signals.shape[1], 1, 5))
    groups = 2 if options else 1 if w.ndim == 3 else signals.shape[1]
    padding: Any = "same" if options else 0
    expected = convt.conv_transpose1d(signals, kernel, stride=2, groups=groups, padding=padding)
    assert (y.shape, y.dtype) == (result, expected.dtype)
    np.testing.assert_array_equal(y, expected.reshape(result))


@pytest.mark.parametrize(
    ("dtype", "result"),
    [("float32", "float32"), ("int16", "float64"), ("complex64", "complex64"), ("float64", "float64")],
)
def test_the_built_in_kernel_takes_the_signals_precision(dtype: str, result: str) -> None:
    np.save("x.npy", np.ones((2, 300), dtype))
    upsample("x.npy")
    y = np.load("x_x2.npy")
    assert (y.shape, y.dtype) == ((2, 600), np.dtype(result))
    np.testing.assert_allclose(y[:, 320], 1, atol=0.1)


@pytest.mark.parametrize(
    ("dtype", "precision", "result"),
    [
        ("float64", "float32", "float32"),
        ("int16", "float32", "float32"),
        ("complex128", "float32", "complex64"),
        ("float32", "float64", "float64"),
    ],
)
def test_precision_holds_for_signal_and_weights(dtype: str, precision: str, result: str) -> None:
    np.save("x.npy", np.ones(30, dtype))
    np.save("w.npy", np.ones(3))
    upsample("x.npy", "--weights", "w.npy", "--precision", precision)
    assert np.load("x_x2.npy").dtype == np.dtype(result)


def test_what_a_narrower_precision_cannot_hold_is_infinite() -> None:
    np.save("x.npy", np.array([1.0, 1e300, 2.0]))
    upsample("x.npy", "--stride", "1", "--precision", "float32", "--nonfinite", "keep")
    np.testing.assert_array_equal(np.load("x_x1.npy"), np.array([1, np.inf, 2], "float32"))


def test_long_signals_go_block_by_block() -> None:
    x = numbers(3, (2, 3, 150_000), "float32")
    np.save("x.npy", np.asfortranarray(x))
    np.save("w.npy", weight := numbers(4, (3, 2, 9), "float32"))
    upsample("x.npy", "--weights", "w.npy", "--stride", "3")
    np.testing.assert_array_equal(np.load("x_x3.npy"), convt.conv_transpose1d(x, weight, stride=3))


@pytest.mark.parametrize("shape", [(0,), (2, 0), (3, 2, 0)])
def test_no_samples(shape: tuple[int, ...]) -> None:
    np.save("x.npy", np.zeros(shape, "float32"))
    result = upsample("x.npy")
    y = np.load("x_x2.npy")
    assert (y.shape, y.dtype) == (shape, np.float32)
    assert "x.npy has no samples" in result.stderr


def test_float16_is_reported_as_what_it_is_computed_in() -> None:
    np.save("x.npy", np.ones(30, "float16"))
    np.save("w.npy", np.ones(3, "float16"))
    assert "computed in float32" in upsample("x.npy", "--weights", "w.npy", "-v").stderr
    assert np.load("x_x2.npy").dtype == np.float16


def test_complex_weights() -> None:
    np.save("x.npy", np.array([1.0, 2.0]))
    np.save("w.npy", np.array([1j, 2.0]))
    upsample("x.npy", "--weights", "w.npy", "--stride", "1")
    np.testing.assert_array_equal(np.load("x_x1.npy"), [1j, 2 + 2j, 4])


def save(kind: str) -> None:
    arrays: dict[str, Array] = {
        "pickled": np.array([{"a": 1}], dtype=object),
        "text": np.array(["a", "b"]),
        "longdouble": np.ones(3, "longdouble"),
        "scalar": np.array(1.0),
        "four": np.ones((1, 1, 1, 3)),
    }
    if kind in arrays:
        np.save("x.npy", arrays[kind], allow_pickle=True)
    elif kind == "truncated":
        np.save("whole.npy", np.ones(100))
        Path("x.npy").write_bytes(Path("whole.npy").read_bytes()[:-1])
    elif kind == "npz":
        np.savez("x.npz", weight=np.ones(3))
        Path("x.npz").rename("x.npy")
    elif kind == "deep":
        Path("x.npy").write_bytes(b"\x93NUMPY\x01\x00\x89\x13" + b"-" * 5000 + b"1")
    elif kind == "empty":
        Path("x.npy").touch()


# numpy's words differ between versions, and are not passed on.
NOT_NUMPYS = "(pickled data is never loaded): the header is damaged, or not numpy's\n"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "cannot be read: No such file or directory"),
        ("pickled", "pickled data is never loaded"),
        ("truncated", "truncated .npy file: "),
        ("npz", f"not a valid .npy file {NOT_NUMPYS}"),
        ("deep", f"not a valid .npy file {NOT_NUMPYS}"),
        ("empty", f"not a valid .npy file {NOT_NUMPYS}"),
        ("text", "dtype <U1; a signal must hold numbers of up to 64 bits each"),
        ("longdouble", "a signal must hold numbers of up to 64 bits"),
        ("scalar", "shape (); a signal must have shape (L,), (C, L) or (N, C, L)"),
        ("four", "shape (1, 1, 1, 3); a signal must have shape (L,), (C, L) or (N, C, L)"),
    ],
)
def test_bad_signals_are_refused_in_one_line(kind: str, message: str) -> None:
    save(kind)
    before = sorted(Path().iterdir())
    result = upsample("x.npy", code=1)
    assert result.stderr.startswith("convt: x.npy: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert sorted(Path().iterdir()) == before
