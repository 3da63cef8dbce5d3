"""What goes wrong while the command works: signals, full disks, bad weights, inputs that change."""

import contextlib
import fcntl
import io
import itertools
import os
import resource
import signal
import struct
import subprocess
import sys
import termios
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from convt_cli.audio.source import Source
from tests.convt.weights.test_load import npy, npz
from tests.support.command import upsample
from tests.support.strategies import numbers

MAIN = "from convt_cli.entry import main; main()"
KERNEL = ["--weights", "w.npy"]  # a short one: it is quick
CONVT = [sys.executable, "-c", MAIN, "upsample", *KERNEL]
# A computation that takes its time, so that there is a half-way to be caught at.
SLOW = [
    sys.executable,
    "-c",
    "import time, convt\n"
    "process = convt.Upsampler.process\n"
    "def slow(self, x):\n"
    "    time.sleep(0.1 * bool(x.size))\n"
    "    return process(self, x)\n"
    f"convt.Upsampler.process = slow\n{MAIN}",
    "upsample",
    *KERNEL,
]
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
Process = subprocess.Popen[bytes]
_begun = list[Process]()


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    np.save("w", np.ones(2))
    yield
    while _begun:
        process = _begun.pop()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()
        process.wait(10)


def begin(command: list[str], **options: Any) -> Process:
    """Begin a command; it does not outlive the test."""
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    process = subprocess.Popen(command, start_new_session=True, **streams)
    _begun.append(process)
    return process


def sound(name: str, seed: int = 1, shape: tuple[int, ...] = (500,), **options: Any) -> None:
    soundfile.write(name, 0.2 * np.tanh(numbers(seed, shape, "float64")), 8000, **options)


def silence(name: str, frames: int) -> None:
    soundfile.write(name, np.zeros(frames, "int16"), 8000)


def names(folder: str = ".") -> set[str]:
    return {path.name for path in Path(folder).iterdir()}


def parts() -> list[Path]:
    return list(Path().rglob(".*.part"))


def until(holds: Callable[[], Any], process: Process | None = None) -> None:
    """Wait for what another process is about to do."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.005)


def ended(process: Process) -> tuple[int, bytes, bytes]:
    """Return how a process ends that has been asked to: soon, and without a traceback."""
    try:
        output, errors = process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        pytest.fail("does not end")
    assert b"Traceback" not in errors
    assert b"ignored" not in errors
    return process.returncode, output, errors


def refused(*arguments: str) -> str:
    """Run a command that must fail, in one line, and leave nothing."""
    before = names()
    result = upsample(*arguments, code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("convt: ")
    assert result.stderr.count("\n") == 1
    assert names() == before
    return str(result.stderr)


def limited(size: int) -> Callable[[], None]:
    """Let files have so many bytes, as a disk does that is full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


# Signals


def half_way(command: list[str]) -> Process:
    """Begin a batch, and return when a file is finished and another is being made."""
    for number in range(8):
        silence(f"{number}.wav", 500 if number == 0 else 1_500_000)
    files = [f"{number}.wav" for number in range(8)]
    process = begin([*command, *files, "-d", "out"])
    until(lambda: Path("out/0.wav").exists() and parts(), process)
    return process


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_all_processes_as_a_terminal_sends(number: signal.Signals) -> None:
    process = half_way([*SLOW, "-j", "2"])
    os.killpg(process.pid, number)
    assert ended(process)[0] == 128 + number
    assert not parts()


@pytest.mark.parametrize("command", [["1.wav"], ["1.wav", "2.wav", "-d", "out", "-j", "2"]])
@pytest.mark.parametrize(
    ("order", "at_once"),
    [
        ([signal.SIGINT, signal.SIGINT, signal.SIGINT], False),
        ([signal.SIGINT, signal.SIGTERM], False),
        ([signal.SIGTERM, signal.SIGHUP], True),  # as of systemd
    ],
)
def test_signals_in_quick_succession_leave_nothing(
    order: list[signal.Signals], command: list[str], at_once: bool
) -> None:
    for name in ("1.wav", "2.wav"):
        silence(name, 3_000_000)
    process = begin([*SLOW, *command])
    until(parts, process)
    if at_once:
        process.send_signal(signal.SIGSTOP)
    for number in order:
        process.send_signal(number)
        time.sleep(0 if at_once else 0.02)  # the first is being answered
    process.send_signal(signal.SIGCONT)
    assert abs(ended(process)[0]) in {number for each in order for number in (each, 128 + each)}
    assert not parts()
    assert not {"1_x2.wav", "out/1.wav"} & {str(path) for path in Path().rglob("*.wav")}


