"""Named tensors in files: which are listed, which is meant, and what it becomes."""

import io
import json
import os
import re
import resource
import shlex
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from safetensors.numpy import save_file

import convt
from tests.support.checkpoints import ENCODEC, HIFI_GAN, PAIRS, safetensors, tensor, write_decoder
from tests.support.command import upsample
from tests.support.oracles import Array
from tests.support.strategies import numbers


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def save_npz(arrays: dict[str, Any]) -> None:
    np.savez("w.npz", **arrays)


def ones(*shape: int) -> Array:
    return np.ones(shape, "float32")


def scattered(x: Array, weight: Array, bias: Array, stride: int) -> Array:
    """The full transposed convolution of (C_in, L) in float64."""
    taps = weight.shape[2]
    made = np.zeros((weight.shape[1], (x.shape[1] - 1) * stride + taps))
    for i, column in enumerate(x.T.astype("float64")):
        made[:, i * stride : i * stride + taps] += np.einsum("c,cok->ok", column, weight.astype("float64"))
    return made + bias[:, np.newaxis]


# --- decoders' checkpoints ---


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("layers", "padding"), [(HIFI_GAN, "numbered"), (ENCODEC, "same")])
def test_every_layer_of_a_decoder(
    layers: dict[str, tuple[int, int, int, int]], padding: str, pair: str
) -> None:
    made = write_decoder("model.safetensors", layers, pair)
    for name, (channels, _, taps, stride) in layers.items():
        x = numbers(9, (channels, 7), "float32")
        np.save("x.npy", x)
        crop = (taps - stride) // 2
        how = [str(crop) if padding == "numbered" else padding, "--stride", str(stride), "--overwrite"]
        upsample(
            "x.npy", "-o", "y.npy", "--weights", "model.safetensors", "--tensor", name, "--padding", *how
        )
        exact = scattered(x, made[name], made[f"{name}.bias"], stride)
        exact = exact[:, -(-(taps - stride) // 2) :][:, : 7 * stride]
        y = np.load("y.npy")
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, exact[:, : y.shape[1]], rtol=0, atol=4e-6 * np.abs(exact).max())


def test_what_pytorch_makes_of_a_normalised_layer() -> None:
    """As torch 2.13 computes ConvTranspose1d(2, 2, 4, stride=2, padding=1), normalised both ways."""
    direction = np.zeros((2, 2, 4), "float32")
    direction[0] = [[1, 2, 2, 0], [0, 0, 0, 4]]
    direction[1] = [[2, 0, 0, 3], [0, 6, 0, 0]]
    magnitude = np.array([10, -14], "float32").reshape(2, 1, 1)
    np.save("x.npy", np.array([[[1, -2, 3], [0, 1, 2]]], "float32"))
    for pair in PAIRS.values():
        parts = dict(zip(pair, (magnitude, direction), strict=True))
        save_file({**parts, "bias": np.array([0.5, -1], "float32")}, "w.safetensors")
        upsample("x.npy", "--weights", "w.safetensors", "--padding", "1", "--overwrite")
        expected = np.array([[4.5, -3.5, -7.5, -9.5, 6.5, 12.5], [-1, -1, -5, -1, -41, -1]])
        np.testing.assert_allclose(np.load("x_x2.npy"), expected[np.newaxis], rtol=1e-6)


@pytest.mark.parametrize("which", PAIRS)
@pytest.mark.parametrize("layers", [HIFI_GAN, ENCODEC])
def test_every_layer_equals_pytorchs(which: str, layers: dict[str, tuple[int, int, int, int]]) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save_module

    torch.manual_seed(1)
    norms = torch.nn.utils.weight_norm, torch.nn.utils.parametrizations.weight_norm
    modules = torch.nn.ModuleDict()
    with warnings.catch_warnings(action="ignore"):  # the older of the two is deprecated
        for name, (*shape, stride) in layers.items():
            layer = torch.nn.ConvTranspose1d(*shape, stride, padding=(shape[2] - stride) // 2)
            modules[name.replace(".", "_")] = norms[which == "parametrizations"](layer)
    save_module(modules.state_dict(), "model.safetensors")
    for name, (channels, _, taps, stride) in layers.items():
        x = torch.randn(channels, 40)
        np.save("x.npy", x.numpy())
        with torch.no_grad():
            expected = modules[name.replace(".", "_")](x).numpy()
        how = ["--tensor", name.replace(".", "_"), "--stride", str(stride), "--overwrite"]
        padding = str((taps - stride) // 2)
        upsample("x.npy", "-o", "y.npy", "--weights", "model.safetensors", *how, "--padding", padding)
        np.testing.assert_allclose(np.load("y.npy"), expected, rtol=0, atol=4e-6 * np.abs(expected).max())


# --- which one ---


def decoder(**more: Array) -> None:
    """ups.0 to ups.2 with biases, resblocks, a forward convolution and some vectors."""
    tensors = {f"dec.ups.{n}.weight": ones(8 >> n, 4 >> n, 4) for n in range(3)}
    tensors |= {f"dec.ups.{n}.bias": ones(4 >> n) for n in range(3)}
    tensors |= {"dec.conv_post.weight": ones(3, 7, 5), "dec.conv_post.bias": ones(3)}
    tensors |= {"norm.weight": ones(9), "norm.bias": ones(9), "lin.weight": ones(4, 9)}
    save_file(tensors | more, "model.safetensors")


@pytest.mark.parametrize(
    ("wanted", "shape"),
    [
        ("dec.ups.1", (4, 2, 4)),
        ("dec.ups.1.weight", (4, 2, 4)),
        ("up", (6, 2, 5)),
        ("norm.weight", (9,)),
        ("lin", (4, 9)),
        ("only", (2, 2, 3)),
        ("only.deep", (2, 2, 3)),
        ("flax/Conv_0", (3, 1, 2)),
    ],
)
def test_a_name_a_layer_or_what_holds_one(wanted: str, shape: tuple[int, ...]) -> None:
    decoder(
        **{
            "up": ones(6, 2, 5),
            "only.deep.convtr.weight": ones(2, 2, 3),
            "flax/Conv_0/kernel": ones(3, 1, 2),
        }
    )
    assert convt.load_weights("model.safetensors", wanted).weight.shape == shape


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (None, "which of its weights is meant? It has dec.ups.0, dec.ups.1, dec.ups.2; name one"),
        (
            "dec",
            "which of dec is meant? It has dec.ups.0, dec.ups.1, dec.ups.2; name one as the tensor",
        ),
        ("dec.ups.3", "there is no dec.ups.3; did you mean dec.ups."),
        ("dec.up", "there is no dec.up; did you mean dec.ups."),
        ("dec.Ups.1.weight", "there is no dec.Ups.1.weight; did you mean dec.ups.1.weight"),
        ("xyzzy", "there is no xyzzy; it has dec.conv_post, dec.ups.0,"),
        ("dec.ups.0.bias", "dec.ups.0.bias is a bias; name the weight that it belongs to"),
        ("dec.conv_post", "dec.conv_post: the bias of shape (3,) fits no 7 output channels"),
        ("", "there is no "),
    ],
)
def test_names_that_do_not_name_one(wanted: str | None, message: str) -> None:
    decoder()
    with pytest.raises(convt.WeightsError, match=re.escape(f"model.safetensors: {message}")):
        convt.load_weights("model.safetensors", wanted)


def test_a_weight_of_no_name_is_the_one_that_is_meant() -> None:
    np.savez("w.npz", weight=ones(2, 1, 4), bias=ones(1), other=ones(3, 1, 4))
    weights = convt.load_weights("w.npz")
    assert (weights.weight.shape, weights.tensors) == ((2, 1, 4), ("weight", "bias"))
    np.savez("one.npz", anything=ones(3, 1, 4))
    assert convt.load_weights("one.npz").weight.shape == (3, 1, 4)


@pytest.mark.parametrize("bias", [(4,), (2,), ()])
def test_biases_that_fit(bias: tuple[int, ...]) -> None:
    save_file({"a.weight": ones(4, 2, 3), "a.bias": np.ones(bias)}, "w.safetensors")
    weights = convt.load_weights("w.safetensors", "a")
    assert weights.bias is not None
    assert weights.bias.shape == bias
    assert weights.source == "w.safetensors: a"


def test_the_command_takes_the_bias_of_the_layer() -> None:
    decoder()
    np.save("x.npy", np.zeros((8, 5), "float32"))
    command = ["x.npy", "--weights", "model.safetensors", "--tensor", "dec.ups.0"]
    result = upsample(*command, "--stride", "2")
    assert "model.safetensors: dec.ups.0: 4 taps, stride 2" in result.stderr
    np.testing.assert_array_equal(np.load("x_x2.npy"), ones(4, 12))
    message = upsample(*command[:-1], "dec.ups.9", "-o", "y.npy", code=1).stderr
    assert message.startswith("convt: model.safetensors: there is no dec.ups.9; did you mean dec.ups")
    message = upsample("x.npy", "--tensor", "dec.ups.0", code=2).stderr
    assert "--tensor names one of several weights in a file: name the file with --weights" in message


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        (["a.weight_orig", "b.weight"], None, "which of its weights is meant? It has a, b; name one"),
        (["d.a.weight_v", "d.b.weight"], "d", "which of d is meant? It has d.a, d.b; name one"),
        (["d.a.weight_v"], "d", "d.a: has d.a.weight_v: neither one weight"),
        (["u.kernel", "u.weight"], "u", "u: has u.kernel, u.weight: neither one weight"),
    ],
)
def test_none_is_taken_for_another_that_cannot_be_read(names: list[str], wanted: Any, message: str) -> None:
    save_file(dict.fromkeys(names, ones(2, 2, 3)), "w.safetensors")
    with pytest.raises(convt.WeightsError, match=re.escape(f"w.safetensors: {message}")):
        convt.load_weights("w.safetensors", wanted)


