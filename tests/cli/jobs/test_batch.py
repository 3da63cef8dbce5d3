"""Many files in one command: side by side or not, the same files, lines and exit codes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support.command import CONVT, MAIN, upsample, without_advice
from tests.support.processes import KERNEL, QUICK, begin, ended, readers_of, until
from tests.support.sounds import sound
from tests.support.strategies import numbers


@pytest.fixture(autouse=True)
def _inputs() -> None:
    np.save("w", np.ones(3))


def quick(*arguments: str, code: int = 0) -> Any:
    """Run a command with a short kernel, in the process of the tests."""
    return upsample(*arguments, "--weights", "w.npy", code=code)


def files(folder: str) -> dict[str, bytes]:
    """Name and content of every file of a folder; there is no other, half made."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def assortment() -> list[str]:
    """Make files of many kinds, in no order of the alphabet."""
    sound("z.wav")
    sound("long.flac", 2, (200_000,))
    sound("stereo.wav", 3, (5000, 2), subtype="PCM_24")
    sound("b.aiff", 4, subtype="PCM_24")
    sound("c.wav", 5, (70_000, 3), subtype="PCM_U8")
    np.save("x.npy", numbers(6, (2, 3, 4000), "complex64"))
    sound("empty.wav", 7, (0,))
    sound("a.w64", 8, (5,))
    return ["z.wav", "long.flac", "stereo.wav", "b.aiff", "c.wav", "x.npy", "empty.wav", "a.w64"]


@pytest.mark.parametrize("jobs", ["1", "2", "100"])
def test_the_files_and_the_lines_are_those_of_one_at_a_time(jobs: str) -> None:
    names = assortment()
    Path("alone").mkdir()
    for name in names:
        upsample(name, "-o", f"alone/{name}", "-q")
    result = upsample(*names, "-d", "out", "--jobs", jobs)
    assert result.stdout.splitlines() == [f"out/{name}" for name in names]
    assert files("out") == files("alone")
    assert result.stderr == (
        "convt: warning: empty.wav has no samples, so out/empty.wav has none either\n"
        "8 of 8 files done, 0 skipped, 0 failed\n"
    )


def test_with_verbose_every_file_is_told_of_in_order() -> None:
    names = assortment()
    lines = upsample(*names, "-d", "out", "--jobs", "3", "-v").stderr.splitlines()
    told = [line.partition(" -> ")[0] for line in lines if " -> out/" in line]
    assert told == names
    assert lines[-1] == "8 of 8 files done, 0 skipped, 0 failed"


def test_three_hundred_files() -> None:
    names = [f"{number:03}.wav" for number in range(300)]
    for number, name in enumerate(names):
        sound(name, number, (20,))
    result = quick(*names, "-d", "out", "--jobs", "2")
    assert result.stdout.splitlines() == [f"out/{name}" for name in names]
    assert without_advice(result.stderr) == "300 of 300 files done, 0 skipped, 0 failed\n"
    quick("007.wav", "-o", "alone.wav")
    assert files("out")["007.wav"] == Path("alone.wav").read_bytes()


def make_noise(name: str) -> str:
    Path(name).write_bytes(numbers(1, (300,), "float64").tobytes())
    return "not recognised as audio; "


def make_empty(name: str) -> str:
    Path(name).touch()
    return "empty file"


def make_nothing(_: str) -> str:
    return "cannot be read: No such file or directory"


def make_folder(name: str) -> str:
    Path(name).mkdir()
    return "no audio file in this folder or below it"


def make_lost_link(name: str) -> str:
    Path(name).symlink_to("nowhere")
    return "cannot be read: No such file or directory"


def make_loop(name: str) -> str:
    Path(name).symlink_to(name)
    return "cannot be read: Too many levels of symbolic links"


def make_cut_short(name: str) -> str:
    sound(name)
    os.truncate(name, 500)
    return "truncated: ends after 228 of 500 frames"


def make_not_finite(name: str) -> str:
    soundfile.write(name, np.full(10, np.nan), 8000, subtype="FLOAT")
    return "NaN or infinity at frame 0 (0.000000 s)"


