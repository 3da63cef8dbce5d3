"""From the names of tensors to the layers that they belong to.

A layer's weight is a tensor, or, where it is normalised, a direction v and a magnitude g::

    <layer>.weight   <layer>.kernel   or any other name, which then is the layer's
    <layer>.weight_v                              and .weight_g
    <layer>.parametrizations.weight.original1     and .original0
    <layer>.bias

    w = g * v/|v|,  the norm taken over every axis but the one along which g has more than one number

(T. Salimans and D. P. Kingma, 2016; torch.nn.utils.weight_norm.)
"""

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from convt.engines.contract import Array
from convt.errors import WeightsError
from convt.weightfiles.contract import Tensor
from convt.weightfiles.layouts import Layout

_ROLES = {
    "weight": "weight",
    "kernel": "weight",
    "weight_v": "direction",
    "weight_g": "magnitude",
    "parametrizations.weight.original1": "direction",
    "parametrizations.weight.original0": "magnitude",
    "bias": "bias",
    "weight_orig": "unknown",
    "parametrizations.weight.original": "unknown",
}
_NAME = re.compile(rf"(?:(?P<layer>.*)[./])?(?P<leaf>{'|'.join(map(re.escape, _ROLES))})(?::0)?")
_SHOWN = 8  # names in a message


@dataclass(slots=True)
class Layer:
    """The tensors of a layer."""

    name: str
    weight: Tensor | None = None
    direction: Tensor | None = None
    magnitude: Tensor | None = None
    bias: Tensor | None = None
    unknown: Tensor | None = None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What the weight is made of."""
        made_of = self.weight, self.magnitude, self.direction, self.unknown
        return tuple(tensor for tensor in made_of if tensor)

    @property
    def shown(self) -> Tensor | None:
        """The tensor whose shape and dtype are the weight's; None where it cannot be made."""
        if len(self.tensors) == 1:
            return self.weight
        return self.direction if self.magnitude and len(self.tensors) == 2 else None

    def read(self) -> Array:
        """Return the weight, folded if it is normalised.

        Raises
        ------
        WeightsError
            It cannot be made of what there is.
        """
        if self.tensors == (self.weight,) and self.weight:
            return self.weight.read()
        if self.tensors != (self.magnitude, self.direction) or not (self.direction and self.magnitude):
            names = ", ".join(tensor.name for tensor in self.tensors)
            raise WeightsError(
                f"has {names}: neither one weight, nor one that weight_norm normalised;"
                " save it as one tensor (torch.nn.utils.parametrize.remove_parametrizations)"
            )
        return fold(self.direction.read(), self.magnitude.read())


