"""``--json``: one document for each input, a line each, which hold everything."""

import base64
import gc
import hashlib
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from convt_cli.text import report
from convt_cli.text.run_report import RunReport
from tests.support.command import CONVT, UPSAMPLE, all_facts, facts, parsed, run, tree, upsample
from tests.support.oracles import Array
from tests.support.sounds import noise_file
from tests.support.strategies import numbers


def digest(taps: Array, dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(taps, dtype).tobytes()).hexdigest()


def file_sha256(name: str) -> str:
    return hashlib.sha256(Path(name).read_bytes()).hexdigest()


def test_json_tells_everything_of_a_sound_file() -> None:
    noise_file("in.wav", 2, 4000)
    document = facts("in.wav", "--stride", "3", "-o", "out.flac")
    stream = convt.Upsampler(convt.design_kernel(3).astype("float32"), stride=3, padding="center")
    assert document["input"] == {
        "path": "in.wav",
        "sha256": file_sha256("in.wav"),
        "frames": 4000,
        "channels": 2,
        "rate": 8000,
        "container": "WAV",
        "subtype": "PCM_16",
        "bitrate": None,
    }
    assert document["output"] == {
        "path": "out.flac",
        "sha256": file_sha256("out.flac"),
        "bytes": Path("out.flac").stat().st_size,
        "frames": 12_000,
        "channels": 2,
        "rate": 24_000,
        "container": "FLAC",
        "subtype": "PCM_16",
        "bitrate": None,
    }
    assert document["geometry"] == {
        "stride": 3,
        "down": 1,
        "padding": "center",
        "output_padding": 0,
        "dilation": 1,
        "groups": 1,
    }
    assert document["kernel"]["sha256"] == digest(convt.design_kernel(3), "<f4")
    assert document["kernel"]["delay"] == 0
    assert document["computed"]["dtype"] == "float32"
    assert document["computed"]["engine"] == stream.plan.engine
    assert document["computed"]["plan"] == str(stream.plan)
    assert document["level"]["dither"] == "tpdf"
    assert document["level"]["overs"] == 0
    assert document["level"]["gain_db"] == 0
    assert document["warnings"] == []
    assert document["seconds"] > 0
    assert document["realtime_factor"] == pytest.approx(0.5 / document["seconds"])


@pytest.mark.parametrize(
    ("shape", "subtype", "dtype"),
    [
        ((9,), "PCM_16", "<f4"),
        ((9,), "PCM_24", "<f8"),
        ((2, 9), "FLOAT", "<f8"),
        ((2, 3, 9), "PCM_16", "<f4"),
        ((2, 1, 9), "DOUBLE", "<f8"),
    ],
)
def test_json_hashes_the_taps_as_they_are_computed_with(
    shape: tuple[int, ...], subtype: str, dtype: str
) -> None:
    noise_file("in.wav", 2, subtype=subtype)
    weight = 0.1 * numbers(3, shape, "float64")
    np.save("w.npy", np.asfortranarray(weight))
    options = ["--padding", "3", "--output-padding", "1", "--dilation", "2"]
    document = facts("in.wav", "--weights", "w.npy", *options)
    assert document["kernel"]["source"] == "w.npy"
    assert document["kernel"]["shape"][-1] == 9
    assert document["kernel"]["sha256"] == digest(weight, dtype)
    assert (document["geometry"]["padding"], document["geometry"]["dilation"]) == (3, 2)
    frames = 999 * 2 - 6 + 16 + 1 + 1
    assert document["output"]["frames"] == soundfile.info("in_x2.wav").frames == frames


def test_json_hashes_the_kernel_as_it_is_now() -> None:
    noise_file("in.wav")
    for seed in (1, 2):
        weight = numbers(seed, (5,), "float32")
        np.save("w.npy", weight)
        document = facts("in.wav", "--weights", "w.npy", "--overwrite")
        assert document["kernel"]["sha256"] == digest(weight, "<f4")


def test_json_of_arrays() -> None:
    np.save("x.npy", numbers(1, (3, 2, 50), "complex64"))
    np.save("w.npy", np.ones(4, "complex64"))
    document = facts("x.npy", "--weights", "w.npy")
    shown = {"path": "x.npy", "sha256": file_sha256("x.npy"), "frames": 50, "channels": 2}
    assert document["input"] == shown
    shown = {"path": "x_x2.npy", "sha256": file_sha256("x_x2.npy"), "frames": 102, "channels": 2}
    assert document["output"] == shown | {"bytes": Path("x_x2.npy").stat().st_size}
    assert document["computed"]["dtype"] == "complex64"
    assert document["kernel"]["sha256"] == digest(np.ones(4), "<c8")
    assert document["realtime_factor"] is None
    assert document["level"]["peak_dbfs"] is None