def make_unreadable(name: str) -> str:
    """A file of which the system says, of every byte, that it cannot be read."""
    Path(name).symlink_to("/proc/self/mem")
    return "cannot be read: Input/output error"


def make_beyond_the_end(name: str) -> str:
    """Sound that ends where no file can: what looks there for metadata is told so by the system."""
    sound(name, format="RF64")
    data = bytearray(Path(name).read_bytes())
    at = data.index(b"ds64") + 8
    data[at : at + 16] = (1 << 61).to_bytes(8, "little") * 2
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff" * 4
    Path(name).write_bytes(data)
    return "truncated: "


@pytest.mark.parametrize(
    "make",
    [
        make_noise,
        make_empty,
        make_nothing,
        make_folder,
        make_lost_link,
        make_loop,
        make_cut_short,
        make_not_finite,
        make_unreadable,
        make_beyond_the_end,
    ],
)
@pytest.mark.parametrize(("place", "jobs"), [(0, "1"), (1, "2")])
def test_a_bad_file_does_not_keep_the_rest(make: Callable[[str], str], place: int, jobs: str) -> None:
    sound("a.wav")
    sound("c.wav")
    names = ["a.wav", "c.wav"]
    names.insert(place, "bad.wav")
    message = make("bad.wav")
    result = quick(*names, "-d", "out", "--jobs", jobs, code=3)
    assert result.stdout == "out/a.wav\nout/c.wav\n"
    first, *rest = without_advice(result.stderr).splitlines()
    assert first.startswith("convt: bad.wav: ")
    assert message in first
    assert rest == [
        "2 of 3 files done, 0 skipped, 1 failed",
        "convt: 1 of 3 files failed: bad.wav",
    ]
    assert sorted(files("out")) == ["a.wav", "c.wav"]


def test_if_all_fail_that_is_another_code() -> None:
    result = quick("a.wav", "b.wav", "-d", "out", code=1)
    assert result.stdout == ""
    assert result.stderr == (
        "convt: a.wav: cannot be read: No such file or directory\n"
        "convt: b.wav: cannot be read: No such file or directory\n"
        "0 of 2 files done, 0 skipped, 2 failed\n"
        "convt: 2 of 2 files failed: a.wav, b.wav\n"
    )
    assert not Path("out").exists()


def test_a_long_list_of_failures_is_cut() -> None:
    names = [f"{number}.wav" for number in range(25)]
    last = quick(*names, "-d", "out", code=1).stderr.splitlines()[-1]
    assert last == f"convt: 25 of 25 files failed: {', '.join(names[:20])} and 5 more"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="asks Linux who reads a pipe")
@pytest.mark.parametrize("count", [4, 40])
def test_a_file_that_kills_its_process_is_told_of(count: int) -> None:
    """As a bug in a decoder does, or a system that is out of memory."""
    names = [f"{number:03}.wav" for number in range(count)]
    for name in names:
        sound(name, shape=(100,))
    os.mkfifo("bad.wav")
    silent = os.open("bad.wav", os.O_RDWR)
    process = begin([*QUICK, names[0], "bad.wav", *names[1:], "-d", "out", "--jobs", "2"])
    killed = set[int]()
    while len(killed) < 2:  # among others, and by itself
        until(lambda: readers_of("bad.wav") - killed, process)
        for reader in readers_of("bad.wav") - killed:
            os.kill(reader, signal.SIGKILL)
            killed.add(reader)
    code, output, errors = ended(process)
    os.close(silent)
    assert code == 3
    assert b"convt: bad.wav: " in errors
    assert output.decode().splitlines() == [f"out/{name}" for name in names]
    assert sorted(files("out")) == names


