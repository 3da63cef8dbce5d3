"""``convt fit``: kernels learned from files."""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from tests.support.command import MAIN, upsample
from tests.support.oracles import Array

SPEECH = str(Path(__file__).parents[3] / "sample_audio" / "speech_16k.flac")
KERNEL = convt.design_kernel(2, taps=13)


def fit(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["fit", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.stderr
    return result


def facts(*arguments: str) -> Any:
    result = fit(*arguments, "--json")
    assert result.stderr == ""
    return json.loads(result.stdout)


def pair(
    low: str = "low.wav", high: str = "high.wav", channels: int = 1, seed: int = 1, **more: Any
) -> Array:
    """Write noise and what the kernel makes of it, in doubles."""
    Path(low).parent.mkdir(parents=True, exist_ok=True)
    Path(high).parent.mkdir(parents=True, exist_ok=True)
    noise: Array = 0.1 * np.random.default_rng(seed).standard_normal((channels, 9000))
    made = convt.Upsampler(KERNEL, stride=2, padding="center")(noise)
    soundfile.write(low, noise.T, 8000, subtype=more.get("subtype", "DOUBLE"))
    soundfile.write(high, made.T, more.get("rate", 16_000), subtype=more.get("subtype", "DOUBLE"))
    return noise


def test_a_kernel_is_recovered_and_serves_convt_upsample() -> None:
    pair()
    result = fit("low.wav", "high.wav", "--taps", "13", "-o", "w.npy")
    assert result.stdout == "w.npy\n"
    lines = result.stderr.splitlines()
    assert lines[0] == "HIGH: 18000 samples, delay 0 (estimated)"
    assert lines[1].startswith("error -120.00 dB on ")
    assert lines[1].endswith("); ridge 1e-14 (chosen)")
    assert lines[2].startswith("for comparison, 13-tap kaiser ")
    assert lines[3].startswith("w.npy: float64 (13,), stride 2, 6.5 taps per phase")
    np.testing.assert_allclose(np.load("w.npy"), KERNEL, rtol=0, atol=1e-12)
    upsample("low.wav", "--weights", "w.npy", "--padding", "center", "-o", "again.wav")
    np.testing.assert_allclose(soundfile.read("again.wav")[0], soundfile.read("high.wav")[0], atol=1e-12)


def test_the_document_tells_everything() -> None:
    pair()
    document = facts("low.wav", "high.wav", "--taps", "13", "-o", "w.npz", "--ridge", "0", "--delay", "0")
    assert document["output"] == "w.npz"
    assert document["pairs"] == [{"low": "low.wav", "high": "high.wav"}]
    assert (document["delay"], document["padding"], document["ridge"]) == (0, "center", 0)
    assert document["samples"] + document["held_out_samples"] == 9000 - 6
    assert document["error_db"] == document["held_out_error_db"] == -120
    assert document["designed_db"]["linear"] > -60
    assert document["warnings"] == []
    assert document["kernels"][0]["delay"] == pytest.approx(6)
    np.testing.assert_allclose(convt.load_weights("w.npz").weight, KERNEL, rtol=0, atol=1e-12)


def test_pairs_of_files_and_of_folders() -> None:
    for number in range(3):
        pair(f"low/sub{number}/a.wav", f"high/sub{number}/a.flac", seed=number, subtype="PCM_24")
    pair("one.wav", "two.wav", seed=9)
    pair("low/alone.wav", "high/lonely.wav")
    result = fit("low", "high", "one.wav", "two.wav", "--taps", "13", "-o", "w.npy")
    assert "low/alone.wav: no matching file; skipped" in result.stderr
    assert "high/lonely.wav: no matching file; skipped" in result.stderr
    assert result.stderr.startswith("HIGH: 72000 samples, ")
    np.testing.assert_allclose(np.load("w.npy"), KERNEL, rtol=0, atol=1e-6)


def test_speech_made_lower() -> None:
    document = facts("--from-high", SPEECH, "--taps", "16", "--balance")
    assert document["pairs"] == [{"low": None, "high": SPEECH}]
    assert document["held_out_error_db"] < min(document["designed_db"].values()) - 0.1
    gains = document["kernels"][0]["phase_gains"]
    assert gains[0] == pytest.approx(gains[1], abs=1e-12)


def test_a_folder_made_lower() -> None:
    pair("high/a.wav", "high/b/c.wav", rate=8000)
    assert [found["high"] for found in facts("--from-high", "high", "--taps", "8")["pairs"]] == [
        "high/a.wav",
        "high/b/c.wav",
    ]


def test_arrays_and_channels() -> None:
    rng = np.random.default_rng(1)
    weight, low = rng.standard_normal((2, 3, 9)), rng.standard_normal((4, 2, 3000))
    np.save("low.npy", low)
    np.save("high.npy", convt.conv_transpose1d(low, weight, stride=2))
    result = fit("low.npy", "high.npy", "--taps", "9", "--padding", "full", "--delay", "0", "-o", "w.npy")
    np.testing.assert_allclose(np.load("w.npy"), weight, rtol=0, atol=1e-10)
    assert "designed" not in result.stderr
    pair(channels=2)
    fit("low.wav", "high.wav", "--taps", "13", "--channels", "each", "-o", "each.npy")
    np.testing.assert_allclose(np.load("each.npy"), [KERNEL, KERNEL], rtol=0, atol=1e-12)


def test_a_delay_is_told() -> None:
    noise = pair()
    high, _ = soundfile.read("high.wav")
    soundfile.write("late.wav", np.concatenate([np.zeros(37), high]), 16_000, subtype="DOUBLE")
    result = fit("low.wav", "late.wav", "--taps", "13", "-o", "w.npy")
    assert ", delay 37 (estimated)" in result.stderr
    np.testing.assert_allclose(np.load("w.npy"), KERNEL, rtol=0, atol=1e-12)
    assert noise.shape == (1, 9000)


def test_sounds_that_have_nothing_to_do_with_each_other() -> None:
    pair()
    pair("other.wav", "other_high.wav", seed=5)
    result = fit("low.wav", "other_high.wav", "--taps", "13", "--ridge", "1e9")
    assert "error 0.00 dB on " in result.stderr
    assert "-0.00" not in result.stderr.splitlines()[1]
    assert "less than half of HIGH depends on LOW: do they belong together" in result.stderr
    assert "no delay stands out" in result.stderr


def test_what_may_surprise_is_a_warning() -> None:
    pair()
    pair("slow.wav", "fast.wav", rate=16_000, seed=2)
    low, _ = soundfile.read("slow.wav")
    soundfile.write("slow.wav", low, 4000, subtype="DOUBLE")
    high, _ = soundfile.read("fast.wav")
    soundfile.write("fast.wav", np.concatenate([high, np.zeros(500)]), 8000, subtype="DOUBLE")
    warnings = facts("low.wav", "high.wav", "slow.wav", "fast.wav", "--taps", "13")["warnings"]
    assert warnings == [
        "fast.wav: the sample rate differs from the previous file's",
        "fast.wav: 18500 samples, not 2 x 9000 as slow.wav needs; the longer one is cut",
    ]
    soundfile.write("low.wav", soundfile.read("low.wav")[0][:50], 8000, subtype="DOUBLE")
    few = fit("low.wav", "high.wav", "--taps", "64", "--delay", "0").stderr
    assert "convt: warning: 18 samples of LOW are few for 32 taps per phase: use at least 320\n" in few
    assert "kernel not saved; use -o FILE" in few


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["low.wav", "high.wav"], "--taps is missing", 2),
        (["low.wav", "--taps", "8"], "fit needs pairs LOW HIGH, of files or folders, and 1 were named", 2),
        (["-", "high.wav", "--taps", "8"], "convt fit cannot read standard input", 2),
        (
            ["low.wav", "folder", "--taps", "8"],
            "low.wav and folder: a folder and a file; name two files or two folders",
            2,
        ),
        (
            ["folder", "folder", "--taps", "8"],
            "folder: no audio files in this folder or its subfolders",
            1,
        ),
        (["folder", "--from-high", "--taps", "8"], "folder: no audio files in this folder", 1),
        (["a", "b", "--taps", "8"], "a and b: no files with the same name", 1),
        (["a", "twice", "--taps", "8"], "the names differ only in the extension", 1),
        (["low.wav", "none.wav", "--taps", "8"], "none.wav: cannot be read: No such file or directory", 1),
        (
            ["low.wav", "low.wav", "--taps", "8"],
            "low.wav: 8000 Hz; HIGH must be at 16000 Hz, 2 x the 8000 Hz of low.wav",
            1,
        ),
        (["low.wav", "high.wav", "--taps", "1"], "--taps must be at least the stride, 2, got 1", 2),
        (
            ["low.wav", "high.wav", "--taps", "8", "--padding", "mid"],
            "--padding must be 0 or more, or full",
            2,
        ),
        (["low.wav", "high.wav", "--taps", "8", "-o", "w.wav"], "kernels are written as .npy or .npz", 2),
        (["low.wav", "high.wav", "--taps", "8", "-o", "no/w.npy"], "folder no does not exist", 1),
        (
            ["low.wav", "high.wav", "--taps", "8", "-o", "old.npy"],
            "old.npy: already exists; use --overwrite",
            1,
        ),
        (
            ["x.npy", "y.npy", "--taps", "8", "-o", "x.npy", "--overwrite"],
            "is the same file as the input",
            1,
        ),
        (["x.npy", "y.npy", "--taps", "8"], "y.npy: 2 signal(s), but x.npy has 1; they must match", 1),
        (["nan.npy", "x.npy", "--taps", "8"], "nan.npy: NaN or infinity at frame 3\n", 1),
        (
            ["complex.npy", "x.npy", "--taps", "8"],
            "complex.npy: complex signal; fit needs real signals",
            1,
        ),
        (
            ["quiet.npy", "quiet.npy", "--taps", "8", "--stride", "1"],
            "quiet.npy: low and high must not be silent",
            1,
        ),
        (
            ["stereo.wav", "high.wav", "--taps", "8", "--channels", "each"],
            "high.wav: 1 channel(s), but",
            1,
        ),
        (
            ["low.wav", "high.wav", "stereo.wav", "stereo_high.wav", "--taps", "8"],
            "HIGH has 2 channel(s) and LOW 2; earlier pairs have 1 and 1",
            1,
        ),
        (
            ["--from-high", "low.wav", "stereo.wav", "--taps", "8"],
            "stereo.wav: HIGH has 2 channel(s) and LOW 2",
            1,
        ),
        (["low.wav", "high.wav", "--taps", "9000"], "must be at most 2048, got 4500", 2),
        (
            ["x.npy", "x.npy", "--taps", "8", "--stride", "1", "--ridge", "0"],
            "ridge must be above 0: the signals",
            1,
        ),
        (
            ["x.npy", "x.npy", "--taps", "900", "--stride", "1"],
            "x.npy, x.npy: low and high are too short for",
            1,
        ),
        (["torn.wav", "high.wav", "--taps", "8"], "torn.wav: truncated: ", 1),
    ],
)
def test_what_cannot_be(arguments: list[str], message: str, code: int) -> None:
    pair()
    pair("stereo.wav", "stereo_high.wav", channels=2)
    for name in ("a/one.wav", "b/two.wav", "twice/one.wav", "twice/one.flac"):
        Path(name).parent.mkdir(exist_ok=True)
        soundfile.write(name, np.zeros(9), 8000)
    Path("folder").mkdir()
    Path("old.npy").write_bytes(b"precious")
    np.save("x.npy", np.ones(200))
    np.save("y.npy", np.ones((2, 1, 400)))
    np.save("quiet.npy", np.zeros(200))
    np.save("complex.npy", np.ones(200, complex))
    np.save("nan.npy", np.where(np.arange(200) == 3, np.nan, 1.0))
    Path("torn.wav").write_bytes(Path("low.wav").read_bytes()[:20_000])
    refused = fit(*arguments, code=code).stderr
    assert message in refused
    assert refused.count("\n") == 1
    assert Path("old.npy").read_bytes() == b"precious"
    assert not list(Path().glob(".convt*"))


