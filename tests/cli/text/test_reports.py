"""What the command tells: --json, --dry-run, --verbose and the progress bar."""

import fcntl
import hashlib
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import convt
from convt_cli.app import app
from tests.support.command import upsample
from tests.support.oracles import Array
from tests.support.strategies import numbers

MAIN = "from convt_cli.entry import main; main()"
CONVT = [sys.executable, "-c", MAIN]
IMPATIENT = "import convt_cli.text.progress; convt_cli.text.progress._PATIENCE = 0; " + MAIN


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sound(
    name: str, channels: int = 1, frames: int = 1000, subtype: str = "PCM_16", **options: Any
) -> Array:
    x = 0.1 * np.tanh(numbers(1, (channels, frames), "float64"))
    soundfile.write(name, x.T, 8000, subtype=subtype, **options)
    return x


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CONVT, *arguments], capture_output=True, text=True, check=False, **options)


def refuse(token: str) -> None:
    raise AssertionError(f"{token} is not JSON")


def parsed(text: str) -> dict[str, Any]:
    """The one document of a text."""
    document: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return document


def facts(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = upsample(*arguments, "--json", code=code)
    assert result.stderr == ""
    return parsed(result.stdout)


def digest(taps: Array, dtype: str) -> str:
    return hashlib.sha256(np.ascontiguousarray(taps, dtype).tobytes()).hexdigest()


def file_sha256(name: str) -> str:
    return hashlib.sha256(Path(name).read_bytes()).hexdigest()


def names() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*"))


# --- one JSON document ---


def test_json_tells_everything_of_a_sound_file() -> None:
    sound("in.wav", 2, 4000)
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
    sound("in.wav", 2, subtype=subtype)
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
    sound("in.wav")
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
    sound("in.wav", subtype="FLOAT")
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


def test_json_takes_any_name() -> None:
    name = os.fsdecode(b'caf\xe9 "\n.wav')
    sound("in.wav")
    Path("in.wav").rename(name)
    assert facts(name)["input"]["path"] == name


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.wav"], 1, "none.wav: cannot be read: No such file or directory"),
        (["in.wav", "-o", "in.wav", "--overwrite"], 1, "is the same file as the input"),
        (["in.wav", "--overs", "keep"], 2, "--overs keep needs samples"),
        (["in.wav", "-o", "a.wav", "-d", "b"], 2, "-o names one output and -d the folder of all"),
        (["in.wav", "--weights", "none.npy"], 1, "none.npy: no such file"),
    ],
)
def test_json_tells_errors_too(arguments: list[str], code: int, message: str) -> None:
    sound("in.wav")
    document = facts(*arguments, code=code)
    assert document["exit_code"] == code
    assert message in document["error"]
    assert names() == ["in.wav"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["in.wav", "--stride", "0"], "Invalid value for '--stride'"),
        (["in.wav", "--strid", "2"], "No such option: --strid"),
        ([], "Missing argument 'IN...'"),
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
    sound("in.wav")
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
    sound("in.wav")
    result = run("upsample", *arguments, "--json", stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stdout) == (code, "")
    assert parsed(result.stderr)["exit_code"] == code


def test_json_of_several_files_is_one_document() -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        sound(name)
    document = facts("a.wav", "b.wav", "-d", "out")
    assert set(document) == {"done", "skipped", "failed", "files"}
    assert (document["done"], document["skipped"], document["failed"]) == (2, 0, 0)
    assert [file["input"]["path"] for file in document["files"]] == ["a.wav", "b.wav"]
    assert [file["output"]["path"] for file in document["files"]] == ["out/a.wav", "out/b.wav"]
    document = facts("a.wav", "b.wav", "c.wav", "-d", "out", "--skip-existing")
    assert (document["done"], document["skipped"], document["failed"]) == (1, 2, 0)
    assert [file["input"]["path"] for file in document["files"]] == ["c.wav"]


