"""Weight files: reading them, and what their shapes mean for a signal."""

import math
import os
import struct
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from lzma import LZMAError
from os import PathLike, fspath
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np

from convt.engines.contract import Array
from convt.errors import ConvtError, WeightsError
from convt.geometry import as_integer
from convt.kernel import as_numeric

_SHAPES = {"weight": "(K,), (C, K) or (C_in, C_out/groups, K)", "bias": "(C_out,)"}

# What numpy and zipfile raise for files that are damaged, encrypted, pickled or absurd.
_UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    EOFError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TokenError,
    LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What a weight file holds.

    Attributes
    ----------
    source : str
        The file's name, for messages.
    weight : ndarray
        (K,), (C, K) or (C_in, C_out/groups, K).
    bias : ndarray or None
        (C_out,).
    """

    source: str
    weight: Array
    bias: Array | None = None

    def for_channels(self, channels: int, groups: int = 1, signal: str = "the signal") -> tuple[Array, int]:
        """Return the weight and the groups to use on a signal of so many channels.

        ``(K,)`` and ``(1, 1, K)`` serve every channel, ``(C, K)`` holds one kernel a channel, and
        ``(C_in, C_out/groups, K)`` is the operator's own shape.

        Parameters
        ----------
        channels : int
            Channels of the signal.
        groups : int
            Groups of a weight of three dimensions.
        signal : str
            The signal's name, for messages.

        Returns
        -------
        weight : ndarray, (K,) or (C_in, C_out/groups, K)
            As :class:`Upsampler` takes it.
        groups : int
            To go with it.

        Raises
        ------
        WeightsError
            The shape does not fit; the message says which would.
        ParameterTypeError, ParameterError
            `groups` is not an int of at least 1.
        """
        weight, groups = self.weight, as_integer("groups", groups, 1)
        if weight.ndim == 3 and weight.shape[0] == channels and channels % groups == 0:
            return weight, groups
        if weight.ndim == 2 and weight.shape[0] == channels and groups in (1, channels):
            return weight[:, np.newaxis], channels
        if groups == 1 and (weight.ndim == 1 or weight.shape[:-1] == (1, 1)):
            return weight.reshape(-1), 1
        raise WeightsError(
            f"{self.source}: weights of shape {weight.shape} with groups={groups} do not fit {signal},"
            f" which has {channels} channel(s); use shape {_fitting_shapes(channels, groups)}"
        )


def _fitting_shapes(channels: int, groups: int) -> str:
    if channels % groups:
        return f"(K,) or ({channels}, K) without groups, since {groups} groups do not divide {channels}"
    if groups == 1:
        return f"(K,), ({channels}, K), (1, 1, K) or ({channels}, C_out, K)"
    return f"({channels}, C_out/{groups}, K), or (K,) or ({channels}, K) without groups"


def load_weights(path: str | PathLike[str]) -> Weights:
    """Read a weight file.

    Parameters
    ----------
    path : path-like
        A ``.npy`` file, or an ``.npz`` file with an array ``weight`` and, where there is one, ``bias``.
        What a file is, its content says. Nothing is ever unpickled.

    Returns
    -------
    Weights
        The arrays, of one to three dimensions and at least one element.

    Raises
    ------
    WeightsError
        The file cannot be read, or holds no array that can be a weight.
    """
    source = fspath(path)
    try:
        # numpy warns of headers that Python 2 wrote.
        if Path(source).exists() and not Path(source).is_file():  # to wait for a pipe may take forever
            raise WeightsError(f"{source}: is not a regular file")
        with warnings.catch_warnings(action="ignore"), Path(source).open("rb") as file:
            kind = file.read(4)
            if kind not in (b"\x93NUM", b"PK\x03\x04", b"PK\x05\x06"):
                raise WeightsError(f"{source}: is neither an .npy nor an .npz file")
            if kind == b"\x93NUM":
                _check_size(file)
            file.seek(0)
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return _checked(source, loaded, None)
            if "weight" not in loaded:
                raise WeightsError(
                    f"{source}: an .npz file must hold an array 'weight', got {loaded.files or 'none'}"
                )
            return _checked(source, loaded["weight"], loaded.get("bias"))
    except FileNotFoundError:
        raise WeightsError(f"{source}: no such file") from None
    except OSError as error:
        raise WeightsError(f"{source}: cannot be read: {error.strerror or error}") from None
    except ConvtError:
        raise
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{source}: not a whole .npy or .npz file of numbers (pickled data is never loaded): {reason}"
        ) from None


def _check_size(file: BinaryIO) -> None:
    """Raise ValueError if an .npy file is shorter than it says: numpy would take the memory still."""
    file.seek(0)
    major, _ = np.lib.format.read_magic(file)
    (length,) = struct.unpack("<H" if major == 1 else "<I", file.read(2 if major == 1 else 4))
    there = os.fstat(file.fileno()).st_size
    if length <= there:
        file.seek(8)
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        length = file.tell() + (0 if dtype.hasobject else math.prod(shape) * dtype.itemsize)
    if length > there:
        raise ValueError(f"it takes {length} bytes, and has {there}")


def _checked(source: str, weight: Array, bias: Array | None) -> Weights:
    for name, array, ndims in (("weight", weight, (1, 2, 3)), ("bias", bias, (0, 1))):
        if array is None:
            continue
        if not isinstance(array, np.ndarray):
            raise WeightsError(f"{source}: {name} must be an array")
        if array.ndim not in ndims or array.size == 0:
            raise WeightsError(f"{source}: {name} must have shape {_SHAPES[name]}, got {array.shape}")
        try:
            as_numeric(name, array)
        except ConvtError as error:
            raise WeightsError(f"{source}: {error}") from None
    return Weights(source, weight, bias)