@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_whose_process_was_killed_is_done_again_and_replaces_nothing(is_there: bool) -> None:
    """Another program may have written under the output's name meanwhile."""
    for name in ("a.wav", "b.wav", "c.wav"):
        sound(name)
    sound("odd.wav", shape=(77,))
    kill = (
        "import os, signal, convt\n"
        "from pathlib import Path\n"
        "whole = convt.Upsampler.__call__\n"
        "def once(self, x):\n"
        "    if x.shape[1] == 77 and not Path('killed').exists():\n"
        f"        {is_there} and Path('out/odd.wav').write_text('another')\n"
        "        Path('killed').touch()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return whole(self, x)\n"
        "convt.Upsampler.__call__ = once\n"
    )
    names = ["a.wav", "odd.wav", "b.wav", "c.wav"]
    command = [sys.executable, "-c", kill + MAIN, "upsample", *names, *KERNEL, "-d", "out", "-j", "2", "-q"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert Path("killed").exists()
    if is_there:
        assert result.returncode == 3
        assert result.stderr.startswith("convt: out/odd.wav: already exists")
        assert Path("out/odd.wav").read_text() == "another"
    else:
        assert (result.returncode, result.stderr) == (0, "")
        assert soundfile.info("out/odd.wav").frames == 2 * 77 + 1


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_exists_is_not_touched_unless_asked_for(jobs: str) -> None:
    sound("a.wav")
    sound("b.wav")
    Path("out").mkdir()
    Path("out/a.wav").write_bytes(b"precious")
    result = quick("a.wav", "b.wav", "-d", "out", "--jobs", jobs, code=3)
    assert "out/a.wav: already exists; use --overwrite" in result.stderr
    assert result.stdout == "out/b.wav\n"
    assert Path("out/a.wav").read_bytes() == b"precious"
    assert quick("a.wav", "b.wav", "-d", "out", "--jobs", jobs, "--overwrite").stdout.count("\n") == 2
    assert soundfile.info("out/a.wav").frames == 1001


def test_a_run_goes_on_where_it_ended() -> None:
    names = ["a.wav", "b.wav", "c.wav"]
    for name in names:
        sound(name)
    quick("b.wav", "-d", "out")
    before = Path("out/b.wav").stat()
    result = quick(*names, "-d", "out", "--skip-existing")
    assert result.stdout == "out/a.wav\nout/c.wav\n"
    assert without_advice(result.stderr) == "2 of 3 files done, 1 skipped, 0 failed\n"
    again = quick(*names, "-d", "out", "--skip-existing")
    assert (again.stdout, again.stderr) == ("", "0 of 3 files done, 3 skipped, 0 failed\n")
    assert Path("out/b.wav").stat() == before


def test_what_is_skipped_is_no_failure_nor_is_it_done() -> None:
    sound("a.wav")
    quick("a.wav", "-d", "out")
    result = quick("a.wav", "bad.wav", "-d", "out", "--skip-existing", code=3)
    assert "0 of 2 files done, 1 skipped, 1 failed\n" in result.stderr
    assert quick("a.wav", "--skip-existing").stdout == "a_x2.wav\n"
    assert quick("a.wav", "--skip-existing").stdout == ""


def test_no_folder_and_no_lost_link_is_an_output_that_exists() -> None:
    sound("a.wav")
    sound("b.wav")
    Path("out/a.wav").mkdir(parents=True)
    Path("out/b.wav").symlink_to("elsewhere.wav")
    result = quick("a.wav", "b.wav", "-d", "out", "--skip-existing", code=3)
    assert "out/a.wav: is a folder" in result.stderr
    assert "1 of 2 files done, 0 skipped, 1 failed\n" in result.stderr
    assert soundfile.info("out/elsewhere.wav").frames == 1001


def test_a_name_that_is_too_long_for_its_output_does_not_keep_the_rest() -> None:
    long = f"{'n' * 249}.wav"
    sound(long)
    sound("a.wav")
    for arguments in (["--overwrite"], ["--skip-existing"]):
        Path("a_x2.wav").unlink(missing_ok=True)
        result = quick(long, "a.wav", "-d", ".", *arguments, code=3)
        assert result.stdout == "a_x2.wav\n"
        assert "cannot be written: File name too long" in result.stderr


@pytest.mark.parametrize("folder", [["-d", "."], ["-d", "out"], ["-d", "new/out"]])
def test_a_dry_run_writes_nothing_and_makes_no_folder(folder: list[str]) -> None:
    sound("a.wav")
    sound("b.wav", shape=(700, 2))
    before = files(".")
    result = quick("a.wav", "b.wav", *folder, "--dry-run", "--jobs", "2")
    assert files(".") == before
    assert result.stdout == ""
    target = "a_x2.wav" if folder[-1] == "." else str(Path(folder[-1]) / "a.wav")
    line = result.stderr.splitlines()[1].split()
    assert (line[:2], line[-1]) == (["a.wav", target], "2046")
    assert "2 of 2 files done" in result.stderr


def test_a_dry_run_tells_of_what_would_fail() -> None:
    sound("a.wav")
    sound("b.wav")
    Path("out").mkdir()
    Path("out/b.wav").write_bytes(b"precious")
    result = quick("a.wav", "bad.wav", "b.wav", "-d", "out", "--dry-run", code=3)
    assert "out/b.wav: already exists" in result.stderr
    assert "bad.wav: cannot be read" in result.stderr
    assert files("out") == {"b.wav": b"precious"}


def test_quiet_leaves_names_and_errors() -> None:
    sound("a.wav")
    sound("empty.wav", shape=(0,))
    result = quick("a.wav", "empty.wav", "-d", "out", "-q")
    assert (result.stdout, result.stderr) == ("out/a.wav\nout/empty.wav\n", "")
    result = quick("a.wav", "bad.wav", "-d", "new", "-q", code=3)
    assert (result.stdout, result.stderr) == (
        "new/a.wav\n",
        "convt: bad.wav: cannot be read: No such file or directory\nconvt: 1 of 2 files failed: bad.wav\n",
    )


def test_json_is_a_line_for_each_file_in_their_order() -> None:
    sound("a.wav")
    sound("c.wav")
    result = quick("c.wav", "bad.wav", "a.wav", "-d", "out", "--json", "--jobs", "2", code=3)
    assert result.stderr == ""
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert [document["input"]["path"] for document in documents] == ["c.wav", "bad.wav", "a.wav"]
    reason = "bad.wav: cannot be read: No such file or directory"
    assert documents[1] == {"input": {"path": "bad.wav"}, "error": reason, "exit_code": 1}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_names_of_any_bytes(jobs: str) -> None:
    names = [
        b"a b.wav",
        b"-dash.wav",
        b"--help.wav",
        b"caf\xe9.wav",
        b"two\nlines.wav",
        b"'q\".wav",
        b"\xff",
    ]
    for name in names:
        sound("a.wav")
        Path("a.wav").rename(os.fsdecode(name))
    command = [*CONVT, "upsample", "-q", "-d", "out", "-j", jobs, "--weights", "w.npy", "--"]
    result = subprocess.run([*command, *names, b"n\xf6\n.wav"], capture_output=True, check=False)
    assert result.returncode == 3
    assert result.stdout == b"".join(b"out/" + name + b"\n" for name in names)
    assert result.stderr.count(b"\n") == 2
    assert b"convt: n\\udcf6\\n.wav: cannot be read" in result.stderr
    assert {os.fsencode(name) for name in files("out")} == set(names)


def test_a_whole_folder_of_names_of_any_bytes() -> None:
    Path("in").mkdir()
    for name in (b"caf\xe9.wav", b"two\nlines.wav"):
        sound("a.wav")
        Path("a.wav").rename(b"in/".decode() + os.fsdecode(name))
    command = [*CONVT, "upsample", "-q", "in", "-d", "o\nut", "--weights", "w.npy"]
    result = subprocess.run(command, capture_output=True, check=True)
    assert result.stdout == b"o\nut/caf\xe9.wav\no\nut/two\nlines.wav\n"


def test_a_reader_of_the_names_that_has_gone_does_not_keep_the_files_from_being_made() -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        sound(name)
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [*CONVT, "upsample", "a.wav", "b.wav", "c.wav", "-d", "out", "-q", "--weights", "w.npy"]
    result = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)
    assert (result.returncode, result.stderr) == (0, b"")
    assert len(files("out")) == 3


