"""Which kind of file it is, as its content says, and the tensors in it."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from convt.errors import WeightsError
from convt.weights import npy, pytorch
from convt.weights.audio import is_sound, read_sound
from convt.weights.safetensors import read_checkpoint
from convt.weights.tensor import Tensor
from convt.weights.text import read_text

_LONGEST_REASON = 2000  # letters


@contextmanager
def open_tensors(path: str | PathLike[str]) -> Iterator[list[Tensor]]:
    """Give the tensors of a file, to be read in the block.

    Raises
    ------
    WeightsError
        The file is missing, damaged, or of no kind that holds weights; the message begins with its name,
        as that of every such error does that is raised in the block.
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
    """Return what a terminal shows as it is, whatever the names in a file are."""
    shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in reason)
    return shown if len(shown) <= _LONGEST_REASON else f"{shown[:_LONGEST_REASON]} ..."


def _regular_file(source: str) -> BinaryIO:
    try:
        found = Path(source).stat()
    except ValueError as error:  # no name has a null byte
        raise WeightsError(f"cannot be read: {error}") from None
    if not stat.S_ISREG(found.st_mode):  # to wait for a pipe may take forever
        raise WeightsError("is not a regular file")
    return Path(source).open("rb")


def _tensors(file: BinaryIO, source: str) -> list[Tensor]:
    head = file.read(16)
    # The first of a checkpoint's bytes count the others, and may look like anything.
    if head[5:9] == b"\0\0\0{" or source.endswith(".safetensors"):
        return read_checkpoint(file)
    if head.startswith(b"\x93NUM"):
        return npy.read_array(file)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        archive = npy.open_archive(file)
        if pytorch.is_pytorch(archive):
            scripted = any(name.endswith("constants.pkl") for name in archive.namelist())
            raise pytorch.refuse(source, scripted=scripted)
        return npy.read_archive(archive)
    if pytorch.is_pickled(head):
        raise pytorch.refuse(source)
    if is_sound(head):
        return read_sound(file)
    return read_text(file)
