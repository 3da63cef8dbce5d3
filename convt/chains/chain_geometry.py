"""The arithmetic of several layers: strides, lengths, context, and the samples that paddings drop."""

import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from convt.arguments import as_flag, as_integer
from convt.chains.stages import Geometries, Stage, Sum, Trunk, geometries, period_of, ratio_of
from convt.errors import ParameterError, ParameterTypeError
from convt.geometry import Geometry
from convt.stream import Upsampler

_MOST = 1 << 20
_KEYS = ("kernel_size", "stride", "padding", "output_padding", "dilation", "down")
_KEYS_OF_CONV1D = ("kernel_size", "stride", "padding", "dilation")


class ChainGeometry(NamedTuple):
    """The arithmetic of several layers, as :func:`chain_geometry` returns it.

    Attributes
    ----------
    stride : int
        Output samples of the last layer for every `down` inputs of the first.
    down : int
        1, unless the chain lowers the rate or changes it by a ratio.
    left_context, right_context : int
        Inputs before and after an input i on which its outputs depend, at most: from ``i*stride/down`` to
        ``(i + 1)*stride/down - 1``. A chunk with that many more inputs at both ends has the same outputs
        as the whole signal, once those of the additional inputs are left out.
    dropped : tuple of (int, int)
        For each layer, branch by branch, the samples of the full convolution that its padding drops on the
        left and on the right; a negative number is that of zeros added by an output padding.
    layers : tuple of Geometry
        The layers. In the place of a :class:`Sum` there is a tuple of those of its branches, each a tuple.
    """

    stride: int
    down: int
    left_context: int
    right_context: int
    dropped: tuple[tuple[int, int], ...]
    layers: Geometries

    def output_length(self, length: int) -> int:
        """Return the length of the last layer's output for `length` samples.

        Raises
        ------
        ParameterTypeError, ParameterError
            `length` is not an int of at least 1, or the output of a layer would have no samples.
        """
        return _length(self.layers, length)


def chain_geometry(layers: "Trunk | Iterable[Stage | Trunk | Mapping[str, Any]]") -> ChainGeometry:
    """Return strides, lengths, context and crops of several layers, one after another.

    Output j of a layer is at position ``p = j*down + crop`` of its full convolution, and depends on the
    inputs ``ceil((p - D + 1)/stride)`` to ``floor(p/stride)``, with D = dilation*(K - 1) + 1. From the last
    layer to the first, these bounds give the context.

    Parameters
    ----------
    layers : Chain, or iterable of Upsampler, Sum or mapping
        The layers in the order of the signal. A mapping has arguments of :func:`output_length`, such as
        ``{"kernel_size": 16, "stride": 8, "padding": "hifigan"}``; with ``"transposed": False`` it is an
        ordinary convolution with the arguments of ``torch.nn.Conv1d``. Elementwise layers are left out.

    Returns
    -------
    ChainGeometry
        The arithmetic of the whole.

    Raises
    ------
    ParameterTypeError, ParameterError
        There are no layers, or a layer has arguments that cannot be used.

    Examples
    --------
    The upsampling layers of HiFi-GAN V1:

    >>> sizes = [(16, 8), (16, 8), (4, 2), (4, 2)]
    >>> whole = chain_geometry({"kernel_size": k, "stride": s, "padding": "hifigan"} for k, s in sizes)
    >>> whole.stride, whole.left_context, whole.right_context, whole.output_length(10)
    (256, 1, 1, 2560)
    >>> whole.dropped
    ((4, 4), (4, 4), (1, 1), (1, 1))
    """
    if not isinstance(layers, Trunk | Iterable):
        raise ParameterTypeError(f"layers must be a Chain or a sequence of layers, got {layers!r}")
    given = (layers,) if isinstance(layers, Trunk) else layers
    flat: Iterator[Any] = (
        one for each in given for one in (each.stages if isinstance(each, Trunk) else (each,))
    )
    found = tuple(_geometry(layer) for layer in flat if not _is_elementwise(layer))
    if not found:
        raise ParameterError("layers must have at least one layer that is not elementwise")
    ratio = ratio_of(found)
    left, right = _context(found, ratio)
    dropped = tuple(
        (layer.crop, layer.span - layer.stride - layer.crop - layer.surplus) for layer in _flat(found)
    )
    return ChainGeometry(ratio.numerator, ratio.denominator, left, right, dropped, found)


