"""``convt lines``: lines in audio, by layer."""

import json
from pathlib import Path

import numpy as np
import soundfile
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from tests.support.oracles import Array

RATE = 16_000


def lines(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["lines", *arguments])
    assert result.exit_code == code, (result.stderr, result.exception)
    return str(result.stdout if code == 0 else result.stderr)


def whistle() -> Array:
    """Noise with a tone at half of the sample rate, and at a quarter."""
    time = np.arange(3 * RATE)
    noise = 0.05 * np.random.default_rng(1).standard_normal(time.size)
    return noise + 0.05 * (-1.0) ** time


def test_the_layer_that_whistles_is_named() -> None:
    soundfile.write("out.wav", whistle(), RATE, "PCM_24")
    text = lines("out.wav", "--strides", "8,4,2")
    expected = convt.line_levels(soundfile.read("out.wav")[0], (8, 4, 2)).levels
    rows = text.splitlines()
    assert rows[0] == "out.wav: lines compared with the spectrum around them; layers count from 0"
    assert rows[1].startswith(
        f"  layer 0, stride 8: {expected[0]:+.1f} dB, 28 lines at multiples of 250 Hz, the loudest"
    )
    assert rows[3] == f"  layer 2, stride 2: {expected[2]:+.1f} dB, 1 line at 8000 Hz"
    assert rows[4] == (
        f"  The lines of layer 2 rise most above the spectrum around them: {expected[2]:.1f} dB."
    )


def test_speech_has_none() -> None:
    text = lines(str(Path(__file__).parents[3] / "sample_audio/speech_16k.flac"), "--strides", "8,8,2,2")
    assert text.endswith("  No layer has lines: all are below 3 dB, as in speech and music.\n")


def test_the_document_and_arrays() -> None:
    np.save("out.npy", np.stack([whistle(), whistle()]))
    document = json.loads(lines("out.npy", "--strides", "4,2,1", "--json"))
    measured = convt.line_levels(np.load("out.npy"), (4, 2, 1))
    assert [each["level_db"] for each in document["layers"]] == list(measured.levels)
    assert document["frequency_unit"] == "sample rate"
    assert document["layers"][1]["lines"] == [{"frequency": 0.5, "level_db": measured.levels[1]}]
    assert document["layers"][2]["lines"] == []
    assert "layer 2, stride 1: no lines" in lines("out.npy", "--strides", "4,2,1")


def test_plot() -> None:
    soundfile.write("out.wav", whistle(), RATE)
    lines("out.wav", "--strides", "8,2", "--plot", "lines.svg")
    assert Path("lines.svg").read_text().count("<use") > 4


def test_errors() -> None:
    soundfile.write("short.wav", np.ones(100) / 2, RATE)
    assert "short.wav: signal must have at least 4096 samples" in lines(
        "short.wav", "--strides", "8,8,2,2", code=1
    )
    assert "--strides is missing" in lines("short.wav", code=2)
    assert "no such file" in lines("none.wav", "--strides", "2", code=1).lower()
    np.save("three.npy", np.ones((2, 1, 1000)))
    assert "three.npy: 2 signals; lines measures one" in lines("three.npy", "--strides", "2", code=1)
    assert "must be whole numbers" in lines("short.wav", "--strides", "0", code=2)


def test_a_single_tone_is_not_passed_over() -> None:
    time, noise = np.arange(5 * RATE), np.random.default_rng(1).standard_normal(5 * RATE)
    soundfile.write("out.wav", 0.05 * (noise + np.cos(2 * np.pi * 750 * time / RATE)), RATE, "PCM_24")
    text = lines("out.wav", "--strides", "8,4,2")
    assert "No layer has lines on average, but one tone rises by " in text
    assert "at a multiple of the input rate of layer 0. Check the strides" in text


def test_what_lines_cannot_measure() -> None:
    said = "--strides must have a product of 2 to 1048576, got [1, 1]: name the strides"
    assert said in lines("out.wav", "--strides", "1,1", code=2)
    assert "model.safetensors: is a checkpoint" in lines("model.safetensors", "--strides", "8", code=2)
    np.save("out.npy", whistle())
    assert "at multiples of 2000 Hz" in lines("out.npy", "--strides", "8,4,2", "-r", "128k")
