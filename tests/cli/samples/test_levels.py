"""The level of the output: --gain, --dither, --overs and --nonfinite, held against a few lines of numpy."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from tests.support.command import upsample
from tests.support.oracles import Array
from tests.support.strategies import numbers

CONVT = [sys.executable, "-c", "from convt_cli.entry import main; main()"]
TAPS = (0.25, 0.5, 1.0, 0.5, 0.25)
LONG = 150_001  # frames of which stereo makes several blocks
LONG_AT = 140_000  # in the last of them
BITS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sound(name: str, samples: Array, subtype: str = "DOUBLE") -> Array:
    """Write samples (channels, frames) and return what the file really holds."""
    soundfile.write(name, samples.T, 8000, subtype=subtype)
    return read(name)


def read(name: str) -> Array:
    samples, _ = soundfile.read(name, dtype="float64", always_2d=True)
    return np.ascontiguousarray(samples.T)


def kernel(*taps: float) -> list[str]:
    """The options that name a kernel."""
    name = f"w{'_'.join(map(str, taps))}.npy"
    np.save(name, np.array(taps))
    return ["--weights", name]


def exact(x: Array, taps: tuple[float, ...] = TAPS, stride: int = 2, gain: float = 0.0) -> Array:
    """Zeros between the samples, a convolution, a gain in dB."""
    stuffed = np.zeros((len(x), (x.shape[1] - 1) * stride + 1))
    stuffed[:, ::stride] = x
    return 10 ** (gain / 20) * np.stack([np.convolve(row, taps) for row in stuffed])


def integers(y: Array, bits: int) -> Array:
    """The nearest steps, and the last ones beyond full scale."""
    top = 1 << (bits - 1)
    steps: Array = np.clip(np.rint(y * top), -top, top - 1)
    return steps / top


def overs(y: Array, subtype: str) -> int:
    """How many samples are beyond full scale: of integers, those that round to no step."""
    if subtype not in BITS:
        return int(np.count_nonzero(np.abs(y) > 1))
    top = 1 << (BITS[subtype] - 1)
    steps: Array = np.rint(y * top)
    return int(np.count_nonzero((steps < -top) | (steps >= top)))


def loud(frames: int = 3000, channels: int = 2) -> Array:
    return np.tanh(numbers(11, (channels, frames), "float64"))


def facts(*arguments: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(upsample(*arguments, "--json").stdout)
    return document


def warnings(result: Any) -> list[str]:
    head = "convt: warning: "
    return [line[len(head) :] for line in result.stderr.splitlines() if line.startswith(head)]


def names() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


# --- overs ---


@pytest.mark.parametrize(
    ("name", "subtype", "policy", "fate"),
    [
        ("out.wav", "FLOAT", None, "kept"),
        ("out.wav", "DOUBLE", None, "kept"),
        ("out.wav", "FLOAT", "keep", "kept"),
        ("out.wav", "FLOAT", "clip", "clipped"),
        ("out.aiff", "DOUBLE", "clip", "clipped"),
        ("out.wav", "PCM_16", None, "clipped"),
        ("out.wav", "PCM_16", "clip", "clipped"),
        ("out.wav", "PCM_24", "clip", "clipped"),
        ("out.wav", "PCM_32", None, "clipped"),
        ("out.wav", "PCM_U8", None, "clipped"),
        ("out.flac", "PCM_16", None, "clipped"),
        ("out.flac", "PCM_24", "clip", "clipped"),
    ],
)
def test_overs_are_clipped_or_kept_and_told_as_numpy_finds_them(
    name: str, subtype: str, policy: str | None, fate: str
) -> None:
    y = exact(sound("in.wav", loud()))
    options = [*kernel(*TAPS), "-o", name, "--subtype", subtype, "--dither", "none"]
    result = upsample("in.wav", *options, *(["--overs", policy] if policy else []))
    worst, at = np.abs(y).max(), np.abs(y).max(axis=0).argmax()
    assert (
        f"{name}: {overs(y, subtype)} sample(s) beyond full scale were {fate};"
        f" peak {20 * np.log10(worst):+.2f} dBFS at {at / 16_000:.6f} s"
    ) in warnings(result)
    wanted = integers(y, BITS[subtype]) if subtype in BITS else y if fate == "kept" else y.clip(-1, 1)
    tolerance = 1e-7 if subtype == "FLOAT" else 1e-14
    np.testing.assert_allclose(read(name), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("subtype", "at"), [("FLOAT", 17), ("PCM_16", LONG_AT), ("PCM_24", 131_071)])
def test_the_worst_is_found_wherever_it_is_in_a_long_file(subtype: str, at: int) -> None:
    x = 0.4 * loud(LONG)
    x[1, at], x[0, 100_000] = -1.9, 1.8
    y = exact(sound("in.wav", x))
    level = facts("in.wav", *kernel(*TAPS), "--subtype", subtype)["level"]
    assert level["overs"] == overs(y, subtype)
    assert level["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(y).max()), abs=1e-9)
    assert level["peak_at"] == np.abs(y).max(axis=0).argmax() / 16_000


def test_a_lossy_coder_takes_overs_as_they_are_unless_told() -> None:
    y = exact(sound("in.wav", loud(channels=1)))
    level = facts("in.wav", *kernel(*TAPS), "-o", "out.ogg")["level"]
    assert level["overs"] == overs(y, "VORBIS")
    assert level["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(y).max()), abs=1e-9)
    said = upsample("in.wav", *kernel(*TAPS), "-o", "clip.ogg", "--overs", "clip")
    assert f"{level['overs']} sample(s) beyond full scale were clipped" in said.stderr
    assert np.abs(read("clip.ogg")).mean() < np.abs(read("out.ogg")).mean()


def test_no_overs_no_word() -> None:
    sound("in.wav", np.array([[1.0, -1.0, 0.5]]))
    for policy in ("keep", "clip", "guard", "error"):
        result = upsample("in.wav", *kernel(1), "--stride", "1", "--overs", policy, "-o", f"{policy}.wav")
        assert warnings(result) == []
        np.testing.assert_array_equal(read(f"{policy}.wav"), [[1, -1, 0.5]])


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_full_scale_itself_is_an_over_of_integers_on_the_upper_side(subtype: str, precision: str) -> None:
    sound("in.wav", np.array([[0.5, -0.5, 0.25]]), "PCM_16")
    options = [*kernel(2), "--stride", "1", "--subtype", subtype, "--precision", precision]
    level = facts("in.wav", *options)["level"]
    assert (level["overs"], level["peak_dbfs"], level["peak_at"]) == (1, 0.0, 0.0)


@pytest.mark.parametrize("dtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
@pytest.mark.parametrize("container", ["wav", "flac"])
def test_dither_at_full_scale_saturates_and_never_wraps(subtype: str, dtype: str, container: str) -> None:
    if container == "flac" and subtype in ("PCM_U8", "PCM_32"):
        subtype = {"PCM_U8": "PCM_S8", "PCM_32": "PCM_24"}[subtype]
    bits = {"PCM_S8": 8, **BITS}[subtype]
    x = np.repeat([1.0, -1.0, 1 - 2.0**-bits, -1.5, 1.5, 0.0], 700)[None]
    sound("in.wav", x, dtype)
    name = f"out.{container}"
    options = [*kernel(1), "--stride", "1", "--subtype", subtype, "--dither", "tpdf"]
    upsample("in.wav", *options, "-o", name)
    y, step = read(name), 2.0 ** (1 - bits)
    assert np.abs(y - x.clip(-1, 1)).max() <= 3 * step
    np.testing.assert_array_equal(y[0, 2100:2800], -1)
    np.testing.assert_array_equal(y[0, 2800:3500], 1 - step)


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("out.wav", "PCM_U8"),
        ("out.wav", "PCM_16"),
        ("out.wav", "PCM_24"),
        ("out.wav", "PCM_32"),
        ("out.flac", "PCM_16"),
        ("out.wav", "FLOAT"),
        ("out.wav", "DOUBLE"),
    ],
)
@pytest.mark.parametrize("dither", ["tpdf", "none"])
def test_guard_is_one_gain_that_just_fits(name: str, subtype: str, dither: str) -> None:
    y = exact(sound("in.wav", loud(LONG if subtype == "PCM_16" else 5000)))
    options = [*kernel(*TAPS), "-o", name, "--subtype", subtype, "--overs", "guard", "--dither", dither]
    result = upsample("in.wav", *options)
    level = facts("in.wav", *options, "--overwrite")["level"]
    step = 2.0 ** (1 - BITS[subtype]) if subtype in BITS else 2.0**-24
    made = read(name)
    assert level["overs"] == 0
    assert 1 - 2 * step <= 10 ** (level["peak_dbfs"] / 20) <= 1
    assert 1 - 3.5 * step <= np.abs(made).max() <= 1
    gain = 10 ** (level["gain_db"] / 20)
    assert gain == pytest.approx(1 / np.abs(y).max(), rel=2 * step + 1e-7)
    slack = 1.6 if dither == "tpdf" and subtype in BITS else 0.51
    assert np.abs(made - gain * y).max() <= slack * step + 1e-12
    [warning] = [line for line in warnings(result) if "so that nothing clips" in line]
    assert warning.startswith(f"{name}: ")
    assert f" {level['gain_db']:+.2f} dB" in warning
    assert "beyond full scale" not in result.stderr


def test_guard_knows_the_gain_that_was_asked_for() -> None:
    y = exact(sound("in.wav", 0.1 * loud()), gain=30)
    options = ["in.wav", *kernel(*TAPS), "--subtype", "PCM_24", "--gain", "30", "--overs", "guard"]
    level = facts(*options)["level"]
    made = read("in_x2.wav")
    assert 1 - 3 / 2**23 <= np.abs(made).max() <= 1
    np.testing.assert_allclose(made, y / np.abs(y).max(), rtol=0, atol=4 / 2**23)
    assert level["gain_db"] == pytest.approx(30 - 20 * np.log10(np.abs(y).max()), abs=1e-5)


def test_guard_of_a_coder_computes_no_overs() -> None:
    sound("in.wav", loud())
    level = facts("in.wav", *kernel(*TAPS), "--overs", "guard", "-o", "out.ogg")["level"]
    assert level["overs"] == 0
    assert level["peak_dbfs"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_guard_of_a_pipe_is_that_of_a_file(subtype: str) -> None:
    sound("in.wav", loud(20_000))
    options = [*kernel(*TAPS), "--subtype", subtype, "--overs", "guard", "-q"]
    upsample("in.wav", *options, "-o", "file.wav")
    command = [*CONVT, "upsample", "-", *options]
    with subprocess.Popen(["cat", "in.wav"], stdout=subprocess.PIPE) as cat:  # noqa: S607
        subprocess.run([*command, "-o", "pipe.wav"], stdin=cat.stdout, check=True)
    assert Path("pipe.wav").read_bytes() == Path("file.wav").read_bytes()


@pytest.mark.parametrize("level", [0.01, 0.5])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_guard_changes_nothing_where_nothing_clips(subtype: str, level: float) -> None:
    sound("in.wav", level * loud())
    options = [*kernel(*TAPS), "--subtype", subtype]
    upsample("in.wav", *options, "-o", "plain.wav")
    result = upsample("in.wav", *options, "--overs", "guard", "-o", "guard.wav")
    assert Path("guard.wav").read_bytes() == Path("plain.wav").read_bytes()
    assert warnings(result) == []


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("side", [-1, 1])
def test_guard_leaves_full_scale_alone_where_it_is_reached_and_not_passed(subtype: str, side: int) -> None:
    step = 2.0 ** (1 - BITS[subtype]) if subtype in BITS else 0.0
    x = sound("in.wav", np.array([[-1.0 if side < 0 else 1 - step, 0.25, 0.5]]), subtype)
    result = upsample("in.wav", "--stride", "1", "--overs", "guard")
    np.testing.assert_array_equal(read("in_x1.wav"), x)
    assert warnings(result) == []


@pytest.mark.parametrize("at", [5, LONG_AT])
@pytest.mark.parametrize(
    ("name", "subtype"),
    [("out.wav", "PCM_16"), ("out.wav", "FLOAT"), ("out.flac", "PCM_24"), ("out.ogg", "VORBIS")],
)
def test_an_over_that_is_an_error_leaves_nothing(name: str, subtype: str, at: int) -> None:
    x = np.zeros((2, LONG))
    x[1, at] = 0.9
    sound("in.wav", x)
    options = ["in.wav", *kernel(*TAPS), "-o", name, "--subtype", subtype, "--overs", "error"]
    upsample(*options)
    written = Path(name).read_bytes()
    before = names()
    result = upsample(*options, "--overwrite", "--gain", "6", code=1)
    peak = 20 * np.log10(0.9) + 6
    assert result.stderr == (
        f"convt: {name}: {peak:+.2f} dBFS at output frame {2 * at + 2}: beyond full scale, which --overs"
        " error does not allow\n"
    )
    assert result.stdout == ""
    assert (names(), Path(name).read_bytes()) == (before, written)


def test_a_file_behind_one_with_an_over_is_as_it_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    x = sound("fine.wav", 0.1 * loud(300_000, 1))  # two blocks
    x[0, 0] = 3.0
    sound("over.wav", x)
    options = [*kernel(*TAPS), "--overs", "error", "--jobs", "1"]
    upsample("fine.wav", *options, "-d", "alone")
    process = convt.Upsampler.process

    def process_slowly(self: convt.Upsampler, block: Array) -> Array:
        if 0 < block.size < 100_000:  # a second one: nobody waits for that of over.wav any more
            time.sleep(0.4)
        return process(self, block)

    monkeypatch.setattr(convt.Upsampler, "process", process_slowly)
    upsample("over.wav", "fine.wav", *options, "-d", "behind", code=3)
    np.testing.assert_array_equal(read("behind/fine.wav"), read("alone/fine.wav"))


@pytest.mark.parametrize("name", ["out.wav", "out.flac"])
def test_integers_cannot_keep_overs(name: str) -> None:
    sound("in.wav", loud(), "PCM_16")
    result = upsample("in.wav", "--overs", "keep", "-o", name, code=2)
    assert "--overs keep needs samples that go beyond full scale, and PCM_16 ones do not" in result.stderr
    assert names() == ["in.wav"]


@pytest.mark.parametrize(
    "option",
    [["--overs", policy] for policy in ("keep", "clip", "guard", "error")]
    + [["--dither", "tpdf"], ["--dither", "none"]],
)
def test_arrays_have_no_full_scale(option: list[str]) -> None:
    np.save("x.npy", np.ones(10))
    result = upsample("x.npy", *option, code=2)
    assert result.stderr.startswith("convt: --overs, --dither")
    assert result.stderr.count("\n") == 1
    assert names() == ["x.npy"]


# --- dither ---


def test_sixteen_bits_are_dithered_unless_told_and_more_are_not() -> None:
    y = exact(sound("in.wav", 0.3 * loud(20_000)))
    for subtype, dither, rms in (
        ("PCM_16", [], 0.5),
        ("PCM_U8", [], 0.5),
        ("PCM_16", ["--dither", "tpdf"], 0.5),
        ("PCM_24", ["--dither", "tpdf"], 0.5),
        ("PCM_24", [], 12**-0.5),
        ("PCM_16", ["--dither", "none"], 12**-0.5),
    ):
        result = upsample("in.wav", *kernel(*TAPS), "--subtype", subtype, *dither, "--overwrite")
        error = (read("in_x2.wav") - y) * 2 ** (BITS[subtype] - 1)
        assert np.sqrt(np.mean(error**2)) == pytest.approx(rms, rel=0.02), subtype
        assert abs(error.mean()) < 0.01
        assert (", dithered\n" in result.stderr) == (rms == 0.5)


def test_a_faint_tone_is_upsampled_to_a_tone_without_harmonics() -> None:
    frames, cycles = 32_000, 4000  # 1 kHz at 8 kHz, -90 dBFS
    level = 10 ** (-90 / 20)
    sound("in.wav", level * np.sin(2 * np.pi * cycles / frames * np.arange(frames) + 0.1)[None], "FLOAT")
    upsample("in.wav", "--stride", "4", "--subtype", "PCM_16")
    y = read("in_x4.wav")[0]
    power = np.abs(np.fft.rfft(y[frames : 3 * frames] * 2**15)) ** 2  # away from both ends
    tone = cycles // 2
    floor = 0.25 * 2 * frames
    assert power[tone * np.arange(2, 16)].max() < 12 * floor
    assert np.sqrt(power[tone]) / frames / 2**15 == pytest.approx(level, rel=0.03)


@pytest.mark.parametrize(
    ("name", "subtype"), [("in.wav", "PCM_16"), ("in.wav", "PCM_U8"), ("in.flac", "PCM_16")]
)
def test_a_stride_of_one_copies_bit_by_bit_unless_dither_is_asked_for(name: str, subtype: str) -> None:
    x = sound(name, loud(), subtype)
    target = upsample(name, "--stride", "1").stdout.strip()
    np.testing.assert_array_equal(read(target), x)
    upsample(name, "--stride", "1", "--dither", "tpdf", "--overwrite")
    assert np.mean(read(target) != x) == pytest.approx(0.25, abs=0.03)


def test_silence_stays_silence_unless_dither_is_asked_for() -> None:
    sound("in.wav", np.zeros((2, 5000)), "PCM_16")
    upsample("in.wav")
    assert not read("in_x2.wav").any()
    upsample("in.wav", "--dither", "tpdf", "--overwrite")
    assert np.mean(read("in_x2.wav") != 0) == pytest.approx(0.25, abs=0.03)


def test_dither_is_the_same_in_every_run_and_from_every_pipe() -> None:
    sound("in.wav", 0.3 * loud(50_000), "PCM_16")
    upsample("in.wav", "-o", "one.wav")
    upsample("in.wav", "-o", "two.wav")
    assert Path("one.wav").read_bytes() == Path("two.wav").read_bytes()
    data = Path("in.wav").read_bytes()
    with subprocess.Popen(
        [*CONVT, "upsample", "-", "-q", "-o", "three.wav"], stdin=subprocess.PIPE
    ) as convt:
        assert convt.stdin
        for start in range(0, len(data), 33_333):
            convt.stdin.write(data[start : start + 33_333])
            convt.stdin.flush()
    np.testing.assert_array_equal(read("three.wav"), read("one.wav"))


# --- gain ---


@pytest.mark.parametrize("gain", [-6.0206, 3.5])
@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("out.wav", "FLOAT", 2.0**-22),
        ("out.wav", "DOUBLE", 1e-14),
        ("out.wav", "PCM_24", 2.0**-23),
        ("out.flac", "PCM_16", 2.0**-15),
        ("out.au", "PCM_16", 2.0**-15),
    ],
)
def test_gain_is_in_decibels(name: str, subtype: str, step: float, gain: float) -> None:
    y = exact(sound("in.wav", 0.2 * loud()), gain=gain)
    options = [*kernel(*TAPS), "--subtype", subtype, "--dither", "none", "-o", name]
    level = facts("in.wav", *options, "--gain", str(gain))["level"]
    assert np.abs(read(name) - y).max() <= 0.51 * step
    assert level["gain_db"] == pytest.approx(gain)
    assert level["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(y).max()), abs=1e-5)


def test_overs_are_those_with_the_gain() -> None:
    y = exact(sound("in.wav", 0.2 * loud()), gain=15)
    level = facts("in.wav", *kernel(*TAPS), "--gain", "15", "--subtype", "PCM_16")["level"]
    assert level["overs"] == overs(y, "PCM_16") > 0


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((50,), "float32"),
        ((2, 50), "float64"),
        ((3, 2, 50), "complex64"),
        ((50,), "complex128"),
        ((2, 50), "int16"),
    ],
)
def test_gain_of_arrays(shape: tuple[int, ...], dtype: str) -> None:
    np.save("x.npy", (10 * numbers(1, shape, dtype if dtype.startswith("c") else "float64")).astype(dtype))
    upsample("x.npy", *kernel(*TAPS), "-o", "plain.npy")
    upsample("x.npy", *kernel(*TAPS), "-o", "louder.npy", "--gain", "20")
    plain, louder = np.load("plain.npy"), np.load("louder.npy")
    assert plain.dtype == louder.dtype
    np.testing.assert_allclose(louder, 10 * plain, rtol=3e-7)


def test_gain_of_half_precision_is_not_rounded_to_it() -> None:
    x = numbers(2, (100,), "float64").astype(np.float16)
    np.save("x.npy", x)
    np.save("one.npy", np.ones(1, np.float16))
    upsample("x.npy", "--weights", "one.npy", "--stride", "1", "--gain", "65")
    y = np.load("x_x1.npy")
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y, (x * np.float64(10 ** (65 / 20))).astype(np.float16))


@pytest.mark.parametrize("gain", ["nan", "inf", "-inf", "100000", "-100000"])
def test_a_gain_that_is_no_number_of_decibels_is_a_usage_error(gain: str) -> None:
    sound("in.wav", loud())
    result = upsample("in.wav", "--gain", gain, code=2)
    assert "gain" in result.stderr
    assert result.stderr.count("\n") == 1
    assert names() == ["in.wav"]


@pytest.mark.parametrize("gain", ["700", "-900"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_an_absurd_gain_is_taken_or_refused_without_a_warning_of_numpys(gain: str, subtype: str) -> None:
    sound("in.wav", loud(), "PCM_16")
    result = CliRunner().invoke(app, ["upsample", "in.wav", "--gain", gain, "--subtype", subtype])
    assert result.exit_code in (0, 2), result.exception


# --- what is not finite ---


def spoilt(frames: int = LONG) -> Array:
    x = 0.1 * loud(frames)
    x[1, frames - 10_001], x[0, frames - 10_000], x[0, frames - 5] = np.nan, np.inf, -np.inf
    return x


@pytest.mark.parametrize("frames", [20_000, LONG])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_what_is_not_finite_is_an_error_with_its_place(subtype: str, frames: int) -> None:
    sound("in.wav", spoilt(frames), subtype)
    first = frames - 10_001
    result = upsample("in.wav", *kernel(*TAPS), code=1)
    assert result.stderr == (
        f"convt: in.wav: frame {first} ({first / 8000:.6f} s) is not a finite number;"
        " --nonfinite keep or zero goes on\n"
    )
    assert "in_x2.wav" not in names()


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16"])
def test_zero_goes_on_with_zeros_and_says_how_many(subtype: str) -> None:
    x = sound("in.wav", spoilt())
    sound("zero.wav", np.where(np.isfinite(x), x, 0))
    options = [*kernel(*TAPS), "--subtype", subtype]
    result = upsample("in.wav", *options, "--nonfinite", "zero")
    upsample("zero.wav", *options)
    assert Path("in_x2.wav").read_bytes() == Path("zero_x2.wav").read_bytes()
    [warning] = warnings(result)
    for word in ("in.wav", "3 sample", "frame 140000", "17.500000 s", "zero"):
        assert word in warning


@pytest.mark.parametrize("dtype", ["FLOAT", "DOUBLE"])
def test_keep_lets_it_reach_the_outputs_of_its_taps_and_no_others(dtype: str) -> None:
    x = sound("in.wav", spoilt(), dtype)
    result = upsample("in.wav", *kernel(*TAPS), "--nonfinite", "keep")
    np.testing.assert_allclose(read("in_x2.wav"), exact(x), rtol=1e-6, atol=1e-7)
    warning = next(line for line in warnings(result) if line.startswith("in.wav"))
    for word in ("3 sample", "frame 140000", "17.500000 s", "kept"):
        assert word in warning


def test_guard_counts_it_once_and_takes_the_peak_of_the_rest() -> None:
    x = spoilt()
    x[0, 7] = 3.0
    sound("in.wav", x)
    options = [*kernel(1), "--stride", "1", "--nonfinite", "keep", "--overs", "guard"]
    result = upsample("in.wav", *options)
    made = read("in_x1.wav")
    assert made[0, 7] == pytest.approx(1, abs=1e-6)
    assert not np.isfinite(made[0, 140_001])
    assert any("3 sample" in line and "in.wav" in line for line in warnings(result))


@pytest.mark.parametrize(
    ("dtype", "bad"),
    [
        ("float16", np.nan),
        ("float32", -np.inf),
        ("float64", np.nan),
        ("complex64", np.nan),
        ("complex64", complex(0, np.inf)),
        ("complex128", complex(1, np.nan)),
        ("complex128", complex(0, -np.inf)),
    ],
)
def test_arrays_that_are_not_finite(dtype: str, bad: complex) -> None:
    x = np.zeros(50, dtype)
    x[[5, 6, 7, 30]] = [1, -1, bad, bad]
    np.save("x.npy", x)
    result = upsample("x.npy", *kernel(*TAPS), code=1)
    assert "x.npy: frame 7 is not a finite number; --nonfinite keep or zero goes on" in result.stderr
    result = upsample("x.npy", *kernel(*TAPS), "--nonfinite", "zero")
    x[[7, 30]] = 0
    np.save("zero.npy", x)
    upsample("zero.npy", *kernel(*TAPS))
    np.testing.assert_array_equal(np.load("x_x2.npy"), np.load("zero_x2.npy"))
    [warning] = warnings(result)
    for word in ("x.npy", "2 sample", "frame 7"):
        assert word in warning


def test_the_frame_of_a_batch_is_counted_in_its_signal() -> None:
    x = np.zeros((3, 2, 50))
    x[1, 0, 5] = np.nan
    np.save("x.npy", x)
    assert "frame 5 " in upsample("x.npy", *kernel(*TAPS), code=1).stderr


def test_integers_are_finite() -> None:
    np.save("x.npy", np.array([-(2**62), 2**62]))
    upsample("x.npy", *kernel(1), "--stride", "1")
    assert np.load("x_x1.npy").tolist() == [-(2.0**62), 2.0**62]