def test_what_is_cut_short_is_taken_if_that_is_asked_for() -> None:
    pair()
    Path("torn.wav").write_bytes(Path("low.wav").read_bytes()[:50_000])
    fit("torn.wav", "high.wav", "--taps", "13", "--allow-truncated", "-o", "w.npy")
    np.testing.assert_allclose(np.load("w.npy"), KERNEL, rtol=0, atol=1e-12)


def test_pipes_are_heard_to_their_ends() -> None:
    pair()

    def write_slowly(name: str) -> None:
        data = Path(name).read_bytes()
        with Path(f"slow_{name}").open("wb", buffering=0) as pipe:
            for start in range(0, len(data), 5000):
                pipe.write(data[start : start + 5000])
                time.sleep(0.005)

    for name in ("low.wav", "high.wav"):
        os.mkfifo(f"slow_{name}")
    for names in (
        ("low.wav", "slow_high.wav"),
        ("slow_low.wav", "high.wav"),
        ("slow_low.wav", "slow_high.wav"),
    ):
        for name in ("low.wav", "high.wav"):
            if f"slow_{name}" in names:
                threading.Thread(target=write_slowly, args=(name,), daemon=True).start()
        document = facts(*names, "--taps", "13", "--delay", "0")
        assert document["samples"] + document["held_out_samples"] == 9000 - 6


