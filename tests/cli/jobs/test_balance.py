"""``convt balance``: layers made even in a checkpoint, and nothing else touched."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from tests.support.checkpoints import write_decoder

SMALL = {"gen.ups.0": (8, 4, 16, 8), "gen.ups.1": (4, 2, 4, 2)}
ARGUMENTS = ["model.safetensors", "--layers", "ups.*", "--strides", "8,2", "-o", "even.safetensors"]


def balance(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["balance", *arguments])
    assert result.exit_code == code, (result.stderr, result.exception)
    assert code == 0 or result.stderr.count("\n") == 1
    return result


def test_layers_become_even_and_all_else_stays() -> None:
    write_decoder("model.safetensors", SMALL, "weight_norm")
    result = balance(*ARGUMENTS)
    assert result.stdout == "even.safetensors\n"
    rows = result.stderr.splitlines()
    assert [row.split(",")[0] for row in rows] == list(SMALL)
    old, new = load_file("model.safetensors"), load_file("even.safetensors")
    assert list(old) == list(new)
    assert {name for name in old if old[name].tobytes() != new[name].tobytes()} == {
        f"{name}.{part}" for name in SMALL for part in ("weight_g", "weight_v")
    }
    for name, (_, _, _, stride) in SMALL.items():
        response = convt.LayerResponse(convt.load_weights("even.safetensors", name).weight, stride)
        assert response.lines.max() < -100
    balance(*ARGUMENTS[:-1], "powers.safetensors", "--powers")
    for name, (_, _, _, stride) in SMALL.items():
        response = convt.LayerResponse(convt.load_weights("powers.safetensors", name).weight, stride)
        assert response.lines.max() < -100
        assert response.power_ripple.max() < -50


def test_one_layer_alone() -> None:
    write_decoder("model.safetensors", SMALL, "parametrizations")
    document = json.loads(
        balance(
            "model.safetensors", "--layers", "ups.1", "--strides", "2", "-o", "v.safetensors", "--json"
        ).stdout
    )
    (layer,) = document["layers"]
    before, after = (
        convt.load_weights(f"{file}.safetensors", "gen.ups.1").weight for file in ("model", "v")
    )
    change = np.linalg.norm(after - before) / np.linalg.norm(before)
    assert layer["change"] == pytest.approx(change, rel=1e-3)
    assert layer["lines_db_after"] < -100 < layer["lines_db_before"]
    np.testing.assert_array_equal(
        convt.load_weights("v.safetensors", "gen.ups.0").weight,
        convt.load_weights("model.safetensors", "gen.ups.0").weight,
    )


def test_npz_and_layouts() -> None:
    np.savez("w.npz", kernel=np.random.default_rng(1).standard_normal((4, 2, 3)), rest=np.ones(3))
    balance("w.npz", "--layers", "*", "--strides", "2", "--layout", "keras", "-o", "v.npz", "-q")
    weight = convt.load_weights("v.npz", "kernel", layout="keras").weight
    assert convt.LayerResponse(weight, 2).lines.max() < -200


def test_misuse_and_failures() -> None:
    write_decoder("model.safetensors", SMALL, "weight_norm")
    said = balance(*ARGUMENTS[:-1], "even.npz", code=2).stderr
    assert "even.npz: the input is .safetensors, so the output must be too: -o even.safetensors" in said
    Path("even.safetensors").write_text("mine")
    assert "even.safetensors: already exists; use --overwrite" in balance(*ARGUMENTS, code=1).stderr
    assert Path("even.safetensors").read_text() == "mine"
    assert "is the same file as the input" in balance(*ARGUMENTS[:-1], "model.safetensors", code=1).stderr
    few = ["model.safetensors", "--layers", "ups.0", "--strides", "32", "-o", "v.safetensors"]
    assert "must have a tap for each of the 32 phases" in balance(*few, code=1).stderr
    assert not Path("v.safetensors").exists()
    assert (
        "no such file"
        in balance(
            "none.safetensors", "--layers", "a", "--strides", "2", "-o", "v.safetensors", code=1
        ).stderr
    )
    assert (
        "--layers is missing"
        in balance("model.safetensors", "-o", "v.safetensors", "--strides", "2", code=2).stderr
    )


def test_the_order_of_the_names_is_that_of_the_strides() -> None:
    write_decoder("model.safetensors", SMALL, "weight_norm")
    result = balance(
        "model.safetensors", "--layers", "ups.1,ups.0", "--strides", "2,8", "-o", "v.safetensors"
    )
    assert [row.split(":")[0] for row in result.stderr.splitlines()] == [
        "gen.ups.1, stride 2",
        "gen.ups.0, stride 8",
    ]
    for name, (_, _, _, stride) in SMALL.items():
        assert (
            convt.LayerResponse(convt.load_weights("v.safetensors", name).weight, stride).lines.max() < -100
        )


def test_other_files_are_refused_by_their_type() -> None:
    Path("model.pt").write_bytes(b"\x80\x02}q\x00.")
    rest = ["--layers", "ups.*", "--strides", "8", "-o", "v.safetensors"]
    assert "model.pt: is a PyTorch file" in balance("model.pt", *rest, code=1).stderr
    np.save("w.npy", np.ones((2, 2, 4)))
    assert "w.npy: balance reads and writes checkpoints" in balance("w.npy", *rest, code=2).stderr


def test_the_report_is_of_the_file() -> None:
    weight = np.random.default_rng(1).standard_normal((4, 2, 16)).astype("float16")
    np.savez("half.npz", up=weight)
    said = balance("half.npz", "--layers", "up", "--strides", "8", "-o", "even.npz").stderr
    level = 10 * np.log10((10 ** (convt.LayerResponse(np.load("even.npz")["up"], 8).lines / 10)).sum())
    assert f"-> {level:.1f} dB" in said
    for output in (".", "/", ".."):
        assert (
            "so the output must be too: -o even.npz"
            in balance("half.npz", "--layers", "up", "--strides", "8", "-o", output, code=2).stderr
        )
