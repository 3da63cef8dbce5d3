"""``convt inspect`` of layers: what its table and its document say is what the definitions say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from tests.support.checkpoints import HIFI_GAN, write_decoder
from tests.support.strategies import numbers

SMALL = {"gen.ups.0": (8, 4, 16, 8), "gen.ups.1": (4, 2, 4, 2)}


def inspect(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["inspect", *arguments])
    assert result.exit_code == code, (result.stderr, result.exception)
    assert code == 0 or result.stderr.count("\n") == 1
    return str(result.stdout if code == 0 else result.stderr)


@pytest.fixture
def model() -> str:
    write_decoder("model.safetensors", SMALL, "weight_norm")
    return "model.safetensors"


def test_the_table_of_a_decoder(model: str) -> None:
    lines = inspect(model, "--layers", "ups.*", "--strides", "8,2", "--rate", "16k").splitlines()
    assert lines[0] == f"{model}: 8*2 = 16 output samples per input sample, 1000 Hz to 16000 Hz"
    assert lines[1].split()[:2] == ["layer", "channels"]
    first, second = lines[2], lines[3]
    assert "gen.ups.0" in first
    assert "8 -> 4" in first
    assert "1000, 2000, 3000, 4000 Hz" in first
    assert "1 + 1" in first
    assert "8000 Hz" in second
    assert len(lines) == 5
    response = [convt.LayerResponse(convt.load_weights(model, name).weight, s) for name, s in
                (("gen.ups.0", 8), ("gen.ups.1", 2))]  # fmt: skip
    totals = [10 * np.log10((10 ** (each.lines / 10)).sum()) for each in response]
    for line, total in zip((first, second), totals, strict=True):
        assert f"{total:.1f} dB" in line
    loudest = int(np.argmax(totals))
    assert lines[4].startswith(
        f"  gen.ups.{loudest} has the strongest lines relative to its own output, {totals[loudest]:+.1f} dB"
    )


def test_the_document_is_small_and_holds_the_figures() -> None:
    write_decoder("model.safetensors", HIFI_GAN, "weight_norm")
    text = inspect(
        "model.safetensors", "--layers", "ups.*", "--strides", "8,8,2,2", "--rate", "22050", "--json"
    )
    assert len(text) < 4 * 4096
    document = json.loads(text)
    assert document["strides"] == [8, 8, 2, 2]
    assert [each["name"] for each in document["layers"]] == list(HIFI_GAN)
    assert [each["input_rate"] for each in document["layers"]] == pytest.approx(
        [22050 / 256, 22050 / 32, 5512.5, 11025]
    )
    layer = document["layers"][1]
    response = convt.LayerResponse(convt.load_weights("model.safetensors", "ups.1").weight, 8)
    assert [each["level_db"] for each in layer["lines"]] == pytest.approx(list(response.lines))
    assert [each["frequency"] for each in layer["lines"]] == pytest.approx(
        [22050 / 32 * k for k in (1, 2, 3, 4)]
    )
    assert layer["images_db"] == pytest.approx(list(response.images))
    assert layer["delay"] == pytest.approx(response.delay)
    assert layer["padding"] == 4
    assert layer["context"] == [1, 1]


def test_a_layer_by_its_name_is_measured_as_a_whole_and_by_pairs_if_asked(model: str) -> None:
    text = inspect(model, "--tensor", "gen.ups.0", "--stride", "8", "--rate", "1000")
    assert text.startswith(f"{model}: gen.ups.0: 8 output samples per input sample, 1000 Hz to 8000 Hz\n")
    assert "gen.ups.0 has tonal lines, " in text
    pairs = inspect(model, "--tensor", "gen.ups.0", "--stride", "8", "--pairs")
    assert ", 32 kernels, stride 8" in pairs
    assert (
        len(
            json.loads(inspect(model, "--tensor", "gen.ups.0", "--stride", "8", "--pairs", "--json"))[
                "kernels"
            ]
        )
        == 32
    )


def test_features_give_the_constant(model: str) -> None:
    features = numbers(1, (2, 8, 30), "float64") + 3
    np.save("features.npy", features)
    arguments = ["--tensor", "gen.ups.0", "--stride", "8", "--input", "features.npy", "--json"]
    layer = json.loads(inspect(model, *arguments))["layers"][0]
    weight = convt.load_weights(model, "gen.ups.0").weight
    response = convt.LayerResponse(weight, 8, inputs=features)
    assert [each["level_db"] for each in layer["lines"]] == pytest.approx(list(response.lines))
    np.save("features.npy", features[:, :3])
    assert "inputs must have shape (8, L)" in inspect(model, *arguments[:-1], code=1)


def test_an_even_decoder_has_no_lines() -> None:
    weight = convt.balance_kernel(numbers(1, (4, 2, 16), "float64"), 8)
    np.savez("w.npz", up=weight)
    text = inspect("w.npz", "--layers", "up", "--strides", "8")
    assert text.splitlines()[-2] == "  No layer has tonal lines above -60 dB relative to its own output."
    assert "none" in text


def test_groups_follow_from_the_bias() -> None:
    arrays: dict[str, Any] = {"up.weight": np.ones((4, 2, 4)), "up.bias": np.ones(4)}
    np.savez("w.npz", **arrays)
    assert "4 -> 4 in 2 groups" in inspect("w.npz", "--layers", "up", "--strides", "2")
    assert "4 -> 4 in 2 groups" in inspect("w.npz", "--stride", "2")


def test_plot(model: str) -> None:
    inspect(model, "--layers", "ups.*", "--strides", "8,2", "--plot", "lines.svg")
    text = Path("lines.svg").read_text()
    assert text.count("<use") > 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            [],
            "--stride is missing: the output samples per input sample, as in convt inspect model",
        ),
        (["--layers", "ups.*"], "--layers and --strides need each other"),
        (["--strides", "8"], "--layers and --strides need each other"),
        (
            ["--layers", "ups.*", "--strides", "8,2", "--stride", "2"],
            "--stride is for --tensor; with --layers use --strides 2",
        ),
        (
            ["--layers", "ups.*", "--strides", "8,2", "--tensor", "ups"],
            "--strides is for --layers; with --tensor use --stride 8",
        ),
        (["--layers", "ups.*", "--strides", "8,2", "--pairs"], "--pairs and --down are for one layer"),
        (
            ["--layers", "ups.*", "--strides", "8,2", "--input", "f.npy"],
            "--input is what one layer receives",
        ),
        (
            ["--layers", "ups.*", "--strides", "8"],
            "--strides has 1 numbers, and 2 layers match --layers ups.*: gen.ups.0",
        ),
        (["--layers", "ups.*", "--strides", "8,x"], "--strides must be whole numbers of at least 1"),
    ],
)
def test_misuse(model: str, arguments: list[str], said: str) -> None:
    assert said in inspect(model, *arguments, code=2)


def test_no_such_layers(model: str) -> None:
    assert "no layer matches --layers deconv; likely upsampling layers are gen.ups.0" in inspect(
        model, "--layers", "deconv", "--strides", "8", code=1
    )


def test_input_is_for_layers() -> None:
    np.save("w.npy", np.ones(4))
    np.save("f.npy", np.ones((1, 4)))
    said: Any = inspect("w.npy", "--stride", "2", "--input", "f.npy", code=2)
    assert "--input is for layers with several channels" in said
