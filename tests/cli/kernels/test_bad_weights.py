"""Weights, biases and gains that cannot be."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.support.arrays import npy, npz
from tests.support.command import refused, upsample
from tests.support.processes import names
from tests.support.sounds import sound

pytestmark = pytest.mark.usefixtures("short_kernel")


def claiming(*shape: int) -> bytes:
    """An array that says it were large, and is not."""
    file = io.BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue() + bytes(64)


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", content)
    return file.getvalue()


WEIGHTS = {
    "pickled": npy(np.array([{"a": 1}], dtype=object)),
    "truncated": npy(np.ones(100))[:-9],
    "truncated archive": npz(weight=np.ones(100))[:-30],
    "huge": claiming(1 << 50),
    "huge in all directions": claiming(1 << 33, 1 << 33, 1 << 33),
    "huge in an archive": zipped(claiming(1 << 50)),
    "negative": claiming(-5),
    "wrong shape": npy(np.ones((3, 5))),
    "four dimensions": npy(np.ones((1, 1, 1, 3))),
    "text": npy(np.array(["a", "b"])),
    "dates": npy(np.array(["2020-01-01"], "datetime64[D]")),
    "records": npy(np.zeros(3, [("a", "f4")])),
    "NaN": npy(np.array([1, np.nan, 1])),
    "infinite": npy(np.array([1, -np.inf], "float32")),
    "NaN bias": npz(weight=np.ones(3), bias=np.array([np.nan])),
    "none": npy(np.ones(0)),
    "empty": b"",
    "a text file": b"one and a half\n",
    "nonsense": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 9000,
    "no weight": npz(weights=np.ones((3, 1, 1, 1))),
}


@pytest.mark.parametrize("source", ["in.wav", "in.npy"])
@pytest.mark.parametrize("content", WEIGHTS.values(), ids=WEIGHTS.keys())
def test_weights_that_cannot_be(content: bytes, source: str) -> None:
    sound("in.wav", shape=(50,))
    np.save("in", np.ones(50))
    Path("bad.npy").write_bytes(content)
    assert refused("upsample", source, "--weights", "bad.npy", code=1).startswith("convt: bad.npy: ")


@pytest.mark.parametrize("bias", ["nan", "inf", "-inf", "bad.npy"])
@pytest.mark.parametrize("source", ["in.wav", "in.npy"])
def test_a_bias_that_is_no_finite_number(source: str, bias: str) -> None:
    sound("in.wav", shape=(50,))
    np.save("in", np.ones(50))
    np.save("bad", np.array([np.nan]))
    result = upsample(source, "--bias", bias, "--weights", "w.npy", code=1 if bias == "bad.npy" else 2)
    assert result.stderr.count("\n") == 1
    assert "bias" in result.stderr or "bad.npy" in result.stderr


@pytest.mark.parametrize("gain", ["nan", "inf", "1e9", "-1e9"])
def test_a_gain_that_is_no_level(gain: str) -> None:
    sound("in.wav", shape=(50,))
    before = names()
    result = upsample("in.wav", f"--gain={gain}", code=2)
    assert "--gain" in result.stderr
    assert result.stderr.count("\n") == 1
    assert names() == before
