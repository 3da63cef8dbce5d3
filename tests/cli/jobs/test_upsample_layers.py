"""Layers of decoders, run by ``convt upsample``: against the definition and PyTorch, in every layout."""

import warnings
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import convt
from tests.support.checkpoints import (
    ENCODEC,
    HIFI_GAN,
    PAIRS,
    ones,
    save_npz,
    write_decoder,
    write_mixed_layers,
)
from tests.support.command import upsample
from tests.support.oracles import Array
from tests.support.strategies import numbers


def scattered(x: Array, weight: Array, bias: Array, stride: int) -> Array:
    """The full transposed convolution of (C_in, L) in float64."""
    taps = weight.shape[2]
    made = np.zeros((weight.shape[1], (x.shape[1] - 1) * stride + taps))
    for i, column in enumerate(x.T.astype("float64")):
        made[:, i * stride : i * stride + taps] += np.einsum("c,cok->ok", column, weight.astype("float64"))
    return made + bias[:, np.newaxis]


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


def test_the_command_takes_the_bias_of_the_layer() -> None:
    write_mixed_layers()
    np.save("x.npy", np.zeros((8, 5), "float32"))
    command = ["x.npy", "--weights", "model.safetensors", "--tensor", "dec.ups.0"]
    result = upsample(*command, "--stride", "2", "-v")
    assert "model.safetensors: dec.ups.0: 4 taps, stride 2" in result.stderr
    np.testing.assert_array_equal(np.load("x_x2.npy"), ones(4, 12))
    message = upsample(*command[:-1], "dec.ups.9", "-o", "y.npy", code=1).stderr
    assert message.startswith("convt: model.safetensors: there is no dec.ups.9; did you mean dec.ups")
    message = upsample(*command[:3], "-o", "y.npy", code=1).stderr
    assert message.endswith("It has dec.ups.0, dec.ups.1, dec.ups.2; name one with --tensor\n")
    message = upsample("x.npy", "--tensor", "dec.ups.0", code=2).stderr
    assert "--tensor chooses among the weights in a file: name the file with --weights" in message


def test_a_bias_asks_for_its_groups() -> None:
    save_file({"a.weight": ones(4, 1, 3), "a.bias": ones(4)}, "w.safetensors")
    np.save("x.npy", ones(4, 9))
    command = ["x.npy", "--weights", "w.safetensors"]
    message = (
        "w.safetensors: a: a bias of 4 values with weights of shape (4, 1, 3) needs --groups 4, not 1\n"
    )
    assert upsample(*command, code=1).stderr == f"convt: {message}"
    upsample(*command, "--groups", "4")


def test_a_signal_of_the_other_layout_is_said_to_be_read_in_this_one() -> None:
    save_npz({"a": ones(4, 2, 16)})
    np.save("x.npy", ones(4, 100))
    message = upsample("x.npy", "--weights", "w.npz", "--layout", "mlx", code=1).stderr
    assert "do not fit x.npy (channels last), which has 100 channel(s)" in message


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