def test_json_of_several_files_of_which_some_fail() -> None:
    sound("a.wav")
    Path("b.wav").write_text("hiss")
    document = facts("a.wav", "b.wav", "none.wav", code=3)
    assert (document["done"], document["skipped"], document["failed"]) == (1, 0, 2)
    assert document["exit_code"] == 3
    assert "2 of 3 files failed: b.wav, none.wav" in document["error"]
    done, bad, missing = document["files"]
    assert done["output"]["frames"] == 2000
    assert bad["input"]["path"] == "b.wav"
    assert "b.wav: cannot be read as sound" in bad["error"]
    assert missing["error"] == "none.wav: cannot be read: No such file or directory"
    document = facts("b.wav", "none.wav", code=1)
    assert (document["done"], document["failed"], document["exit_code"]) == (0, 2, 1)


# --- verbose ---


def test_several_files_tell_their_story_only_when_asked() -> None:
    for name in ("a.wav", "b.wav"):
        sound(name, frames=500)
    said = upsample("a.wav", "b.wav")
    assert said.stdout == "a_x2.wav\nb_x2.wav\n"
    assert said.stderr == "2 of 2 files done, 0 skipped, 0 failed\n"
    said = upsample("a.wav", "b.wav", "--verbose", "--overwrite")
    for name in ("a", "b"):
        line = f"{name}.wav -> {name}_x2.wav: 8000 -> 16000 Hz, 500 -> 1000 samples, WAV PCM_16, dithered\n"
        assert line in said.stderr
    assert len(re.findall(r"^\w+ engine, blocks of \d+ -> \d+ samples", said.stderr, re.MULTILINE)) == 2


def test_what_a_truncated_file_lacks_is_told() -> None:
    sound("in.wav")
    Path("in.wav").write_bytes(Path("in.wav").read_bytes()[:1044])
    warned = upsample("in.wav", "--allow-truncated").stderr
    assert "convt: warning: in.wav is cut short: it ends after 500 of 1000 frames\n" in warned


# --- dry run ---


def dry(*arguments: str) -> dict[str, Any]:
    before = names()
    document = facts(*arguments, "--dry-run")
    assert names() == before
    return document


@pytest.mark.parametrize("stride", ["2", "3"])
@pytest.mark.parametrize(
    ("name", "channels", "subtype", "options"),
    [
        ("in.wav", 1, "PCM_U8", {}),
        ("in.wav", 1, "PCM_16", {}),
        ("in.wav", 2, "PCM_16", {"endian": "BIG"}),
        ("in.wav", 3, "PCM_24", {}),
        ("in.wav", 1, "PCM_32", {}),
        ("in.wav", 2, "FLOAT", {}),
        ("in.wav", 1, "DOUBLE", {}),
        ("in.wav", 2, "PCM_16", {"format": "WAVEX"}),
        ("in.rf64", 2, "PCM_24", {}),
        ("in.au", 1, "PCM_24", {}),
        ("in.au", 1, "PCM_S8", {}),
    ],
)
def test_a_dry_run_knows_the_size_to_the_byte(
    name: str, channels: int, subtype: str, options: dict[str, str], stride: str
) -> None:
    sound(name, channels, 1001, subtype, **options)
    foretold = dry(name, "--stride", stride)
    made = facts(name, "--stride", stride)
    del made["input"]["sha256"], made["output"]["sha256"]  # which a dry run does not read for
    assert (foretold["input"].pop("sha256"), foretold["output"].pop("sha256")) == (None, None)
    assert made["output"]["bytes"] == Path(made["output"]["path"]).stat().st_size
    for same in ("input", "output", "geometry", "kernel", "computed"):
        assert foretold[same] == made[same]


def test_a_dry_run_knows_the_size_where_a_header_has_room_to_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convt_cli.audio.pcm._ROOMY", 1000)  # in place of some 4 GB
    sound("in.wav")
    assert dry("in.wav")["output"] == facts("in.wav")["output"] | {"sha256": None}


