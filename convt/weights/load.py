"""List and load weights, and match them with the channels of a signal."""

import math
import os
from dataclasses import dataclass
from os import PathLike

from convt.arguments import as_flag
from convt.arrays import Array, as_numeric
from convt.errors import ConvtError, ParameterError, ParameterTypeError, WeightsError
from convt.weights.detect import open_tensors
from convt.weights.layer_lookup import bias_fits, candidates, find_layer
from convt.weights.layers import Layer, find_layers
from convt.weights.layouts import Layout, LayoutName, layout_of
from convt.weights.weights import Weights

_SHAPES = {"weight": "(K,), (C, K) or (C_in, C_out/groups, K)", "bias": "(C_out,)"}


@dataclass(frozen=True, slots=True)
class WeightEntry:
    """A weight in a file, not yet read.

    Attributes
    ----------
    name : str
        The name for the argument `tensor` of :func:`load_weights`.
    shape : tuple of int
        The shape in the file.
    dtype : str
        The dtype in the file, such as "float32" or "bfloat16".
    channels : tuple of int or None
        C_in and C_out/groups of a weight of three axes, else None.
    taps : int
        K.
    groups : int
        The number of groups for which the bias fits; 1 without a bias.
    tensors : tuple of str
        The tensors of the weight: one, or with weight_norm the magnitude and the direction.
    bias : str or None
        The tensor of the bias.
    problem : str or None
        The reason why the weight cannot be read, or None.
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
    """The weights in a file, as :func:`list_weights` returns them.

    Attributes
    ----------
    source : str
        The name of the file.
    entries : tuple of WeightEntry
        The weights that could be those of a transposed convolution, sorted by name.
    other_tensors : tuple of str
        The names of all other tensors.
    """

    source: str
    entries: tuple[WeightEntry, ...]
    other_tensors: tuple[str, ...]


def list_weights(path: str | PathLike[str], *, layout: LayoutName = "torch") -> WeightList:
    """List the tensors of a file that could be transposed-convolution weights, without reading them.

    A tensor of three axes is listed unless its layer has a bias that does not fit its output channels.
    Tensors of one or two axes are listed only if none has three, since in a network they are not kernels.
    A direction and a magnitude of torch's weight_norm are listed as one weight. Weights that cannot be read
    are listed with the reason.

    Parameters
    ----------
    path, layout
        Same as in :func:`load_weights`.

    Returns
    -------
    WeightList
        The weights, and the names of all other tensors.

    Raises
    ------
    WeightsError, ParameterError
        Same as in :func:`load_weights`.

    Examples
    --------
    >>> (entry,) = list_weights("sample_audio/learned_x2.npy").entries
    >>> entry.name, entry.shape, entry.dtype
    ('weight', (1, 1, 16), 'float32')
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
    path: str | PathLike[str],
    tensor: str | None = None,
    *,
    layout: LayoutName = "torch",
    conv1d: bool = False,
) -> Weights:
    """Load a weight and its bias from a file.

    The file type is detected from the content. Nothing is ever unpickled, and only the tensors of the
    weight and its bias are read.

    Parameters
    ----------
    path : path-like
        An ``.npy`` file; an ``.npz`` or ``.safetensors`` file (needs the extra `safetensors`) of named
        tensors; a text file with the taps in a column or a row, and comment lines; or an audio file, with
        one impulse response per channel.
    tensor : str or None
        The name of the weight's tensor or layer, or a prefix of names that only one possible layer has.
        None means the tensor ``weight``, or else the only weight of :func:`list_weights`. The bias of the
        layer is loaded too. torch's weight_norm (``weight_g`` and ``weight_v``, or
        ``parametrizations.weight.original0`` and ``original1``) is undone: the norm is taken over all axes
        except that of the magnitude, and the taps are 0 where it is 0.
    layout : {"torch", "keras", "jax", "mlx", "onnx"}
        The framework whose order of axes the weight has: (C_in, C_out/groups, K) for torch and onnx,
        (K, C_out, C_in) for keras, (C_out, K, C_in) for mlx, (K, C_in, C_out) with the last tap first for
        jax, as in lax.conv_transpose and Flax (with transpose_kernel=True, use keras). Text and audio files
        have the same order in every layout.
    conv1d : bool
        Whether the layer is an ordinary convolution, for :meth:`Upsampler.of_conv1d`, whose weight
        (C_out, C_in/groups, K) is returned unchanged. Only for the layouts torch and onnx.

    Returns
    -------
    Weights
        The arrays, with one to three dimensions and at least one element, in torch's layout. They keep the
        dtypes of the file, except that bfloat16 becomes float32. Audio becomes float32 if that is exact, or
        else float64.

    Raises
    ------
    WeightsError
        The file cannot be read, or no array in it, or none with this name, can be the weight.
    ParameterError, ParameterTypeError
        `layout` is unknown, or another one than torch or onnx with `conv1d`; or `tensor` is not a str.

    See Also
    --------
    list_weights : The weights in a file.

    Examples
    --------
    >>> load_weights("sample_audio/learned_x2.npy").weight.shape
    (1, 1, 16)
    """
    order = layout_of(layout)
    if as_flag("conv1d", conv1d) and layout not in ("torch", "onnx"):
        raise ParameterError(f"layout must be torch or onnx with conv1d=True, got {layout!r}")
    if not isinstance(tensor, str | None):
        raise ParameterTypeError(f"tensor must be a str or None, got {tensor!r}")
    with open_tensors(path) as tensors:
        layer = find_layer(find_layers(tensors), tensor, order)
        source = f"{os.fsdecode(path)}: {layer.name}" if layer.name else os.fsdecode(path)
        try:
            return _loaded(source, layer, order, conv1d=conv1d)
        except WeightsError as error:
            raise WeightsError(f"{layer.name}: {error}" if layer.name else str(error)) from None


def _loaded(source: str, layer: Layer, layout: Layout, *, conv1d: bool) -> Weights:
    weight = _checked("weight", layer.read(), (1, 2, 3))
    bias = None if layer.bias is None else _checked("bias", layer.bias.read(), (0, 1))
    if conv1d and bias is not None and bias.shape != weight.shape[:1]:
        raise WeightsError(
            f"bias must have {weight.shape[0]} numbers to fit a weight of shape {weight.shape} of an"
            f" ordinary convolution, got shape {bias.shape}"
        )
    if layer.bias is not None and not conv1d and not bias_fits(layer, layout):
        if layout.name == "torch" and bias is not None and bias.shape == weight.shape[:1]:
            raise WeightsError(
                f"looks like an ordinary convolution, with a weight of shape {weight.shape} and"
                f" {bias.size} numbers of bias: load it with conv1d=True, for Upsampler.of_conv1d"
            )
        raise WeightsError(
            f"bias must have {layout.torch_shape(weight.shape)[1]} numbers, or that many per group, to fit"
            f" a weight of shape {weight.shape} in the layout of {layout.name}, got shape"
            f" {layer.bias.shape}"
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
