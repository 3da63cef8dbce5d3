"""SHA-256 of files and arrays, to compare the inputs and outputs of two runs."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convt_cli.files.paths import STREAM


def array_sha256(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's numbers, little-endian and in C order."""
    from hashlib import sha256  # here and below: slow to import, needed only with --json

    return sha256(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()).hexdigest()


def file_sha256(path: Path) -> str | None:
    """Return the SHA-256 of a file's bytes, as sha256sum does; None for a stream or a missing file."""
    if path == STREAM or not os.path.isfile(path):
        return None
    found = path.stat()
    return _cached_sha256(path, found.st_mtime_ns, found.st_size, found.st_ino)


@lru_cache(maxsize=16)  # the weights of many inputs are one file
def _cached_sha256(path: Path, *_version: int) -> str:
    from hashlib import file_digest

    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
