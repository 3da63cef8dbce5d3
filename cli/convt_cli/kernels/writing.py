"""Kernels written to files: .npy, or .npz with a bias."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import convt
from convt_cli.errors import Misuse
from convt_cli.files.atomic_write import atomic_write, check_target
from convt_cli.files.paths import STREAM


def check_kernel(path: Path, sources: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse a file name that a kernel cannot be written to."""
    if path == STREAM or path.suffix.lower() not in (".npy", ".npz"):
        raise Misuse(f"{path}: kernels are written as .npy or .npz; choose such a name with -o")
    check_target(path, sources, overwrite=overwrite)


def write_kernel(path: Path, weights: convt.Weights, *, overwrite: bool) -> None:
    """Write a kernel, whole or not at all; only .npz can hold a bias."""
    arrays = {"weight": weights.weight} | ({} if weights.bias is None else {"bias": weights.bias})
    content = io.BytesIO()  # numpy's own file writing does not report why it fails
    if path.suffix.lower() == ".npy":
        np.save(content, weights.weight, allow_pickle=False)
    else:
        np.savez(content, allow_pickle=False, **arrays)
    with atomic_write(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
        file.write(content.getvalue())
