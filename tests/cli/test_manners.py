"""How the command behaves: its streams, its exit codes, its errors, and the files it leaves."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from convt_cli.app import app

CONVT = [sys.executable, "-c", "from convt_cli.entry import main; main()"]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("in.wav", np.zeros((500, 2)), 8000)


def run(*arguments: str | bytes, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CONVT, *arguments], capture_output=True, text=True, check=False, **options)


def refused(*arguments: str, code: int) -> str:
    """Run a command that must fail, in one line, and leave everything as it was."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    result = CliRunner().invoke(app, list(arguments))
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("convt: ")
    assert result.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    return result.stderr


def test_stdout_carries_the_name_and_stderr_the_rest() -> None:
    result = run("upsample", "in.wav")
    assert (result.returncode, result.stdout) == (0, "in_x2.wav\n")
    assert result.stderr == (
        "in.wav -> in_x2.wav: 8000 -> 16000 Hz, 500 -> 1000 samples, WAV PCM_16, dithered\n"
        "the built-in kernel: flat to 0.960, images below -195 dB, 1081 taps, stride 2, padding center,"
        " delay 0 output samples, computed in float32\n"
    )


def test_verbose_tells_the_plan() -> None:
    result = run("upsample", "in.wav", "--verbose")
    assert re.search(
        r"^(toeplitz|spectral) engine, blocks of \d+ -> \d+ samples, (1 thread|up to \d+ threads)$",
        result.stderr,
        flags=re.MULTILINE,
    )
    assert "engine" not in run("upsample", "in.wav", "--overwrite").stderr
    assert run("upsample", "in.wav", "--overwrite", "--quiet", "--verbose").stderr == ""


def test_quiet_leaves_the_name_alone() -> None:
    result = run("upsample", "in.wav", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "in_x2.wav\n", "")
    soundfile.write("empty.wav", np.zeros((0, 1)), 8000)
    assert run("upsample", "empty.wav", "-q").stderr == ""


def test_the_output_stands_beside_the_input_unless_named() -> None:
    Path("a folder").mkdir()
    Path("in.wav").rename("a folder/in.wav")
    assert run("upsample", "a folder/in.wav").stdout == "a folder/in_x2.wav\n"
    assert run("upsample", "a folder/in.wav", "--stride", "3", "-o", "other.wav").stdout == "other.wav\n"
    assert soundfile.info("other.wav").samplerate == 24_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'IN...'"),
        (["in.wav", "--stride", "0"], "Invalid value for '--stride': 0 is not in the range x>=1"),
        (["in.wav", "--stride", "two"], "Invalid value for '--stride': 'two' is not a valid int"),
        (
            ["in.wav", "--padding", "-1"],
            "'-1' is neither a number of samples nor full, center, same, causal",
        ),
        (["in.wav", "--precision", "float16"], "Invalid value for '--precision'"),
        (
            ["in.wav", "--output-padding", "2"],
            "output_padding must be below max(stride, dilation) = 2, got 2",
        ),
        (["in.wav", "--output-padding", "1"], "output_padding must be 0 with padding='center'"),
        (["in.wav", "--dilation", "2"], "--dilation and --groups need --weights"),
        (["in.wav", "--groups", "2"], "--dilation and --groups need --weights"),
        (["in.wav", "--stride", "9999"], "more than 2097152: use a smaller stride"),
        (["in.wav", "--strid", "2"], "No such option: --strid"),
    ],
)
def test_usage_errors(arguments: list[str], message: str) -> None:
    assert message in refused("upsample", *arguments, code=2)


