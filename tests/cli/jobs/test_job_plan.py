"""Which files a command line names, where their outputs stand, and what is refused before any work."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.command import MAIN, upsample
from tests.support.strategies import numbers


@pytest.fixture(autouse=True)
def _inputs() -> None:
    np.save("w", np.ones(3))


def sound(*names: str) -> None:
    """Make short sound files, no two alike, and the folders they stand in."""
    for seed, name in enumerate(names):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        container = {".aif": "AIFF", ".WAV": "WAV"}.get(path.suffix)
        soundfile.write(name, 0.1 * np.tanh(numbers(seed, (20,), "float64")), 8000, format=container)


def contents() -> dict[str, bytes]:
    """Every file below, links and folders as what they are."""
    return {
        str(path): path.read_bytes() if path.is_file() else b""
        for path in Path().rglob("*")
        if not special(path)
    }


def special(path: Path) -> bool:
    return path.is_fifo() or path.is_symlink()


def written(*arguments: str) -> list[str]:
    """Run a command, quickly, and return the names that it prints; each of them is a new, whole file."""
    before = contents()
    lines: list[str] = upsample(*arguments, "--weights", "w.npy", "-q").stdout.splitlines()
    assert not {os.path.relpath(os.path.realpath(line)) for line in lines} & before.keys()
    for line in lines:
        assert soundfile.info(line).frames == 41
    return lines


def refused(*arguments: str, code: int = 2) -> str:
    """Run a command that must fail, in one line, before it has touched anything."""
    before = contents()
    result = upsample(*arguments, "--weights", "w.npy", code=code)
    assert contents() == before
    assert result.stdout == ""
    assert result.stderr.startswith("convt: ")
    assert result.stderr.count("\n") == 1
    return str(result.stderr)


def test_several_inputs_need_a_folder() -> None:
    sound("a.wav", "b.wav", "c.wav")
    assert "two inputs and no -d. Did you mean -o b.wav?" in refused("a.wav", "b.wav")
    assert "two inputs and no -d. Did you mean -o out.wav?" in refused("a.wav", "out.wav")
    assert "3 inputs need -d DIR" in refused("a.wav", "b.wav", "c.wav")


def test_in_its_own_folder_an_output_has_another_name() -> None:
    sound("a.wav", "b.wav", "sub/c.wav")
    assert written("a.wav", "b.wav", "sub/c.wav", "-d", ".") == ["a_x2.wav", "b_x2.wav", "c.wav"]
    assert written("a.wav", "-d", ".", "--rate", "16k") == ["a_16000.wav"]


def test_in_a_folder_outputs_have_their_inputs_names() -> None:
    sound("a.wav", "sub/b.flac", "sub/deep/c.aiff")
    names = ["a.wav", str(Path("sub/b.flac").absolute()), "sub/../sub/deep/c.aiff"]
    assert written(*names, "-d", "new/out/") == ["new/out/a.wav", "new/out/b.flac", "new/out/c.aiff"]


def test_one_file_may_go_to_a_folder_too() -> None:
    sound("a.wav")
    assert written("a.wav", "-d", "out") == ["out/a.wav"]


@pytest.mark.parametrize(
    ("container", "extension"),
    [("flac", "flac"), ("AIFF", "aiff"), ("RF64", "wav"), ("wavex", "wav"), ("W64", "w64"), ("AU", "au")],
)
def test_another_container_changes_the_extensions(container: str, extension: str) -> None:
    sound("a.wav", "b.flac")
    names = [f"out/a.{extension}", f"out/b.{extension}"]
    assert written("a.wav", "b.flac", "-d", "out", "--format", container) == names
    beside = ["a_x2.wav" if extension == "wav" else f"a.{extension}"]
    beside += ["b_x2.flac" if extension == "flac" else f"b.{extension}"]
    assert written("a.wav", "b.flac", "-d", ".", "--format", container) == beside


def test_the_sample_format_decides_between_ogg_and_opus() -> None:
    sound("a.wav")
    assert upsample("a.wav", "-q", "--format", "OGG").stdout == "a_x2.ogg\n"
    assert upsample("a.wav", "-q", "--format", "OGG", "--subtype", "opus").stdout == "a_x2.opus\n"
    assert soundfile.info("a_x2.opus").subtype == "OPUS"


def test_an_array_keeps_its_extension() -> None:
    np.save("x", np.ones(20))
    assert upsample("x.npy", "-d", "out", "-q").stdout == "out/x.npy\n"
    assert np.load("out/x.npy").shape == (40,)


def test_a_whole_folder_keeps_its_tree() -> None:
    sound("in/b.wav", "in/a.wav", "in/sub/deep/c.flac", "in/sub/LOUD.WAV", "in/z.aif")
    assert written("in", "-d", "out") == [
        "out/a.wav",
        "out/b.wav",
        "out/sub/LOUD.WAV",
        "out/sub/deep/c.flac",
        "out/z.aif",
    ]


def test_what_is_no_sound_is_left_out_of_a_folder() -> None:
    sound("in/a.wav", "in/.hidden.wav")
    Path("in/notes.txt").write_text("hiss\n")
    Path("in/wav").write_text("hiss\n")
    Path("in/folder.wav").mkdir()
    os.mkfifo("in/pipe.wav")
    np.save("in/w.npy", np.ones(3))
    assert written("in", "-d", "out") == ["out/a.wav"]


def test_what_is_in_a_hidden_folder_is_left_out() -> None:
    sound("in/a.wav", "in/.trash/b.wav", "in/sub/.cache/deep/c.wav")
    assert written("in", "-d", "out") == ["out/a.wav"]


def test_a_folder_may_be_hidden_itself() -> None:
    sound(".corpus/a.wav")
    assert written(".corpus", "-d", ".out") == [".out/a.wav"]


def test_the_kernels_own_files_are_left_out_of_a_folder() -> None:
    sound("in/a.wav")
    for name in ("taps", "offset"):
        np.save(f"in/{name}.npy", np.ones(3 if name == "taps" else 1))
        Path(f"in/{name}.npy").rename(f"in/{name}.wav")
    Path("link.wav").symlink_to("in/taps.wav")
    arguments = ["in", "-d", "out", "-q", "--weights", "link.wav", "--bias", "in/offset.wav"]
    assert upsample(*arguments).stdout == "out/a.wav\n"


def test_links_are_followed_and_every_folder_is_read_once() -> None:
    sound("in/sub/a.wav", "other/deep/b.wav")
    Path("in/sub/up").symlink_to("..")
    Path("in/self").symlink_to(".")
    Path("in/twice").symlink_to("sub")
    Path("in/other").symlink_to("../other")
    Path("in/zzz").symlink_to("../other")
    Path("other/back").symlink_to("../in")
    Path("in/b.wav").symlink_to("../other/deep/b.wav")
    assert written("in", "-d", "out") == ["out/b.wav", "out/other/deep/b.wav", "out/sub/a.wav"]


def test_a_link_back_to_the_outputs_makes_no_new_inputs() -> None:
    sound("in/a.wav", "out/old.wav")
    Path("in/results").symlink_to("../out")
    assert written("in", "-d", "out") == ["out/a.wav"]


def test_a_link_that_leads_nowhere_is_a_file_that_fails() -> None:
    sound("in/a.wav")
    Path("in/lost.wav").symlink_to("nowhere.wav")
    Path("in/loop.wav").symlink_to("loop.wav")
    Path("in/lost.txt").symlink_to("nowhere.txt")
    result = upsample("in", "-d", "out", "-q", "--weights", "w.npy", code=3)
    assert result.stdout == "out/a.wav\n"
    for name in ("lost", "loop"):
        assert f"convt: in/{name}.wav: broken link\n" in result.stderr
    assert "lost.txt" not in result.stderr


def test_folders_may_be_nested_deeper_than_calls() -> None:
    deep = Path("in", *"d" * 600)
    for place in (*reversed(deep.parents[:-1]), deep):
        place.mkdir()
    sound("a.wav")
    Path("a.wav").rename(deep / "a.wav")  # libsndfile takes no name so long
    shallow = [sys.executable, "-c", f"import sys; sys.setrecursionlimit(300); {MAIN}"]
    command = [*shallow, "upsample", "in", "-d", "out", "-q", "--weights", "w.npy"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert result.stdout == f"{Path('out', *deep.parts[1:], 'a.wav')}\n"


def test_a_folder_may_be_named_by_a_link() -> None:
    sound("in/sub/a.wav")
    Path("link").symlink_to("in")
    assert written("link", "-d", "out") == ["out/sub/a.wav"]


def test_several_folders_and_a_file_go_together() -> None:
    sound("one/a.wav", "two/sub/b.wav", "c.wav")
    assert written("two", "c.wav", "one", "-d", "out") == ["out/sub/b.wav", "out/c.wav", "out/a.wav"]


def test_folders_may_be_named_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    sound("in/sub/a.wav", "here/b.wav")
    monkeypatch.chdir("here")
    np.save("w", np.ones(3))
    assert written("..", "-d", "../out") == ["../out/here/b.wav", "../out/in/sub/a.wav"]
    assert written(".", "-d", "../new") == ["../new/b.wav"]


@pytest.mark.parametrize("name", ["in/out", "./in/out", "in/../in/out", "link/out"])
def test_outputs_within_the_folder_are_no_inputs(name: str) -> None:
    sound("in/a.wav", "in/sub/b.wav")
    Path("link").symlink_to("in")
    assert written("in", "-d", name) == [f"{Path(name)}/a.wav", f"{Path(name)}/sub/b.wav"]
    before = contents()
    result = upsample("in", "-d", name, "--weights", "w.npy", "--skip-existing")
    assert result.stderr == "0 of 2 files done, 2 skipped, 0 failed\n"
    assert contents() == before


def test_outputs_may_go_to_a_folder_above() -> None:
    sound("in/sub/a.wav", "in/b.wav")
    assert written("in", "-d", ".") == ["b.wav", "sub/a.wav"]


def test_a_folder_cannot_take_its_own_outputs() -> None:
    sound("in/a.wav", "in/sub/b.wav")
    before = contents()
    result = upsample("in", "-d", "in", "--overwrite", code=2)
    assert "no sound file" not in result.stderr
    assert contents() == before


def test_a_folder_without_sound_is_an_error() -> None:
    Path("in/sub").mkdir(parents=True)
    Path("in/notes.txt").write_text("hiss\n")
    assert "in: no audio file in this folder or below it" in refused("in", "-d", "out", code=1)
    sound("more/a.wav")
    result = upsample("more", "in", "-d", "out", "-q", code=3)
    assert "in: no audio file in this folder or below it" in result.stderr
    assert result.stdout == "out/a.wav\n"


def test_audio_of_types_that_are_not_read_is_counted() -> None:
    sound("in/a.wav")
    for name in ("b.m4a", "sub/c.M4A", "d.wma", "notes.txt", ".hidden.m4a"):
        Path("in", name).parent.mkdir(exist_ok=True)
        Path("in", name).write_bytes(b"not audio")
    result = upsample("in", "-d", "out", "-q")
    assert result.stdout == "out/a.wav\n"
    assert result.stderr == (
        "convt: warning: in: left out 2 .m4a, 1 .wma, which convt does not read: try ffmpeg first\n"
    )
    Path("in/a.wav").unlink()
    said = refused("in", "-d", "out", code=1)
    assert "in: no audio file in this folder or below it: left out 2 .m4a, 1 .wma, which" in said


@pytest.mark.parametrize("name", ["nowhere", "y" * 300, "w.npy/in", "loop"])
def test_a_folder_that_cannot_be_read_does_not_keep_the_rest(name: str) -> None:
    sound("in/a.wav")
    Path("loop").symlink_to("loop")
    result = upsample(name, "in", "-d", "out", "-q", code=3)
    assert result.stdout == "out/a.wav\n"
    assert f"{name}: cannot be read: " in result.stderr


def test_a_folder_below_that_cannot_be_read_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    sound("in/a.wav", "in/locked/b.wav")
    scandir, listdir = os.scandir, os.listdir

    def refuse(path: object) -> None:
        if "locked" in str(path):
            raise PermissionError(13, "Permission denied", str(path))

    def scan(path: str = ".") -> Iterator[os.DirEntry[str]]:
        refuse(path)
        return scandir(path)

    def names(path: str = ".") -> list[str]:
        refuse(path)
        return listdir(path)

    monkeypatch.setattr(os, "scandir", scan)
    monkeypatch.setattr(os, "listdir", names)
    result = upsample("in", "-d", "out", "-q", code=3)
    assert result.stdout == "out/a.wav\n"
    assert "locked: cannot be read: Permission denied" in result.stderr


@pytest.mark.parametrize("folder", [["-d", "."], ["-d", "out"]])
@pytest.mark.parametrize(
    "again", ["a.wav", "./a.wav", "sub/../a.wav", "link/a.wav", "ABSOLUTE"], ids=lambda name: name
)
def test_the_same_file_twice_is_refused(again: str, folder: list[str]) -> None:
    sound("a.wav", "sub/b.wav")
    Path("link").symlink_to(".")
    again = str(Path("a.wav").absolute()) if again == "ABSOLUTE" else again
    assert "would both become" in refused("a.wav", "sub/b.wav", again, *folder, "--overwrite")


def test_two_names_of_one_file_may_have_two_outputs() -> None:
    sound("a.wav")
    Path("b.wav").symlink_to("a.wav")
    Path("c.wav").hardlink_to("a.wav")
    assert written("a.wav", "b.wav", "c.wav", "-d", ".") == ["a_x2.wav", "b_x2.wav", "c_x2.wav"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["one/a.wav", "two/a.wav", "-d", "out"],
        ["one", "two", "-d", "out"],
        ["one", "one/a.wav", "-d", "out"],
        ["one", "one/", "-d", "out"],
        ["one/a.wav", "one/a.flac", "-d", "out", "--format", "aiff"],
        ["one/a.wav", "one/a.flac", "-d", "one", "--format", "aiff"],
    ],
)
def test_two_inputs_of_one_output_are_refused(arguments: list[str]) -> None:
    sound("one/a.wav", "two/a.wav", "one/a.flac")
    assert "would both become" in refused(*arguments, "--overwrite")


def test_two_inputs_whose_outputs_are_one_file_through_links_are_refused() -> None:
    sound("a.wav", "b.wav", "out/old.wav")
    Path("out/a.wav").symlink_to("old.wav")
    Path("out/b.wav").symlink_to("old.wav")
    refused("a.wav", "b.wav", "-d", "out", "--overwrite")


def test_an_output_that_is_another_input_is_refused() -> None:
    """What one input becomes must not take another's place, be it read before or after."""
    sound("a.wav", "a_x2.wav", "in/b.wav")
    assert "a_x2.wav" in refused("a.wav", "a_x2.wav", "-d", ".", "--overwrite")
    assert "a_x2.wav" in refused("a_x2.wav", "a.wav", "-d", ".", "--overwrite", "--jobs", "1")
    Path("in/out").mkdir()
    Path("in/out/a.wav").symlink_to("../b.wav")
    assert "b.wav" in refused("a.wav", "in/b.wav", "-d", "in/out", "--overwrite")