def test_silence_where_it_should_judge_is_told() -> None:
    rng = np.random.default_rng(1)
    soundfile.write("half.wav", np.concatenate([0.1 * rng.standard_normal(7000), np.zeros(4000)]), 16_000)
    document = facts("--from-high", "half.wav", "--taps", "16", "-o", "w.npy")
    assert document["held_out_error_db"] is None
    assert "there are too few samples to hold any out" in document["warnings"][0]


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limits here")
def test_a_full_disk_is_told_in_a_word() -> None:
    pair()
    program = (
        "import resource, sys; sys.dont_write_bytecode = True\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n" + MAIN
    )
    options = ["--taps", "4", "--delay", "0", "-o", "w.npy", "-q"]
    command = [sys.executable, "-c", program, "fit", "low.wav", "high.wav", *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "convt: w.npy: cannot be written: File too large\n"
    assert not [path for path in Path().iterdir() if path.suffix in (".npy", ".part")]


def test_memory_does_not_depend_on_the_length() -> None:
    program = """
import resource
from convt_cli.app import app
for minutes in (0.25, 2.25):
    try:
        app(["fit", "--from-high", f"{minutes}.wav", "--taps", "8", "-o", f"{minutes}.npy", "-q"])
    except SystemExit as end:
        assert not end.code
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    for minutes in (0.25, 2.25):
        rng = np.random.default_rng(1)
        with soundfile.SoundFile(f"{minutes}.wav", "w", 16_000, 1, "PCM_16") as file:
            for _ in range(int(4 * minutes)):
                file.write(0.1 * rng.standard_normal(15 * 16_000))
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    short, both = map(int, result.stdout.split()[1::2])
    assert both < 1.1 * short