def test_a_dry_run_says_length_delay_size_and_memory() -> None:
    sound("in.wav", frames=1001)
    np.save("w.npy", np.ones(5))
    result = upsample("in.wav", "--weights", "w.npy", "--dry-run")
    assert result.stdout == ""
    assert "1001 -> 2005 samples" in result.stderr
    assert "delay 2 output samples" in result.stderr
    assert re.search(r"in_x2\.wav: 4054 bytes; some \d+ MB of memory\n", result.stderr)
    assert names() == ["in.wav", "w.npy"]
    assert upsample("in.wav", "--dry-run", "-q").stderr == ""


def test_a_dry_run_says_what_it_does_not_know() -> None:
    sound("in.wav")
    assert dry("in.wav", "-o", "out.flac")["output"]["bytes"] is None
    assert "out.flac: of unknown size; some" in upsample("in.wav", "-o", "out.flac", "--dry-run").stderr
    np.save("x.npy", np.ones((2, 50)))
    size = dry("x.npy")["output"]["bytes"]
    assert size in (None, facts("x.npy")["output"]["bytes"])


@pytest.mark.parametrize("target", ["out.wav", "out.flac"])
def test_a_dry_run_names_the_metadata_that_would_be_lost(target: str) -> None:
    sound("in.wav")
    data = Path("in.wav").read_bytes() + b"iXML\x04\0\0\0<a/>"
    Path("in.wav").write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    foretold = dry("in.wav", "-o", target)["warnings"]
    assert (
        foretold
        == facts("in.wav", "-o", target)["warnings"]
        == [f"{target}: does not keep of in.wav: iXML"]
    )


def test_a_dry_run_of_a_pipe_takes_its_headers_word() -> None:
    sound("in.wav")
    with subprocess.Popen(["cat", "in.wav"], stdout=subprocess.PIPE) as cat:  # noqa: S607
        result = run("upsample", "-", "-o", "out.wav", "--dry-run", "--json", stdin=cat.stdout)
    assert result.returncode == 0
    assert parsed(result.stdout)["output"]["frames"] == 2000
    assert parsed(result.stdout)["output"]["bytes"] == 4044
    assert names() == ["in.wav"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["none.wav"], 1),
        (["in.wav", "-o", "old.wav"], 1),
        (["in.wav", "-o", "in.wav", "--overwrite"], 1),
        (["in.wav", "-o", "nowhere/out.wav"], 1),
        (["in.wav", "--weights", "none.npy"], 1),
        (["in.wav", "--padding", "5000"], 1),
        (["in.wav", "--overs", "keep"], 2),
        (["in.wav", "--format", "FLAC", "--subtype", "DOUBLE"], 2),
        (["in.wav", "-o", "out.sd2"], 1),
        (["in.wav", "-o", "out.ogg", "--stride", "30"], 1),
        (["in.wav", "-o", "out.mp3", "--stride", "9"], 1),
        (["fast.wav", "-o", "out.flac"], 1),
        (["in.wav", "-o", "out.svx", "--stride", "9"], 1),
        (["nine.wav", "-o", "out.flac"], 1),
        (["no.wav", "-o", "out.flac"], 1),
        (["cut.wav"], 1),
        (["x.npy", "-o", "out.wav"], 1),
        (["in.wav", "-o", "out.npy", "--overs", "guard"], 2),
    ],
)
def test_a_dry_run_refuses_what_the_run_would_refuse(arguments: list[str], code: int) -> None:
    sound("in.wav")
    sound("nine.wav", 9)
    soundfile.write("fast.wav", np.zeros(9), 400_000)
    sound("no.wav", frames=0)
    Path("cut.wav").write_bytes(Path("in.wav").read_bytes()[:-9])
    Path("old.wav").write_bytes(b"old")
    np.save("x.npy", np.ones(9))
    before = names()
    real = upsample(*arguments, code=code)
    foretold = upsample(*arguments, "--dry-run", code=code)
    assert foretold.stderr == real.stderr
    assert names() == before


