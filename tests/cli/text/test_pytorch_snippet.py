"""The report is enough for a colleague: digests, and the same call in PyTorch, as text."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support.command import MAIN, all_facts, facts
from tests.support.oracles import Array, transposed
from tests.support.strategies import numbers


def digest(name: str) -> str:
    return hashlib.sha256(Path(name).read_bytes()).hexdigest()


class Tensor(np.ndarray[Any, np.dtype[Any]]):
    """As much of PyTorch's as the text uses."""

    def transpose(self, first: int, second: int) -> "Tensor":  # type: ignore[override]
        return np.swapaxes(self, first, second)

    def to(self, dtype: str) -> "Tensor":
        return self.astype(dtype).view(Tensor)

    def expand(self, *shape: int) -> "Tensor":
        return np.broadcast_to(self, (*shape[:-1], self.shape[-1])).view(Tensor)


def defined(x: Array, weight: Array, bias: Array | None, **geometry: int) -> Any:
    """PyTorch's conv_transpose1d, by its definition."""
    assert geometry["output_padding"] < max(geometry["stride"], geometry["dilation"])
    signals = np.asarray(x).reshape(-1, *x.shape[-2:])
    made = np.stack([transposed(signal, np.asarray(weight), bias, **geometry) for signal in signals])
    return made.reshape(*x.shape[:-2], *made.shape[1:]).view(Tensor)


def evaluated(text: str, x: Array, weight: Array, bias: Array | None) -> Array:
    """What the call in a report gives, with the operator's definition in the place of PyTorch's."""
    functional = SimpleNamespace(conv_transpose1d=defined)
    dtypes = {name: name for name in ("float32", "float64", "complex64", "complex128")}
    torch = SimpleNamespace(nn=SimpleNamespace(functional=functional), **dtypes)
    tensors = {"x": x.view(Tensor), "weight": weight.view(Tensor)}
    names = {"torch": torch, "bias": None if bias is None else bias.view(Tensor), **tensors}
    result: Array = np.asarray(eval(text, names))  # noqa: S307  # the text is what is tested
    return result


