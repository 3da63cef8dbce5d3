"""``convt upsample --rate``: any target rate, each input by its own ratio."""

import json
import os
import resource
import shutil
import struct
import subprocess
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

import convt
from tests.support.command import UPSAMPLE, upsample
from tests.support.command import refused as command_refused
from tests.support.oracles import Array
from tests.support.strategies import numbers


def sound(
    name: str, rate: int, frames: int = 3000, channels: int = 1, subtype: str = "PCM_16", **options: Any
) -> Array:
    x = 0.1 * np.tanh(numbers(rate, (channels, frames), "float64"))
    soundfile.write(name, x.T, rate, subtype=subtype, **options)
    stored: Array = soundfile.read(name, always_2d=True)[0].T
    return stored


def refused(*arguments: str, code: int = 1) -> str:
    result = upsample(*arguments, code=code)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return str(result.stderr)


@pytest.mark.parametrize(
    ("own", "wanted", "ratio", "subtype"),
    [
        (44_100, 48_000, (160, 147), "PCM_24"),
        (44_100, 48_000, (160, 147), "DOUBLE"),
        (8000, 48_000, (6, 1), "DOUBLE"),
        (16_000, 44_100, (441, 160), "DOUBLE"),
        (22_050, 48_000, (320, 147), "DOUBLE"),
        (44_100, 192_000, (640, 147), "PCM_24"),
        (11_025, 48_000, (640, 147), "DOUBLE"),
        (48_000, 64_000, (4, 3), "PCM_24"),
    ],
)
def test_the_output_is_what_scipy_makes_with_the_same_kernel(
    own: int, wanted: int, ratio: tuple[int, int], subtype: str
) -> None:
    x = sound("in.wav", own, channels=2, subtype=subtype)
    assert upsample("in.wav", "--rate", str(wanted)).stdout == f"in_{wanted}.wav\n"
    y, rate = soundfile.read(f"in_{wanted}.wav")
    assert (rate, len(y)) == (wanted, ceil(3000 * wanted / own))
    kernel = convt.design_kernel(ratio[0], down=ratio[1])
    exact = resample_poly(x, *ratio, axis=1, window=kernel / ratio[0])
    step = 2.0**-24 if subtype == "PCM_24" else 1e-15
    assert np.abs(y.T - exact).max() <= step * 1.001


def test_outputs_are_exactly_in_time() -> None:
    frames = 20_000
    soundfile.write(
        "in.wav", np.sin(2 * np.pi * 5000 * np.arange(frames) / 44_100), 44_100, subtype="DOUBLE"
    )
    upsample("in.wav", "--rate", "48k", "--quality", "best")
    y, _ = soundfile.read("in_48000.wav")
    exact = np.sin(2 * np.pi * 5000 * np.arange(len(y)) / 48_000)
    assert np.abs(y - exact)[2000:-2000].max() < 1e-11


@pytest.mark.parametrize(
    ("text", "rate"),
    [("48000", 48_000), ("48k", 48_000), ("88.2k", 88_200), ("44.1kHz", 44_100), ("11025 Hz", 11_025)],
)
def test_rates_as_people_write_them(text: str, rate: int) -> None:
    sound("in.wav", 8000, 100)
    upsample("in.wav", "--rate", text, "--quality", "fast", "-o", "out.wav", "-q")
    assert soundfile.info("out.wav").samplerate == rate


@pytest.mark.parametrize(
    "text", ["0", "-8000", "44.1", "48m", "k", "nan", "inf", "1e400", "1e999999999", "", "9999999999"]
)
def test_what_is_no_rate(text: str) -> None:
    sound("in.wav", 8000, 10)
    wanted = f"--rate must be a whole number of Hz, such as 48000 or 44.1k; got {text}"
    assert wanted.strip() in refused("in.wav", f"--rate={text}", code=2)


