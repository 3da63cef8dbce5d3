"""The work of a Dask worker: looking at its versions and files, and doing batches."""

import json
import os
import pickle
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from convt_cli.corpus.clips import do_batch
from convt_cli.errors import Failure
from convt_cli.files.paths import is_url
from convt_cli.run.allocator import keep_memory


def problem_with(home: Path, facts: dict[str, Any]) -> str:
    """Return why this worker cannot do a plan, or nothing."""
    try:
        is_same = json.loads((home / "plan.json").read_bytes()) == facts
        if is_same and (is_url(home) or os.access(home / "parts", os.W_OK)):
            return ""
    except (OSError, ValueError, Failure):
        pass
    return f"cannot write to {home / 'parts'}, or sees other files there: workers need the same files"


@cache
def versions() -> str:
    """Return the versions of this process on which a sample may depend."""
    import soundfile

    found = [f"libsndfile {soundfile.__libsndfile_version__}"]
    for package in ("numpy", "scipy", "soundfile", "ducc0"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    chosen = os.environ.get("CONVT_FFT")
    return ", ".join([*found, f"CONVT_FFT={chosen}"] if chosen else found)


def do_packed(packed: bytes, batch: int, *, alone: bool) -> tuple[str, tuple[Any, ...]]:
    """Do a batch, and return the versions of this process and the outcome."""
    _keep_memory()
    plan, options = pickle.loads(packed)  # noqa: S301  # it comes with the function that calls this
    return versions(), tuple(do_batch(plan, batch, options, alone=alone))


@cache
def _keep_memory() -> None:
    """Have this process keep memory as the command does, from its first batch on."""
    keep_memory()
