"""Read NumPy files: one array (.npy) or a zip archive of arrays (.npz). Nothing is ever unpickled."""

import io
import struct
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, NamedTuple

import numpy as np

from convt.arrays import Array
from convt.errors import WeightsError
from convt.weights.tensor import Tensor, checked_volume

_LONGEST_HEADER = 1 << 16  # bytes
_LONGEST_AXIS = (1 << 63) - 1
_MOST_MEMBERS = 1 << 14
_LONGEST_DIRECTORY = 1 << 23  # bytes, enough for many more members than that
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # numpy's; others unpack without bounds
_EMPTY_ENOUGH = 1 << 26  # bytes that any array may unpack to
_DENSE = 100  # times its packed bytes, the limit of larger arrays


class _DamageError(ValueError):
    """A file is damaged; the message says how."""


@contextmanager
def _whole(name: str = "") -> Iterator[None]:
    """Turn any error into one line that says that a file, or a member of an archive, is damaged."""
    try:
        yield
    except (WeightsError, OSError):  # an OSError: the file could not be read
        raise
    # For damaged, encrypted, pickled or absurd files numpy, zipfile and zlib raise a dozen types of errors,
    # among them SyntaxError, RecursionError and MemoryError, and document none of them. Their messages
    # differ between versions, and are about Python.
    except Exception as error:  # noqa: BLE001
        reason = error if isinstance(error, _DamageError) else "it is damaged, or numpy did not write it"
        where = f"{name}: " if name else ""
        raise WeightsError(
            f"not a complete .npy or .npz file of numbers (pickled data is never loaded): {where}{reason}"
        ) from None


class _Header(NamedTuple):
    """The header of an array, and its length in bytes."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    length: int


def _read_header(file: IO[bytes]) -> _Header:
    """Read the header of an array, up to a maximum length."""
    start = file.read(12)
    major = np.lib.format.read_magic(io.BytesIO(start))[0]
    prefix, code = (10, "<H") if major == 1 else (12, "<I")
    (count,) = struct.unpack_from(code, start, 8)
    if count > _LONGEST_HEADER:
        raise _DamageError(f"its header has {count} bytes")
    head = io.BytesIO(start + file.read(count + prefix - len(start)))
    head.seek(8)
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings(action="ignore"):  # for headers that Python 2 wrote
        shape, fortran, dtype = read(head)
    if any(type(axis) is not int or not 0 <= axis <= _LONGEST_AXIS for axis in shape):
        raise _DamageError(f"an array {str(shape)[:80]} of {dtype}")
    return _Header(shape, fortran, dtype, prefix + count)


def _check_numbers(header: _Header) -> None:
    if header.dtype.hasobject:
        raise _DamageError(f"an array {header.shape} of {header.dtype}")


def _read_numbers(file: IO[bytes], header: _Header) -> Array:
    _check_numbers(header)
    volume = checked_volume(header.shape, header.dtype.itemsize)
    numbers = file.read(volume)
    if len(numbers) < volume or file.read(1):  # at the end, an archive also checks its sum
        raise _DamageError(
            f"an array {header.shape} of {header.dtype} needs {volume} bytes, and it has another number"
        )
    return np.ndarray(header.shape, header.dtype, numbers, order="F" if header.fortran else "C")


def read_array(file: BinaryIO) -> list[Tensor]:
    """Return the array of an .npy file.

    Raises
    ------
    WeightsError
        The file is damaged, or pickled.
    """

    def read() -> Array:
        with _whole():
            file.seek(header.length)
            return _read_numbers(file, header)

    with _whole():
        file.seek(0)
        header = _read_header(file)
        _check_numbers(header)
        present = file.seek(0, io.SEEK_END) - header.length
        if present < (volume := checked_volume(header.shape, header.dtype.itemsize)):
            raise _DamageError(f"its numbers need {volume} bytes, and it has {present}")
    return [Tensor("weight", header.shape, header.dtype.name, read)]


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip archive.

    Raises
    ------
    WeightsError
        It is damaged.
    """
    with _whole():
        if (size := _directory_size(file)) > _LONGEST_DIRECTORY:
            raise _DamageError(f"its directory has {size} bytes")
        return zipfile.ZipFile(file)


def _directory_size(file: BinaryIO) -> int:
    """Return the stated length of an archive's directory, which ZipFile reads all at once."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 98))
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + 16:
        raise _DamageError("its end is missing")
    if tail[max(0, end - 20) : end].startswith(b"PK\x06\x07"):  # with lengths of 64 bits
        return int.from_bytes(tail[max(0, end - 76) : end - 20][40:48], "little")
    return int.from_bytes(tail[end + 12 : end + 16], "little")


def read_archive(archive: zipfile.ZipFile) -> list[Tensor]:
    """Return the arrays of an .npz file.

    Raises
    ------
    WeightsError
        The file is damaged.
    """
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        raise WeightsError(f"has {len(members)} arrays, more than {_MOST_MEMBERS}")
    return [_member(archive, member) for member in members if member.filename.endswith(".npy")]


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Tensor:
    def read() -> Array:
        with _whole(name), archive.open(member) as file:
            file.read(header.length)
            _check_density(member, checked_volume(header.shape, header.dtype.itemsize))
            return _read_numbers(file, header)

    name = member.filename.removesuffix(".npy")
    if member.compress_type not in _PACKED:
        raise WeightsError(f"{name} is packed by a method that numpy does not use ({member.compress_type})")
    with _whole(name), archive.open(member) as file:
        header = _read_header(file)
    return Tensor(name, header.shape, header.dtype.name, read)


def _check_density(member: zipfile.ZipInfo, volume: int) -> None:
    """Check that a member does not unpack to absurdly many bytes."""
    if volume > max(_EMPTY_ENOUGH, _DENSE * member.compress_size):
        raise WeightsError(
            f"{member.filename} unpacks from {member.compress_size} to {volume} bytes, as no weights do"
        )