@pytest.mark.parametrize("command", ["upsample", "resample"])
def test_a_rate_in_kilohertz_without_k_is_refused(command: str) -> None:
    sound("in.wav", 8000, 10)
    said = command_refused(command, "in.wav", "-r", "48", code=2)
    assert said == "convt: in.wav: --rate 48 is 48 Hz. Did you mean --rate 48k?\n"


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_a_pipe_gives_the_bytes_of_the_file(subtype: str) -> None:
    sound("in.wav", 44_100, 200_001, 2, subtype)
    upsample("in.wav", "--rate", "48000")
    data = Path("in.wav").read_bytes()
    piped = subprocess.run(
        [*UPSAMPLE, "-", "--rate", "48000", "-q"], input=data, capture_output=True, check=True
    )
    Path("piped.wav").write_bytes(piped.stdout)
    whole, again = (soundfile.read(name, dtype="float64")[0] for name in ("in_48000.wav", "piped.wav"))
    np.testing.assert_array_equal(whole, again)


def test_a_target_below_the_source_is_refused() -> None:
    sound("in.wav", 96_000, 10)
    message = refused("in.wav", "--rate", "48000")
    assert message == (
        "convt: in.wav: 96000 Hz is above --rate 48000, and upsample only raises a rate."
        " Use: convt resample in.wav --rate 48000\n"
    )
    assert not Path("in_48000.wav").exists()


# --- what has the rate already ---


@pytest.mark.parametrize("name", ["in.wav", "in.flac", "in.ogg", "in.npy"])
def test_what_has_the_rate_is_copied_to_the_byte(name: str) -> None:
    if name == "in.npy":
        np.save(name, numbers(1, (2, 30), "float32"))
        result = upsample(name, "--rate", "48k", "--rate-in", "48000")
    else:
        x = 0.1 * numbers(1, (3000,), "float64")
        soundfile.write(name, np.tanh(x), 48_000)
        np.save("w.npy", np.ones(3))
        result = upsample(name, "--rate", "48k", "--weights", "w.npy")
    target = name.replace("in.", "in_48000.")
    assert result.stdout == f"{target}\n"
    assert result.stderr == f"{name} -> {target}: already at 48 kHz, copied\n"
    assert Path(target).read_bytes() == Path(name).read_bytes()
    options = ["--rate-in", "48k"] if name == "in.npy" else []
    document = json.loads(upsample(name, "--rate", "48k", *options, "--overwrite", "--json").stdout)
    assert document["copied"]
    assert (document["kernel"], document["computed"], document["level"]["dither"]) == (None, None, "none")
    assert document["output"]["bytes"] == Path(name).stat().st_size


def test_what_comes_through_a_named_pipe_is_not_read_twice() -> None:
    x = sound("in.wav", 48_000)
    os.mkfifo("pipe.wav")
    with subprocess.Popen(["/bin/cp", "in.wav", "pipe.wav"]):
        command = [*UPSAMPLE, "pipe.wav", "--rate", "48k", "-q", "-o", "out.wav"]
        subprocess.run(command, check=True, timeout=60)
    np.testing.assert_array_equal(soundfile.read("out.wav", always_2d=True)[0].T, x)


def test_a_copy_goes_to_standard_output_too() -> None:
    sound("in.wav", 48_000)
    with Path("out.wav").open("wb") as out:
        subprocess.run([*UPSAMPLE, "in.wav", "--rate", "48k", "-o", "-", "-q"], stdout=out, check=True)
    assert Path("out.wav").read_bytes() == Path("in.wav").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        ["--format", "flac"],
        ["--gain", "-6"],
        ["--subtype", "PCM_24"],
        ["--dither", "tpdf"],
        ["-o", "out.aiff"],
        ["--nonfinite", "zero"],
        ["--overs", "clip"],
    ],
)
def test_what_has_the_rate_is_converted_where_more_is_asked(options: list[str]) -> None:
    x = sound("in.wav", 48_000)
    target = upsample("in.wav", "--rate", "48000", "-q", *options).stdout.strip()
    y, rate = soundfile.read(target, always_2d=True)
    scale = 10 ** (-6 / 20) if "--gain" in options else 1
    noise = 2**-14 if {"--gain", "--dither"} & set(options) else 0
    assert rate == 48_000
    assert np.abs(y.T - scale * x).max() <= noise


