"""Contenders side by side: each in its own process, one at a time, in turns."""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tests.benchmarks.cases import Case, exact

_ROOT = Path(__file__).parents[2]
_STAT = Path("/proc/stat")
_WATCHED, _MOST_BUSY, _LOOKS = 0.25, 0.5, 480  # seconds, cores, times: wait two minutes before giving up
_PACKAGES = {
    "convt, scipy FFT": "scipy",
    "convt, ducc0 FFT": "ducc0",
    "scipy upfirdn": "scipy",
    "scipy resample_poly": "scipy",
    "soxr HQ": "soxr",
    "soxr VHQ": "soxr",
}


@dataclass(frozen=True)
class Time:
    """Seconds of a call in each round, and the largest error in units of the largest output."""

    rounds: list[float]
    error: float | None

    @property
    def seconds(self) -> float:
        return statistics.median(self.rounds)

    def times_faster_than(self, other: "Time") -> float:
        """The median over the rounds, in which both ran one after the other."""
        return statistics.median(b / a for a, b in zip(self.rounds, other.rounds, strict=True))


def clean_environment() -> dict[str, str]:
    """The environment without what is set for other reasons, and would slow one contender alone."""
    # A core type would be that of numpy's BLAS; and programs that pip installs find their modules compiled.
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("OPENBLAS_") and name != "PYTHONDONTWRITEBYTECODE"
    }


def check_quiet() -> None:
    """End the run if other processes are busy: it must be called while no contender is."""
    busy = 0.0
    for _ in range(_LOOKS if _STAT.exists() else 0):
        before = _busy_seconds()
        time.sleep(_WATCHED)
        if (busy := (_busy_seconds() - before) / _WATCHED) <= _MOST_BUSY:
            return
    if busy:
        sys.exit(f"{busy:.1f} cores are busy with something else: nothing was written, start again later")


def _busy_seconds() -> float:
    """Seconds that all processors together have worked."""
    user, nice, system, *_ = map(int, _STAT.read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def installed(names: Iterable[str]) -> list[str]:
    """Those contenders whose package is here."""
    return [n for n in names if n == "convt" or importlib.util.find_spec(_PACKAGES.get(n, n))]


class Race:
    """Processes of contenders that wait for a case."""

    def __init__(self, names: Iterable[str]) -> None:
        self._processes = {
            name: subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.worker", name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=_ROOT,
                env=clean_environment(),
            )
            for name in names
        }

    def run(
        self,
        case: Case,
        names: Iterable[str],
        rounds: int = 5,
        duration: float = 0.2,
        clock: Literal["wall", "cpu"] = "wall",
    ) -> dict[str, Time]:
        """Time the contenders named, in turns, after comparing their results with the exact one."""
        check_quiet()
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            np.save(file, exact(case))
            file.flush()
            errors = {}
            for name in names:
                expected = None if name.startswith("soxr") or name.endswith("push") else file.name
                errors[name] = self._ask(name, case=case.as_dict(), expected=expected)
        for name, error in errors.items():
            if error is not None and not error < 1e-3:
                raise ValueError(f"{name} is wrong by {error} on {case}")
        times: dict[str, list[float]] = {name: [] for name in errors}
        for _ in range(rounds):
            for name, seconds in times.items():
                seconds.append(self._ask(name, duration=duration, clock=clock))
        return {name: Time(seconds, errors[name]) for name, seconds in times.items()}

    def _ask(self, contender: str, **request: Any) -> Any:
        process = self._processes[contender]
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    def __enter__(self) -> "Race":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
