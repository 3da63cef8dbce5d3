"""``convt weights``."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from typer.testing import CliRunner

from convt_cli.app import app
from tests.support.checkpoints import (
    HIFI_GAN,
    UNPRINTABLE,
    ones,
    safetensors,
    save_npz,
    tensor,
    write_decoder,
)


def listed(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["weights", *arguments])


def test_the_list_of_a_decoder() -> None:
    write_decoder("model.safetensors", HIFI_GAN, "weight_norm")
    result = listed("model.safetensors")
    assert result.stdout == (
        "ups.0  (512, 256, 16)  float32  512 -> 256 channels, 16 taps, weight norm, bias ups.0.bias\n"
        "ups.1  (256, 128, 16)  float32  256 -> 128 channels, 16 taps, weight norm, bias ups.1.bias\n"
        "ups.2  (128, 64, 4)    float32  128 -> 64 channels, 4 taps, weight norm, bias ups.2.bias\n"
        "ups.3  (64, 32, 4)     float32  64 -> 32 channels, 4 taps, weight norm, bias ups.3.bias\n"
    )
    assert result.stderr == "model.safetensors: 2 other tensor(s); use --json to list them\n"
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


def test_a_list_of_nothing() -> None:
    save_file({"a.weight": ones(3, 7, 5), "a.bias": ones(3)}, "w.safetensors")
    result = listed("w.safetensors")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "w.safetensors: no transposed-convolution weights found\n" in result.stderr


def test_groups_are_listed() -> None:
    save_npz({"a.weight": ones(4, 1, 3), "a.bias": ones(4), "b.weight": ones(4, 2, 3)})
    assert "4 -> 4 channels in 4 groups, 3 taps, bias a.bias" in listed("w.npz").stdout


def test_kernels_without_channels_are_listed() -> None:
    np.savez("w.npz", h=ones(5), g=ones(2, 5), words=np.array(["a"]))
    assert listed("w.npz").stdout == (
        "g  (2, 5)  float32  2 kernels, one per channel, 5 taps\nh  (5,)    float32  5 taps\n"
    )


def test_a_weight_that_cannot_be_read_is_listed_with_the_reason() -> None:
    described = {"w": tensor("F8_E4M3", [1, 1, 4], 0, 4)}
    Path("w.safetensors").write_bytes(safetensors(described, bytes(4)))
    line = "w  (1, 1, 4)  F8_E4M3  unreadable: has the dtype F8_E4M3, which numpy does not have\n"
    assert listed("w.safetensors").stdout == line


def test_names_cannot_end_a_line_or_tell_a_terminal_what_to_do() -> None:
    save_file(dict.fromkeys(UNPRINTABLE, ones(1, 1, 2)), "w.safetensors")
    listing = listed("w.safetensors").stdout
    assert listing.count("\n") == 4
    assert "\x1b" not in listing
    assert "\\x1b[31m" in listing