def test_a_tensors_name_comes_before_a_layers() -> None:
    save_file({"up": ones(2, 3, 4), "up.weight": ones(2, 3, 5), "up.bias": ones(3)}, "w.safetensors")
    assert convt.load_weights("w.safetensors", "up").tensors == ("up",)
    assert convt.load_weights("w.safetensors", "up.weight").tensors == ("up.weight", "up.bias")


def test_no_two_weights_have_one_title() -> None:
    save_file({"up": ones(2, 3, 4), "up.weight": ones(2, 3, 5), "up.bias": ones(3)}, "w.safetensors")
    assert [entry.name for entry in convt.list_weights("w.safetensors").entries] == ["up", "up.weight"]


def test_a_bias_asks_for_its_groups() -> None:
    save_file({"a.weight": ones(4, 1, 3), "a.bias": ones(4)}, "w.safetensors")
    np.save("x.npy", ones(4, 9))
    command = ["x.npy", "--weights", "w.safetensors"]
    message = "w.safetensors: a: a bias of 4 with weights of shape (4, 1, 3) is for --groups 4, not 1\n"
    assert upsample(*command, code=1).stderr == f"convt: {message}"
    upsample(*command, "--groups", "4")


def test_the_bias_of_a_convolution_that_runs_forwards() -> None:
    for bias in ((5,), (2, 2)):
        save_file({"a.weight": ones(4, 3, 2), "a.bias": ones(*bias)}, "w.safetensors")
        with pytest.raises(convt.WeightsError, match=r"bias of shape|bias must have shape"):
            convt.load_weights("w.safetensors", "a")
    save_file({"a.weight": ones(5, 16, 2), "a.bias": ones(7)}, "w.safetensors")
    fits = r"a: the bias of shape \(7,\) fits no 5 output channels, nor groups .* another layer's"
    with pytest.raises(convt.WeightsError, match=fits):
        convt.load_weights("w.safetensors", "a", layout="mlx")


