"""The tensors of a file of any kind: named, and read on demand."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from convt.arrays import Array
from convt.errors import WeightsError

_MOST = 1 << 30  # bytes: the widest decoders' layers have some tens of millions


@dataclass(frozen=True, slots=True)
class Tensor:
    """An array in a file, not yet read.

    Attributes
    ----------
    name : str
        As in the file; "weight" if files of this kind have no names.
    shape : tuple of int
        As in the file.
    dtype : str
        As in the file, such as "float32" or "bfloat16".
    read : callable
        Returns the array, while the file is open.
    is_plain : bool
        Whether the taps are in order in every layout, since no framework wrote them.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array]
    is_plain: bool = False


def checked_volume(shape: tuple[int, ...], itemsize: int) -> int:
    """Return the size of an array in bytes, to be checked before it is read.

    Raises
    ------
    WeightsError
        It is too large for a weight.
    """
    volume = math.prod(shape) * itemsize
    if volume > _MOST:
        raise WeightsError(
            f"an array of shape {shape} takes {volume} bytes, and weights have at most {_MOST}"
        )
    return volume