def test_json_holds_the_warnings() -> None:
    noise_file("in.wav", subtype="FLOAT")
    warned = upsample("in.wav", "--gain", "40", "-o", "a.flac").stderr
    document = facts("in.wav", "--gain", "40", "-o", "b.flac", "--verbose")
    assert len(document["warnings"]) == 2
    for line in document["warnings"]:
        assert f"convt: warning: {line.replace('b.flac', 'a.flac')}\n" in warned


def test_json_has_no_number_that_is_none() -> None:
    soundfile.write("silence.wav", np.zeros(100), 8000)
    document = facts("silence.wav", "--overs", "guard")
    assert document["level"]["peak_dbfs"] is None
    assert document["level"]["overs"] == 0
    soundfile.write("none.wav", np.zeros(0), 8000)
    assert facts("none.wav")["realtime_factor"] is None
    np.save("w.npy", np.zeros(2))  # whose delay is 0/0
    assert facts("silence.wav", "--weights", "w.npy", "--overwrite")["kernel"]["delay"] in (None, 0)
    soundfile.write("bad.wav", np.array([np.nan, np.inf, 0.5]), 8000, "DOUBLE")
    document = facts("bad.wav", "--stride", "1", "--nonfinite", "keep")
    assert document["level"]["peak_dbfs"] == pytest.approx(20 * np.log10(0.5))


def test_json_of_names_that_are_not_utf_8() -> None:
    name = os.fsdecode(b'caf\xe9 "\n.wav')
    noise_file("in.wav")
    Path("in.wav").rename(name)
    done, missing = all_facts(name, os.fsdecode(b"\xff.wav"), "-d", "out", code=3)
    assert done["input"]["path"] == 'caf\ufffd "\n.wav'
    assert base64.b64decode(done["input"]["path_base64"]) == b'caf\xe9 "\n.wav'
    assert base64.b64decode(done["output"]["path_base64"]) == b'out/caf\xe9 "\n.wav'
    assert base64.b64decode(missing["input"]["path_base64"]) == b"\xff.wav"
    assert missing["error"] == "\ufffd.wav: cannot be read: No such file or directory"
    Path(name).rename("schön\n.wav")
    done = facts("schön\n.wav", "-d", "out")
    assert (done["input"]["path"], "path_base64" in done["input"]) == ("schön\n.wav", False)


@pytest.mark.parametrize("command", [["inspect", "--stride", "2"], ["weights"], ["design", "--from"]])
def test_the_json_of_every_command_is_unicode(command: list[str]) -> None:
    name = os.fsdecode(b"\xe9.npy")
    np.save("w.npy", np.ones(4))
    Path("w.npy").rename(name)
    more = ["--balance"] if "design" in command else []
    result = CliRunner().invoke(app, [*command, name, *more, "--json"])
    assert result.exit_code == 0
    assert "\ufffd.npy" in str(parsed(result.stdout))
    result = CliRunner().invoke(app, [*command, os.fsdecode(b"none\xe9.npy"), *more, "--json"])
    assert "none\ufffd.npy: " in parsed(result.stdout)["error"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.wav"], 1, "none.wav: cannot be read: No such file or directory"),
        (["in.wav", "-o", "in.wav", "--overwrite"], 1, "is the same file as the input"),
        (["in.wav", "--overs", "keep"], 2, "--overs keep: PCM_16 cannot hold"),
        (["in.wav", "-o", "a.wav", "-d", "b"], 2, "-o names one output and -d the folder of several"),
        (["in.wav", "--weights", "none.npy"], 1, "none.npy: no such file"),
    ],
)
def test_json_tells_errors_too(arguments: list[str], code: int, message: str) -> None:
    noise_file("in.wav")
    document = facts(*arguments, code=code)
    assert document["exit_code"] == code
    assert message in document["error"]
    assert tree() == ["in.wav"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.wav", "--stride", "0"], "--stride must be a whole number"),
        (["in.wav", "--strid", "2"], "unknown option --strid"),
        ([], "no input"),
    ],
)
def test_json_tells_usage_errors_too(arguments: list[str], message: str) -> None:
    result = run("upsample", "--json", *arguments)
    assert (result.returncode, result.stderr) == (2, "")
    document = parsed(result.stdout)
    assert document["exit_code"] == 2
    assert message in document["error"]


def test_json_tells_usage_errors_to_those_who_call_the_app(capsys: pytest.CaptureFixture[str]) -> None:
    document = facts("in.wav", "--stride", "0", code=2)
    assert document["exit_code"] == 2
    with pytest.raises(SystemExit, match="2"):
        app(["upsample", "in.wav", "--stride", "0", "--json"])
    assert parsed(capsys.readouterr().out)["exit_code"] == 2