def test_from_a_pipe_what_has_the_rate_keeps_its_samples() -> None:
    x = sound("in.wav", 48_000)
    with Path("in.wav").open("rb") as source:
        piped = subprocess.run(
            [*UPSAMPLE, "-", "--rate", "48k", "-q", "-o", "out.wav"], stdin=source, check=True
        )
    assert piped.returncode == 0
    np.testing.assert_array_equal(soundfile.read("out.wav", always_2d=True)[0].T, x)


# --- ratios of large numbers ---


@pytest.mark.parametrize("rate", [44_101, 47_999])
def test_ratios_of_large_numbers_are_those_of_the_library(rate: int) -> None:
    x = sound("in.wav", 44_100, 20_000)[0]
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    options = ["--rate", str(rate), "--quality", "fast", "--subtype", "DOUBLE"]
    result = upsample("in.wav", *options, "--verbose")
    assert "taps and a chirp-z transform, ratio" in result.stderr
    upsample("in.wav", *options, "--dry-run", "--overwrite")
    y, _ = soundfile.read(f"in_{rate}.wav")
    expected = convt.resample(x.astype(np.float32), 44_100, rate, quality="fast")
    np.testing.assert_array_equal(y, expected)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began < 200_000
    document = json.loads(upsample("in.wav", *options, "--overwrite", "--json").stdout)
    assert document["pytorch"] is None
    assert document["output"]["frames"] == y.size


def test_usual_rates_of_a_large_ratio() -> None:
    sound("in.wav", 11_025, 50)
    result = upsample("in.wav", "--rate", "192k", "--verbose")
    assert "ratio 2560/147" in result.stderr
    assert soundfile.info("in_192000.wav").frames == ceil(50 * 2560 / 147)


def test_any_ratio_is_done_with_a_kernel_of_ones_own() -> None:
    x = sound("in.wav", 1009, 900, subtype="DOUBLE")
    weight = numbers(2, (3000,), "float64") / 3000
    np.save("w.npy", weight)
    upsample("in.wav", "--rate", "1013", "--weights", "w.npy")
    y, rate = soundfile.read("in_1013.wav")
    assert rate == 1013
    full = convt.conv_transpose1d(x, weight[None, None], stride=1013)
    np.testing.assert_allclose(y, full[0, ::1009], rtol=0, atol=1e-15)


# --- kernels, arrays, streams without a header, metadata ---


def test_minimum_phase_says_how_late_it_is() -> None:
    sound("in.wav", 44_100, 500)
    result = upsample("in.wav", "--rate", "48k", "--phase", "minimum", "--quality", "fast", "--json")
    document = json.loads(result.stdout)
    late = document["kernel"]["delay"]
    assert 1 < late < 15
    assert document["alignment"] == (
        f"output sample j is at the time of input sample (j - {late:.6g})*147/160"
    )
    assert document["geometry"]["padding"] == "causal"
    assert document["output"]["frames"] == ceil(500 * 160 / 147)


def test_arrays_need_their_own_rate() -> None:
    x = numbers(1, (2, 500), "float64")
    np.save("x.npy", x)
    assert upsample("x.npy", "--rate", "3000", "--rate-in", "2000").stdout == "x_3000.npy\n"
    exact = resample_poly(x, 3, 2, axis=1, window=convt.design_kernel(3, down=2) / 3)
    np.testing.assert_allclose(np.load("x_3000.npy"), exact, rtol=0, atol=1e-14)
    message = refused("x.npy", "--rate", "3000", code=2)
    assert ".npy files carry no sample rate: add --rate-in" in message
    assert "--rate-in needs --rate" in refused("x.npy", "--rate-in", "3000", code=2)


def test_only_what_states_no_rate_is_told_its_own() -> None:
    sound("in.wav", 8000, 10)
    message = refused("in.wav", "--rate", "9000", "--rate-in", "8000", code=2)
    assert "--rate-in is only for .npy and --raw inputs" in message
    assert "use one of them" in refused("in.wav", "--rate", "48k", "--stride", "6", code=2)