GEOMETRIES = [
    ["--padding", padding, "--stride", stride, "--dilation", dilation]
    for padding in ("full", "center", "same", "causal", "2")
    for stride, dilation in (("1", "1"), ("2", "1"), ("5", "1"), ("3", "4"), ("9", "1"))
] + [["--padding", "1", "--output-padding", "2", "--stride", "3"]]
GEOMETRIES += [
    ["--padding", padding, "--stride", stride]
    for padding, stride in (("hifigan", "2"), ("hifigan", "5"), ("encodec", "5"), ("dac", "3"))
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("shape", [(6,), (2, 6), (2, 3, 6)])
def test_the_call_gives_what_was_made(geometry: list[str], shape: tuple[int, ...]) -> None:
    x, w, b = numbers(1, (2, 7), "float64"), numbers(2, shape, "float64"), numbers(3, (3,), "float64")
    b = b if len(shape) == 3 else b[:2]
    np.save("x.npy", x)
    np.savez("w.npz", weight=w, bias=b)
    document = facts("x.npy", "--weights", "w.npz", *geometry)
    made = evaluated(document["pytorch"], x, w.reshape(document["kernel"]["shape"]), b)
    np.testing.assert_allclose(np.load(document["output"]["path"]), made, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("padding", ["center", "4", "full"])
def test_the_call_of_a_ratio(padding: str) -> None:
    x, w = numbers(1, (1, 40), "float64"), numbers(2, (11,), "float64")
    np.save("x.npy", x)
    np.save("w.npy", w)
    rates = ["--rate-in", "4000", "--rate", "5000"]
    document = facts("x.npy", "--weights", "w.npy", *rates, "--padding", padding)
    made = evaluated(document["pytorch"], x, w, None)
    np.testing.assert_allclose(np.load("x_5000.npy"), made, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("padding", ["center", "1"])
def test_the_call_for_channels_last(padding: str) -> None:
    x, w = numbers(1, (2, 7, 3), "float64"), numbers(2, (4, 5, 3), "float64")  # Keras's
    np.save("x.npy", x)
    np.save("w.npy", w)
    document = facts("x.npy", "--weights", "w.npy", "--layout", "keras", "--padding", padding)
    made = evaluated(document["pytorch"], x, np.ascontiguousarray(w.transpose(2, 1, 0)), None)
    np.testing.assert_allclose(np.load("x_x2.npy"), made, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", ["torch", "mlx"])
@pytest.mark.parametrize(
    ("shape", "weight"), [((8,), (5,)), ((8,), (1, 1, 5)), ((8,), (1, 3, 5)), ((4, 2, 8), (2, 3, 5))]
)
@pytest.mark.parametrize("dtype", ["int16", "float32", "complex64", "float16"])
def test_the_call_for_every_shape_and_dtype(
    shape: tuple[int, ...], weight: tuple[int, ...], layout: str, dtype: str
) -> None:
    x, w = (10 * numbers(1, shape, "float64")).astype(dtype), numbers(2, weight, "float32")
    if layout == "mlx" and x.ndim > 1:
        x = np.ascontiguousarray(x.swapaxes(-1, -2))
    np.save("x.npy", x)
    np.save("w.npy", w.transpose(1, 2, 0) if layout == "mlx" and w.ndim == 3 else w)
    document = facts("x.npy", "--weights", "w.npy", "--layout", layout, "--padding", "same")
    made = evaluated(document["pytorch"], x, w, None)
    y = np.load("x_x2.npy")
    assert made.shape == y.shape
    np.testing.assert_allclose(
        y, made, rtol=1e-3 if dtype == "float16" else 1e-5, atol=1e-5 * np.abs(y).max()
    )


def test_the_call_for_sound_knows_no_layout() -> None:
    soundfile.write("in.wav", np.zeros((50, 2)), 8000)
    texts = {
        facts("in.wav", "-o", f"{layout}.wav", "--layout", layout)["pytorch"] for layout in ("torch", "jax")
    }
    assert len(texts) == 1
    assert "(x.to(torch.float32), weight.expand(2, 1, -1).to" in texts.pop()


def test_the_call_in_pytorch_itself() -> None:
    torch = pytest.importorskip("torch")
    x, w, b = (torch.randn(*shape, dtype=torch.float64) for shape in ((3, 4, 9), (4, 2, 7), (4,)))
    np.save("x.npy", x.numpy())
    np.savez("w.npz", weight=w.numpy(), bias=b.numpy())
    for geometry in GEOMETRIES:
        document = facts("x.npy", "--weights", "w.npz", "--groups", "2", *geometry, "--overwrite")
        made = eval(document["pytorch"], {"torch": torch, "x": x, "weight": w, "bias": b})  # noqa: S307
        np.testing.assert_allclose(np.load(document["output"]["path"]), made, rtol=1e-12, atol=1e-12)


def test_digests_are_those_of_the_files() -> None:
    soundfile.write("in.wav", 0.1 * numbers(1, (500, 2), "float64"), 8000)
    np.savez("w.npz", weight=np.ones((2, 4)), bias=np.array([0.1, 0.2]))
    document = facts("in.wav", "--weights", "w.npz", "-o", "out.flac")
    assert document["input"]["sha256"] == digest("in.wav")
    assert document["output"]["sha256"] == digest("out.flac")
    weights = {"path": "w.npz", "sha256": digest("w.npz"), "tensors": ["weight", "bias"], "layout": "torch"}
    assert document["weights"] == weights
    bias = np.array([0.1, 0.2], "<f4")
    assert document["kernel"]["bias"] == {
        "shape": [2],
        "sha256": hashlib.sha256(bias.tobytes()).hexdigest(),
    }


def test_several_files_have_their_own_digests() -> None:
    for name in ("a.wav", "b.wav"):
        soundfile.write(name, 0.1 * numbers(ord(name[0]), (500,), "float64"), 8000)
    for file in all_facts("a.wav", "b.wav", "-d", "out"):
        assert file["input"]["sha256"] == digest(file["input"]["path"])
        assert file["output"]["sha256"] == digest(file["output"]["path"])
        assert file["weights"] is None


def test_a_copy_has_the_digest_of_its_input() -> None:
    soundfile.write("in.wav", np.zeros(500), 8000)
    document = facts("in.wav", "--rate", "8000", "-o", "out.wav")
    assert document["input"]["sha256"] == document["output"]["sha256"] == digest("out.wav")
    assert document["pytorch"] is None


def test_a_stream_has_no_digest_whatever_files_there_are() -> None:
    soundfile.write("in.wav", np.zeros(500), 8000)
    Path("-").write_bytes(b"a file of that name")
    command = [sys.executable, "-c", MAIN, "upsample", "-", "-o", "out.wav", "--json"]
    with Path("in.wav").open("rb") as file:
        result = subprocess.run(command, stdin=file, capture_output=True, check=True)
    document = json.loads(result.stdout)
    assert document["input"]["sha256"] is None
    assert document["output"]["sha256"] == digest("out.wav")


def test_a_dry_run_reads_nothing_for_a_digest() -> None:
    soundfile.write("in.wav", np.zeros(500), 8000)
    document = facts("in.wav", "--dry-run")
    assert (document["input"]["sha256"], document["output"]["sha256"]) == (None, None)
