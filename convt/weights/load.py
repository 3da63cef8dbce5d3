"""Weights in files: what there is, reading it, and what shapes mean for a signal."""

import math
import os
from dataclasses import dataclass
from os import PathLike

import numpy as np

from convt.arguments import as_integer
from convt.arrays import Array, as_numeric
from convt.errors import ConvtError, ParameterTypeError, WeightsError
from convt.weights.detect import open_tensors
from convt.weights.layer_lookup import pick
from convt.weights.layers import Layer, bias_fits, candidates, find_layers
from convt.weights.layouts import Layout, LayoutName, layout_of

_SHAPES = {"weight": "(K,), (C, K) or (C_in, C_out/groups, K)", "bias": "(C_out,)"}


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What a weight file holds.

    Attributes
    ----------
    source : str
        The file's name, and the layer's where it is one of several, for messages.
    weight : ndarray
        (K,), (C, K) or (C_in, C_out/groups, K).
    bias : ndarray or None
        (C_out,).
    tensors : tuple of str
        Names, in the file, of what the weight and the bias were made of.
    """

    source: str
    weight: Array
    bias: Array | None = None
    tensors: tuple[str, ...] = ()

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


@dataclass(frozen=True, slots=True)
class WeightEntry:
    """A weight that a file holds, before it is read.

    Attributes
    ----------
    name : str
        What :func:`load_weights` takes as `tensor`.
    shape : tuple of int
        As the file has it.
    dtype : str
        As the file has it, such as "float32" or "bfloat16".
    channels : tuple of int or None
        C_in and C_out/groups, of a weight of three axes.
    taps : int
        K.
    groups : int
        As many as its bias allows; 1 without one.
    tensors : tuple of str
        What it is made of: one tensor, or the magnitude and the direction of a normalised one.
    bias : str or None
        The tensor with its bias.
    problem : str or None
        Why it cannot be read, if it cannot.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    channels: tuple[int, int] | None
    taps: int
    groups: int
    tensors: tuple[str, ...]
    bias: str | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class WeightList:
    """What a file holds.

    Attributes
    ----------
    source : str
        The file's name.
    entries : tuple of WeightEntry
        The weights that could be a transposed convolution's, in the order of their names.
    other_tensors : tuple of str
        The names of all other tensors.
    """

    source: str
    entries: tuple[WeightEntry, ...]
    other_tensors: tuple[str, ...]


def list_weights(path: str | PathLike[str], *, layout: LayoutName = "torch") -> WeightList:
    """Tell which weights of a transposed convolution a file could hold.

    No tensor of a checkpoint is read. One of three axes could be such a weight, unless it has a bias that
    does not fit its output channels. Those of one and two axes could be kernels, but count only in files
    that have none of three: in a network they are something else. A weight that torch's weight_norm has
    taken apart is one; what may be a weight and cannot be read is told, too.

    Parameters
    ----------
    path, layout
        As of :func:`load_weights`.

    Raises
    ------
    WeightsError, ParameterError
        As of :func:`load_weights`.
    """
    order = layout_of(layout)
    with open_tensors(path) as tensors:
        layers = candidates(find_layers(tensors), order)
        entries = tuple(_entry(layer, order) for layer in layers)
        used = {name for entry in entries for name in (*entry.tensors, entry.bias)}
        others = tuple(tensor.name for tensor in tensors if tensor.name not in used)
    return WeightList(os.fsdecode(path), entries, others)


def _entry(layer: Layer, layout: Layout) -> WeightEntry:
    shown = layer.shown or max(layer.tensors, key=lambda tensor: math.prod(tensor.shape))
    *channels, taps = layout.torch_shape(shown.shape)
    groups = 1
    if len(channels) == 2 and layer.bias and bias_fits(layer, layout) and layer.bias.shape:
        groups = layer.bias.shape[0] // channels[1]
    return WeightEntry(
        layer.title,
        shown.shape,
        shown.dtype,
        (channels[0], channels[1]) if len(channels) == 2 else None,
        taps,
        groups,
        tuple(tensor.name for tensor in layer.tensors),
        layer.bias.name if layer.bias else None,
        layer.problem,
    )