def test_an_output_that_is_its_own_input_is_refused() -> None:
    sound("in/a.wav")
    Path("out").mkdir()
    Path("out/a.wav").hardlink_to("in/a.wav")
    before = contents()
    result = upsample("in/a.wav", "-d", "out", "--overwrite", code=1)
    assert "out/a.wav: is the same file as the input in/a.wav" in result.stderr
    assert contents() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.wav", "b.wav", "-o", "out.wav"], "-o names one output"),
        (["a.wav", "-o", "out.wav", "-d", "out"], "-o names one output and -d the folder of several"),
        (["in", "-o", "out.wav"], "-o names one output"),
        (["in", "-d", "out", "-o", "out.wav"], "-o names one output and -d the folder of several"),
        (["in"], "in: is a folder: name the folder for its outputs with -d DIR"),
        (["a.wav", "in"], "in: is a folder: name the folder for its outputs with -d DIR"),
        (["-", "a.wav"], "standard input (-) goes alone"),
        (["a.wav", "-", "-d", "out"], "standard input (-) goes alone"),
        (["-", "-d", "out"], "standard input (-) goes alone"),
        (["-", "-"], "standard input (-) goes alone"),
        (["a.wav", "b.wav", "-o", "-"], "-o names one output"),
        (["a.wav", "b.wav", "--jobs", "0"], "--jobs must be a whole number, 1 or more"),
        (["a.wav", "b.wav", "--jobs", "many"], "--jobs must be a whole number, 1 or more"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], message: str) -> None:
    sound("a.wav", "b.wav", "in/c.wav")
    assert message in refused(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "nonsense"],
        ["--format", "../../x"],
        ["--subtype", "PCM_17"],
        ["--rate", "8000", "--stride", "2"],
        ["--raw"],
    ],
)
def test_what_no_file_can_be_is_told_once_and_before_any_work(arguments: list[str]) -> None:
    sound("a.wav", "b.wav")
    refused("a.wav", "b.wav", "-d", "out", *arguments)
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["loop.npy", "y" * 300, "w.npy/w"])
def test_weights_whose_name_leads_nowhere(name: str) -> None:
    sound("a.wav")
    Path("loop.npy").symlink_to("loop.npy")
    result = upsample("a.wav", "--weights", name, code=1)
    assert result.stderr.startswith(f"convt: {name}: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["loop", "w.npy", "w.npy/out", "y" * 300, "lost"])
def test_a_folder_that_cannot_be_made(name: str) -> None:
    sound("a.wav", "in/b.wav")
    Path("loop").symlink_to("loop")
    Path("lost").symlink_to("nowhere/below")
    before = contents()
    for sources in (["a.wav"], ["in", "a.wav"]):
        result = upsample(*sources, "-d", name, "-q", code=1)
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        assert f"convt: {name}" in result.stderr
    assert contents() == before


def test_no_folder_is_made_for_an_input_that_cannot_be_read() -> None:
    upsample("nowhere/a.wav", "b.wav", "-d", "out", code=1)
    assert [path.name for path in Path().iterdir()] == ["w.npy"]
