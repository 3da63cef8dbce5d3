"""A tensor in a file of any type, read on demand."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from convt.arrays import Array
from convt.errors import WeightsError

_MOST = 1 << 30  # bytes: the layers of the widest decoders have some tens of millions


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array in a file, not yet read.

    Attributes
    ----------
    name : str
        The name in the file; "weight" if files of this type have no names.
    shape : tuple of int
        The shape in the file.
    dtype : str
        The dtype in the file, such as "float32" or "bfloat16".
    read : callable
        Returns the array while the file is open.
    is_plain : bool
        Whether the taps have the same order in every layout, since no framework wrote them.
    offset : int or None
        Where its bytes are in the file, C-ordered and little-endian; None in files of other types than
        .safetensors.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array]
    is_plain: bool = False
    offset: int | None = None


def checked_volume(shape: tuple[int, ...], itemsize: int) -> int:
    """Return the size of an array in bytes, and check it before the array is read.

    Raises
    ------
    WeightsError
        It is too large for a weight.
    """
    volume = math.prod(shape) * itemsize
    if volume > _MOST:
        raise WeightsError(
            f"an array of shape {shape} needs {volume} bytes, and weights may have at most {_MOST}"
        )
    return volume
