from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convt


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.arange(5, dtype="float32"))
    weights = convt.load_weights(tmp_path / "w.npy")
    np.testing.assert_array_equal(weights.weight, [0, 1, 2, 3, 4])
    assert weights.bias is None
    assert weights.weight.dtype == np.float32


@pytest.mark.parametrize("bias", [None, np.array([1.0, 2.0])])
def test_npz(tmp_path: Path, bias: Any) -> None:
    arrays = {"weight": np.ones((1, 2, 3))} | ({} if bias is None else {"bias": bias})
    np.savez(tmp_path / "w.npz", **arrays)
    weights = convt.load_weights(str(tmp_path / "w.npz"))
    assert weights.weight.shape == (1, 2, 3)
    np.testing.assert_array_equal(weights.bias, bias)


@pytest.mark.parametrize(
    ("shape", "channels", "groups", "result", "result_groups"),
    [
        ((5,), 1, 1, (5,), 1),
        ((5,), 7, 1, (5,), 1),
        ((3, 5), 3, 1, (3, 1, 5), 3),
        ((3, 5), 3, 3, (3, 1, 5), 3),
        ((1, 1, 5), 1, 1, (1, 1, 5), 1),
        ((1, 1, 5), 6, 1, (5,), 1),
        ((1, 2, 5), 1, 1, (1, 2, 5), 1),
        ((4, 3, 5), 4, 2, (4, 3, 5), 2),
    ],
)
def test_shapes_that_fit(
    shape: tuple[int, ...], channels: int, groups: int, result: tuple[int, ...], result_groups: int
) -> None:
    numbers = np.arange(float(np.prod(shape))).reshape(shape)
    weight, used = convt.Weights("w.npy", numbers).for_channels(channels, groups)
    assert (weight.shape, used) == (result, result_groups)
    np.testing.assert_array_equal(weight.ravel(), numbers.ravel())


@pytest.mark.parametrize(
    ("shape", "channels", "groups", "fitting"),
    [
        ((2, 5), 1, 1, r"\(K,\), \(1, K\), \(1, 1, K\) or \(1, C_out, K\)"),
        ((2, 1, 5), 1, 1, r"\(K,\), \(1, K\), \(1, 1, K\) or \(1, C_out, K\)"),
        ((1, 2, 5), 2, 1, r"\(K,\), \(2, K\), \(1, 1, K\) or \(2, C_out, K\)"),
        ((5,), 4, 2, r"\(4, C_out/2, K\), or \(K,\) or \(4, K\) without groups"),
        ((3, 5), 4, 2, r"\(4, C_out/2, K\), or \(K,\) or \(4, K\) without groups"),
        ((4, 3, 5), 4, 3, r"\(K,\) or \(4, K\) without groups, since 3 groups do not divide 4"),
    ],
)
def test_shapes_that_do_not_fit(shape: tuple[int, ...], channels: int, groups: int, fitting: str) -> None:
    with pytest.raises(
        convt.WeightsError, match=rf"^w\.npy: weights of shape .* do not fit in\.wav.*{fitting}"
    ):
        convt.Weights("w.npy", np.ones(shape)).for_channels(channels, groups, "in.wav")


def write(path: Path, kind: str) -> None:
    whole = path.with_suffix(".whole")
    with whole.open("wb") as file:
        np.save(file, np.ones(100))
    contents: dict[str, Any] = {
        "pickled": np.array([{"a": 1}], dtype=object),
        "text": np.array(["a", "b"]),
        "longdouble": np.ones(3, "longdouble"),
        "scalar": np.float64(1),
        "four": np.ones((1, 1, 1, 3)),
        "none": np.ones((2, 0, 3)),
    }
    if kind in contents:
        with path.open("wb") as file:
            np.save(file, contents[kind], allow_pickle=True)
    elif kind == "truncated":
        path.write_bytes(whole.read_bytes()[:-8])
    elif kind == "header only":
        path.write_bytes(whole.read_bytes()[:50])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "words":
        path.write_bytes(b"hello, world\n" * 20)
    elif kind == "broken zip":
        path.write_bytes(b"PK\x03\x04" + b"nonsense" * 9)
    elif kind == "other names":
        with path.open("wb") as file:
            np.savez(file, kernel=np.ones(3))
    elif kind == "pickled bias":
        with path.open("wb") as file:
            np.savez(file, weight=np.ones(3), bias=np.array([None]))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no such file"),
        ("folder", "cannot be read: Is a directory"),
        ("pickled", "pickled data is never loaded"),
        ("pickled bias", "pickled data is never loaded"),
        ("truncated", "not a whole .npy or .npz file"),
        ("header only", "not a whole .npy or .npz file"),
        ("empty", "not a whole .npy or .npz file"),
        ("words", "not a whole .npy or .npz file"),
        ("broken zip", "not a whole .npy or .npz file"),
        ("other names", r"must hold an array 'weight', got \['kernel'\]"),
        ("text", "weight must be of a boolean, .* got <U1"),
        ("longdouble", "weight must be of a boolean, .* got longdouble|float128"),
        ("scalar", r"weights must have shape \(K,\), .* got \(\)"),
        ("four", r"weights must have shape \(K,\), .* got \(1, 1, 1, 3\)"),
        ("none", r"weights must have shape \(K,\), .* got \(2, 0, 3\)"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, kind: str, message: str) -> None:
    path = tmp_path / "w.npy"
    if kind == "folder":
        path.mkdir()
    else:
        write(path, kind)
    with pytest.raises(convt.WeightsError, match=rf"w\.npy: .*({message})") as caught:
        convt.load_weights(path)
    assert "\n" not in str(caught.value)