def test_json_of_a_usage_error_is_on_stdout_where_sound_goes_to_a_file() -> None:
    result = run("upsample", "-", "-o", "out.wav", "--stride", "0", "--json", stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stderr) == (2, "")
    assert parsed(result.stdout)["exit_code"] == 2


def test_json_gives_way_to_sound_on_stdout() -> None:
    noise_file("in.wav")
    upsample("in.wav", "-o", "file.wav")
    command = [*CONVT, "upsample", "in.wav", "-o", "-", "--json"]
    result = subprocess.run(command, capture_output=True, check=True)
    assert result.stdout == Path("file.wav").read_bytes()
    document = parsed(result.stderr.decode())
    assert document["output"]["path"] == "standard output"
    assert document["output"]["frames"] == 2000


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["none.wav", "-o", "-"], 1),
        (["in.wav", "-o", "-", "--overs", "keep"], 2),
        (["in.wav", "-o", "-", "--stride", "0"], 2),
        (["in.wav", "--output=-", "--stride", "0"], 2),
        (["-", "--stride", "0"], 2),
    ],
)
def test_json_errors_do_not_go_where_sound_should(arguments: list[str], code: int) -> None:
    noise_file("in.wav")
    result = upsample(*arguments, "--json", code=code)
    assert result.stdout == ""
    assert parsed(result.stderr)["exit_code"] == code


def test_json_of_several_files_is_a_line_for_each() -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        noise_file(name)
    one = facts("a.wav", "-d", "one")
    documents = all_facts("a.wav", "b.wav", "-d", "out")
    assert [document["input"]["path"] for document in documents] == ["a.wav", "b.wav"]
    assert [document["output"]["path"] for document in documents] == ["out/a.wav", "out/b.wav"]
    assert documents[0].keys() == documents[1].keys() == one.keys()
    documents = all_facts("a.wav", "b.wav", "c.wav", "-d", "out", "--skip-existing")
    left_out = {"input": {"path": "a.wav"}, "output": {"path": "out/a.wav"}, "skipped": True}
    assert documents[0] == left_out
    assert [document.get("skipped", False) for document in documents] == [True, True, False]
    assert documents[2]["input"]["path"] == "c.wav"


def test_json_of_several_files_of_which_some_fail() -> None:
    noise_file("a.wav")
    Path("b.wav").write_text("hiss")
    done, bad, missing = all_facts("a.wav", "b.wav", "none.wav", "-d", ".", code=3)
    assert done["output"]["frames"] == 2000
    assert bad["input"] == {"path": "b.wav"}
    assert "b.wav: not recognised as audio" in bad["error"]
    error = "none.wav: cannot be read: No such file or directory"
    assert missing == {"input": {"path": "none.wav"}, "error": error, "exit_code": 1}
    assert facts("none.wav", code=1) == missing  # of one it is the same
    assert len(all_facts("b.wav", "none.wav", "-d", ".", code=1)) == 2


def test_a_line_of_json_comes_as_soon_as_its_file_is_done() -> None:
    noise_file("a.wav")
    os.mkfifo("b.wav")
    with subprocess.Popen(
        [*UPSAMPLE, "a.wav", "b.wav", "-d", ".", "--json"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert parsed(process.stdout.readline().decode())["input"]["path"] == "a.wav"
        Path("b.wav").write_bytes(b"")  # which ends it
        assert parsed(process.stdout.read().decode())["error"] == "b.wav: empty file"
    assert process.returncode == 3


def test_json_for_a_reader_that_goes_away() -> None:
    noise_file("a.wav")
    noise_file("b.wav")
    command = (
        f"{shlex.join([*UPSAMPLE, 'a.wav', 'b.wav', '-d.', '--json'])} | head -n 1; echo ${{PIPESTATUS[0]}}"
    )
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)  # noqa: S607
    line, code = result.stdout.splitlines()
    assert (parsed(line)["input"]["path"], code, result.stderr) == ("a.wav", "0", "")


def test_json_that_cannot_be_written() -> None:
    noise_file("a.wav")
    with Path("/dev/full").open("w") as full:
        command = [*UPSAMPLE, "a.wav", "b.wav", "-d", ".", "--json"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (result.returncode, result.stderr) == (
        1,
        "convt: stdout: cannot be written: No space left on device\n",
    )
    assert soundfile.info("a_x2.wav").frames == 2000


def test_the_reports_of_many_files_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    print_json_line, kept = report.print_json_line, list[int]()

    def watched(line: str, **options: Any) -> None:
        kept.append(sum(isinstance(each, RunReport) for each in gc.get_objects()))
        print_json_line(line, **options)

    monkeypatch.setattr(report, "print_json_line", watched)
    for number in range(5):
        noise_file(f"{number}.wav")
    assert len(all_facts(*(f"{number}.wav" for number in range(5)), "-d", ".", "--jobs", "1")) == 5
    assert kept == [1] * 5
