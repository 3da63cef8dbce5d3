"""Every test of the command line runs in a folder of its own, and no process outlives it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.processes import end_all


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
