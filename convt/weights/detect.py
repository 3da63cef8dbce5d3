"""Detect the type of a weight file from its content, and open its tensors.

PyTorch's own files are pickles, which can run any code: they are recognised, but never loaded.
"""

import json
import os
import shlex
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from convt.errors import WeightsError
from convt.weights import npy
from convt.weights.audio import is_audio, read_audio
from convt.weights.safetensors import read_checkpoint
from convt.weights.tensor import Tensor
from convt.weights.text import read_text

_LONGEST_REASON = 2000  # letters
_CONVERT = (
    "import torch; from safetensors.torch import save_file; "
    'flat = lambda x, at="": {{at[:-1] or "weight": x.clone().contiguous()}} if torch.is_tensor(x) else'
    " {{k: v for n, y in (x.items() if isinstance(x, dict) else enumerate(x))"
    ' for k, v in flat(y, f"{{at}}{{n}}.").items()}} if isinstance(x, (dict, list, tuple)) else {{}}; '
    "save_file(flat({load}), {target})"
)


@contextmanager
def open_tensors(path: str | PathLike[str]) -> Iterator[list[Tensor]]:
    """Open a file and yield its tensors, which can be read inside of the context.

    Raises
    ------
    WeightsError
        The file is missing, damaged, or of an unknown type. This and every WeightsError raised inside of
        the context begins with the name of the file.
    """
    source = os.fsdecode(path)
    try:
        with _regular_file(source) as file:
            yield _tensors(file, source)
    except WeightsError as error:
        raise WeightsError(f"{source}: {_one_line(str(error))}") from None
    except FileNotFoundError:
        raise WeightsError(f"{source}: no such file") from None
    except OSError as error:
        raise WeightsError(f"{source}: cannot be read: {error.strerror or error}") from None


def _one_line(reason: str) -> str:
    """Return the reason without control characters, which names in a file may contain."""
    shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in reason)
    return shown if len(shown) <= _LONGEST_REASON else f"{shown[:_LONGEST_REASON]} ..."


def _regular_file(source: str) -> BinaryIO:
    try:
        found = Path(source).stat()
    except ValueError:  # for example a null byte
        raise WeightsError("cannot be read: no file can have this name") from None
    if not stat.S_ISREG(found.st_mode):  # reading a pipe may block forever
        raise WeightsError("is not a regular file")
    return Path(source).open("rb")


def _tensors(file: BinaryIO, source: str) -> list[Tensor]:
    head = file.read(16)
    # A checkpoint begins with a length, whose bytes may look like another file type.
    if head[5:9] == b"\0\0\0{" or source.endswith(".safetensors"):
        return read_checkpoint(file)
    if head.startswith(b"\x93NUM"):
        return npy.read_array(file)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        archive = npy.open_archive(file)
        if _is_pytorch(archive):
            scripted = any(name.endswith("constants.pkl") for name in archive.namelist())
            raise _pytorch_error(source, scripted=scripted)
        return npy.read_archive(archive)
    if _is_pickled(head):
        raise _pytorch_error(source)
    if is_audio(head):
        return read_audio(file)
    return read_text(file)


def _is_pickled(head: bytes) -> bool:
    """Return whether a file begins as a pickle does (PyTorch before 1.6)."""
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def _is_pytorch(archive: zipfile.ZipFile) -> bool:
    """Return whether an archive looks like PyTorch's: a folder with a pickle, and no arrays."""
    names = archive.namelist()
    pickled = any(name.count("/") == 1 and name.endswith("/data.pkl") for name in names)
    return pickled and not any(name.endswith(".npy") for name in names)


def _pytorch_error(source: str, *, scripted: bool = False) -> WeightsError:
    """Return the error that says how to convert a PyTorch or TorchScript file."""
    name, target = (json.dumps(str(path)) for path in (source, Path(source).with_suffix(".safetensors")))
    load = f'torch.load({name}, map_location="cpu", weights_only=True)'
    if scripted:
        load = f'torch.jit.load({name}, map_location="cpu").state_dict()'
    line = _CONVERT.format(load=load, target=target)
    return WeightsError(
        "is a PyTorch file, a pickle, which can run any code and is never loaded; where torch is installed,"
        f" convert it with: python -c {shlex.quote(line)}"
    )