def test_what_else_is_in_an_archive_does_not_matter() -> None:
    save_npz({"weight": ones(2, 1, 4), "notes": np.array([{}], object), "words": np.array(["a"])})
    assert convt.load_weights("w.npz").weight.shape == (2, 1, 4)
    with pytest.raises(
        convt.WeightsError, match=r"pickled data is never loaded\): notes: an array \(1,\) of obj"
    ):
        convt.load_weights("w.npz", "notes")


def test_a_signal_of_the_other_layout_is_said_to_be_read_in_this_one() -> None:
    save_npz({"a": ones(4, 2, 16)})
    np.save("x.npy", ones(4, 100))
    message = upsample("x.npy", "--weights", "w.npz", "--layout", "mlx", code=1).stderr
    assert "do not fit x.npy (channels last), which has 100 channel(s)" in message


def test_two_tensors_of_one_name_are_refused() -> None:
    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile("w.npz", "w") as archive,
    ):  # it warns, too
        for number in (1.0, 2.0):
            with archive.open("a.npy", "w") as member:
                np.save(member, np.full((1, 1, 2), number))
    with pytest.raises(convt.WeightsError, match=r"w\.npz: has two tensors of the name a"):
        convt.load_weights("w.npz")


def test_names_cannot_end_a_line_or_tell_a_terminal_what_to_do() -> None:
    names = ["a\x1b[31m.weight", "b\n.weight", "c\u202e.weight", "d" * 5000]
    save_file(dict.fromkeys(names, ones(1, 1, 2)), "w.safetensors")
    with pytest.raises(convt.WeightsError, match="which of its weights") as caught:
        convt.load_weights("w.safetensors")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 3000
    listing = listed("w.safetensors").stdout
    assert listing.count("\n") == 4
    assert "\x1b" not in listing
    assert "\\x1b[31m" in listing


@pytest.mark.parametrize("wanted", [3, b"a", ["a"]])
def test_a_tensor_is_named_by_a_word(wanted: Any) -> None:
    np.save("w.npy", ones(3))
    with pytest.raises(convt.ParameterTypeError, match="tensor must be a str or None, got"):
        convt.load_weights("w.npy", wanted)


def test_paths_of_bytes() -> None:
    np.save("w.npy", ones(3))
    path: Any = b"w.npy"
    assert convt.load_weights(path).source == "w.npy"


# --- weight norm ---


def folded(magnitude: Any, direction: Any) -> Array:
    save_file({"a.weight_g": np.asarray(magnitude), "a.weight_v": np.asarray(direction)}, "w.safetensors")
    weight: Array = convt.load_weights("w.safetensors", "a").weight
    return weight