def test_an_unknown_command_is_a_usage_error() -> None:
    assert "No such command 'upsampel'" in refused("upsampel", code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.wav"], "nothing.wav: cannot be read: No such file or directory"),
        (["."], ".: cannot be read: Is a directory"),
        (["noise.txt"], "noise.txt: cannot be read as sound: Format not recognised"),
        ([f"{'y' * 300}.wav"], "cannot be read: File name too long"),
        (["in.wav", "-o", "loop.wav", "--overwrite"], "loop.wav: is a link that leads nowhere"),
        (["in.wav", "-o", "lost.wav"], "lost.wav: is a link that leads nowhere"),
        (["in.wav", "-o", "there/out.wav"], "there is no folder there; create it first"),
        (["in.wav", "-o", "."], ".: is a folder; name a file with -o"),
        (["in.wav", "-o", "/dev/null", "--overwrite"], "/dev/null: is not a regular file"),
        (["in.wav", "-o", "old.wav"], "old.wav: exists already; use --overwrite"),
        (["in.wav", "-o", "in.wav", "--overwrite"], "in.wav: is the same file as the input in.wav"),
        (["in.wav", "-o", "link.wav", "--overwrite"], "link.wav: is the same file as the input in.wav"),
        (["in.wav", "-o", "hard.wav", "--overwrite"], "hard.wav: is the same file as the input in.wav"),
        (
            ["in.wav", "--weights", "w3.npy", "-o", "w3.npy", "--overwrite"],
            "is the same file as the input w3.npy",
        ),
        (["in.wav", "--weights", "none.npy"], "none.npy: no such file"),
        (["in.wav", "--weights", "noise.txt"], "noise.txt: there is no number in it; taps as text are"),
        (
            ["in.wav", "--weights", "w3.npy"],
            "w3.npy: weights of shape (3, 1, 4) with groups=1 do not fit in.wav",
        ),
        (
            ["in.wav", "--weights", "complex.npy"],
            "complex.npy: a complex kernel needs an .npy signal, not in.wav",
        ),
        (
            ["in.wav", "--padding", "2000"],
            "in.wav: is too short for this padding: the output must",
        ),
        (["in.wav", "--bias", "w3.npy"], "a bias for 2 output channel(s) has shape (2,), not (3, 1, 4)"),
        (["in.wav", "--bias", "nowhere"], "nowhere: no such file"),
        (["in.wav", "-o", "out.sd2"], "out.sd2: an .sd2 file keeps its header in a second file"),
        (["in.wav", "-o", "out.sds"], "out.sds: libsndfile 1.2.2 spoils the end of .sds files"),
        (["in.wav", "-o", "out.ogg", "--stride", "30"], "240000 Hz, and OGG VORBIS takes 200000 at most"),
        (["mono.wav", "-o", "out.svx", "--stride", "9"], "SVX cannot state 72000 Hz, but only 6464"),
        (["noise.raw"], "noise.raw: a .raw file states no rate: give --raw, --rate and --channels"),
        (["in.wav", "-o", "x" * 300], "xxx: cannot be written: File name too long"),
        (["w1.npy", "-o", "out.wav"], "out.wav: an .npy signal states no sample rate"),
        (
            ["fast.wav", "--stride", "3"],
            "the rate would be 3000000000 Hz, and WAV PCM_16 takes 2147483647",
        ),
        (
            ["in.wav", "-o", "out.mp3", "--stride", "9"],
            "out.mp3: MP3 cannot hold 2 channel(s) of MPEG_LAYER_III at 72000",
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


def test_overwrite_replaces_and_keeps_permissions() -> None:
    Path("old.wav").write_bytes(b"old")
    Path("old.wav").chmod(0o640)
    assert run("upsample", "in.wav", "-o", "old.wav", "--overwrite").returncode == 0
    assert soundfile.info("old.wav").frames == 1000
    assert Path("old.wav").stat().st_mode & 0o777 == 0o640


def test_overwrite_follows_a_link() -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere/old.wav").write_bytes(b"old")
    Path("link.wav").symlink_to("elsewhere/old.wav")
    assert run("upsample", "in.wav", "-o", "link.wav", "--overwrite").returncode == 0
    assert Path("link.wav").is_symlink()
    assert soundfile.info("elsewhere/old.wav").frames == 1000


def test_a_new_file_has_the_permissions_of_any_new_file() -> None:
    Path("plain").touch()
    run("upsample", "in.wav")
    assert Path("in_x2.wav").stat().st_mode == Path("plain").stat().st_mode


def test_names_with_spaces_dashes_and_bytes_that_are_no_text() -> None:
    for name in (b"a b.wav", b"-dash.wav", b"caf\xe9.wav", "żółw.wav".encode()):
        Path("in.wav").rename(os.fsdecode(name))
        result = subprocess.run([*CONVT, "upsample", "-q", "--", name], capture_output=True, check=True)
        target = name.replace(b".wav", b"_x2.wav")
        assert result.stdout == target + b"\n"
        assert Path(os.fsdecode(target)).exists()
        Path(os.fsdecode(name)).rename("in.wav")


def test_a_reader_of_stdout_that_has_gone_is_no_failure() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    result = subprocess.run(
        [*CONVT, "upsample", "in.wav", "-q"], stdout=write_end, stderr=subprocess.PIPE, check=False
    )
    os.close(write_end)
    assert (result.returncode, result.stderr) == (0, b"")
    assert soundfile.info("in_x2.wav").frames == 1000


@pytest.mark.parametrize("name", ["out.wav", "out.flac", "out.ogg", "out.npy"])
def test_a_full_disk_leaves_nothing(name: str) -> None:
    rng = np.random.default_rng(1)
    soundfile.write("long.wav", rng.uniform(-0.5, 0.5, (400_000, 1)), 8000)
    limited = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
    command = [sys.executable, "-c", limited + CONVT[2], "upsample", "long.wav", "-o", name]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"convt: {name}: cannot be written: File too large\n"
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "long.wav"]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_half_way_leaves_nothing(number: signal.Signals, code: int) -> None:
    soundfile.write("long.wav", np.zeros((20_000_000, 1), "int16"), 8000)
    process = subprocess.Popen(
        [*CONVT, "upsample", "long.wav"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size > 10_000 for part in Path().glob(".convt-*.part")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (code, b"")
    assert b"Traceback" not in errors
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "long.wav"]


@pytest.mark.parametrize("links", [True, False])
def test_a_target_that_comes_into_being_meanwhile_is_kept(
    monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    from convt_cli.audio import pcm

    finish = pcm.PcmWriter.finish

    def finish_while_another_writes(*arguments: Any) -> list[str]:
        Path("in_x2.wav").write_bytes(b"another's")
        return finish(*arguments)

    monkeypatch.setattr(pcm.PcmWriter, "finish", finish_while_another_writes)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse_link)
    result = CliRunner().invoke(app, ["upsample", "in.wav"])
    assert result.exit_code == 1
    assert "in_x2.wav: came into being meanwhile" in result.stderr
    assert Path("in_x2.wav").read_bytes() == b"another's"
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "in_x2.wav"]


def test_a_file_that_breaks_off_is_refused() -> None:
    rng = np.random.default_rng(2)
    soundfile.write("long.flac", rng.uniform(-0.5, 0.5, (50_000, 1)), 8000)
    whole = Path("long.flac").read_bytes()
    Path("cut.flac").write_bytes(whole[: len(whole) // 2])
    assert "cut.flac: is cut short: it cannot be read beyond frame 0" in refused(
        "upsample", "cut.flac", code=1
    )


def test_a_file_that_holds_less_than_it_says_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write("in.flac", np.zeros((500, 2)), 8000)
    monkeypatch.setattr(soundfile.SoundFile, "frames", property(lambda _: 501))
    message = refused("upsample", "in.flac", "-o", "out.wav", code=1)
    assert "in.flac: is cut short: it ends after 500 of 501 frames" in message


@pytest.mark.parametrize("short_by", [1, 512])
@pytest.mark.parametrize("name", ["out.flac", "out.mp3", "out.wav"])
def test_a_disk_that_is_full_at_the_very_end_leaves_nothing(name: str, short_by: int) -> None:
    rng = np.random.default_rng(3)
    soundfile.write("long.wav", rng.uniform(-0.5, 0.5, (60_000, 1)), 8000)
    assert run("upsample", "long.wav", "-o", name).returncode == 0
    limit = Path(name).stat().st_size - short_by
    Path(name).unlink()
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
    command = [sys.executable, "-c", limited + CONVT[2], "upsample", "long.wav", "-o", name]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"convt: {name}: cannot be written: File too large\n" in result.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "long.wav"]


def refuse_link(*_: Any) -> None:
    """As file systems do that know no second name of a file."""
    raise PermissionError


def test_where_files_have_one_name_the_output_is_renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "hardlink_to", refuse_link)
    assert CliRunner().invoke(app, ["upsample", "in.wav"]).exit_code == 0
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "in_x2.wav"]


