"""``--overs``: what is beyond full scale is clipped, kept, guarded or refused, as numpy finds it."""

import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import convt
from tests.support.command import CONVT, facts, tree, upsample
from tests.support.levels import (
    BITS,
    LONG,
    LONG_AT,
    TAPS,
    exact,
    integers,
    kernel,
    loud,
    overs,
    read,
    sound,
    warnings,
)
from tests.support.oracles import Array


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
def test_overs_are_clipped_or_kept_and_counted_as_numpy_finds_them(
    name: str, subtype: str, policy: str | None, fate: str
) -> None:
    y = exact(sound("in.wav", loud()))
    options = [*kernel(*TAPS), "-o", name, "--subtype", subtype, "--dither", "none"]
    result = upsample("in.wav", *options, *(["--overs", policy] if policy else []))
    worst, at = np.abs(y).max(), np.abs(y).max(axis=0).argmax()
    assert (
        f"{name}: {overs(y, subtype)} sample(s) beyond full scale {fate};"
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


def test_a_lossy_coder_takes_overs_unchanged_by_default() -> None:
    y = exact(sound("in.wav", loud(channels=1)))
    level = facts("in.wav", *kernel(*TAPS), "-o", "out.ogg")["level"]
    assert level["overs"] == overs(y, "VORBIS")
    assert level["peak_dbfs"] == pytest.approx(20 * np.log10(np.abs(y).max()), abs=1e-9)
    said = upsample("in.wav", *kernel(*TAPS), "-o", "clip.ogg", "--overs", "clip")
    assert f"{level['overs']} sample(s) beyond full scale clipped" in said.stderr
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
    [warning] = [line for line in warnings(result) if "to avoid clipping" in line]
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
    before = tree()
    result = upsample(*options, "--overwrite", "--gain", "6", code=1)
    peak = 20 * np.log10(0.9) + 6
    assert result.stderr == (
        f"convt: {name}: {peak:+.2f} dBFS at output frame {2 * at + 2}: beyond full scale, an error with"
        " --overs error; lower the level with --gain or --overs guard\n"
    )
    assert result.stdout == ""
    assert (tree(), Path(name).read_bytes()) == (before, written)


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
    assert (
        "--overs keep: PCM_16 cannot hold samples beyond full scale; use --subtype FLOAT" in result.stderr
    )
    assert tree() == ["in.wav"]


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
    assert tree() == ["x.npy"]
