"""From the names of tensors to the layers that they belong to.

A layer's weight is a tensor, or, where it is normalised, a direction and a magnitude::

    <layer>.weight   <layer>.kernel   or any other name, which then is the layer's
    <layer>.weight_v                              and .weight_g
    <layer>.parametrizations.weight.original1     and .original0
    <layer>.bias
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from convt.arrays import Array
from convt.errors import WeightsError
from convt.weights.layouts import Layout
from convt.weights.tensor import Tensor
from convt.weights.weight_norm import fold

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
_NAME = re.compile(rf"(?:(?P<layer>.*)[./])?(?P<leaf>{'|'.join(map(re.escape, _ROLES))})(?::0)?", re.DOTALL)
_NUMBERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_NUMBERS |= {"bool", "bfloat16", "float16", "float32", "float64", "complex64", "complex128"}


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
    def title(self) -> str:
        """What the layer is called: by its weight's name, if it has none."""
        return self.name or next((tensor.name for tensor in self.tensors), "")

    @property
    def shown(self) -> Tensor | None:
        """The tensor whose shape and dtype are the weight's; None where it cannot be made."""
        if len(self.tensors) == 1:
            return self.weight
        return self.direction if self.magnitude and len(self.tensors) == 2 else None

    @property
    def problem(self) -> str | None:
        """Why the weight cannot be read, if that is known before."""
        if self.shown is None:
            names = ", ".join(tensor.name for tensor in self.tensors)
            return (
                f"has {names}: neither one weight, nor one that weight_norm normalised;"
                " save it as one tensor (torch.nn.utils.parametrize.remove_parametrizations)"
            )
        dtype = self.shown.dtype
        return None if dtype in _NUMBERS else f"is of {dtype}, which numpy has no numbers of"

    def read(self) -> Array:
        """Return the weight, folded if it is normalised.

        Raises
        ------
        WeightsError
            It cannot be made of what there is.
        """
        if self.shown is None:
            raise WeightsError(self.problem)
        if self.direction and self.magnitude:
            return fold(self.direction.read(), self.magnitude.read())
        return self.shown.read()


def find_layers(tensors: Iterable[Tensor]) -> list[Layer]:
    """Return the layers whose tensors these are, in the order of their names, numbers by their size.

    Raises
    ------
    WeightsError
        Two tensors have one name.
    """
    layers: dict[str, Layer] = {}
    bare = list[Layer]()
    names = set[str]()
    for tensor in tensors:
        if tensor.name in names:
            raise WeightsError(f"has two tensors of the name {tensor.name}")
        names.add(tensor.name)
        if (named := _NAME.fullmatch(tensor.name)) is None:
            bare.append(Layer(tensor.name, tensor))
            continue
        layer = layers.setdefault(named["layer"] or "", Layer(named["layer"] or ""))
        role = _ROLES[named["leaf"]]
        setattr(layer, "unknown" if getattr(layer, role) else role, tensor)
    for layer in bare:
        if namesake := layers.get(layer.name):  # the tensor's name is its own, then
            namesake.name = namesake.tensors[0].name if namesake.tensors else namesake.name
    return sorted([*layers.values(), *bare], key=lambda layer: _natural(layer.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts ups.10 after ups.2."""
    parts = re.split(r"(\d+)", name)
    return [(len(part.lstrip("0")) if part.isdecimal() else -1, part.lstrip("0")) for part in parts]


def could_be(layer: Layer, layout: Layout) -> bool:
    """Tell whether a layer could be a transposed convolution's, as shapes and dtypes show."""
    shown = layer.shown
    if shown is None or not (1 <= len(shown.shape) <= 3 and all(shown.shape)):
        return False
    return shown.dtype in _NUMBERS and (layer.bias is None or bias_fits(layer, layout))


def is_broken(layer: Layer) -> bool:
    """Tell whether a layer has a weight of three axes that cannot be read."""
    return layer.problem is not None and any(len(tensor.shape) == 3 for tensor in layer.tensors)


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
    """Return the layers that could be a transposed convolution's, or may be and cannot be read.

    Those of three axes, where there are any: all others then are a network's many vectors and matrices.
    """
    possible = [layer for layer in layers if could_be(layer, layout) or is_broken(layer)]
    wide = [layer for layer in possible if any(len(tensor.shape) == 3 for tensor in layer.tensors)]
    return wide or possible
