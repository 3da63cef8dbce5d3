"""Read .safetensors checkpoints: 8 bytes with the length of the header, the header in JSON, the tensors.

The safetensors library checks the header (names, dtypes, and that the tensors fill the file without gaps or
overlaps). The bytes of a tensor are read here, since numpy has no bfloat16.
"""

import json
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from convt.arrays import Array
from convt.errors import WeightsError
from convt.weights.tensor import Tensor, checked_volume

_LONGEST_HEADER = 1 << 23  # bytes, enough for many more tensors than that
_MOST_TENSORS = 1 << 15
_NATIVE = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
    "C64": "complex64",
    "BF16": "bfloat16",
}


def read_checkpoint(file: BinaryIO) -> list[Tensor]:
    """Return the tensors of a .safetensors file.

    Raises
    ------
    WeightsError
        The file is damaged, or the library is missing.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise WeightsError(
            "a .safetensors file needs the safetensors library: pip install 'convt[safetensors]'"
        ) from None
    file.seek(0)
    count = int.from_bytes(file.read(8), "little")
    if count > _LONGEST_HEADER:
        raise WeightsError(f"not a complete .safetensors file: its header has {count} bytes")
    try:
        with safe_open(file.name, framework="numpy"):
            pass
    except (SafetensorError, OSError):  # their messages differ between versions
        raise WeightsError("not a complete .safetensors file: it is damaged or cut short") from None
    file.seek(8)
    described = json.loads(file.read(count))
    described.pop("__metadata__", None)
    if len(described) > _MOST_TENSORS:
        raise WeightsError(f"has {len(described)} tensors, more than {_MOST_TENSORS}")
    return [_tensor(file, 8 + count, name, facts) for name, facts in described.items()]


def _tensor(file: BinaryIO, start: int, name: str, facts: dict[str, Any]) -> Tensor:
    shape, dtype = tuple(facts["shape"]), _NATIVE.get(facts["dtype"], facts["dtype"])
    begin, end = facts["data_offsets"]
    read = partial(_read, file, start + begin, end - begin, shape, dtype)
    return Tensor(name, shape, dtype, read, offset=start + begin)


def as_bytes(array: Array, dtype: str) -> bytes:
    """Return the bytes of an array in a file of this type, rounded to the nearest number of the dtype."""
    if dtype != "bfloat16":
        return array.astype(np.dtype(dtype).newbyteorder("<")).tobytes()
    bits = array.astype(np.float32).view(np.uint32)
    rounded = bits + (0x7FFF + (bits >> 16 & 1))  # half of the last place; ties to even
    return np.where(np.isnan(array), 0x7FC0, rounded >> 16).astype("<u2").tobytes()


def _read(file: BinaryIO, start: int, volume: int, shape: tuple[int, ...], dtype: str) -> Array:
    if dtype not in _NATIVE.values():
        raise WeightsError(f"has the dtype {dtype}, which numpy does not have")
    checked_volume((volume,), 1)
    file.seek(start)
    numbers = file.read(volume)
    if len(numbers) < volume:
        raise WeightsError("it became shorter while it was read")
    if dtype == "bfloat16":  # the upper half of a float32
        halves = np.frombuffer(numbers, "<u2").astype(np.uint32) << 16
        return halves.view(np.float32).reshape(shape)
    return np.frombuffer(numbers, np.dtype(dtype).newbyteorder("<")).reshape(shape)