def _is_elementwise(layer: object) -> bool:
    """Return whether a layer is a function; a module of another library with a kernel is none."""
    return callable(layer) and not isinstance(layer, Upsampler | Sum) and not hasattr(layer, "kernel_size")


def _geometry(layer: Upsampler | Sum | Mapping[str, Any]) -> Geometry | tuple[Geometries, ...]:
    if isinstance(layer, Sum):
        return tuple(map(geometries, layer.branches))
    if not isinstance(layer, Upsampler | Mapping):
        raise ParameterTypeError(
            "a layer must be an Upsampler, a function, or a mapping such as"
            f" {{'kernel_size': 16, 'stride': 8}}, got {layer!r}"
        )
    if isinstance(layer, Upsampler):
        return layer._geometry  # the two are parts of one operator
    arguments = dict(layer)
    transposed = as_flag("transposed", arguments.pop("transposed", True))
    known = _KEYS if transposed else _KEYS_OF_CONV1D
    if unknown := [key for key in arguments if key not in known]:
        raise ParameterError(f"a layer must have the keys {', '.join(known)}, got {unknown[0]!r}")
    if "kernel_size" not in arguments:
        raise ParameterError(f"a layer must have a kernel_size, got {dict(layer)}")
    if transposed:
        return Geometry.of(**arguments)
    taps = as_integer("kernel_size", arguments["kernel_size"], 1)
    if taps > _MOST:
        raise ParameterError(f"kernel_size must be at most {_MOST} in an ordinary convolution, got {taps}")
    options = {key: value for key, value in arguments.items() if key != "kernel_size"}
    return Upsampler.of_conv1d(np.zeros((1, 1, taps)), **options)._geometry


def _context(layers: Geometries, ratio: Fraction) -> tuple[int, int]:
    """Return the most inputs before and after an input on which its outputs depend."""
    left = right = 0
    for own in range(period_of(layers)):
        first, last = math.ceil(own * ratio), math.ceil((own + 1) * ratio) - 1
        if first <= last:
            first, last = _needed(layers, first, last)
            left, right = max(left, own - first), max(right, last - own)
    return left, right


def _needed(layers: Geometries, first: int, last: int) -> tuple[int, int]:
    """Return the first and the last input that outputs `first` to `last` depend on."""
    for layer in reversed(layers):
        if isinstance(layer, tuple):
            ends = [_needed(branch, first, last) for branch in layer]
            first, last = min(first for first, _ in ends), max(last for _, last in ends)
        else:
            first = -((layer.span - 1 - first * layer.down - layer.crop) // layer.stride)
            last = (last * layer.down + layer.crop) // layer.stride
    return first, last


def _length(layers: Geometries, length: int) -> int:
    for number, layer in enumerate(layers):
        try:
            if isinstance(layer, tuple):
                length = _common([_length(branch, length) for branch in layer])
            else:
                length = layer.output_length(length)
        except ParameterError as error:
            raise ParameterError(f"layer {number}: {error}") from None
    return length


def _common(lengths: list[int]) -> int:
    if len(set(lengths)) > 1:
        raise ParameterError(f"the branches of a sum must return equally many samples, got {lengths}")
    return lengths[0]


def _flat(layers: Geometries) -> Iterator[Geometry]:
    for layer in layers:
        if isinstance(layer, tuple):
            for branch in layer:
                yield from _flat(branch)
        else:
            yield layer
