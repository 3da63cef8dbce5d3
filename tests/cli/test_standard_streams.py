"""Standard input, output and error: closed, full, terminals, or the same file twice."""

import json
import os
import pty
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.support.command import CONVT, UPSAMPLE
from tests.support.pipes import PATIENCE, data_of, endless, from_file, piped, sound_bytes, through
from tests.support.processes import QUICK, names
from tests.support.sounds import sound


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize("options", [["--json"], ["--format", "FLAC"], ["--skip-existing"]])
def test_a_reader_that_has_gone_is_no_failure(options: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    _, said = piped("-", "-o", "-", *options, data=sound_bytes("in.wav"), stdout=writing)
    os.close(writing)
    assert said == ""


@pytest.mark.usefixtures("copying_kernel")
def test_nothing_on_standard_input_is_told_in_one_line() -> None:
    assert piped("-", code=1) == (b"", "convt: standard input: empty file\n")
    assert through(b"", "-o", "out.wav", code=1).stderr.endswith(": empty file\n")
    assert not Path("out.wav").exists()


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize("which", ["input", "output"])
def test_a_terminal_is_refused_with_a_hint(which: str) -> None:
    leader, terminal = pty.openpty()
    whole = sound_bytes("in.wav")
    try:
        if which == "input":
            found, said = piped("-", stdin=terminal, code=2)
        else:
            found, said = piped("-", data=whole, stdout=terminal, code=2)
    finally:
        os.close(leader)
        os.close(terminal)
    hints = {"input": "pipe an audio file into the command", "output": "name a file with -o"}
    assert said.startswith(f"convt: standard {which} is a terminal: ")
    assert hints[which] in said
    assert (found, said.count("\n")) == (b"", 1)


def shell(command: str, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    """Run the command, "$@", in a line of the shell."""
    return subprocess.run(
        ["bash", "-c", command, "bash", *UPSAMPLE, *arguments],  # noqa: S607
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        **options,
    )


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize(
    ("command", "arguments", "stream"),
    [
        ('"$@" <&-', ["-", "-o", "out.wav"], "input"),
        ('"$@" >&-', ["in.wav", "-o", "-"], "output"),
        ('"$@" <&- >&-', ["in.wav", "-o", "-"], "output"),
    ],
)
def test_a_closed_stream_is_refused(command: str, arguments: list[str], stream: str) -> None:
    whole = sound_bytes("in.wav")
    result = shell(command, *arguments, input=whole)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"convt: standard {stream} is closed: ".encode())
    assert result.stderr.count(b"\n") == 1
    assert not Path("out.wav").exists()


@pytest.mark.usefixtures("copying_kernel")
def test_a_standard_input_that_cannot_be_read_is_named() -> None:
    with Path("sink").open("wb") as sink:
        _, said = piped("-", stdin=sink, code=1)
    assert said == "convt: standard input: cannot be read: Bad file descriptor\n"


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize("name", ["in.wav", "in.flac"])
def test_standard_input_is_read_from_where_it_stands(name: str) -> None:
    # As in: { read line; convt upsample - -o out.wav; } < file
    whole = sound_bytes(name)
    expected = from_file(name, "--format", "WAV")
    Path("preceded").write_bytes(b"a line\n" + whole)
    with Path("preceded").open("rb", buffering=0) as file:
        file.seek(7)
        found, _ = piped("-", stdin=file)
    assert data_of(found) == data_of(expected)


@pytest.mark.usefixtures("copying_kernel")
def test_the_file_on_standard_input_is_not_overwritten() -> None:
    whole = sound_bytes("in.wav")
    Path("link.wav").symlink_to("in.wav")
    Path("hard.wav").hardlink_to("in.wav")
    for target in ("in.wav", "link.wav", "hard.wav"):
        with Path("in.wav").open("rb") as file:
            _, said = piped("-", "-o", target, "--overwrite", stdin=file, code=1)
        assert said.startswith(f"convt: {target}: is the same file as the input standard input; ")
        assert Path("in.wav").read_bytes() == whole


@pytest.mark.usefixtures("copying_kernel")
def test_json_does_not_mix_with_the_samples() -> None:
    whole = sound_bytes("in.wav")
    expected = from_file("in.wav")
    for more in ([], ["--skip-existing"]):
        found, said = piped("-", "-o", "-", "--json", *more, data=endless(whole))
        facts = json.loads(said)
        assert data_of(found) == data_of(expected)
        assert found.endswith(data_of(expected))
        assert (facts["input"]["path"], facts["input"]["frames"]) == ("standard input", 2501)
        assert (facts["output"]["path"], facts["output"]["frames"]) == ("standard output", 5002)
    found, said = piped("-", "-o", "-", "--json", code=1)
    source = {"path": "standard input"}
    assert found == b""
    assert json.loads(said) == {"input": source, "error": "standard input: empty file", "exit_code": 1}


@pytest.mark.usefixtures("short_kernel")
def test_standard_output_that_is_the_input_is_refused() -> None:
    """It would be read and written at a time; as cat does, nothing is written."""
    sound("in.wav")
    before = Path("in.wav").read_bytes()
    for mode, source in (("r+b", "in.wav"), ("ab", "-")):
        with Path("in.wav").open(mode) as out, Path("in.wav").open("rb") as stream:
            command = [*QUICK, source, "-o", "-"]
            result = subprocess.run(command, stdin=stream, stdout=out, stderr=subprocess.PIPE, check=False)
        assert result.returncode == 1
        assert b"is the same file as the input" in result.stderr
        assert Path("in.wav").read_bytes() == before


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_never_make_one_of_a_file(closed: str) -> None:
    """The files that are opened in their place must not be taken for them."""
    for name in ("in.wav", "b.wav"):
        sound(name, shape=(3000,))
    files = {name: Path(name).read_bytes() for name in names()}

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        shell = ["bash", "-c", f'exec "$@" {closed}', "convt", *QUICK, *arguments]
        with Path("in.wav").open("rb") as stream:
            return subprocess.run(shell, stdin=stream, capture_output=True, check=False, timeout=60)

    assert run("in.wav", "b.wav", "none.wav", "-d", "out", "-j", "2").returncode == 3
    for name in ("in.wav", "b.wav"):
        assert soundfile.info(f"out/{name}").frames == 6000
    assert names() == {*files, "out"}
    assert {name: Path(name).read_bytes() for name in files} == files


@pytest.mark.usefixtures("silent_input")
def test_a_reader_of_stdout_that_has_gone_is_no_failure() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    result = subprocess.run(
        [*CONVT, "upsample", "in.wav", "-q"], stdout=write_end, stderr=subprocess.PIPE, check=False
    )
    os.close(write_end)
    assert (result.returncode, result.stderr) == (0, b"")
    assert soundfile.info("in_x2.wav").frames == 1000


@pytest.mark.usefixtures("silent_input")
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


@pytest.mark.usefixtures("silent_input")
def test_help_that_cannot_be_written() -> None:
    command = f"{shlex.join([*CONVT, '--help'])} >/dev/full"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)  # noqa: S607
    assert (result.returncode, result.stderr) == (1, "convt: stdout: No space left on device\n")