def by_definition(magnitude: Array, direction: Array, axes: tuple[int, ...]) -> Array:
    norm = np.sqrt((direction.astype("longdouble") ** 2).sum(axes, keepdims=True))
    exact: Array = (magnitude.reshape(norm.shape) * direction / norm).astype("float64")
    return exact


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((4, 1, 1), (1, 2)),
        ((1, 3, 1), (0, 2)),
        ((1, 1, 5), (0, 1)),
        ((4,), (1, 2)),
        ((3,), (0, 2)),
        ((), (0, 1, 2)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_the_norm_leaves_out_the_axis_of_the_magnitude(
    shape: tuple[int, ...], axes: tuple[int, ...], dtype: str
) -> None:
    magnitude, direction = numbers(1, shape, dtype), numbers(2, (4, 3, 5), dtype)
    weight = folded(magnitude, direction)
    assert weight.dtype == dtype
    exact = by_definition(np.asarray(magnitude, "float64"), direction, axes)
    np.testing.assert_allclose(weight, exact, rtol=2 * float(np.finfo(dtype).eps))


def test_one_channel_has_one_magnitude() -> None:
    direction = numbers(2, (1, 3, 5), "float64")
    exact = by_definition(np.array(2.0), direction, (0, 1, 2))
    np.testing.assert_allclose(folded(np.full((1, 1, 1), 2.0), direction), exact, rtol=1e-15)


@pytest.mark.parametrize(
    ("shape", "direction", "message"),
    [
        ((4,), (4, 4, 5), "magnitude of shape (4,) for a weight of shape (4, 4, 5) fits several axes"),
        ((1, 1, 1), (4, 3, 5), "has one number, where each axis has several"),
        ((7, 1, 1), (4, 3, 5), "fits none of its axes"),
        ((4, 3, 1), (4, 3, 5), "fits none of its axes"),
        ((4, 1), (4, 3, 5), "fits none of its axes"),
        ((3, 1, 1), (4, 3, 5), "fits none of its axes"),
    ],
)
def test_magnitudes_that_do_not_fit(
    shape: tuple[int, ...], direction: tuple[int, ...], message: str
) -> None:
    with pytest.raises(convt.WeightsError, match=rf"w\.safetensors: a: .*{re.escape(message)}"):
        folded(np.ones(shape), np.ones(direction))


def test_integers_and_infinities() -> None:
    direction, magnitude = np.array([[[3, 0, 4]]]), np.array([[[7]]])
    np.testing.assert_allclose(folded(magnitude, direction), [[[4.2, 0, 5.6]]])
    np.testing.assert_array_equal(folded(np.full((1, 1, 1), np.inf), np.zeros((1, 1, 3))), [[[0, 0, 0]]])
    assert folded(np.array([5.0]), np.array([[[3.0, 4.0]]])).tolist() == [[[3, 4]]]


def test_a_complex_magnitude_is_refused() -> None:
    save_npz({"a.weight_g": np.ones((1, 1, 1), "complex64"), "a.weight_v": ones(1, 1, 3)})
    with pytest.raises(convt.WeightsError, match="a magnitude of complex64 and a direction of float32"):
        convt.load_weights("w.npz")


def test_a_norm_of_zero_gives_no_nan() -> None:
    direction = np.zeros((2, 1, 3))
    direction[1] = [3, 0, 4]
    np.testing.assert_array_equal(
        folded(np.array([7.0, 10.0]).reshape(2, 1, 1), direction), [[[0, 0, 0]], [[6, 0, 8]]]
    )


@pytest.mark.parametrize("scale", [1e200, 1e-200, 5e-324])
def test_a_norm_neither_vanishes_nor_overflows(scale: float) -> None:
    direction = scale * np.array([[[3.0, 4.0]]])
    np.testing.assert_allclose(folded(np.full((1, 1, 1), 5.0), direction), [[[3, 4]]], rtol=1e-15)


@pytest.mark.parametrize(
    "names",
    [
        ["a.weight_v"],
        ["a.weight_g"],
        ["a.weight", "a.weight_v", "a.weight_g"],
        ["a.weight_orig", "a.weight_v"],
        ["a.parametrizations.weight.original"],
    ],
)
def test_other_parametrizations_are_refused(names: list[str]) -> None:
    save_file(dict.fromkeys(names, ones(2, 2, 3)) | {"b.weight": ones(1, 1, 4)}, "w.safetensors")
    listing = convt.list_weights("w.safetensors").entries
    assert [(entry.name, entry.problem is None) for entry in listing] == [("a", False), ("b", True)]
    with pytest.raises(convt.WeightsError, match=r"a: has a\.\S+.*: neither one weight, nor"):
        convt.load_weights("w.safetensors", names[0])


# --- the list ---


def listed(*arguments: str) -> Any:
    command = [sys.executable, "-c", "from convt_cli.entry import main; main()", "weights", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_list_of_a_decoder() -> None:
    write_decoder("model.safetensors", HIFI_GAN, "weight_norm")
    result = listed("model.safetensors")
    assert result.stdout == (
        "ups.0  (512, 256, 16)  float32  512 -> 256 channels, 16 taps, weight norm, bias ups.0.bias\n"
        "ups.1  (256, 128, 16)  float32  256 -> 128 channels, 16 taps, weight norm, bias ups.1.bias\n"
        "ups.2  (128, 64, 4)    float32  128 -> 64 channels, 4 taps, weight norm, bias ups.2.bias\n"
        "ups.3  (64, 32, 4)     float32  64 -> 32 channels, 4 taps, weight norm, bias ups.3.bias\n"
    )
    assert result.stderr == "model.safetensors: 2 other tensor(s); --json has their names\n"
    document = json.loads(listed("model.safetensors", "--json").stdout)
    assert sorted(document["others"]) == ["conv_pre.bias", "conv_pre.weight"]
    assert document["weights"][2] == {
        "name": "ups.2",
        "shape": [128, 64, 4],
        "dtype": "float32",
        "channels": [128, 64],
        "taps": 4,
        "groups": 1,
        "tensors": ["ups.2.weight_g", "ups.2.weight_v"],
        "bias": "ups.2.bias",
        "problem": None,
    }


def test_numbers_in_names_are_in_order() -> None:
    save_file({f"ups.{n}.weight": ones(1, 1, 3) for n in (10, 9, 1)}, "w.safetensors")
    names = [entry.name for entry in convt.list_weights("w.safetensors").entries]
    assert names == ["ups.1", "ups.9", "ups.10"]


def test_groups_are_those_that_the_bias_allows() -> None:
    save_npz({"a.weight": ones(4, 1, 3), "a.bias": ones(4), "b.weight": ones(4, 2, 3)})
    assert [entry.groups for entry in convt.list_weights("w.npz").entries] == [4, 1]
    assert "4 -> 4 channels in 4 groups, 3 taps, bias a.bias" in listed("w.npz").stdout


def test_vectors_are_kernels_only_where_nothing_else_is() -> None:
    np.savez("w.npz", h=ones(5), g=ones(2, 5), words=np.array(["a"]))
    entries = convt.list_weights("w.npz")
    assert [entry.name for entry in entries.entries] == ["g", "h"]
    assert entries.other_tensors == ("words",)
    assert listed("w.npz").stdout == (
        "g  (2, 5)  float32  2 kernels, one a channel, 5 taps\nh  (5,)    float32  5 taps\n"
    )


def test_a_list_of_nothing() -> None:
    save_file({"a.weight": ones(3, 7, 5), "a.bias": ones(3)}, "w.safetensors")
    result = listed("w.safetensors")
    assert (result.returncode, result.stdout) == (0, "")
    assert "w.safetensors: holds no weight that could be a transposed convolution's\n" in result.stderr


def test_the_list_knows_layouts() -> None:
    save_npz({"up.kernel": ones(16, 3, 5), "up.bias": ones(3)})
    (entry,) = convt.list_weights("w.npz", layout="keras").entries
    assert (entry.channels, entry.taps, entry.shape) == ((5, 3), 16, (16, 3, 5))


def test_a_list_of_a_file_without_names() -> None:
    np.save("w.npy", ones(5))
    (entry,) = convt.list_weights("w.npy").entries
    assert (entry.name, entry.taps) == ("weight", 5)
    assert convt.load_weights("w.npy", entry.name).weight.shape == (5,)


# --- layouts ---

LAYOUTS = {"torch": (1, 1, 3), "onnx": (1, 1, 3), "keras": (3, 1, 1), "mlx": (1, 3, 1), "jax": (3, 1, 1)}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("flat", [True, False])
def test_the_small_example_of_each_framework(layout: Any, flat: bool) -> None:
    """As jax 0.10, keras 3 and mlx print it: lax.conv_transpose alone does not turn its kernel round."""
    last = layout in ("keras", "mlx", "jax")
    signal = np.array([1.0, 2.0, 3.0]).reshape((3,) if flat else (1, 3, 1) if last else (1, 1, 3))
    np.save("x.npy", signal)
    np.save("w.npy", np.array([1.0, 10.0, 100.0]).reshape((3,) if flat else LAYOUTS[layout]))
    upsample("x.npy", "--weights", "w.npy", "--stride", "2", "--layout", layout)
    y = np.load("x_x2.npy")
    expected = [100, 10, 201, 20, 302, 30, 3] if layout == "jax" else [1, 10, 102, 20, 203, 30, 300]
    assert y.shape == ((7,) if flat else (1, 7, 1) if last else (1, 1, 7))
    np.testing.assert_array_equal(y.ravel(), expected)


@pytest.mark.parametrize(
    ("layout", "axes"), [("keras", (2, 1, 0)), ("mlx", (1, 2, 0)), ("jax", (2, 0, 1)), ("onnx", (0, 1, 2))]
)
def test_the_axes_of_each_framework(layout: Any, axes: tuple[int, int, int]) -> None:
    weight = numbers(1, (4, 3, 5), "float32")
    own = weight[..., ::-1] if layout == "jax" else weight
    np.save("w.npy", own.transpose(axes))
    np.testing.assert_array_equal(convt.load_weights("w.npy", layout=layout).weight, weight)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(50,), (50, 3), (2, 50, 3), (1, 50, 3), (4, 50, 1), (0, 50, 3)])