def test_a_dry_run_of_many_makes_no_folder_and_needs_none() -> None:
    Path("tree/deep").mkdir(parents=True)
    for name in ("a.wav", "tree/b.wav", "tree/deep/c.wav"):
        sound(name)
    document = dry("a.wav", "tree", "-r", "-d", "new/out")
    assert (document["done"], document["failed"]) == (3, 0)
    assert [file["output"]["path"] for file in document["files"]] == [
        "new/out/a.wav",
        "new/out/b.wav",
        "new/out/deep/c.wav",
    ]


LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts in KiB")
@pytest.mark.parametrize(
    ("name", "channels", "frames", "subtype"),
    [
        ("in.wav", 1, 44_100 * 60, "PCM_16"),
        ("in.wav", 8, 400_000, "PCM_24"),
        ("in.flac", 2, 400_000, "PCM_16"),
    ],
)
def test_memory_is_foretold_within_a_factor_of_two(
    name: str, channels: int, frames: int, subtype: str
) -> None:
    second = np.tile(sound("second.wav", channels, 10_000), 40 if frames < 1_000_000 else 265)
    soundfile.write(name, second.T[:frames], 44_100, subtype)
    foretold = dry(name)["computed"]["memory"]
    command = [
        sys.executable,
        "-c",
        LAUNCHER,
        *CONVT,
        "upsample",
        name,
        "-q",
    ]  # which forgets the tests' own
    took = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert took / 2 < foretold < took * 2


# --- the progress bar ---


