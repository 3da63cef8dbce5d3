"""What every kind of file becomes: named tensors, each read when it is wanted."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from convt.arrays import Array
from convt.errors import WeightsError

_MOST = 1 << 30  # bytes: the widest decoders' layers have some tens of millions


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array in a file.

    Attributes
    ----------
    name : str
        As the file has it; "weight" where files of its kind have no names.
    shape : tuple of int
        As the file has it.
    dtype : str
        As the file has it, such as "float32" or "bfloat16".
    read : callable
        Returns the array, as long as the file is open.
    is_plain : bool
        Whether its taps are in their order, whatever the layout: no framework wrote them.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array]
    is_plain: bool = False


def checked_volume(shape: tuple[int, ...], itemsize: int) -> int:
    """Return the bytes of an array, before any of them is read.

    Raises
    ------
    WeightsError
        No weight has so many.
    """
    volume = math.prod(shape) * itemsize
    if volume > _MOST:
        raise WeightsError(
            f"an array of shape {shape} takes {volume} bytes, and weights have at most {_MOST}"
        )
    return volume
