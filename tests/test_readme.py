"""The README is true: its examples run, and print what it says."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _as_in_a_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "sample_audio", tmp_path / "sample_audio")
    monkeypatch.chdir(tmp_path)
    # The commands of the environment that runs the tests, as if it were activated.
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@pytest.mark.parametrize("block", blocks("console"))
def test_console_examples(block: str) -> None:
    for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = example.partition("\n")
        result = subprocess.run(
            command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert (result.returncode, result.stdout) == (0, expected), command


@pytest.mark.parametrize("block", blocks("pycon"))
def test_python_examples(block: str) -> None:
    test = doctest.DocTestParser().get_doctest(block, {}, "README", "README.md", 0)
    if not block.startswith(">>> import"):
        test.globs.update(np=__import__("numpy"), convt=__import__("convt"))
    assert doctest.DocTestRunner().run(test).failed == 0


def test_the_two_set_up_commands_are_those_that_ci_runs() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) == 2
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)
    run = (ROOT / ".ci" / "run").read_text()
    assert [
        pattern for pattern in ("convt upsample", "pytest") if f"readme_command '{pattern}'" in run
    ] == [
        "convt upsample",
        "pytest",
    ]
    for command, pattern in zip(commands, ("convt upsample", "pytest"), strict=True):
        assert re.search(f"^python3 -m venv .*{pattern}", command)


def test_there_are_examples_of_each_kind() -> None:
    assert [len(blocks(language)) for language in ("sh", "console", "pycon")] == [2, 8, 4]


def test_no_other_language_hides_an_example_that_is_not_run() -> None:
    assert set(re.findall(r"^```(\w+)$", README, flags=re.MULTILINE)) == {"sh", "console", "pycon"}
