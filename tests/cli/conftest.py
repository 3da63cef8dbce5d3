"""Every test of the command line runs in a folder of its own, and no process outlives it."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from convt_cli.app import Commands
from tests.support.processes import end_all

_build = Commands.get_command


@pytest.fixture(autouse=True, scope="session")
def _built_once() -> Iterator[None]:
    """Have each subcommand built once: that takes as long as many a command itself."""
    built = functools.cache(lambda name: _build(Commands(), None, name))

    def get_command(_self: Commands, _context: Any, name: str) -> Any:
        return built(name)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Commands, "get_command", get_command)
        yield


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    end_all()


@pytest.fixture
def silent_input() -> None:
    soundfile.write("in.wav", np.zeros((500, 2)), 8000)


@pytest.fixture
def short_kernel() -> None:
    np.save("w.npy", np.ones(2))


@pytest.fixture
def copying_kernel() -> None:
    """A kernel with which the output is the input."""
    np.save("one.npy", np.ones(1))