def on_terminal(
    *arguments: str, code: str = IMPATIENT, stdout: int = subprocess.PIPE, **environment: str
) -> tuple[str, str]:
    """Run with a terminal for stderr; return what was written to it, and stdout unless that is its too."""
    own, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    settings = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLORTERM")}
    process = subprocess.Popen(
        [sys.executable, "-c", code, "upsample", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs if stdout == subprocess.STDOUT else stdout,
        stderr=theirs,
        env=settings | {"TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    written = drained(own)
    output, _ = process.communicate(timeout=60)
    os.close(own)
    return written, (output or b"").decode()


def drained(terminal: int, until: str | None = None) -> str:
    """What is written to a terminal, up to its end or a word."""
    data = b""
    while until is None or until.encode() not in data:
        assert select.select([terminal], [], [], 60)[0], data
        try:
            more = os.read(terminal, 1 << 16)
        except OSError:  # nobody has it open any more
            break
        if not more:
            break
        data += more
    return data.decode()


def screen(written: str) -> list[str]:
    """What a terminal shows after it all."""
    lines, row, column = [""], 0, 0
    for sent in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|[^\x1b]", written):
        if sent == "\r":
            column = 0
        elif sent == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif sent.endswith("A") and sent.startswith("\x1b"):
            row = max(0, row - int(sent[2:-1] or 1))
        elif sent == "\x1b[2K":
            lines[row] = ""
        elif sent == "\x1b[K":
            lines[row] = lines[row][:column]
        elif not sent.startswith("\x1b"):
            lines[row] = lines[row].ljust(column)[:column] + sent + lines[row][column + 1 :]
            column += 1
    while lines and not lines[-1].strip():
        lines.pop()
    return [line.rstrip() for line in lines]


def colours(written: str) -> list[str]:
    """The codes that choose a colour."""
    codes = [code for sent in re.findall(r"\x1b\[([\d;]*)m", written) for code in sent.split(";")]
    return [code for code in codes if re.fullmatch(r"[349]\d|10\d", code)]


def test_the_screen_of_these_tests_is_a_terminals() -> None:
    assert screen("one\r\ntwo\r\x1b[2Kthree\r\n\x1b[1A\x1b[2K\x1b[31mfo\x1b[0mur\r\n") == ["one", "four"]


def test_a_bar_shows_rate_and_time_and_is_gone_at_the_end() -> None:
    sound("in.wav", frames=300_000)
    written, output = on_terminal("in.wav")
    assert "━" in written
    assert "Mframes/s" in written
    assert colours(written)
    assert re.search(r"\d%", written)
    assert output == "in_x2.wav\n"
    assert screen(written) == upsample("in.wav", "--overwrite").stderr.splitlines()
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l") >= 0  # the cursor is there again


def test_no_bar_for_what_is_quick() -> None:
    sound("in.wav")
    patient = IMPATIENT.replace("= 0", "= 1e9")  # however slow this machine is
    written, _ = on_terminal("in.wav", code=patient)
    assert "\x1b" not in written
    assert written.splitlines() == upsample("in.wav", "--overwrite").stderr.splitlines()


@pytest.mark.parametrize("option", ["-q", "--json"])
def test_no_bar_for_those_who_want_quiet(option: str) -> None:
    sound("in.wav")
    assert on_terminal("in.wav", option)[0] == ""


def test_no_bar_on_a_dumb_terminal() -> None:
    sound("in.wav")
    written, _ = on_terminal("in.wav", TERM="dumb")
    assert written.splitlines() == upsample("in.wav", "--overwrite").stderr.splitlines()


def test_no_bar_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    sound("in.wav")
    plain = upsample("in.wav").stderr
    monkeypatch.setattr("convt_cli.text.progress._PATIENCE", 0)
    assert upsample("in.wav", "--overwrite").stderr == plain


def test_no_color_is_heeded() -> None:
    sound("in.wav")
    written, _ = on_terminal("in.wav", NO_COLOR="1")
    assert "━" in written
    assert not colours(written)


def test_a_bar_of_files_leaves_stdout_alone() -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        sound(name)
    Path("d.wav").write_text("hiss")
    written, output = on_terminal("a.wav", "b.wav", "d.wav", "c.wav")
    assert "files/s" in written
    assert output == "a_x2.wav\nb_x2.wav\nc_x2.wav\n"
    plain = upsample("a.wav", "b.wav", "d.wav", "c.wav", "--overwrite", code=3)
    assert screen(written) == plain.stderr.splitlines()


def test_a_bar_of_files_where_stdout_is_the_same_terminal() -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        sound(name)
    written, _ = on_terminal("a.wav", "b.wav", "c.wav", stdout=subprocess.STDOUT)
    assert screen(written) == [
        "a_x2.wav",
        "b_x2.wav",
        "c_x2.wav",
        "3 of 3 files done, 0 skipped, 0 failed",
    ]


def test_a_bar_goes_before_the_error_comes() -> None:
    x = sound("in.wav", frames=600_000, subtype="FLOAT")
    x[0, -1] = np.nan
    soundfile.write("in.wav", x.T, 8000, "FLOAT")
    written, _ = on_terminal("in.wav")
    assert "━" in written
    [line] = screen(written)
    assert line.startswith("convt: in.wav: frame 599999 (74.999875 s) is not a finite number")


def test_a_bar_appears_after_a_second_and_goes_when_interrupted() -> None:
    sound("in.wav")
    os.mkfifo("pipe.wav")
    own, theirs = pty.openpty()
    process = subprocess.Popen(
        [*CONVT, "upsample", "pipe.wav", "-o", "out.wav"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color"},
    )
    os.close(theirs)
    data = Path("in.wav").read_bytes()
    with Path("pipe.wav").open("wb", buffering=0) as pipe:
        pipe.write(data[:444])
        time.sleep(1.1)  # by now the command has waited for longer than a second
        pipe.write(data[444:644])
        written = drained(own, until="Mframes/s")
        assert "\x1b[?25l" in written
        process.send_signal(signal.SIGINT)
        written += drained(own)
    assert process.wait(timeout=60) == 130
    os.close(own)
    assert process.stdout
    process.stdout.close()
    assert "\x1b[?25h" in written
    assert screen(written) == []
    assert names() == ["in.wav", "pipe.wav"]
