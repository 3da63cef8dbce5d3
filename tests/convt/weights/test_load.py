import io
import os
import resource
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convt
from tests.support.arrays import npy, npz
from tests.support.strategies import numbers


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


def test_groups_are_checked() -> None:
    with pytest.raises(convt.ParameterError, match="groups must be at least 1, got 0"):
        convt.Weights("w.npy", np.ones(3)).for_channels(2, 0)


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def spoilt_lzma() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("weight.npy", npy(np.arange(1000.0)))
    return file.getvalue()[:55] + bytes(15) + file.getvalue()[70:]


def header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue() + bytes(64)


def spoilt(content: bytes) -> bytes:
    return content[:200] + bytes(60) + content[260:]


FILES: dict[str, bytes] = {
    "pickled": npy(np.array([{"a": 1}], dtype=object)),
    "pickled bias": npz(weight=np.ones(3), bias=np.array([None])),
    "text": npy(np.array(["a", "b"])),
    "longdouble": npy(np.ones(3, "longdouble")),
    "scalar": npy(1.0),
    "four": npy(np.ones((1, 1, 1, 3))),
    "none": npy(np.ones((2, 0, 3))),
    "truncated": npy(np.ones(100))[:-8],
    "header only": npy(np.ones(100))[:50],
    "torn header": b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8', ",
    "odd descr": b"\x93NUMPY\x01\x00\x36\x00{'descr':',','fortran_order':False,'shape':(4,)}".ljust(64)
    + bytes(32),
    "deep header": b"\x93NUMPY\x01\x00\x89\x13" + b"-" * 5000 + b"1",
    "vast shape": header((10**30,)),
    "true shape": header((True, 8)),
    "empty": b"",
    "words": b"hello, world\n" * 20,
    "broken zip": b"PK\x03\x04" + b"nonsense" * 9,
    "spoilt zip": spoilt(npz(weight=np.arange(1000.0))),
    "spoilt lzma": spoilt_lzma(),
    "no array": zipped("weight", b"1 2 3"),
    "other names": npz(first=np.ones(3), second=np.ones(3)),
    "bomb": npz(weight=np.zeros(9_000_000)),
    "vast member": zipped("weight.npy", header((1 << 60,))),
    "long header": zipped("weight.npy", b"\x93NUMPY\x02\x00" + b"\xff\xff\xff\x7f" + b" " * 70_000),
    "square bias": npz(weight=np.ones(3), bias=np.ones((2, 2))),
}

# The words of numpy, zipfile and Python differ between versions, and are not passed on.
NOT_NUMPYS = "it is damaged, or numpy did not write it$"


def test_a_pipe_that_nobody_fills_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(convt.WeightsError, match=r"pipe.npy: is not a regular file"):
        convt.load_weights(tmp_path / "pipe.npy")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no such file"),
        ("folder", "is not a regular file"),
        ("pickled", "pickled data is never loaded"),
        ("pickled bias", "pickled data is never loaded"),
        ("truncated", "not a complete .npy or .npz file"),
        ("header only", NOT_NUMPYS),
        ("empty", "has no numbers"),
        ("words", "line 2: 'hello' is not a number; taps as text must be one column or one row of numbers"),
        ("broken zip", "not a complete .npy or .npz file"),
        ("torn header", NOT_NUMPYS),
        ("odd descr", NOT_NUMPYS),
        ("deep header", NOT_NUMPYS),
        ("spoilt lzma", r"weight is packed by a method that numpy does not use \(14\)"),
        ("vast shape", "not a complete .npy or .npz file"),
        ("true shape", "not a complete .npy or .npz file"),
        ("spoilt zip", f"weight: {NOT_NUMPYS}"),
        ("no array", "holds no weight of a transposed convolution; its tensors: none"),
        ("bomb", "weight.npy unpacks from .* to 72000000 bytes, as no weights do"),
        ("vast member", "needs 9223372036854775808 bytes, and weights may have at most"),
        ("long header", "not a complete .npy or .npz file"),
        ("square bias", r"bias must have shape \(C_out,\), got \(2, 2\)"),
        ("other names", "which of its weights is meant. It has first, second; name one"),
        ("text", "weight must have a boolean, .* got <U1"),
        ("longdouble", "weight must have a boolean, .* got longdouble|float128"),
        ("scalar", r"weight must have shape \(K,\), .* got \(\)"),
        ("four", r"weight must have shape \(K,\), .* got \(1, 1, 1, 3\)"),
        ("none", r"weight must have shape \(K,\), .* got \(2, 0, 3\)"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, kind: str, message: str) -> None:
    path = tmp_path / "w.npy"
    if kind == "folder":
        path.mkdir()
    elif kind in FILES:
        path.write_bytes(FILES[kind])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(convt.WeightsError, match=rf"w\.npy: .*({message})") as caught:
        convt.load_weights(path)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_ordinary_convolutions_are_loaded_unchanged() -> None:
    weight, bias = numbers(1, (3, 7, 5), "float32"), numbers(2, (3,), "float32")
    arrays: Any = {"post.weight": weight, "post.bias": bias, "wrong.weight": weight, "wrong.bias": bias[:2]}
    np.savez("w.npz", **arrays)
    loaded = convt.load_weights("w.npz", "post", conv1d=True)
    np.testing.assert_array_equal(loaded.weight, weight)
    np.testing.assert_array_equal(loaded.bias, bias)
    with pytest.raises(
        convt.WeightsError, match=r"wrong: bias must have 3 numbers .* ordinary convolution"
    ):
        convt.load_weights("w.npz", "wrong", conv1d=True)
    with pytest.raises(convt.ParameterError, match="layout must be torch or onnx with conv1d=True"):
        convt.load_weights("w.npz", "post", layout="keras", conv1d=True)
