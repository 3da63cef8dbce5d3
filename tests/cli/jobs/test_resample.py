"""``convt resample``: files of any rate to one rate, judged by the library and by scipy."""

import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from tests.support.command import CONVT, parsed, refused, tree
from tests.support.oracles import Array
from tests.support.pipes import chunks


def resample(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["resample", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.stderr
    return result


def tone(name: str, rate: int, channels: int = 1, seconds: float = 0.5, **options: Any) -> Array:
    """A file of tones below 3 kHz, other ones in each channel, at -12 dB."""
    t = np.arange(round(rate * seconds))[:, np.newaxis] / rate
    x = 0.25 * np.sin(2 * np.pi * (400 + 300 * np.arange(channels)) * t)
    soundfile.write(name, x, rate, **options)
    return x


@pytest.mark.parametrize(("rate_in", "rate_out"), [(48_000, 44_100), (44_100, 16_000), (96_000, 48_000)])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "DOUBLE"])
def test_rates_are_lowered(rate_in: int, rate_out: int, subtype: str) -> None:
    rng = np.random.default_rng(1)
    soundfile.write("in.wav", 0.1 * rng.standard_normal((5000, 2)), rate_in, subtype)
    x, _ = soundfile.read("in.wav", always_2d=True)
    result = resample("in.wav", "-r", str(rate_out), "--dither", "none")
    assert result.stdout == f"in_{rate_out}.wav\n"
    assert "aliases < -195 dB), aligned" in result.stderr
    y, rate = soundfile.read(f"in_{rate_out}.wav")
    assert (rate, soundfile.info(f"in_{rate_out}.wav").subtype) == (rate_out, subtype)
    common = np.gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    exact = resample_poly(x, up, down, axis=0, window=convt.design_kernel(up, down=down) / up)
    step = {"PCM_16": 2.0**-15, "PCM_24": 2.0**-23, "DOUBLE": 1e-14}[subtype]
    assert np.abs(y - exact).max() < 0.51 * step + (1e-6 if subtype == "PCM_16" else 0)


RATES = (8000, 22_050, 44_100, 48_000, 96_000, 192_000)
KINDS = (("wav", "PCM_16", 1), ("wav", "PCM_24", 2), ("wav", "FLOAT", 6), ("flac", "PCM_16", 2))