@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [(">&-", 0, ""), (">/dev/full", 1, "stdout: cannot be written"), ("2>/dev/full", 0, "")],
)
def test_closed_and_full_streams(redirection: str, code: int, said: str) -> None:
    command = f"{shlex.join([*CONVT, 'upsample', 'in.wav', '-q' if code else '--overwrite'])} {redirection}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S607
    assert result.returncode == code
    assert "Traceback" not in result.stderr
    assert said in result.stderr
    assert soundfile.info("in_x2.wav").frames == 1000


def test_help_that_cannot_be_written() -> None:
    command = f"{shlex.join([*CONVT, '--help'])} >/dev/full"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S607
    assert (result.returncode, result.stderr) == (1, "convt: stdout: No space left on device\n")


def test_a_name_of_two_lines_is_told_in_one() -> None:
    assert "two\\nlines.wav: cannot be read" in refused("upsample", "two\nlines.wav", code=1)


def test_a_pipe_that_carries_no_sound_is_refused_and_not_waited_for() -> None:
    os.mkfifo("pipe.wav")
    writer = subprocess.Popen(["bash", "-c", "echo hiss > pipe.wav"])  # noqa: S607
    result = run("upsample", "pipe.wav", timeout=60)
    writer.wait(timeout=60)
    assert result.returncode == 1
    assert result.stderr.startswith("convt: pipe.wav: cannot be read as sound: ")


def test_a_large_stride_takes_no_more_memory_than_a_small_one() -> None:
    soundfile.write("long.wav", np.zeros((60_000, 1)), 8000)
    np.save("w.npy", np.ones(500))
    limited = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30));"
    command = [sys.executable, "-c", limited + CONVT[2], "upsample", "long.wav", "--weights", "w.npy"]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run(
        [*command, "--stride", "1000"], capture_output=True, text=True, check=False, env=environment
    )
    assert (result.returncode, result.stdout) == (0, "long_x1000.wav\n"), result.stderr
    Path("long_x1000.wav").unlink()


def test_what_does_not_fit_in_memory_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def need(*_: Any, **__: Any) -> None:
        raise MemoryError("Unable to allocate 3.64 TiB")

    monkeypatch.setattr("convt.Upsampler.process", need)
    message = refused("upsample", "in.wav", code=1)
    assert message == "convt: in.wav: needs more memory than there is: Unable to allocate 3.64 TiB\n"


def test_a_folder_that_takes_no_file_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr("convt.Upsampler.flush", refuse_link)
    message = refused("upsample", "in.wav", code=1)
    assert message == "convt: in_x2.wav: cannot be written: Permission denied\n"


def test_unknown_exceptions_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("convt_cli.jobs.upsample.run", break_down)
    assert isinstance(CliRunner().invoke(app, ["upsample", "in.wav"]).exception, ZeroDivisionError)