def load_weights(
    path: str | PathLike[str], tensor: str | None = None, *, layout: LayoutName = "torch"
) -> Weights:
    """Read weights from a file.

    What a file is, its content says. Nothing is ever unpickled, and no more is read than is asked for.

    Parameters
    ----------
    path : path-like
        An ``.npy`` file, an ``.npz`` or ``.safetensors`` file (the extra `safetensors`) of named tensors,
        taps as text (a column or a row of numbers, with lines of comment), or sound as impulse responses,
        one a channel.
    tensor : str or None
        Of several, the name of one, or of its layer, or of what holds no other layer. The layer's bias
        comes with it, and a weight that torch's weight_norm has taken apart (``weight_g`` and
        ``weight_v``, or ``parametrizations.weight.original0`` and ``original1``) is put together, the norm
        taken over every axis but that of the magnitude's numbers; where it is 0, so are the taps. None for
        ``weight``, or the one that could be a transposed convolution's (see :func:`list_weights`).
    layout : {"torch", "keras", "jax", "mlx", "onnx"}
        Whose axes a weight of three has: torch and onnx (C_in, C_out/groups, K), keras (K, C_out, C_in),
        mlx (C_out, K, C_in), jax (K, C_in, C_out) with its last tap first, as lax.conv_transpose and Flax
        have it; with transpose_kernel=True they have Keras's. Text and sound are as they are.

    Returns
    -------
    Weights
        The arrays, of one to three dimensions and at least one element, in torch's layout. Their dtypes are
        the file's, in which bfloat16 becomes float32, exactly; sound is float32 where that is exact.

    Raises
    ------
    WeightsError
        The file cannot be read, or holds no array that can be the weight.
    ParameterError, ParameterTypeError
        There is no such layout, or `tensor` is no name.

    Examples
    --------
    >>> load_weights("sample_audio/learned_x2.npy").weight.shape
    (1, 1, 16)
    """
    order = layout_of(layout)
    if not isinstance(tensor, str | None):
        raise ParameterTypeError(f"tensor must be a str or None, got {tensor!r}")
    with open_tensors(path) as tensors:
        layer = pick(find_layers(tensors), tensor, order)
        source = f"{os.fsdecode(path)}: {layer.name}" if layer.name else os.fsdecode(path)
        try:
            return _loaded(source, layer, order)
        except WeightsError as error:
            raise WeightsError(f"{layer.name}: {error}" if layer.name else str(error)) from None


def _loaded(source: str, layer: Layer, layout: Layout) -> Weights:
    weight = _checked("weight", layer.read(), (1, 2, 3))
    bias = None if layer.bias is None else _checked("bias", layer.bias.read(), (0, 1))
    if layer.bias is not None and not bias_fits(layer, layout):
        raise WeightsError(
            f"the bias of shape {layer.bias.shape} fits no {layout.torch_shape(weight.shape)[1]} output"
            f" channels, nor groups of as many: a weight of shape {weight.shape} in the layout of"
            f" {layout.name} is another layer's"
        )
    names = tuple(tensor.name for tensor in (*layer.tensors, layer.bias) if tensor)
    plain = layer.weight is not None and layer.weight.is_plain
    return Weights(source, weight if plain else layout.as_torch(weight), bias, names)


def _checked(name: str, array: Array, dimensions: tuple[int, ...]) -> Array:
    if array.ndim not in dimensions or array.size == 0:
        raise WeightsError(f"{name} must have shape {_SHAPES[name]}, got {array.shape}")
    try:
        return as_numeric(name, array)
    except ConvtError as error:
        raise WeightsError(str(error)) from None
