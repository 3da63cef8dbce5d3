"""Weight files as programs write them, and as nobody should."""

import json
import struct
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.support.oracles import Array
from tests.support.strategies import numbers

# Channels in and out, taps and stride of each layer.
HIFI_GAN = {
    "ups.0": (512, 256, 16, 8),
    "ups.1": (256, 128, 16, 8),
    "ups.2": (128, 64, 4, 2),
    "ups.3": (64, 32, 4, 2),
}
ENCODEC = {
    "decoder.model.3.convtr.convtr": (512, 256, 16, 8),
    "decoder.model.6.convtr.convtr": (256, 128, 10, 5),
    "decoder.model.9.convtr.convtr": (128, 64, 8, 4),
    "decoder.model.12.convtr.convtr": (64, 32, 4, 2),
}
PAIRS = {
    "weight_norm": ("weight_g", "weight_v"),
    "parametrizations": ("parametrizations.weight.original0", "parametrizations.weight.original1"),
}
UNPRINTABLE = ["a\x1b[31m.weight", "b\n.weight", "c\u202e.weight", "d" * 5000]  # names


def normalised(weight: Array) -> tuple[Array, Array]:
    """Magnitude and direction as torch's weight_norm takes a weight apart, the direction scaled anew."""
    magnitude = np.sqrt((weight.astype("float64") ** 2).sum((1, 2), keepdims=True))
    return magnitude.astype(weight.dtype), (weight * np.float32(0.37)).astype(weight.dtype)


def write_decoder(path: str, layers: dict[str, tuple[int, int, int, int]], pair: str) -> dict[str, Array]:
    """Write a decoder's checkpoint with other layers between, and return its weights and biases."""
    tensors: dict[str, Array] = {"conv_pre.weight": np.ones((512, 80, 7), "float32")}
    tensors["conv_pre.bias"] = np.ones(512, "float32")
    made: dict[str, Array] = {}
    for seed, (name, (channels_in, channels_out, taps, _)) in enumerate(layers.items()):
        weight = numbers(seed, (channels_in, channels_out, taps), "float32") / np.float32(50)
        bias = numbers(seed + 50, (channels_out,), "float32")
        parts = dict(zip(PAIRS[pair], normalised(weight), strict=True))
        tensors |= {f"{name}.{part}": array for part, array in parts.items()} | {f"{name}.bias": bias}
        made |= {name: weight, f"{name}.bias": bias}
    save_file(tensors, path)
    return made


def safetensors(described: dict[str, Any], data: bytes = b"", *, length: int | None = None) -> bytes:
    """A .safetensors file by hand: 8 bytes of the header's length, the header, the data."""
    header = json.dumps(described).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def ones(*shape: int) -> Array:
    return np.ones(shape, "float32")


def save_npz(arrays: dict[str, Any]) -> None:
    np.savez("w.npz", **arrays)


def write_mixed_layers(**more: Array) -> None:
    """ups.0 to ups.2 with biases, resblocks, a forward convolution and some vectors."""
    tensors = {f"dec.ups.{n}.weight": ones(8 >> n, 4 >> n, 4) for n in range(3)}
    tensors |= {f"dec.ups.{n}.bias": ones(4 >> n) for n in range(3)}
    tensors |= {"dec.conv_post.weight": ones(3, 7, 5), "dec.conv_post.bias": ones(3)}
    tensors |= {"norm.weight": ones(9), "norm.bias": ones(9), "lin.weight": ones(4, 9)}
    save_file(tensors | more, "model.safetensors")
