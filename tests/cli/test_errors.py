"""Exit codes and errors: one line each, and everything left as it was."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from convt_cli.app import app
from tests.support.command import CONVT, facts, refused, upsample
from tests.support.processes import without_privileges

pytestmark = pytest.mark.usefixtures("silent_input")


def test_the_output_stands_beside_the_input_unless_named() -> None:
    Path("a folder").mkdir()
    Path("in.wav").rename("a folder/in.wav")
    assert upsample("a folder/in.wav").stdout == "a folder/in_x2.wav\n"
    assert upsample("a folder/in.wav", "--stride", "3", "-o", "other.wav").stdout == "other.wav\n"
    assert soundfile.info("other.wav").samplerate == 24_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no input: name a file or a folder"),
        (["in.wav", "--stride", "0"], "--stride must be a whole number, 1 or more, got 0"),
        (["in.wav", "--stride", "two"], "--stride must be a whole number, 1 or more, got two"),
        (
            ["in.wav", "--padding", "-1"],
            "--padding must be 0 or more, or full, center, same, causal, hifigan, encodec, encodec-causal,"
            " dac; got -1",
        ),
        (["in.wav", "--precision", "float16"], "--precision must be float32 or float64, got float16"),
        (
            ["in.wav", "--output-padding", "2"],
            "--output-padding must be below max(stride, dilation) = 2, got 2",
        ),
        (["in.wav", "--output-padding", "1"], "--output-padding must be 0 with padding='center'"),
        (["in.wav", "--dilation", "2"], "--dilation and --groups need --weights"),
        (["in.wav", "--groups", "2"], "--dilation and --groups need --weights"),
        (["in.wav", "--stride", "9999", "--padding", "0"], "more than 2097152: use a smaller stride"),
        (["."], ".: is a folder: name the folder for its outputs with -d DIR"),
        (["in.wav", "--strid", "2"], "unknown option --strid"),
    ],
)
def test_usage_errors(arguments: list[str], message: str) -> None:
    assert message in refused("upsample", *arguments, code=2)


def test_an_unknown_command_is_a_usage_error() -> None:
    assert "no such command: upsampel. Did you mean upsample?" in refused("upsampel", code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.wav"], "nothing.wav: cannot be read: No such file or directory"),
        (
            ["noise.txt"],
            "noise.txt: not recognised as audio; if ffmpeg can read it, try: ffmpeg -i noise.txt ",
        ),
        ([f"{'y' * 300}.wav"], "cannot be read: File name too long"),
        (["in.wav", "-o", "loop.wav", "--overwrite"], "loop.wav: broken link"),
        (["in.wav", "-o", "lost.wav"], "lost.wav: broken link"),
        (["in.wav", "-o", "there/out.wav"], "folder there does not exist; create it first"),
        (["in.wav", "-o", "."], ".: is a folder; give a file name with -o"),
        (["in.wav", "-o", "/dev/null", "--overwrite"], "/dev/null: is not a regular file"),
        (["in.wav", "-o", "old.wav"], "old.wav: already exists; use --overwrite"),
        (["in.wav", "-o", "in.wav", "--overwrite"], "in.wav: is the same file as the input in.wav"),
        (["in.wav", "-o", "link.wav", "--overwrite"], "link.wav: is the same file as the input in.wav"),
        (["in.wav", "-o", "hard.wav", "--overwrite"], "hard.wav: is the same file as the input in.wav"),
        (
            ["in.wav", "--weights", "w1.npy", "-o", "w1.npy", "--overwrite"],
            "is the same file as the input w1.npy",
        ),
        (["in.wav", "--weights", "none.npy"], "none.npy: no such file"),
        (["in.wav", "--weights", "noise.txt"], "noise.txt: has no numbers; taps as text must"),
        (
            ["in.wav", "--weights", "w3.npy"],
            "w3.npy: weights of shape (3, 1, 4) with groups=1 do not fit in.wav",
        ),
        (
            ["in.wav", "--weights", "complex.npy"],
            "complex.npy: complex weights need an .npy signal; in.wav is audio",
        ),
        (
            ["in.wav", "--padding", "2000"],
            "in.wav: too short for this padding: the output must",
        ),
        (["in.wav", "--bias", "w3.npy"], "bias of shape (3, 1, 4); 2 output channel(s) need shape (2,)"),
        (["in.wav", "--bias", "nowhere"], "nowhere: no such file"),
        (
            ["in.wav", "-o", "out.sd2"],
            "out.sd2: convt writes no .sd2 files: they keep the header in a second file",
        ),
        (["in.wav", "-o", "out.sds"], "out.sds: convt writes no .sds files: libsndfile 1.2.2 damages"),
        (
            ["in.wav", "-o", "out.ogg", "--stride", "30"],
            "Ogg Vorbis goes up to 200000 Hz; the output is at 240000 Hz",
        ),
        (
            ["mono.wav", "-o", "out.svx", "--stride", "9"],
            "SVX cannot store a sample rate of 72000 Hz, only 6464",
        ),
        (["noise.raw"], "noise.raw: .raw files carry no sample rate: give --raw, --rate and --channels"),
        (["in.wav", "-o", "x" * 300], "xxx: cannot be written: File name too long"),
        (["w1.npy", "-o", "out.wav"], "out.wav: .npy input carries no sample rate"),
        (
            ["fast.wav", "--stride", "3"],
            "WAV goes up to 2147483647 Hz; the output is at 3000000000 Hz",
        ),
        (
            ["in.wav", "-o", "out.mp3", "--stride", "9"],
            "out.mp3: MP3 goes up to 48000 Hz; the output is at 72000 Hz; choose another rate with --rate",
        ),
    ],
)
def test_failures(arguments: list[str], message: str) -> None:
    Path("noise.txt").write_text("hiss\n")
    Path("noise.raw").write_bytes(b"hiss")
    soundfile.write("mono.wav", np.zeros(50), 8000)
    Path("old.wav").write_bytes(b"precious")
    Path("link.wav").symlink_to("in.wav")
    Path("loop.wav").symlink_to("loop.wav")
    Path("lost.wav").symlink_to("nowhere/out.wav")
    Path("hard.wav").hardlink_to("in.wav")
    np.save("w1.npy", np.ones(4))
    np.save("w3.npy", np.ones((3, 1, 4)))
    np.save("complex.npy", np.ones(4, complex))
    soundfile.write("fast.wav", np.zeros(3), 1_000_000_000)
    assert message in refused("upsample", *arguments, code=1)


def test_names_with_spaces_dashes_and_bytes_that_are_no_text() -> None:
    names = [b"a b.wav", b"-dash.wav", b"caf\xe9.wav", "żółw.wav".encode()]
    made = [b"a b_x2.wav", b"./-dash_x2.wav", b"caf\xe9_x2.wav", "żółw_x2.wav".encode()]
    for name in names:
        shutil.copy("in.wav", os.fsdecode(name))
    for some in (slice(2, 3), slice(4)):
        command: list[str | bytes] = [*CONVT, "upsample", "-q", "--overwrite", "-d.", "--", *names[some]]
        result = subprocess.run(command, capture_output=True, check=True)
        assert result.stdout.splitlines() == made[some]
    assert all(Path(os.fsdecode(name)).exists() for name in made)


def test_a_name_of_two_lines_is_told_in_one() -> None:
    assert "two\\nlines.wav: cannot be read" in refused("upsample", "two\nlines.wav", code=1)


def test_unknown_exceptions_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("convt.Upsampler.__call__", break_down)
    assert isinstance(CliRunner().invoke(app, ["upsample", "in.wav"]).exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-o", "o.wav", "--weights", "locked/w.npy"], 1, "locked/w.npy: cannot be read"),
        (["-o", "-", "--weights", "locked/w.npy"], 1, "locked/w.npy: cannot be read"),
        (["-o", "locked/o.wav"], 1, "locked/o.wav: cannot be written"),
        (["-o", "o.wav", "--plot", "locked/o.png"], 1, "locked/o.png: cannot be written"),
        (["-d", "locked/x"], 1, "locked/x: cannot create the folder"),
        (["-d", "locked/x", "--dry-run"], 1, "locked/x: cannot create the folder"),
        (["-d", "in.wav/x", "--dry-run"], 1, "in.wav/x: cannot create the folder: in.wav is not a folder"),
        (["locked/a.wav", "-d", "x"], 3, "locked/a.wav: cannot be read"),
    ],
)
def test_a_folder_that_is_closed_to_the_user_is_told_of_its_file(
    arguments: list[str], code: int, message: str
) -> None:
    Path("locked").mkdir(0)
    as_json = "--weights" in arguments or "--dry-run" in arguments or "x" in arguments
    command = [*CONVT, "upsample", "in.wav", "-q", *arguments, *(["--json"] if as_json else [])]
    try:
        with Path("out").open("w+b") as out:
            result = subprocess.run(
                command, stdout=out, stderr=subprocess.PIPE, preexec_fn=without_privileges, check=False
            )
    finally:
        Path("locked").chmod(0o700)
    said = result.stderr.decode() + Path("out").read_text()
    assert (result.returncode, "Traceback" in said) == (code, False)
    assert message in said
    if as_json:
        lines = (result.stderr if "-" in arguments else Path("out").read_bytes()).splitlines()
        assert [message in json.loads(line).get("error", "") for line in lines].count(True) == 1


def test_weights_that_are_missing_are_named_whatever_standard_output_is() -> None:
    with Path("out").open("wb") as out:
        command = [*CONVT, "upsample", "in.wav", "-o", "-", "--weights", "missing.npy", "--json"]
        result = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False)
    assert json.loads(result.stderr)["error"] == "missing.npy: no such file"


@pytest.mark.parametrize("name", ["./-", ".//./-"])
def test_a_file_whose_name_is_a_dash_is_no_standard_stream(name: str) -> None:
    Path("in.wav").rename("-")
    upsample(name, "-o", "out.wav", "-q")
    assert soundfile.info("out.wav").frames == 1000
    Path("-").unlink()
    assert upsample("out.wav", "-o", name, "-q", "--format", "WAV").stdout == f"{Path.cwd()}/-\n"
    assert soundfile.info(Path.cwd() / "-").frames == 2000


def test_a_name_that_begins_with_a_dash_is_printed_as_a_command_line_takes_it() -> None:
    Path("in.wav").rename("-x.wav")
    written = upsample("./-x.wav", "-q").stdout
    assert written == "./-x_x2.wav\n"
    upsample(written.rstrip(), "-o", "y.wav")
    assert facts("y.wav", "-o", "./-y.wav")["output"]["path"] == "./-y.wav"