def test_a_folder_of_any_rates_and_kinds_comes_out_at_one() -> None:
    """Each is compared with its tones at the new rate, to the noise of its format."""
    Path("in/deep").mkdir(parents=True)
    for rate in RATES:
        for number, (kind, subtype, channels) in enumerate(KINDS):
            if rate > 96_000 and kind == "flac":
                continue
            tone(f"in/{'deep/' * (number % 2)}{rate}_{number}.{kind}", rate, channels, subtype=subtype)
    tone("in/voice.mp3", 16_000)
    result = resample("in", "-r", "48k", "-d", "out")
    count = len([name for name in tree() if name.startswith("in/") and "." in name])
    assert f"{count} of {count} files done (4 copied), 0 skipped, 0 failed" in result.stderr
    assert sorted(name.removeprefix("out/") for name in tree() if name.startswith("out/")) == sorted(
        name.removeprefix("in/") for name in tree() if name.startswith("in/")
    )
    for name in tree():
        if not name.startswith("out/") or "." not in name:
            continue
        y, rate = soundfile.read(name, always_2d=True)
        before = soundfile.info(name.replace("out/", "in/"))
        assert rate == 48_000
        assert len(y) == -(-before.frames * 48_000 // before.samplerate)
        t = np.arange(len(y))[:, np.newaxis] / 48_000
        exact = 0.25 * np.sin(2 * np.pi * (400 + 300 * np.arange(y.shape[1])) * t)
        inner = slice(4800, -4800)
        noise = {"PCM_16": 1.5e-4, "PCM_24": 1e-6, "FLOAT": 1e-6}.get(before.subtype, 0.03)
        assert np.abs(y - exact)[inner].max() < noise, name


def test_only_up_and_only_down_copy_the_others() -> None:
    Path("in").mkdir()
    for rate in (8000, 16_000, 48_000):
        tone(f"in/{rate}.wav", rate)
    for option, kept in (("--only-up", "48000"), ("--only-down", "8000")):
        said = resample("in", "-r", "16k", "-d", "out", option, "--overwrite", "-v").stderr
        assert f"in/{kept}.wav -> out/{kept}.wav: at {int(kept) / 1000:g} kHz, copied ({option})\n" in said
        assert "3 of 3 files done (2 copied), 0 skipped, 0 failed\n" in said
        assert Path(f"out/{kept}.wav").read_bytes() == Path(f"in/{kept}.wav").read_bytes()
        changed = {"48000": "8000", "8000": "48000"}[kept]
        assert soundfile.info(f"out/{changed}.wav").samplerate == 16_000
        assert Path("out/16000.wav").read_bytes() == Path("in/16000.wav").read_bytes()


def test_positions_in_the_file_are_lowered_with_the_rate() -> None:
    tone("plain.wav", 48_000)
    data = Path("plain.wav").read_bytes()
    cue = struct.pack("<4s4I4s3I", b"cue ", 28, 1, 1, 6000, b"data", 0, 0, 6000)
    Path("in.wav").write_bytes(data[:4] + (len(data) + len(cue) - 8).to_bytes(4, "little") + data[8:] + cue)
    assert "warning" not in resample("in.wav", "-r", "16k", "-o", "out.wav").stderr
    points = np.frombuffer(chunks(Path("out.wav").read_bytes())[b"cue "], "<u4")
    assert (points[2], points[6]) == (2000, 2000)


def test_arrays_raw_samples_and_pipes() -> None:
    x = np.random.default_rng(2).standard_normal((2, 3000))
    np.save("x.npy", x)
    assert resample("x.npy", "-r", "3000", "--rate-in", "8000").stdout == "x_3000.npy\n"
    np.testing.assert_array_equal(np.load("x_3000.npy"), convt.resample(x, 8000, 3000))
    tone("in.wav", 48_000)
    resample("in.wav", "-r", "16k", "-o", "file.wav")
    data = Path("in.wav").read_bytes()
    command = [*CONVT, "resample", "-", "-r", "16k", "-q"]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    Path("piped.wav").write_bytes(done.stdout)
    np.testing.assert_array_equal(soundfile.read("piped.wav")[0], soundfile.read("file.wav")[0])
    Path("in.raw").write_bytes(chunks(data)[b"data"])
    raw = ("--raw", "--rate-in", "48k", "--channels", "1")
    resample("in.raw", *raw, "-r", "16k", "-o", "out.raw")
    assert Path("out.raw").read_bytes() == chunks(Path("file.wav").read_bytes())[b"data"]


def test_a_long_file_is_divided_among_processes_to_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convt_cli.run.segments.SEGMENT_SAMPLES", 1 << 12)
    monkeypatch.setattr("convt_cli.run.pipeline.cores", lambda: 3)
    tone("in.wav", 48_000, 2, 30, subtype="PCM_24")
    resample("in.wav", "-r", "16k", "-o", "many.wav")
    monkeypatch.setattr("convt_cli.run.pipeline.cores", lambda: 1)
    resample("in.wav", "-r", "16k", "-o", "one.wav")
    assert Path("many.wav").read_bytes() == Path("one.wav").read_bytes()


def test_the_report_tells_all() -> None:
    tone("in.wav", 48_000)
    document = parsed(resample("in.wav", "-r", "44.1k", "--json").stdout)
    assert document["geometry"]["stride"] == 147
    assert document["geometry"]["down"] == 160
    assert document["kernel"]["measured"]["rejection"] >= 195
    assert document["output"]["rate"] == 44_100
    document = parsed(resample("in.wav", "-r", "44.1k", "--dry-run", "--overwrite", "--json").stdout)
    assert document["output"]["frames"] == soundfile.info("in_44100.wav").frames


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["in.wav"], 2, "--rate is missing: name the sample rate of the output, such as --rate 48k"),
        ([], 2, "no input: name a file or a folder, or - for stdin (see 'convt resample --help')"),
        (["in.wav", "-r", "16k", "--only-up", "--only-down"], 2, "would change no rate: use one of them"),
        (["in.wav", "-r", "16k", "--stride", "2"], 2, "unknown option --stride"),
        (["in.wav", "-r", "16k", "--weights", "w.npy"], 2, "unknown option --weights"),
        (["in", "-r", "16k"], 2, "in: is a folder: name the folder for its outputs with -d DIR"),
        (
            ["in.wav", "-r", "fast"],
            2,
            "--rate must be a whole number of Hz, such as 48000 or 44.1k; got fast",
        ),
        (["in.npy", "-r", "16k"], 2, ".npy files carry no sample rate"),
    ],
)
def test_wrong_commands_are_one_line(options: list[str], code: int, message: str) -> None:
    tone("in.wav", 48_000)
    Path("in").mkdir()
    np.save("in.npy", np.zeros(100))
    tone("in/a.wav", 8000)
    assert message in refused("resample", *options, code=code)


@pytest.mark.parametrize("rate", [24_000, 32_000, 44_101])
@pytest.mark.parametrize("edges", ["hold", "reflect"])
def test_edges_are_those_of_the_library(edges: Any, rate: int) -> None:
    soundfile.write("in.wav", np.full(5000, 0.5), 48_000, "DOUBLE")
    resample("in.wav", "-r", str(rate), "--edges", edges)
    y, _ = soundfile.read(f"in_{rate}.wav")
    np.testing.assert_array_equal(y, convt.resample(np.full(5000, 0.5), 48_000, rate, edges=edges))
    np.testing.assert_allclose(y, 0.5, rtol=1e-9)


def test_a_plot_shows_what_is_above_the_output() -> None:
    tone("in.wav", 48_000)
    assert "p.svg" in resample("in.wav", "-r", "16k", "--plot", "p.svg").stdout
    assert "above the output's band" in Path("p.svg").read_text().replace("&#x27;", "'")
