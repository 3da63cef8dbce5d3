"""Copy a file of weights with some of them replaced, and all other bytes unchanged."""

import io
import shutil
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from convt.arrays import Array, as_numeric
from convt.errors import WeightsError
from convt.weights.detect import open_tensors
from convt.weights.layer_lookup import find_layer
from convt.weights.layers import find_layers
from convt.weights.layouts import LayoutName, layout_of
from convt.weights.safetensors import as_bytes
from convt.weights.tensor import Tensor


def replace_weights(
    path: str | PathLike[str],
    target: str | PathLike[str],
    weights: Mapping[str, ArrayLike],
    *,
    layout: LayoutName = "torch",
) -> None:
    """Write a copy of a checkpoint in which some layers have other weights.

    All other tensors, their order and the metadata of the file are copied byte for byte. The new weights
    have the dtypes of those that they replace. For torch's weight_norm, the direction becomes the weight
    itself, and the magnitude its norm.

    Parameters
    ----------
    path : path-like
        A ``.safetensors`` or ``.npz`` file.
    target : path-like
        The file to write, another one. It is not written atomically.
    weights : mapping of str to array_like
        The new weights by the names that :func:`load_weights` takes as `tensor`, in torch's layout and with
        the shapes that it returns.
    layout
        Same as in :func:`load_weights`.

    Raises
    ------
    WeightsError
        The file cannot be read, is of another type, has no such layer, or holds integers there; a new
        weight has another shape, or is complex where the file is not; or the target is the same file.
    ParameterError, ParameterTypeError
        `layout` is unknown, or a weight is not an array of numbers.
    OSError
        The target cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> from convt import load_weights
    >>> with TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/model.npz", up=np.ones((1, 1, 4)), rest=np.zeros(3))
    ...     replace_weights(f"{folder}/model.npz", f"{folder}/new.npz", {"up": np.full((1, 1, 4), 0.5)})
    ...     load_weights(f"{folder}/new.npz", "up").weight
    array([[[0.5, 0.5, 0.5, 0.5]]])
    """
    order, source, place = layout_of(layout), Path(path), Path(target)
    changed: dict[Tensor, Array] = {}
    with open_tensors(path) as tensors:
        layers = find_layers(tensors)
        for name, given in weights.items():
            layer = find_layer(layers, name, order)
            try:
                stored = layer.stored(order.from_torch(as_numeric(name, given)))
            except WeightsError as error:
                raise WeightsError(f"{name}: {error}") from None
            if not stored.keys().isdisjoint(changed):
                raise WeightsError(f"{name}: is named twice")
            changed |= stored
        is_archive = zipfile.is_zipfile(path)
        if not is_archive and any(tensor.offset is None for tensor in changed):
            raise WeightsError("weights are replaced in .safetensors and .npz files only")
    if place.exists() and place.samefile(source):
        raise WeightsError(f"{source}: is both the file to read and the one to write: name another target")
    if is_archive:
        _copy_archive(source, place, {f"{each.name}.npy": changed[each] for each in changed})
    else:
        _copy_patched(source, place, changed)


def _copy_patched(path: Path, target: Path, arrays: dict[Tensor, Array]) -> None:
    """Copy a .safetensors file with other numbers in some of its tensors."""
    shutil.copyfile(path, target)
    with target.open("r+b") as file:
        for tensor, array in arrays.items():
            file.seek(tensor.offset or 0)
            file.write(as_bytes(array, tensor.dtype))


def _copy_archive(path: Path, target: Path, arrays: dict[str, Array]) -> None:
    """Copy an archive, with these arrays in place of members of the same shape."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for member in source.infolist():
            content = source.read(member)
            if member.filename in arrays:
                content = _with_numbers(content, arrays[member.filename])
            copy.writestr(member, content, member.compress_type)


def _with_numbers(content: bytes, array: Array) -> bytes:
    """Return an .npy file with other numbers of the same dtype and in the same order."""
    before = np.load(io.BytesIO(content), allow_pickle=False)
    after = np.empty_like(before)  # in Fortran order, too
    after[...] = array
    file = io.BytesIO()
    np.lib.format.write_array(file, after, allow_pickle=False)
    return file.getvalue()
