"""The progress bar: on terminals alone, after a second, and gone at the end."""

import fcntl
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

import numpy as np
import pytest
import soundfile

from tests.support.command import CONVT, MAIN, tree, upsample
from tests.support.processes import KERNEL
from tests.support.sounds import noise_file, sound

IMPATIENT = "import convt_cli.text.progress; convt_cli.text.progress.SHOWN_AFTER = 0; " + MAIN


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
    noise_file("in.wav", frames=300_000)
    written, output = on_terminal("in.wav")
    assert "━" in written
    assert re.search(r"\d+x real time ETA", written)
    assert colours(written)
    assert re.search(r"\d%", written)
    assert output == "in_x2.wav\n"
    assert screen(written) == upsample("in.wav", "--overwrite").stderr.splitlines()
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l") >= 0  # the cursor is there again


def test_no_bar_for_what_is_quick() -> None:
    noise_file("in.wav")
    patient = IMPATIENT.replace("= 0", "= 1e9")  # however slow this machine is
    written, _ = on_terminal("in.wav", code=patient)
    assert "\x1b" not in written
    assert written.splitlines() == upsample("in.wav", "--overwrite").stderr.splitlines()


@pytest.mark.parametrize("option", ["-q", "--json"])
def test_no_bar_for_those_who_want_quiet(option: str) -> None:
    noise_file("in.wav")
    assert on_terminal("in.wav", option)[0] == ""


def test_no_bar_on_a_dumb_terminal() -> None:
    noise_file("in.wav")
    written, _ = on_terminal("in.wav", TERM="dumb")
    assert written.splitlines() == upsample("in.wav", "--overwrite").stderr.splitlines()


def test_no_bar_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    noise_file("in.wav")
    plain = upsample("in.wav").stderr
    monkeypatch.setattr("convt_cli.text.progress.SHOWN_AFTER", 0)
    assert upsample("in.wav", "--overwrite").stderr == plain


def test_no_color_is_heeded() -> None:
    noise_file("in.wav")
    written, _ = on_terminal("in.wav", NO_COLOR="1")
    assert "━" in written
    assert not colours(written)


def test_a_bar_of_files_leaves_stdout_alone() -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        noise_file(name)
    Path("d.wav").write_text("hiss")
    written, output = on_terminal("a.wav", "b.wav", "d.wav", "c.wav", "-d", ".")
    assert "files/s" in written
    assert output == "a_x2.wav\nb_x2.wav\nc_x2.wav\n"
    plain = upsample("a.wav", "b.wav", "d.wav", "c.wav", "-d", ".", "--overwrite", code=3)
    assert screen(written) == plain.stderr.splitlines()


def test_a_bar_of_files_where_stdout_is_the_same_terminal() -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        noise_file(name)
    written, _ = on_terminal("a.wav", "b.wav", "c.wav", "-d", ".", stdout=subprocess.STDOUT)
    assert screen(written) == [
        "a_x2.wav",
        "b_x2.wav",
        "c_x2.wav",
        "3 of 3 files done, 0 skipped, 0 failed",
    ]


def test_a_bar_goes_before_the_error_comes() -> None:
    x = noise_file("in.wav", frames=600_000, subtype="FLOAT")
    x[0, -1] = np.nan
    soundfile.write("in.wav", x.T, 8000, "FLOAT")
    written, _ = on_terminal("in.wav")
    assert "━" in written
    [line] = screen(written)
    assert line.startswith("convt: in.wav: NaN or infinity at frame 599999 (74.999875 s)")


def test_a_bar_appears_after_a_second_and_goes_when_interrupted() -> None:
    noise_file("in.wav")
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
        written = drained(own, until="x real time")
        assert "\x1b[?25l" in written
        process.send_signal(signal.SIGINT)
        written += drained(own)
    assert process.wait(timeout=60) == 130
    os.close(own)
    assert process.stdout
    process.stdout.close()
    assert "\x1b[?25h" in written
    assert screen(written) == []
    assert tree() == ["in.wav", "pipe.wav"]


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("arguments", [["in.wav"], ["in.wav", "b.wav", "-d", "out"]])
def test_a_bar_needs_no_standard_output(arguments: list[str]) -> None:
    for name in ("in.wav", "b.wav"):
        sound(name)
    main = f"import convt_cli.text.progress as progress; progress.SHOWN_AFTER = 0; {MAIN}"
    command = [sys.executable, "-c", main, "upsample", *arguments, *KERNEL]
    controlling, terminal = os.openpty()
    shell = ["bash", "-c", 'exec "$@" >&-', "convt", *command]
    environment = os.environ | {"TERM": "xterm"}
    result = subprocess.run(shell, stderr=terminal, env=environment, check=False, timeout=60)
    os.close(terminal)
    said = os.read(controlling, 1 << 16)
    os.close(controlling)
    assert b"Traceback" not in said
    assert result.returncode == 0
