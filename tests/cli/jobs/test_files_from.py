"""``--files-from``: inputs that a list names."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.support.command import (
    CONVT,
    UPSAMPLE,
    all_facts,
    parsed,
    refused,
    tree,
    upsample,
    without_advice,
)
from tests.support.sounds import noise_file

ODD = [b"a.wav", b" b .wav", b"caf\xe9.wav", "schön.wav".encode(), b"#c.wav"]


@pytest.fixture(autouse=True)
def _inputs() -> None:
    np.save("w", np.ones(3))
    for name in ODD:
        noise_file("in.wav")
        Path("in.wav").rename(os.fsdecode(name))


def made(text: bytes, *arguments: str) -> bytes:
    """The names that a command prints which takes its list from standard input."""
    command = [*UPSAMPLE, "--files-from", "-", "--weights", "w.npy", "-d", "out", "-q", *arguments]
    result = subprocess.run(command, input=text, capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.count(b"out/") == len(list(Path("out").iterdir()))
    return result.stdout


@pytest.mark.parametrize(
    "text",
    [
        b"\n".join(ODD),
        b"\n\n".join(ODD) + b"\n \n",
        b"\r\n".join(ODD) + b"\r\n",
        b"\xef\xbb\xbf" + b"\n".join(ODD),
        b"\0".join(ODD),
        b"\0".join(ODD) + b"\0",
    ],
    ids=["lines", "blank", "CRLF", "BOM", "NUL", "print0"],
)
def test_a_list_names_files_of_any_bytes(text: bytes) -> None:
    Path("list").write_bytes(text)
    options = ["--files-from", "list", "--weights", "w.npy", "-d", "out", "-q"]
    made = upsample(*options).stdout_bytes
    assert made == b"".join(b"out/" + name + b"\n" for name in ODD)
    assert {os.fsencode(path.name) for path in Path("out").iterdir()} == set(ODD)


def test_a_list_on_standard_input() -> None:
    assert made(b"\n".join(ODD)) == b"".join(b"out/" + name + b"\n" for name in ODD)


def test_with_nuls_names_have_lines() -> None:
    name = "two\nlines\r.wav"
    Path("a.wav").rename(name)
    assert made(name.encode() + b"\0") == b"out/two\nlines\r.wav\n"


def test_what_find_prints() -> None:
    Path("in/sub").mkdir(parents=True)
    for name in ODD:
        Path(os.fsdecode(name)).rename(Path("in/sub") / os.fsdecode(name))
    command = (
        f"find in -name '*.wav' -print0 | {' '.join(CONVT[:1])} -m convt upsample --files-from - -q -d out"
    )
    result = subprocess.run(["bash", "-c", command], capture_output=True, check=True)  # noqa: S607
    assert {*result.stdout.splitlines()} == {b"out/" + name for name in ODD}


def test_named_inputs_come_before_those_of_the_list() -> None:
    Path("list").write_text("a.wav\n")
    documents = all_facts("#c.wav", "--files-from", "list", "--weights", "w.npy")
    assert [document["output"]["path"] for document in documents] == ["#c_x2.wav", "a_x2.wav"]


def test_a_list_may_name_folders_with_r() -> None:
    Path("in").mkdir()
    Path("a.wav").rename("in/a.wav")
    assert made(b"in\n#c.wav\n") == b"out/a.wav\nout/#c.wav\n"


def test_a_list_of_one_is_reported_like_one_of_many() -> None:
    Path("list").write_text("a.wav\n")
    result = upsample("--files-from", "list", "--weights", "w.npy")
    assert result.stdout == "a_x2.wav\n"
    assert without_advice(result.stderr) == "1 of 1 files done, 0 skipped, 0 failed\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--files-from", "none"], 1, "none: cannot be read: No such file or directory"),
        (["--files-from", "."], 1, ".: cannot be read: Is a directory"),
        (["--files-from", "list"], 1, "list: this list is empty"),
        (["a.wav", "--files-from", "list"], 1, "list: this list is empty"),
        (["--files-from", "pipe"], 1, "pipe: names standard input (-) among files"),
        (["-", "--files-from", "-"], 2, "standard input (-) goes alone"),
        (["-", "--files-from", "list"], 2, "standard input (-) goes alone"),
        (["--files-from", "list", "-o", "out.wav"], 2, "-o names one output"),
        (["--files-from", "list", "--plot", "p.png"], 2, "--plot draws one input"),
        ([], 2, "no input: name a file or a folder, or - for stdin (see 'convt upsample --help')"),
    ],
)
def test_what_is_refused(arguments: list[str], code: int, message: str) -> None:
    Path("list").write_text("\n  \r\n\n")
    Path("pipe").write_text("a.wav\n-\n")
    assert message in refused("upsample", *arguments, "--weights", "w.npy", code=code)


def test_a_file_that_is_named_twice_is_refused_before_any_work() -> None:
    Path("list").write_text("a.wav\n./a.wav\n")
    before = tree()
    message = "a.wav and a.wav would both become a_x2.wav"
    assert message in refused("upsample", "--files-from", "list", "--weights", "w.npy", code=2)
    assert tree() == before


def test_json_of_a_usage_error_is_on_stdout_though_the_list_is_on_stdin() -> None:
    command = [*UPSAMPLE, "--files-from", "-", "--json", "--stride", "0"]
    result = subprocess.run(command, input="a.wav\n", capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (2, "")
    assert parsed(result.stdout)["exit_code"] == 2


def test_a_list_may_name_a_file_that_is_called_as_standard_input_is() -> None:
    Path("a.wav").rename("-")
    assert made(b"./-\n") == b"out/-\n"