def test_signals_with_channels_last(shape: tuple[int, ...], order: Any) -> None:
    x, w = numbers(1, shape, "float32"), numbers(2, (4,), "float32")
    np.save("x.npy", np.asarray(x, order=order))
    np.save("w.npy", w)
    upsample("x.npy", "--weights", "w.npy", "--layout", "mlx")
    signals = x[:, np.newaxis] if x.ndim == 1 else x
    kernel = np.broadcast_to(w, (signals.shape[-1], 1, 4))
    first = np.swapaxes(signals, -1, -2)
    expected = convt.conv_transpose1d(first, kernel, stride=2, groups=len(kernel))
    y = np.load("x_x2.npy")
    assert y.shape == (*shape[: max(0, x.ndim - 2)], 102, *shape[2 if x.ndim == 3 else 1 :])
    np.testing.assert_array_equal(y.ravel(), np.swapaxes(expected, -1, -2).ravel())


@pytest.mark.parametrize("order", ["C", "F"])
def test_channels_first_in_every_order_of_memory(order: Any) -> None:
    x = numbers(1, (3, 2, 50), "float32")
    np.save("x.npy", np.asarray(x, order=order))
    np.save("w.npy", np.ones(1))
    upsample("x.npy", "--weights", "w.npy", "--stride", "1", "-o", "y.npy")
    np.testing.assert_array_equal(np.load("y.npy"), x)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_kernel_a_channel_is_that_in_every_layout(layout: Any) -> None:
    x, w = numbers(1, (2, 30), "float64"), numbers(2, (2, 5), "float64")
    last = layout in ("keras", "mlx", "jax")
    np.save("x.npy", x.T if last else x)
    np.save("w.npy", w[:, ::-1] if layout == "jax" else w)
    upsample("x.npy", "--weights", "w.npy", "--layout", layout)
    y = np.load("x_x2.npy")
    expected = convt.conv_transpose1d(x, w[:, np.newaxis], stride=2, groups=2)
    np.testing.assert_array_equal(y.T if last else y, expected)


def test_taps_that_no_framework_wrote_are_in_their_order() -> None:
    soundfile.write("w.wav", np.array([0.25, 0.5, 0.75]), 8000, subtype="FLOAT")
    Path("w.txt").write_text("0.25 0.5 0.75")
    for name in ("w.wav", "w.txt"):
        np.testing.assert_array_equal(convt.load_weights(name, layout="jax").weight, [0.25, 0.5, 0.75])


