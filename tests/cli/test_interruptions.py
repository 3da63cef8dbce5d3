"""Signals and kills: how the command ends, and that it leaves nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.command import CONVT, MAIN
from tests.support.pipes import PATIENCE, endless, live, received, sound_bytes
from tests.support.processes import (
    KERNEL,
    QUICK,
    SLOW,
    Process,
    begin,
    being_written,
    ended,
    names,
    parts,
    until,
    waiting,
)
from tests.support.sounds import silence, sound

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
ONE, TWO = ["1.wav"], ["1.wav", "2.wav", "-d", "out", "-j", "2"]


def maps_of(process: Process) -> bytes:
    """The libraries that a process has loaded, as Linux tells."""
    return Path(f"/proc/{process.pid}/maps").read_bytes()


def half_way(command: list[str]) -> Process:
    """Begin a batch, and return when a file is finished and another is being made."""
    for number in range(8):
        silence(f"{number}.wav", 500 if number == 0 else 1_500_000)
    files = [f"{number}.wav" for number in range(8)]
    process = begin([*command, *files, "-d", "out"])
    until(lambda: Path("out/0.wav").exists() and being_written(), process)
    return process


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize(
    ("number", "code", "jobs"), [(*SIGNALS[0], "1"), *((*each, "2") for each in SIGNALS)]
)
def test_a_signal_half_way_in_a_batch_leaves_the_finished_files(
    number: signal.Signals, code: int, jobs: str
) -> None:
    process = half_way([*SLOW, "-j", jobs])
    process.send_signal(number)
    assert ended(process)[0] == code
    assert not parts()
    assert 1 <= len(names("out")) < 8
    for name in names("out"):
        assert soundfile.info(f"out/{name}").frames == 2 * soundfile.info(name).frames


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_all_processes_as_a_terminal_sends(number: signal.Signals) -> None:
    process = half_way([*SLOW, "-j", "2"])
    os.killpg(process.pid, number)
    assert ended(process)[0] == 128 + number
    assert not parts()


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize(
    ("order", "at_once", "command"),
    [
        ([signal.SIGINT, signal.SIGINT, signal.SIGINT], False, TWO),
        ([signal.SIGINT, signal.SIGTERM], False, ONE),
        ([signal.SIGTERM, signal.SIGHUP], True, ONE),  # as of systemd
        ([signal.SIGTERM, signal.SIGHUP], True, TWO),
    ],
)
def test_signals_in_quick_succession_leave_nothing(
    order: list[signal.Signals], at_once: bool, command: list[str]
) -> None:
    for name in ("1.wav", "2.wav"):
        silence(name, 3_000_000)
    process = begin([*SLOW, *command])
    until(being_written, process)
    if at_once:
        process.send_signal(signal.SIGSTOP)
    for number in order:
        process.send_signal(number)
        time.sleep(0 if at_once else 0.02)  # the first is being answered
    process.send_signal(signal.SIGCONT)
    assert abs(ended(process)[0]) in {number for each in order for number in (each, 128 + each)}
    assert not parts()
    assert not {"1_x2.wav", "out/1.wav"} & {str(path) for path in Path().rglob("*.wav")}


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize(
    "module",
    ["typer", "convt_cli.jobs.upsample", "numpy", "_soundfile_data"],
)
def test_an_interruption_while_modules_are_imported(module: str) -> None:
    """Also where Python would but print and forget it: the first of its signals ends the command."""
    silence("in.flac", 500)
    interrupt = (
        "import signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    process = begin([sys.executable, "-c", interrupt + MAIN, "upsample", "in.flac"])
    assert ended(process) == (130, b"", b"")
    assert names() == {"in.flac", "w.npy"}


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("module", ["numpy", "soundfile"])
def test_an_interruption_that_an_import_swallows_still_ends_the_command(module: str) -> None:
    """Compiled modules do so, such as soundfile's, which is imported when the command has begun."""
    silence("in.flac", 500)
    interrupt = (
        "import signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            try:\n"
        "                signal.raise_signal(signal.SIGINT)\n"
        "                len('the signal is answered here')\n"
        "            except BaseException:\n"
        "                pass\n"
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    process = begin([sys.executable, "-c", interrupt + MAIN, "upsample", "in.flac"])
    assert ended(process)[0] == 130
    assert names() == {"in.flac", "w.npy"}


@pytest.mark.usefixtures("short_kernel")
def test_little_is_imported_before_interruptions_are_answered() -> None:
    code = (
        "import sys; before = set(sys.modules); import convt_cli.entry; print(*set(sys.modules) - before)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"typing", "contextlib", "ctypes", "re"} & set(result.stdout.split())


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGHUP, "1"), (signal.SIGINT, "2")])
def test_signals_that_the_shell_has_set_aside_stay_so(number: signal.Signals, jobs: str) -> None:
    """As nohup does, and a shell for what runs in the background."""
    for name in ("1.wav", "2.wav"):
        silence(name, 600_000)
    process = begin(
        [*SLOW, "1.wav", "2.wav", "-d", "out", "-q", "-j", jobs],
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    until(being_written, process)
    os.killpg(process.pid, number)
    assert ended(process) == (0, b"out/1.wav\nout/2.wav\n", b"")


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("command", [ONE, TWO])
def test_a_kill_leaves_nothing_under_the_targets_name_and_no_process(command: list[str]) -> None:
    for name in ("1.wav", "2.wav"):
        silence(name, 3_000_000)
    process = begin([*SLOW, *command, "-q"])
    until(being_written, process)
    process.kill()
    try:
        process.communicate(timeout=8)  # what it began has its streams, and ends as well
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail("processes go on")
    assert not Path("1_x2.wav").exists()
    assert not Path("out/1.wav").exists()


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["-"], b""),
        (["-"], b"header"),
        (["-", "-o", "out.wav", "--skip-existing"], b"header"),
        (["-", "-o", "out.flac", "--overs", "guard"], b"header"),
    ],
)
def test_an_interruption_while_standard_input_is_silent(arguments: list[str], given: bytes) -> None:
    sound("in.wav")
    before = names()
    given = Path("in.wav").read_bytes()[:500] if given == b"header" else given
    process = begin([*QUICK, *arguments, "-q"], stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(given)
    process.stdin.flush()
    pipe = process.stdin.fileno()
    until(lambda: waiting(pipe) == 0 and b"_multiarray_umath" in maps_of(process), process)  # it has begun
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    assert ended(process)[2] == b""
    assert names() == before


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("arguments", [["in.wav"], ["in.flac", "--format", "FLAC"]])
def test_an_interruption_while_nobody_reads_standard_output(arguments: list[str]) -> None:
    for name in ("in.wav", "in.flac"):
        sound(name, shape=(100_000,))
    process = begin([*QUICK, *arguments, "-q", "-o", "-"])
    assert process.stdout
    pipe = process.stdout.fileno()
    until(lambda: waiting(pipe) > 60_000, process)
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interruption_while_a_pipe_with_a_name_is_silent(jobs: str) -> None:
    sound("in.wav")
    os.mkfifo("pipe")
    process = begin([*QUICK, "pipe", "in.wav", "-d", "out", "-j", jobs])
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
    assert not parts()


@pytest.mark.usefixtures("silent_input")
@pytest.mark.parametrize(("number", "code"), SIGNALS[:2])
def test_a_signal_half_way_leaves_nothing(number: signal.Signals, code: int) -> None:
    soundfile.write("long.wav", np.zeros((20_000_000, 1), "int16"), 8000)
    process = subprocess.Popen(
        [*CONVT, "upsample", "long.wav"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while max(being_written(), default=0) <= 10_000:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (code, b"")
    assert b"Traceback" not in errors
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "long.wav"]


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize(
    ("number", "code", "target"), [(signal.SIGINT, 130, "-"), (signal.SIGTERM, 143, "out.wav")]
)
def test_a_signal_ends_it_while_it_waits(number: signal.Signals, code: int, target: str) -> None:
    whole = endless(sound_bytes("in.wav", frames=100))
    reading, writing = os.pipe()
    process = live(reading, "-o", target)
    os.write(writing, whole)
    deadline = time.monotonic() + PATIENCE
    if target == "-":
        received(process, 44)
    else:
        while not any(being_written()):
            assert time.monotonic() < deadline
            time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    os.close(writing)
    assert (process.returncode, b"Traceback" in said) == (code, False), said
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "one.npy"]


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_arrives_as_a_worker_begins_is_not_its_own(number: signal.Signals) -> None:
    """A terminal sends to all processes; the handlers of the first one are not for its workers."""
    for name in ("1.wav", "2.wav", "3.wav"):
        sound(name)
    fork = (
        "import os\n"
        "fork = os.fork\n"
        "def interrupted():\n"
        "    child = fork()\n"
        f"    if not child: os.kill(os.getpid(), {number})\n"
        "    return child\n"
        "os.fork = interrupted\n"
    )
    command = [sys.executable, "-c", fork + MAIN, "upsample", "1.wav", "2.wav", "3.wav", *KERNEL]
    process = begin([*command, "-d", "out", "-j", "2", "-q"])
    assert ended(process) == (0, b"out/1.wav\nout/2.wav\nout/3.wav\n", b"")
