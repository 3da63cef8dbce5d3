"""The examples in pages of documentation, and how they are run."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def examples(page: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a page: the language and the text of each."""
    return _BLOCK.findall(page)


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return [text for name, text in examples(page) if name == language]


def enter_a_clone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to a folder with the sample audio, with the commands of the tests' environment at hand."""
    made = shutil.ignore_patterns("speech_8k_x2.wav")  # by the README's first command
    shutil.copytree(ROOT / "sample_audio", folder / "sample_audio", ignore=made)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


def run_console(block: str, *, output_may_be_left_out: bool = False) -> None:
    """Run the commands of a block, which have to succeed, and print what the block shows."""
    for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = example.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = f"{command}\n{more}"
        result = subprocess.run(
            command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        shown = expected if expected or not output_may_be_left_out else result.stdout
        assert (result.returncode, result.stdout) == (0, shown), command


def run_python(block: str, page: str, names: dict[str, Any]) -> None:
    """Run a Python session, with the names of those before it on the page."""
    test = doctest.DocTestParser().get_doctest(block, names, page, page, 0)
    assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
    names.update(test.globs)