def test_layouts_that_there_are_not() -> None:
    misspelt: Any = "caffe"
    for load in (convt.load_weights, convt.list_weights):
        with pytest.raises(
            convt.ParameterError, match=r"layout must be one of torch, keras, .*, got 'caffe'"
        ):
            load("w.npy", layout=misspelt)


# --- dtypes ---


@pytest.mark.parametrize(
    ("bits", "number"),
    [
        (0x3F80, 1.0),
        (0xC049, -3.140625),
        (0x0001, 2.0**-133),
        (0x7F7F, (2 - 2**-7) * 2.0**127),
        (0x8000, -0.0),
    ],
)
def test_bfloat16_is_exact(bits: int, number: float) -> None:
    described = {"w": tensor("BF16", [1, 1, 1], 0, 2)}
    Path("w.safetensors").write_bytes(safetensors(described, struct.pack("<H", bits)))
    weight = convt.load_weights("w.safetensors").weight
    assert weight.dtype == np.float32
    assert (float(weight[0, 0, 0]), np.signbit(weight[0, 0, 0])) == (number, np.signbit(number))
    assert convt.list_weights("w.safetensors").entries[0].dtype == "bfloat16"


def test_float16_stays_what_it_is() -> None:
    every = np.arange(2**16, dtype="uint16").view("float16")
    save_file({"w": every[np.isfinite(every)].reshape(1, 1, -1)}, "w.safetensors")
    weight = convt.load_weights("w.safetensors").weight
    assert weight.dtype == np.float16
    np.testing.assert_array_equal(weight.ravel(), every[np.isfinite(every)])


def test_dtypes_that_are_no_numbers_here() -> None:
    described = {"w": tensor("F8_E4M3", [1, 1, 4], 0, 4)}
    Path("w.safetensors").write_bytes(safetensors(described, bytes(4)))
    (entry,) = convt.list_weights("w.safetensors").entries
    assert entry.problem == "is of F8_E4M3, which numpy has no numbers of"
    with pytest.raises(convt.WeightsError, match=r"w\.safetensors: w: numbers of F8_E4M3 are none"):
        convt.load_weights("w.safetensors", "w")
    line = "w  (1, 1, 4)  F8_E4M3  cannot be read: is of F8_E4M3, which numpy has no numbers of\n"
    assert listed("w.safetensors").stdout == line


# --- taps as text, sound ---


@pytest.mark.parametrize(
    "text",
    [
        "0.25\n-1e-3\n+3\n",
        "# a filter for sox\n0.25\n\n-1e-3\n3 # \n".replace(" # ", ""),
        "taps\n0.25\n-1e-3\n3",
        "% Discrete-Time FIR Filter (real)\n% Filter Length  : 3\nNumerator:\n 0.25\n-1e-3\n 3\n",
        "0.25, -1e-3, 3\n",
        "0.25,-1e-3,3,\n",
        "0.25;-1e-3;3",
        "\ufeff0.25\r\n-1e-3\r\n3\r\n",
        '"h"\n"0.25"\n"-1e-3"\n"3"\n',
        "0.25,\n-1e-3,\n3,\n",
        "  2.500000000000000000e-01 -1.000000000000000000e-03 3.000000000000000000e+00\n",
    ],
)
def test_taps_as_text(text: str) -> None:
    Path("w.txt").write_text(text, encoding="utf-8", newline="")
    weight = convt.load_weights("w.txt").weight
    assert weight.dtype == np.float64
    np.testing.assert_array_equal(weight, [0.25, -1e-3, 3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\ntwo\nthree\n", "line 2: 'two' is no number; taps as text are one column, or one row, of"),
        ("n, h\n0, 0.5\n1, 0.7\n", "line 3: several numbers a line, and several lines"),
        ("0,5\n0,7\n", "line 1: a decimal comma, or a separator? Write 0.5, and one number a line"),
        ("0,5\n", "line 1: a decimal comma, or a separator?"),
        ("0,1 0,2 0,3\n", "line 1: a decimal comma, or a separator?"),
        ("0,1;0,2;0,3\n", "line 1: a decimal comma, or a separator?"),
        ("\u22120.5\n0.5\n", "line 1: '\u22120.5' is no number"),
        ("1.0D-3\n0.5\n", "line 1: '1.0D-3' is no number"),
        ("[0.1\n0.2\n0.3]\n", "line 1: '[0.1' is no number"),
        ("taps\nmore\n0.5\n", "line 2: 'more' is no number"),
        ("0.5\n0.5 0.7\n", "line 2: several numbers a line, and several lines"),
        ("1_000\n", "line 1: '1_000' is no number"),
        ("0.5\n0.5+1j\n", "line 2: '0.5+1j' is no number"),
        ("# nothing\n", "there is no number in it"),
        ("0.5\n" + "x" * 1000 + "\n", "line 2: 'xxxxxxxxxxxxxxxxxxxx' is no number"),
    ],
)
def test_text_that_is_no_taps(text: str, message: str) -> None:
    Path("w.csv").write_text(text)
    with pytest.raises(convt.WeightsError, match=re.escape(f"w.csv: {message}")):
        convt.load_weights("w.csv")


@pytest.mark.parametrize(
    ("subtype", "dtype"),
    [("PCM_16", "float32"), ("PCM_24", "float32"), ("PCM_32", "float64"), ("DOUBLE", "float64")],
)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", ["w.wav", "w.flac", "w.aiff"])
def test_sound_is_an_impulse_response(name: str, channels: int, subtype: str, dtype: str) -> None:
    if not soundfile.check_format(name[2:].upper(), subtype):
        return
    response = np.round(numbers(1, (channels, 50), "float64") * 1000) / 2**15
    soundfile.write(name, response.T, 48_000, subtype=subtype)
    weight = convt.load_weights(name).weight
    assert weight.shape == ((50,) if channels == 1 else (2, 50))
    assert weight.dtype == dtype
    np.testing.assert_array_equal(weight.reshape(response.shape), response)