def test_names_that_cannot_be_written_are_one_line() -> None:
    for name in ("a.wav", "b.wav"):
        sound(name)
    command = [*CONVT, "upsample", "a.wav", "b.wav", "-d", "out", "-q", "--weights", "w.npy"]
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "stdout: cannot be written: No space left on device" in result.stderr
    assert all(soundfile.info(path).frames == 1001 for path in Path("out").iterdir())


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_unknown_exception_keeps_its_traceback(jobs: str) -> None:
    broken = "import convt; convt.Upsampler.__call__ = lambda *_: 1 / 0\n"
    sound("a.wav")
    command = [sys.executable, "-c", broken + MAIN, "upsample", "a.wav", "w.npy", *KERNEL]
    result = subprocess.run([*command, "-d", "out", "--jobs", jobs], capture_output=True, check=False)
    assert result.returncode == 1
    assert b"Traceback" in result.stderr
    assert result.stderr.endswith(b"\nZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_kernel_that_suits_some_files_is_told_for_the_others(jobs: str) -> None:
    np.save("w2", np.ones((2, 3)))
    sound("mono.wav")
    sound("stereo.wav", shape=(500, 2))
    arguments = ["mono.wav", "stereo.wav", "-d", "out", "-q", "--weights", "w2.npy", "--jobs", jobs]
    result = upsample(*arguments, code=3)
    assert result.stdout == "out/stereo.wav\n"
    assert "do not fit mono.wav, which has 1 channel(s)" in result.stderr


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.aiff", "PCM_24"), ("a.caf", "PCM_16"), ("a.wav", "FLOAT")]
)
def test_no_file_holds_the_time_it_was_made(name: str, subtype: str) -> None:
    """As a chunk of peaks does: the same input and kernel give the same bytes, at any time."""
    sound(name, subtype=subtype)
    quick(name, "-d", "out", "-q")
    assert b"PEAK" not in Path("out", name).read_bytes().upper()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_went_before_leaves_no_trace_in_a_file(jobs: str) -> None:
    """Not in its samples, and not in what is told of it: failures, dither and overs are each file's own."""
    sound("good.wav", 1, (300_000,))
    soundfile.write("over.wav", np.tile([0.99, -0.99, -0.99, 0.99], 75_000), 8000)
    options = ["--overs", "error", "-q"]
    upsample("good.wav", "-d", "alone", *options)
    names = ["over.wav", "good.wav"]
    result = upsample(*names, "-d", "out", *options, "--jobs", jobs, code=3)
    assert "over.wav: " in result.stderr
    assert files("out") == files("alone")