@pytest.mark.parametrize(
    "module",
    ["typer", "convt_cli.app", "convt_cli.jobs.upsample", "numpy", "soundfile", "_soundfile_data", "scipy"],
)
def test_an_interruption_while_modules_are_imported(module: str) -> None:
    """Also where Python would but print and forget it: the first of its signals ends the command."""
    silence("in.wav", 500)
    interrupt = (
        "import signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    process = begin([sys.executable, "-c", interrupt + MAIN, "upsample", "in.wav"])
    assert ended(process) == (130, b"", b"")
    assert names() == {"in.wav", "w.npy"}


@pytest.mark.parametrize("module", ["numpy", "numpy.random"])
def test_an_interruption_that_an_import_swallows_still_ends_the_command(module: str) -> None:
    """Compiled modules do so: numpy.random, which is imported when the output has been begun."""
    silence("in.wav", 500)
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
    process = begin([sys.executable, "-c", interrupt + MAIN, "upsample", "in.wav"])
    assert ended(process)[0] == 130
    assert names() == {"in.wav", "w.npy"}


def test_little_is_imported_before_interruptions_are_answered() -> None:
    code = (
        "import sys; before = set(sys.modules); import convt_cli.entry; print(*set(sys.modules) - before)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"typing", "contextlib", "ctypes", "re"} & set(result.stdout.split())


@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGHUP, "1"), (signal.SIGINT, "2")])
def test_signals_that_the_shell_has_set_aside_stay_so(number: signal.Signals, jobs: str) -> None:
    """As nohup does, and a shell for what runs in the background."""
    for name in ("1.wav", "2.wav"):
        silence(name, 600_000)
    process = begin(
        [*SLOW, "1.wav", "2.wav", "-d", "out", "-q", "-j", jobs],
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    until(parts, process)
    os.killpg(process.pid, number)
    assert ended(process) == (0, b"out/1.wav\nout/2.wav\n", b"")


@pytest.mark.parametrize("command", [["1.wav"], ["1.wav", "2.wav", "-d", "out", "-j", "2"]])
def test_a_kill_leaves_nothing_under_the_targets_name_and_no_process(command: list[str]) -> None:
    for name in ("1.wav", "2.wav"):
        silence(name, 3_000_000)
    process = begin([*SLOW, *command, "-q"])
    until(parts, process)
    process.kill()
    try:
        process.communicate(timeout=8)  # what it began has its streams, and ends as well
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail("processes go on")
    assert not Path("1_x2.wav").exists()
    assert not Path("out/1.wav").exists()


# Streams that nobody feeds, or reads


def waiting(stream: int) -> int:
    """Bytes that wait in a pipe."""
    return int(struct.unpack("i", fcntl.ioctl(stream, termios.FIONREAD, bytes(4)))[0])


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["-"], b""),
        (["-"], b"header"),
        (["-", "-o", "out.wav"], b"RIFF"),
        (["-", "-o", "out.wav", "--skip-existing"], b"header"),
        (["-", "-o", "out.flac", "--overs", "guard"], b"header"),
    ],
)
def test_an_interruption_while_standard_input_is_silent(arguments: list[str], given: bytes) -> None:
    sound("in.wav")
    before = names()
    given = Path("in.wav").read_bytes()[:500] if given == b"header" else given
    process = begin([*CONVT, *arguments, "-q"], stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(given)
    process.stdin.flush()
    pipe = process.stdin.fileno()
    until(lambda: waiting(pipe) == 0, process)
    time.sleep(0 if given else 0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    assert ended(process)[2] == b""
    assert names() == before


@pytest.mark.parametrize("arguments", [["in.wav"], ["in.flac", "--format", "FLAC"]])
def test_an_interruption_while_nobody_reads_standard_output(arguments: list[str]) -> None:
    for name in ("in.wav", "in.flac"):
        sound(name, shape=(100_000,))
    process = begin([*CONVT, *arguments, "-q", "-o", "-"])
    assert process.stdout
    pipe = process.stdout.fileno()
    until(lambda: waiting(pipe) > 60_000, process)
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interruption_while_a_pipe_with_a_name_is_silent(jobs: str) -> None:
    sound("in.wav")
    os.mkfifo("pipe")
    process = begin([*CONVT, "pipe", "in.wav", "-d", "out", "-j", jobs])
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
    assert not parts()


def test_what_comes_late_through_a_stream_that_does_not_block_is_waited_for() -> None:
    """Another program may have set the pipe so; nothing there is not its end."""
    data = numbers(1, (20_000,), "float64").tobytes()
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    options = ["--raw", "--rate", "8000", "--channels", "1", "--subtype", "double"]
    process = begin([*CONVT, "-", "-o", "out.wav", "-q", *options], stdin=read_end)
    with os.fdopen(write_end, "wb", 0) as pipe:
        pipe.write(data[:800])
        until(lambda: waiting(read_end) == 0, process)
        time.sleep(0.2)
        os.close(read_end)
        pipe.write(data[800:])
    assert ended(process) == (0, b"out.wav\n", b"")
    assert soundfile.info("out.wav").frames == 40_000


@pytest.mark.parametrize("container", ["FLAC", "AU"])
def test_all_goes_to_a_stream_that_does_not_block(container: str) -> None:
    sound("in.wav", shape=(100_000,))
    command = [*CONVT, "in.wav", "-q", "-o", "-", "--format", container]
    whole = subprocess.run(command, capture_output=True, check=True).stdout
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    process = begin(command, stdout=write_end)
    os.close(write_end)
    until(lambda: waiting(read_end) > 60_000)
    time.sleep(0.1)
    with os.fdopen(read_end, "rb") as pipe:
        assert pipe.read() == whole
    assert ended(process)[0] == 0


# Full disks


@pytest.mark.parametrize("name", ["o.au", "o.aiff", "o.mp3", "o.raw"])
def test_a_full_disk_is_one_line_and_leaves_nothing(name: str) -> None:
    sound("in.wav", shape=(200_000,))
    before = names()
    result = subprocess.run(
        [*CONVT, "in.wav", "-o", name, "-q"], capture_output=True, preexec_fn=limited(20_000), check=False
    )
    message = f"convt: {name}: cannot be written: File too large\n".encode()
    assert (result.returncode, result.stdout, result.stderr) == (1, b"", message)
    assert names() == before


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_file_that_finds_no_room_does_not_keep_the_rest(jobs: str) -> None:
    sound("large.wav", shape=(100_000,))
    sound("small.wav")
    result = subprocess.run(
        [*CONVT, "large.wav", "small.wav", "-d", "out", "-q", "-j", jobs],
        capture_output=True,
        preexec_fn=limited(50_000),
        check=False,
    )
    assert (result.returncode, result.stdout) == (3, b"out/small.wav\n")
    assert result.stderr.startswith(b"convt: out/large.wav: cannot be written: File too large\n")
    assert names("out") == {"small.wav"}


@pytest.mark.parametrize(("container", "short_by"), [("WAV", 1), ("FLAC", 1)])
def test_standard_output_that_finds_no_room_is_one_line(container: str, short_by: int) -> None:
    """Also where there is room for all but the end: what is written in part is not all written."""
    sound("in.wav", shape=(100_000,))
    command = [*CONVT, "in.wav", "-q", "-o", "-", "--format", container]
    size = len(subprocess.run(command, capture_output=True, check=True).stdout)
    with Path("out").open("wb") as out:
        out.write(bytes(1_000_000))
        out.flush()
        room = limited(1_000_000 + size - short_by)
        result = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, preexec_fn=room, check=False)
    assert result.returncode == 1
    assert result.stderr == b"convt: standard output: cannot be written: File too large\n"


@pytest.mark.parametrize("container", ["FLAC", "RAW"])
def test_a_full_device_as_standard_output_is_one_line(container: str) -> None:
    sound("in.wav", shape=(100_000,))
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            [*CONVT, "in.wav", "-q", "-o", "-", "--format", container],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr == b"convt: standard output: cannot be written: No space left on device\n"


@pytest.mark.parametrize("short_by", [1, 150_000])
def test_a_pipe_that_cannot_be_kept_is_one_line(short_by: int) -> None:
    """Also where all but its end could be: that end is not to be missing from the output."""
    data = np.zeros(100_000, "<i2").tobytes()
    options = ["--raw", "--rate", "8000", "--channels", "1", "--overs", "guard", "-q"]
    result = subprocess.run(
        [*CONVT, "-", "-o", "out.mp3", *options],
        input=data,
        capture_output=True,
        preexec_fn=limited(len(data) - short_by),
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(b"convt: standard input: cannot be kept in ")
    assert result.stderr.endswith(b": File too large; set TMPDIR\n")
    assert names() == {"w.npy"}


@pytest.mark.parametrize("name", ["in.wav", "in.flac", "in.npy"])
def test_an_input_that_cannot_be_read_on_is_what_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails: it is not the output that is at fault."""
    if name == "in.npy":
        np.save("in", np.ones(600_000))
    else:
        sound(name, shape=(600_000,))
    times = itertools.count()

    def fail(self: io.FileIO, *arguments: Any) -> Any:
        if next(times) > 1:
            raise OSError(5, "Input/output error")
        return readinto(self, *arguments)

    readinto = io.FileIO.readinto

    class Failing(io.FileIO):
        readinto = fail

    monkeypatch.setattr(io, "FileIO", Failing)
    if name == "in.flac":  # which libsndfile reads
        read = soundfile.SoundFile.read

        def break_off(self: Any, *arguments: Any, **options: Any) -> Any:
            if next(times) > 1:
                raise soundfile.LibsndfileError(2, "System error.")
            return read(self, *arguments, **options)

        monkeypatch.setattr(soundfile.SoundFile, "read", break_off)
    message = refused(name, "-o", f"out{Path(name).suffix}", "--weights", "w.npy")
    assert message.startswith(f"convt: {name}: ")
    assert "cannot be read" in message


# Outputs that cannot be


def test_a_folder_that_takes_no_folder_is_one_line_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    sound("in.wav")
    for call in ("mkdir", "touch"):
        monkeypatch.setattr(Path, call, refuse)
        if call == "touch":
            os.mkdir("out")  # noqa: PTH102  # the other is refused
        result = upsample("in.wav", "in.wav/../in.wav", "-d", "out", "-q", code=2)
        assert "would both become" in result.stderr
        result = upsample("in.wav", "-d", "out", "-q", code=1)
        assert "Permission denied" in result.stderr
        assert result.stderr.count("\n") == 2


@pytest.mark.parametrize("arguments", [["-o", "out"], ["-d", "out"]])
def test_a_target_that_comes_into_being_meanwhile_is_kept(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound("out", format="WAV")
    Path("out").rename("in.wav")
    target = Path("out" if arguments[0] == "-o" else "out/in.wav")
    whole = convt.Upsampler.__call__

    def meanwhile(self: convt.Upsampler, x: Any) -> Any:
        target.write_bytes(b"another's")
        return whole(self, x)

    monkeypatch.setattr(convt.Upsampler, "__call__", meanwhile)
    result = upsample("in.wav", *arguments, "-q", code=1)
    assert f"{target}: came into being meanwhile" in result.stderr
    assert target.read_bytes() == b"another's"
    assert not parts()


def test_standard_input_that_is_the_output_is_refused() -> None:
    sound("in.wav")
    before = Path("in.wav").read_bytes()
    for name in ("in.wav", "link.wav"):
        if name != "in.wav":
            Path(name).hardlink_to("in.wav")
        with Path("in.wav").open("rb") as stream:
            command = [*CONVT, "-", "-o", name, "--overwrite"]
            result = subprocess.run(command, stdin=stream, capture_output=True, text=True, check=False)
        assert result.returncode == 1
        assert f"{name}: is the same file as the input" in result.stderr
        assert Path("in.wav").read_bytes() == before


def test_standard_output_that_is_the_input_is_refused() -> None:
    """It would be read and written at a time; as cat does, nothing is written."""
    sound("in.wav")
    before = Path("in.wav").read_bytes()
    for mode, source in (("ab", "in.wav"), ("r+b", "in.wav"), ("ab", "-")):
        with Path("in.wav").open(mode) as out, Path("in.wav").open("rb") as stream:
            command = [*CONVT, source, "-o", "-"]
            result = subprocess.run(command, stdin=stream, stdout=out, stderr=subprocess.PIPE, check=False)
        assert result.returncode == 1
        assert b"is the same file as the input" in result.stderr
        assert Path("in.wav").read_bytes() == before


CLOSED = [
    " ".join(itertools.compress(["<&-", ">&-", "2>&-"], chosen))
    for chosen in itertools.product([False, True], repeat=3)
]


@pytest.mark.parametrize("closed", CLOSED)
def test_streams_that_are_closed_never_make_one_of_a_file(closed: str) -> None:
    """The files that are opened in their place must not be taken for them."""
    for name in ("in.wav", "b.wav"):
        sound(name, shape=(3000,))
    files = {name: Path(name).read_bytes() for name in names()}

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        shell = ["bash", "-c", f'exec "$@" {closed}', "convt", *CONVT, *arguments]
        with Path("in.wav").open("rb") as stream:
            return subprocess.run(shell, stdin=stream, capture_output=True, check=False, timeout=60)

    if closed in ("", "<&-", ">&-"):
        result = run("-", "-o", "-", "-q")
        assert result.returncode == (2 if closed else 0)
        assert len(result.stdout) == (0 if closed else 12_044)
    assert run("in.wav", "b.wav", "none.wav", "-d", "out", "-j", "2").returncode == 3
    for name in ("in.wav", "b.wav"):
        assert soundfile.info(f"out/{name}").frames == 6000
    assert names() == {*files, "out"}
    assert {name: Path(name).read_bytes() for name in files} == files


@pytest.mark.parametrize("arguments", [["in.wav"], ["in.wav", "b.wav", "-d", "out"]])
def test_a_bar_needs_no_standard_output(arguments: list[str]) -> None:
    for name in ("in.wav", "b.wav"):
        sound(name)
    main = f"import convt_cli.text.progress as progress; progress._PATIENCE = 0; {MAIN}"
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


def test_only_sound_goes_where_sound_goes() -> None:
    sound("in.wav", shape=(3000,))
    whole = subprocess.run([*CONVT, "in.wav", "-o", "-"], capture_output=True, check=True).stdout
    for options in (["--json"], ["--skip-existing", "--json", "--jobs", "2"]):
        result = subprocess.run([*CONVT, "in.wav", "-o", "-", *options], capture_output=True, check=False)
        assert result.stdout == (b"" if result.returncode else whole)
        assert b"Traceback" not in result.stderr
    read_end, write_end = os.pipe()
    os.close(read_end)
    for option in ("-q", "--skip-existing"):
        command = [*CONVT, "in.wav", "-o", "-", option]
        result = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, check=False)
        assert b"Traceback" not in result.stderr
    os.close(write_end)


# Weights


def claiming(*shape: int) -> bytes:
    """An array that says it were large, and is not."""
    file = io.BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue() + bytes(64)


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weight.npy", content)
    return file.getvalue()


WEIGHTS = {
    "pickled": npy(np.array([{"a": 1}], dtype=object)),
    "truncated": npy(np.ones(100))[:-9],
    "truncated archive": npz(weight=np.ones(100))[:-30],
    "huge": claiming(1 << 50),
    "huge in all directions": claiming(1 << 33, 1 << 33, 1 << 33),
    "huge in an archive": zipped(claiming(1 << 50)),
    "negative": claiming(-5),
    "wrong shape": npy(np.ones((3, 5))),
    "four dimensions": npy(np.ones((1, 1, 1, 3))),
    "text": npy(np.array(["a", "b"])),
    "dates": npy(np.array(["2020-01-01"], "datetime64[D]")),
    "records": npy(np.zeros(3, [("a", "f4")])),
    "NaN": npy(np.array([1, np.nan, 1])),
    "infinite": npy(np.array([1, -np.inf], "float32")),
    "NaN bias": npz(weight=np.ones(3), bias=np.array([np.nan])),
    "none": npy(np.ones(0)),
    "empty": b"",
    "a text file": b"one and a half\n",
    "nonsense": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 9000,
    "no weight": npz(weights=np.ones((3, 1, 1, 1))),
}


@pytest.mark.parametrize("source", ["in.wav", "in.npy"])
@pytest.mark.parametrize("content", WEIGHTS.values(), ids=WEIGHTS.keys())
def test_weights_that_cannot_be(content: bytes, source: str) -> None:
    sound("in.wav", shape=(50,))
    np.save("in", np.ones(50))
    Path("bad.npy").write_bytes(content)
    assert refused(source, "--weights", "bad.npy").startswith("convt: bad.npy: ")


@pytest.mark.parametrize("bias", ["nan", "inf", "-inf", "bad.npy"])
@pytest.mark.parametrize("source", ["in.wav", "in.npy"])
def test_a_bias_that_is_no_finite_number(source: str, bias: str) -> None:
    sound("in.wav", shape=(50,))
    np.save("in", np.ones(50))
    np.save("bad", np.array([np.nan]))
    result = upsample(source, "--bias", bias, "--weights", "w.npy", code=1 if bias == "bad.npy" else 2)
    assert result.stderr.count("\n") == 1
    assert "bias" in result.stderr or "bad.npy" in result.stderr


@pytest.mark.parametrize("gain", ["nan", "inf", "1e9", "-1e9"])
def test_a_gain_that_is_no_level(gain: str) -> None:
    sound("in.wav", shape=(50,))
    before = names()
    result = upsample("in.wav", f"--gain={gain}", code=2)
    assert "--gain" in result.stderr
    assert result.stderr.count("\n") == 1
    assert names() == before


# Inputs that change


def long_input(name: str) -> None:
    """Make an input that is not read at once, ahead of the computation."""
    if name.endswith(".npy"):
        np.save(name, np.zeros((2, 1_500_000), "float32"))
    else:
        silence(name, 3_000_000)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(1000))


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("change", [truncate, grow, touch])
@pytest.mark.parametrize("name", ["in.wav", "in.flac", "in.npy"])
@pytest.mark.parametrize("folder", [False, True])
def test_an_input_that_changes_is_refused(
    name: str, change: Callable[[Path], None], folder: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_input(name)
    process = convt.Upsampler.process
    done = Path("done")

    def meanwhile(self: convt.Upsampler, x: Any) -> Any:
        if x.size and not done.exists():
            done.touch()
            change(Path(name))
        return process(self, x)

    monkeypatch.setattr(convt.Upsampler, "process", meanwhile)
    others = ["w.npy", "-d", "out", "-j", "1"] if folder else ["-o", f"o{Path(name).suffix}"]
    result = upsample(name, *others, "-q", "--weights", "w.npy", code=3 if folder else 1)
    first = result.stderr.splitlines()[0]
    assert first.startswith(f"convt: {name}: ")
    assert "changed while it was read" in first or (change is truncate and "cut short" in first)
    assert names("out" if folder else ".") - {name, "done"} == {"w.npy"}


def test_a_long_file_that_is_replaced_is_read_to_its_end_or_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Processes that divide it must not have one part from each."""
    soundfile.write("in.wav", np.full(20_000_000, 100, "int16"), 8000)
    soundfile.write("new.wav", np.full(20_000_000, -100, "int16"), 8000)
    np.save("one", np.ones(2))
    process, done = convt.Upsampler.process, Path("done")

    def meanwhile(self: convt.Upsampler, x: Any) -> Any:
        if x.size:
            with contextlib.suppress(FileExistsError):  # one process alone does it
                done.touch(exist_ok=False)
                Path("new.wav").rename("in.wav")
        return process(self, x)

    monkeypatch.setattr(convt.Upsampler, "process", meanwhile)
    command = ["in.wav", "-o", "out.wav", "-q", "--weights", "one.npy", "--dither", "none"]
    result = CliRunner().invoke(app, ["upsample", *command])
    if result.exit_code:
        assert result.stderr == "convt: in.wav: changed while it was read\n"
        assert not Path("out.wav").exists()
    else:
        values, _ = soundfile.read("out.wav", dtype="int16")
        assert len(np.unique(values)) == 1


# Memory


def header(channels: int, rate: int, bits: int, length: int) -> bytes:
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", 1, channels, rate, min(rate * frame, 2**32 - 1), frame, bits)
    riff = struct.pack("<4sI4s4sI", b"RIFF", 36 + length, b"WAVE", b"fmt ", 16)
    return riff + fmt + struct.pack("<4sI", b"data", length)


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 200 MB, on which nothing is computed."""
    known = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 50_000, "SC_AVPHYS_PAGES": 50_000}
    monkeypatch.setattr(os, "sysconf", lambda name: known[name])

    def compute(*_: Any) -> None:
        raise AssertionError("it was not refused")

    monkeypatch.setattr(convt.Upsampler, "process", compute)


@pytest.mark.usefixtures("small_machine")
@pytest.mark.parametrize(
    "arguments",
    [
        ["many.wav", "-o", "out.wav"],
        ["many.au", "-o", "out.au"],
        ["many.au", "-o", "out.au", "--bias", "0.5"],
        ["in.wav", "--latency", "1000000000"],
        ["in.wav", "--stride", "1000000000"],
        ["in.wav", "--dilation", "100000000"],
        ["in.wav", "--weights", "wide.npz"],
    ],
    ids=" ".join,
)
def test_what_no_memory_holds_is_refused_before_it_is_asked_for(arguments: list[str]) -> None:
    sound("in.wav")
    Path("in.raw").write_bytes(bytes(1000))
    rows = 65_535 * 1000
    Path("many.wav").write_bytes(header(65_535, 8000, 8, rows))
    os.truncate("many.wav", 44 + rows)
    Path("many.au").write_bytes(b".snd" + struct.pack(">5I", 24, 100, 2, 8000, 65_535) + bytes(100))
    np.savez_compressed("wide", weight=np.zeros((1, 1 << 22, 1)))
    weights = [] if "--weights" in arguments else ["--weights", "w.npy"]
    assert "memory" in refused(*arguments, *weights)


def test_many_channels_at_an_absurd_rate_take_little_to_refuse() -> None:
    rows = 65_535 * 20_000
    Path("in.wav").write_bytes(header(65_535, 2**31 - 1, 8, rows))
    os.truncate("in.wav", 44 + rows)
    two = 2 << 30
    result = subprocess.run(
        [*CONVT, "in.wav"],
        capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (two, two)),
        check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert (result.returncode, result.stdout, result.stderr.count(b"\n")) == (1, b"", 1)
    assert result.stderr.startswith(b"convt: in")
    assert names() == {"in.wav", "w.npy"}


def test_a_latency_without_end_is_answered_at_once() -> None:
    sound("in.wav")
    command = [*CONVT, "in.wav", "--latency", str(10**18)]
    result = subprocess.run(command, capture_output=True, check=False, timeout=5)
    assert result.returncode in (1, 2)
    assert result.stderr.count(b"\n") == 1


def test_a_header_full_of_nothing_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file is left by a crash: zeros, eight of which look like a chunk of no length."""
    Path("in.wav").write_bytes(header(1, 8000, 16, 100)[:36])
    os.truncate("in.wav", 2_000_000)
    read, count = Source.read, itertools.count()

    def counted(self: Source, *arguments: int) -> bytes:
        next(count)
        return read(self, *arguments)

    monkeypatch.setattr(Source, "read", counted)
    assert refused("in.wav").startswith("convt: in.wav: ")
    assert next(count) < 50_000