# --- files that are broken, or meant to break things ---


def test_pytorch_files_are_recognised_and_told_how_to_convert(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.ConvTranspose1d(2, 3, 4)
    nested = {"generator": {"ups.0": module.state_dict()}, "steps": 5, "optim": [torch.zeros(3)]}
    torch.save(module.weight.detach(), "bare.pt")
    torch.save(nested, "old name's.pth", _use_new_zipfile_serialization=False)
    torch.save(nested, "new.pt")
    with warnings.catch_warnings(action="ignore"):  # it is deprecated
        torch.jit.script(module).save("script.pt")
    prefixes = {"old name's": "generator.ups.0", "new": "generator.ups.0", "script": None, "bare": None}
    for name in ("old name's.pth", "new.pt", "script.pt", "bare.pt"):
        with pytest.raises(
            convt.WeightsError, match="is a PyTorch file, a pickle, which may run"
        ) as caught:
            convt.load_weights(name)
        command = str(caught.value).partition("convert it with: ")[2]
        assert command.startswith("python -c ")
        subprocess.run([sys.executable, *shlex.split(command)[1:]], check=True, cwd=tmp_path)
        stem = name.rpartition(".")[0]
        weights = convt.load_weights(f"{stem}.safetensors", prefixes[stem])
        np.testing.assert_array_equal(weights.weight, module.weight.detach().numpy())


def test_pytorch_archives_are_recognised_by_their_names() -> None:
    for names, load in (
        (
            ["model/data.pkl", "model/data/0"],
            'torch.load("model.pt", map_location="cpu", weights_only=True)',
        ),
        (["m/data.pkl", "m/constants.pkl"], 'torch.jit.load("model.pt", map_location="cpu").state_dict()'),
    ):
        with zipfile.ZipFile("model.pt", "w") as archive:
            for name in names:
                archive.writestr(name, b"\x80\x02.")
        with pytest.raises(convt.WeightsError, match=re.escape(load)):
            convt.load_weights("model.pt")


def test_a_checkpoint_is_not_taken_for_what_its_length_looks_like() -> None:
    """The first of its bytes count the header's: 0x0380 of them look like a pickle, say."""
    described = json.dumps({"w": tensor("F32", [1, 1, 1], 0, 4)}).encode()
    for length in (0x0380, 0x4B50, len(described)):
        header = struct.pack("<Q", length) + described.ljust(length)
        Path("w.bin").write_bytes(header + struct.pack("<f", 7))
        assert convt.load_weights("w.bin").weight == 7


def test_pickles_are_recognised_by_their_first_bytes() -> None:
    import pickle

    Path("model.pth").write_bytes(pickle.dumps({"weight": [1.0]}))
    with pytest.raises(
        convt.WeightsError, match=r"model\.pth: is a PyTorch file.*model\.safetensors"
    ) as caught:
        convt.load_weights("model.pth")
    assert "\n" not in str(caught.value)


GOOD = tensor("F32", [1, 1, 4], 0, 16)
BROKEN = {
    "overlapping": (safetensors({"a": GOOD, "b": tensor("F32", [4], 8, 24)}, bytes(24)), "not a whole"),
    "out of range": (safetensors({"a": tensor("F32", [1, 1, 4], 0, 1 << 40)}, bytes(16)), "not a whole"),
    "backwards": (safetensors({"a": tensor("F32", [1, 1, 4], 16, 0)}, bytes(16)), "not a whole"),
    "vast": (safetensors({"a": tensor("F32", [1 << 60], 0, 16)}, bytes(16)), "not a whole"),
    "vast header": (safetensors({}, length=1 << 60), "not a whole"),
    "long header": (safetensors({}, length=1 << 26), "not a whole"),
    "no JSON": (struct.pack("<Q", 9) + b"{'a': 1}}", "not a whole"),
    "words": (safetensors({"a": "hello"}, bytes(16)), "not a whole"),
    "truncated": (safetensors({"a": GOOD}, bytes(12)), "not a whole"),
    "empty": (b"", "not a whole"),
    "deep": (struct.pack("<Q", 100_000) + b"[" * 100_000, "not a whole"),
    "twice": (
        struct.pack("<Q", 116)
        + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'.ljust(58)
        + b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(58)
        + bytes(4),
        "",
    ),
}


def many_tensors() -> bytes:
    return safetensors({str(number): tensor("F32", [1, 1, 0], 0, 0) for number in range(40_000)})


def packed(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, archive.open("weight.npy", "w") as member:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 16)}".ljust(117) + b"\n"
        member.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        for _ in range(100):
            member.write(bytes(1 << 20))
    return file.getvalue()


def many_members() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(20_000):
            archive.writestr(str(number), b"")
    return file.getvalue()


def torn_sound(kind: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.linspace(-0.5, 0.5, 1000), 8000, format=kind, subtype="PCM_16")
    return file.getvalue()[:1044]


def misleading_aiff() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full((300, 2), 0.1), 8000, format="AIFF", subtype="PCM_16")
    content = bytearray(file.getvalue())
    content[31:39] = b"\xff" * 8
    return bytes(content)


def odd_header(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)