def find_layers(tensors: Iterable[Tensor]) -> list[Layer]:
    """Return the layers whose tensors these are, in the order of their names, numbers by their size."""
    layers: dict[str, Layer] = {}
    for tensor in tensors:
        named = _NAME.fullmatch(tensor.name)
        name, role = (named["layer"] or "", _ROLES[named["leaf"]]) if named else (tensor.name, "weight")
        layer = layers.setdefault(name, Layer(name))
        if getattr(layer, role):  # a name of its own, then: no layer has two
            layer = layers.setdefault(tensor.name, Layer(tensor.name))
            role = "weight"
        setattr(layer, role, tensor)
    return sorted(layers.values(), key=lambda layer: _natural(layer.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts ups.10 after ups.2."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def could_be(layer: Layer, layout: Layout) -> bool:
    """Tell whether a layer could be a transposed convolution's, as shapes and dtypes show."""
    shown = layer.shown
    if shown is None or not (1 <= len(shown.shape) <= 3 and all(shown.shape)):
        return False
    return shown.dtype in _NUMBERS and (layer.bias is None or bias_fits(layer, layout))


_NUMBERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_NUMBERS |= {"bool", "bfloat16", "float16", "float32", "float64", "complex64", "complex128"}


def bias_fits(layer: Layer, layout: Layout) -> bool:
    """Tell whether there is a number for each output channel, of as many groups as may be."""
    if layer.shown is None or layer.bias is None or len(layer.bias.shape) > 1:
        return False
    if len(layer.shown.shape) < 3 or layer.bias.shape == ():
        return True
    channels_in, channels_out, _ = layout.torch_shape(layer.shown.shape)
    groups, rest = divmod(layer.bias.shape[0], channels_out)
    return rest == 0 and groups > 0 and channels_in % groups == 0


def candidates(layers: Iterable[Layer], layout: Layout) -> list[Layer]:
    """Return the layers that could be a transposed convolution's.

    Those of three axes, where there are any: all others then are a network's many vectors and matrices.
    """
    possible = [layer for layer in layers if could_be(layer, layout)]
    wide = [layer for layer in possible if layer.shown and len(layer.shown.shape) == 3]
    return wide or possible


def pick(layers: Sequence[Layer], wanted: str | None, layout: Layout) -> Layer:
    """Return the layer of a name, of a tensor's name, or below a name; or the one that there is.

    Raises
    ------
    WeightsError
        There is none, or more than one.
    """
    if wanted is None:
        return next((layer for layer in layers if not layer.name and layer.tensors), None) or _only(
            candidates(layers, layout), "which of its weights", layers
        )
    for layer in layers:
        if layer.name == wanted and wanted and layer.tensors:
            return layer
        if any(tensor.name == wanted for tensor in layer.tensors):
            return layer
        if layer.bias and layer.bias.name == wanted:
            raise WeightsError(f"{wanted} is a bias; name the weight, or the layer {layer.name}")
    below = [layer for layer in layers if layer.name.startswith((f"{wanted}.", f"{wanted}/"))]
    if not below:
        raise WeightsError(f"there is no {wanted}{_near(wanted, layers)}")
    return _only(candidates(below, layout), f"which of {wanted}", below)


def _only(possible: Sequence[Layer], question: str, layers: Sequence[Layer]) -> Layer:
    if len(possible) == 1:
        return possible[0]
    names = [layer.name or layer.tensors[0].name for layer in possible]
    if not possible:
        there = [f"{tensor.name} {tensor.shape}" for layer in layers for tensor in layer.tensors]
        raise WeightsError(
            f"holds no weight of a transposed convolution; its tensors: {_list(there) or 'none'}"
        )
    raise WeightsError(f"{question} is meant? It has {_list(names)}; name one as the tensor")


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _near(wanted: str, layers: Sequence[Layer]) -> str:
    """Return a hint at the names that look most like it."""
    names = [layer.name for layer in layers if layer.tensors]
    names += [tensor.name for layer in layers for tensor in layer.tensors]
    close = difflib.get_close_matches(wanted, filter(None, dict.fromkeys(names)), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else f"; it has {_list(names)}"


def fold(direction: Array, magnitude: Array) -> Array:
    """Return g * v/|v|; zeros where |v| is 0.

    The axis of g's numbers is the one that the norm leaves out; a g of one number has the norm of all.

    Raises
    ------
    WeightsError
        The shape of g is none that v's allows, or leaves open which axis is meant.
    """
    axis = _axis(direction.shape, magnitude.shape)
    others = tuple(other for other in range(direction.ndim) if other != axis)
    exact = direction.astype(np.result_type(direction.dtype, np.float64))
    largest = np.abs(exact).max(others, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = exact / largest  # whose squares neither vanish nor overflow
        scaled /= np.sqrt((np.abs(scaled) ** 2).sum(others, keepdims=True))
    scaled[np.broadcast_to(largest == 0, scaled.shape)] = 0
    with np.errstate(over="ignore"):
        scaled *= magnitude.astype(np.float64).reshape(largest.shape)
    folded: Array = scaled.astype(np.result_type(direction.dtype, magnitude.dtype))
    return folded


def _axis(shape: tuple[int, ...], given: tuple[int, ...]) -> int | None:
    """Return the axis along which a magnitude has its numbers, None if it has one for all."""
    what = f"the magnitude of shape {given} for a weight of shape {shape}"
    if math.prod(given) == 1 and len(given) in (0, len(shape)):
        if given and 1 not in shape:
            raise WeightsError(f"{what} has one number, where each axis has several")
        return None
    if len(given) == 1:
        axes = [axis for axis, length in enumerate(shape) if length == given[0]]
    else:
        ones = [1] * len(shape)
        axes = [
            axis for axis, length in enumerate(shape) if given == (*ones[:axis], length, *ones[axis + 1 :])
        ]
    if len(axes) != 1:
        reason = "fits several axes" if axes else "fits none of its axes"
        raise WeightsError(f"{what} {reason}")
    return axes[0]
