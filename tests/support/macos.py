"""A Python on Linux that has no more than one on macOS, as far as this project could notice."""

import errno
import os
import select
import signal
import subprocess
import sys
import sysconfig
import tempfile
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_MISSING: dict[Any, tuple[str, ...]] = {
    os: (
        *(
            "O_TMPFILE",
            "copy_file_range",
            "eventfd",
            "memfd_create",
            "pidfd_open",
            "pipe2",
            "posix_fadvise",
        ),
        *("posix_fallocate", "sched_getaffinity", "sched_setaffinity", "splice"),
    ),
    select: ("epoll",),
    signal: ("sigtimedwait", "sigwaitinfo"),
}


def on_macos(folder: Path, code: str, *arguments: str, data: bytes = b"") -> bytes:
    """Run some code in a Python of its own, simulated in all processes that it starts, for what it prints.

    A folder outside the test's own takes what Python imports at its start.
    """
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(f"import {__name__} as macos\nmacos.simulate()\n")
    places = [str(folder), str(ROOT), str(ROOT / "cli")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, env=environment, input=data, capture_output=True, check=False)
    assert (result.returncode, result.stderr) == (0, b""), result.stderr.decode()
    return result.stdout


def simulate() -> None:
    """Take from this process what Linux alone has. A fork, as unsafe there, fails."""
    import numpy as np  # noqa: F401  # these three find their libraries as the system really is
    import soundfile  # noqa: F401
    import threadpoolctl

    sysconfig.get_config_vars()  # found now, too
    threadpoolctl.sys = types.SimpleNamespace(**vars(sys))
    tempfile._O_TMPFILE_WORKS = False  # type: ignore[attr-defined]
    sys.platform = "darwin"
    for module, names in _MISSING.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    sysconf, known = os.sysconf, os.sysconf_names
    known.pop("SC_PHYS_PAGES")  # which not every version of macOS has
    os.sysconf = lambda name: sysconf(known.get(str(name), -1))
    sys.addaudithook(_refuse)
    os.stat = _stat_outside_proc


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("os.fork", "os.forkpty"):
        raise AssertionError("libraries of macOS do not survive a fork")
    if (
        event in ("open", "os.listdir", "os.scandir") and arguments[0] != "/proc/self/maps"
    ):  # threadpoolctl's
        _refuse_proc(arguments[0])


def _refuse_proc(path: Any) -> None:
    if isinstance(path, str | os.PathLike) and os.fspath(path).startswith("/proc/"):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


_stat = os.stat


def _stat_outside_proc(path: Any, **options: Any) -> os.stat_result:
    _refuse_proc(path)
    return _stat(path, **options)