def lines(count: int) -> bytes:
    return b"1\n" * count


def long_directory(*, wide: bool) -> bytes:
    """An archive whose end says that the list of its members is long, in 32 bits or in 64."""
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 1, 1, 1 << 24 if not wide else 0, 0, 0)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 24, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 30, 1)
    return b"PK\x03\x04" + bytes(26) + (record + locator if wide else b"") + end


def silence() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((1 << 24) + 1, "int16"), 8000, format="FLAC")
    return file.getvalue()


def cut_flac() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.random.default_rng(1).standard_normal(50_000), 8000, format="FLAC")
    return file.getvalue()[:40_000]


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "many tensors": (many_tensors, "has 40000 tensors, and at most 32768 are read"),
    "long header": (
        lambda: safetensors({"a": "x" * 9_000_000}),
        "not a whole .* a header of 9000009 bytes",
    ),
    "bzip2": (
        lambda: packed(zipfile.ZIP_BZIP2),
        r"weight is packed in a way that numpy does not \(method 12",
    ),
    "lzma": (
        lambda: packed(zipfile.ZIP_LZMA),
        r"weight is packed in a way that numpy does not \(method 14",
    ),
    "deflated": (lambda: packed(zipfile.ZIP_DEFLATED), "not a whole .npy or .npz file"),
    "many members": (many_members, "has 20000 arrays, and at most 16384 are read"),
    "long directory": (lambda: long_directory(wide=False), "not a whole .* a directory of 16777216 bytes"),
    "wide directory": (lambda: long_directory(wide=True), "not a whole .* a directory of 16777216 bytes"),
    "silence": (silence, r"has 16777217 samples of 1 channel\(s\): no impulse response is so long"),
    "cut flac": (cut_flac, "cannot be read as sound|breaks off after .* of 50000 samples"),
    "binary": (
        lambda: bytes(range(256)),
        "is no file of weights: .npy, .npz, .safetensors, sound, or taps",
    ),
    "utf-16": (lambda: "1\n2\n".encode("utf-16"), "is no file of weights"),
    "torn wav": (lambda: torn_sound("WAV"), "breaks off after 1044 of 2044 bytes"),
    "torn aiff": (lambda: torn_sound("AIFF"), "breaks off after 1044 of"),
    "torn au": (lambda: torn_sound("AU"), "breaks off after 1044 of"),
    "misleading aiff": (misleading_aiff, "cannot be read as sound"),
    "no descr": (
        lambda: odd_header(b"{'descr': (), 'fortran_order': False, 'shape': (1,)}\n"),
        "not a whole",
    ),
    "odd descr": (
        lambda: odd_header(b"{'descr': [('',())], 'fortran_order': False, 'shape': (1,)}\n"),
        "not a whole",
    ),
    "endless axis": (
        lambda: odd_header(
            b"{'descr': '<f4', 'fortran_order': False, 'shape': (0x" + b"f" * 5000 + b",)}\n"
        ),
        "not a whole",
    ),
    "many lines": (lambda: lines(1 << 21), "as text it is too long: more than 1048576 lines"),
    "many words": (lambda: b"1 " * (1 << 21), "line 1: more than 1048576 taps"),
    "much text": (
        lambda: b"1" * (1 << 26),
        "as text it is too long: 67108864 bytes, and 33554432 are the most",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_files_that_are_meant_to_break_things(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    make, message = HOSTILE[kind]
    Path("w").write_bytes(make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(convt.WeightsError, match=f"^w: {message}") as caught:
        convt.load_weights("w")
    assert str(caught.value).isprintable()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    assert capfd.readouterr().err == ""


def test_a_file_that_shrinks_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from convt.weights import safetensors

    save_file({"a": ones(1, 1, 100_000)}, "w.safetensors")  # longer than is read ahead
    whole = safetensors._tensor

    def cutting(*arguments: Any) -> Any:
        os.truncate("w.safetensors", 500)
        return whole(*arguments)

    monkeypatch.setattr(safetensors, "_tensor", cutting)
    with pytest.raises(convt.WeightsError, match=r"w\.safetensors: a: it became shorter while it was read"):
        convt.load_weights("w.safetensors")


def test_names_that_cannot_be() -> None:
    for name, reason in (("a\0b", "embedded null byte"), ("x" * 300, "File name too long")):
        with pytest.raises(convt.WeightsError, match=f"cannot be read: {reason}"):
            convt.load_weights(name)


def test_digits_without_end_in_a_name_are_a_name() -> None:
    save_file({"a." + "1" * 5000 + ".weight": ones(1, 1, 2)}, "w.safetensors")
    assert convt.load_weights("w.safetensors").weight.shape == (1, 1, 2)


def test_an_npz_with_another_programs_pickle_is_not_pytorchs() -> None:
    with zipfile.ZipFile("w.npz", "w") as archive:
        archive.writestr("notes/data.pkl", b"")
        with archive.open("w.npy", "w") as member:
            np.save(member, ones(3))
    assert convt.load_weights("w.npz").weight.shape == (3,)


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_checkpoints(kind: str) -> None:
    content, message = BROKEN[kind]
    Path("w.safetensors").write_bytes(content)
    for load in (convt.load_weights, convt.list_weights):
        if message:
            with pytest.raises(convt.WeightsError, match=rf"^w\.safetensors: {message}") as caught:
                load("w.safetensors")
            assert "\n" not in str(caught.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder()
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(convt.WeightsError, match=r"pip install 'convt\[safetensors\]'"):
        convt.list_weights("model.safetensors")