def test_a_stream_without_a_header() -> None:
    x = (1000 * numbers(1, (200, 2), "float64")).astype("<i2")
    raw = ["--raw", "--rate-in", "44.1k", "--channels", "2", "--rate", "48k"]
    done = subprocess.run(
        [*UPSAMPLE, "-", *raw, "--dither", "none", "-q"], input=x.tobytes(), capture_output=True, check=True
    )
    y = np.frombuffer(done.stdout, "<i2").reshape(-1, 2)
    exact = resample_poly(
        x.astype(float), 160, 147, axis=0, window=convt.design_kernel(160, down=147) / 160
    )
    assert len(y) == ceil(200 * 160 / 147)
    assert np.abs(y - exact).max() <= 0.51


def test_sample_counts_in_metadata_are_multiplied_and_rounded() -> None:
    sound("in.wav", 44_100, 441)
    body = bytearray(602)
    struct.pack_into("<II", body, 338, 44_100 * 3600 + 1, 0)
    data = Path("in.wav").read_bytes() + struct.pack("<4sI", b"bext", len(body)) + bytes(body)
    Path("in.wav").write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    upsample("in.wav", "--rate", "48k", "-q")
    made = Path("in_48000.wav").read_bytes()
    at = made.index(b"bext") + 8 + 338
    assert struct.unpack_from("<II", made, at) == (48_000 * 3600 + 1, 0)


# --- many files, reports, pictures ---


def test_files_of_different_rates_each_by_its_own_ratio() -> None:
    for rate in (44_100, 22_050, 48_000, 96_000, 32_000):
        sound(f"{rate}.wav", rate, 300)
    shutil.copy("44100.wav", "again.wav")
    names = [f"{rate}.wav" for rate in (44_100, 48_000, 22_050, 96_000, 32_000)] + ["again.wav"]
    result = upsample(*names, "-d", "out", "--rate", "48000", "--jobs", "1", code=3)
    assert "convt: 96000.wav: 96000 Hz is above --rate 48000" in result.stderr
    assert "5 of 6 files done (1 copied), 0 skipped, 1 failed" in result.stderr
    for rate in (44_100, 22_050, 48_000, 32_000):
        info = soundfile.info(f"out/{rate}.wav")
        assert (info.samplerate, info.frames) == (48_000, ceil(300 * 48_000 / rate))
    assert Path("out/again.wav").read_bytes() == Path("out/44100.wav").read_bytes()
    again = upsample(*names, "-d", "more", "--rate", "48000", "--jobs", "2", code=3)
    assert again.stderr == result.stderr.replace("out/", "more/")
    for name in names:
        if name != "96000.wav":
            assert Path("more", name).read_bytes() == Path("out", name).read_bytes()


def test_reports_tell_ratio_and_time() -> None:
    sound("in.wav", 44_100, 441)
    result = upsample("in.wav", "--rate", "48000", "--dry-run", "--verbose")
    lines = result.stderr.splitlines()
    assert lines[0] == (
        "in.wav -> in_48000.wav: 44.1 -> 48 kHz, 16-bit WAV (dithered), filter high (flat to 21.17 kHz,"
        " images < -195 dB), aligned"
    )
    assert lines[1].startswith("in_48000.wav: 480 samples, 1004 bytes; ")
    assert lines[2] == "441 -> 480 samples"
    assert "ratio 160/147, padding center, delay 0 output samples" in lines[3]
    assert lines[4] == "output sample j is at the time of input sample j*147/160"
    document = json.loads(upsample("in.wav", "--rate", "48000", "--json").stdout)
    assert document["geometry"]["stride"] == 160
    assert document["geometry"]["down"] == 147
    assert document["output"]["rate"] == 48_000
    assert not document["copied"]
    measured = document["kernel"]["measured"]
    whole = convt.Response(convt.design_kernel(160, down=147), 160)
    assert measured["passband"] == pytest.approx(float(whole.passband_edge(0.01)), abs=1e-5)
    assert measured["rejection"] == pytest.approx(-float(whole.worst_image().level), abs=0.15)


def test_a_picture_of_another_rate() -> None:
    pytest.importorskip("matplotlib")
    sound("in.wav", 44_100, 20_000)
    result = upsample("in.wav", "--rate", "48k", "--quality", "fast", "--plot", "both.png", "-q")
    assert result.stdout == "in_48000.wav\nboth.png\n"
    assert Path("both.png").read_bytes().startswith(b"\x89PNG")
