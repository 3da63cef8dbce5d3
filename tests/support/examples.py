"""The examples in pages of documentation, and how they are run."""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from convt_cli.app import app

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


def run_console(block: str, *, in_docs: bool = False) -> None:
    """Run the commands of a block, which have to succeed, and print what the block shows.

    In the documentation output may be left out, and commands of convt alone run in this process.
    """
    for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = example.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = f"{command}\n{more}"
        code, output = _run(command, start_convt=not in_docs)
        assert (code, output) == (0, expected if expected or not in_docs else output), command


def _run(command: str, *, start_convt: bool) -> tuple[int, str]:
    """Return the exit code and the output of a command."""
    if command.startswith("convt ") and not start_convt and not re.search(r"[^\w\s./:=,+@%-]", command):
        there = CliRunner().invoke(app, shlex.split(command)[1:], prog_name="convt")
        return there.exit_code, there.output
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    result = subprocess.run(command, shell=True, stdout=pipe, stderr=both, text=True, check=False)
    return result.returncode, result.stdout


def run_python(block: str, page: str, names: dict[str, Any]) -> None:
    """Run a Python session, with the names of those before it on the page."""
    test = doctest.DocTestParser().get_doctest(block, names, page, page, 0)
    assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
    names.update(test.globs)