def test_no_file_gets_samples_of_one_that_failed_before_it() -> None:
    """What is still being computed for a file that cannot be written must not reach the next."""
    slow = (
        "import time, convt\n"
        "process = convt.Upsampler.process\n"
        "def slow(self, x):\n"
        "    time.sleep(0.25 * bool(x.size))\n"
        "    return process(self, x)\n"
        "convt.Upsampler.process = slow\n"
    )
    soundfile.write("over.wav", np.r_[np.tile([0.9, -0.9, -0.9], 100), np.zeros(800_000)], 8000)
    sound("good.wav", 1, (400_000,))
    command = [sys.executable, "-c", slow + CONVT[2], "upsample", "-q", "-j", "1", "--overs", "error"]
    subprocess.run([*command, "good.wav", "-d", "alone"], check=True, capture_output=True)
    result = subprocess.run(
        [*command, "over.wav", "good.wav", "-d", "out"], check=False, capture_output=True
    )
    assert result.returncode == 3
    assert files("out") == files("alone")


def test_what_a_power_cut_left_empty_is_done_again() -> None:
    sound("a.wav")
    sound("b.wav")
    Path("out").mkdir()
    Path("out/a.wav").touch()
    Path("out/b.wav").write_bytes(b"of another kind")
    assert quick("a.wav", "b.wav", "-d", "out", "--skip-existing").stdout == "out/a.wav\n"
    assert soundfile.info("out/a.wav").frames == 1001
    assert Path("out/b.wav").read_bytes() == b"of another kind"


@pytest.mark.parametrize(
    ("options", "is_synced"),
    [
        ([], True),
        (["--no-sync"], False),
        (["-d", "out"], False),
        (["-d", "out", "--sync"], True),
    ],
)
def test_one_output_is_brought_to_the_disk_and_many_if_that_is_asked(
    options: list[str], is_synced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound("a.wav")
    sound("b.wav")
    synced = list[int]()
    monkeypatch.setattr(os, "fsync", synced.append)
    quick("a.wav", "--jobs", "1", *options)
    assert bool(synced) == is_synced
