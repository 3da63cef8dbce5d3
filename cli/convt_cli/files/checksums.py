"""SHA-256 of files and arrays, to compare the inputs and outputs of two runs."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def array_sha256(array: NDArray[Any]) -> str:
    """Return the SHA-256 of an array's numbers, little-endian and in C order."""
    from hashlib import sha256  # slow to import, needed only with --json

    return sha256(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as sha256sum does."""
    from hashlib import file_digest

    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
