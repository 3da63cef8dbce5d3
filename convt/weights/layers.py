"""Group the tensors of a file into layers by name, and read the weights of the layers.

The weight of a layer is one tensor or, with weight_norm, a direction v and a magnitude g::

    <layer>.weight   <layer>.kernel   or any other name, which is then the name of the layer
    <layer>.weight_v                              and .weight_g
    <layer>.parametrizations.weight.original1     and .original0
    <layer>.bias

    w = g * v/|v|,  the norm over all axes except the one along which g has more than one number

(T. Salimans and D. P. Kingma, "Weight normalization", 2016; torch.nn.utils.weight_norm.)
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from convt.arrays import Array
from convt.errors import WeightsError
from convt.weights.tensor import Tensor

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
NUMBER_DTYPES = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
NUMBER_DTYPES |= {"bool", "bfloat16", "float16", "float32", "float64", "complex64", "complex128"}


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
        """The tensors of the weight."""
        made_of = self.weight, self.magnitude, self.direction, self.unknown
        return tuple(tensor for tensor in made_of if tensor)

    @property
    def title(self) -> str:
        """The name of the layer or, if it has none, of its weight."""
        return self.name or next((tensor.name for tensor in self.tensors), "")

    @property
    def shown(self) -> Tensor | None:
        """The tensor with the weight's shape and dtype; None if the weight cannot be read."""
        if len(self.tensors) == 1:
            return self.weight
        return self.direction if self.magnitude and len(self.tensors) == 2 else None

    @property
    def problem(self) -> str | None:
        """The reason why the weight cannot be read, judged by shapes and dtypes; None if it can."""
        if self.shown is None:
            names = ", ".join(tensor.name for tensor in self.tensors)
            return (
                f"has {names}: neither a single weight nor a pair of weight_norm;"
                " save it as one tensor (torch.nn.utils.parametrize.remove_parametrizations)"
            )
        dtype = self.shown.dtype
        return None if dtype in NUMBER_DTYPES else f"has the dtype {dtype}, which numpy does not have"

    def read(self) -> Array:
        """Return the weight; weight_norm is undone.

        Raises
        ------
        WeightsError
            The tensors do not form a weight.
        """
        if self.shown is None:
            raise WeightsError(self.problem)
        if self.direction and self.magnitude:
            return _folded(self.direction.read(), self.magnitude.read())
        return self.shown.read()

    def stored(self, weight: Array) -> dict[Tensor, Array]:
        """Return the arrays that make `read` return this weight, by their tensors; weight_norm is redone.

        Raises
        ------
        WeightsError
            The tensors do not form a weight, or one of another shape.
        """
        if self.shown is None or self.problem:
            raise WeightsError(self.problem)
        if not self.shown.dtype.startswith(("float", "bfloat", "complex")):
            raise WeightsError(f"holds {self.shown.dtype}, into which a weight would be rounded")
        if weight.dtype.kind == "c" and not self.shown.dtype.startswith("complex"):
            raise WeightsError(f"holds {self.shown.dtype}, and the new weight is complex")
        if weight.shape != self.shown.shape:
            raise WeightsError(f"has the shape {self.shown.shape}, and the new weight {weight.shape}")
        if not (self.direction and self.magnitude):
            return {self.shown: weight}
        axis = _magnitude_axis(self.direction.shape, self.magnitude.shape)
        others = tuple(other for other in range(weight.ndim) if other != axis)
        norms = np.sqrt((np.abs(weight).astype(np.float64) ** 2).sum(others))
        return {self.direction: weight, self.magnitude: norms.reshape(self.magnitude.shape)}


def find_layers(tensors: Iterable[Tensor]) -> list[Layer]:
    """Return the layers of some tensors, sorted by name, with numbers in numeric order.

    Raises
    ------
    WeightsError
        Two tensors have the same name.
    """
    layers: dict[str, Layer] = {}
    bare = list[Layer]()
    names = set[str]()
    for tensor in tensors:
        if tensor.name in names:
            raise WeightsError(f"has two tensors named {tensor.name}")
        names.add(tensor.name)
        if (named := _NAME.fullmatch(tensor.name)) is None:
            bare.append(Layer(tensor.name, tensor))
            continue
        layer = layers.setdefault(named["layer"] or "", Layer(named["layer"] or ""))
        role = _ROLES[named["leaf"]]
        setattr(layer, "unknown" if getattr(layer, role) else role, tensor)
    for layer in bare:
        if namesake := layers.get(layer.name):  # use the name of the tensor instead
            namesake.name = namesake.tensors[0].name if namesake.tensors else namesake.name
    return sorted([*layers.values(), *bare], key=lambda layer: _natural(layer.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts ups.10 after ups.2."""
    parts = re.split(r"(\d+)", name)
    return [(len(part.lstrip("0")) if part.isdecimal() else -1, part.lstrip("0")) for part in parts]


def _folded(direction: Array, magnitude: Array) -> Array:
    """Return g * v/|v|, with zeros where |v| is 0. With a single g the norm is over all of v.

    Raises
    ------
    WeightsError
        The shape of g does not fit the shape of v, or fits several axes; or g is complex.
    """
    if magnitude.dtype.kind not in "biuf" or direction.dtype.kind not in "biufc":
        raise WeightsError(
            f"the magnitude must be real and the direction numeric, got {magnitude.dtype} and"
            f" {direction.dtype}"
        )
    axis = _magnitude_axis(direction.shape, magnitude.shape)
    others = tuple(other for other in range(direction.ndim) if other != axis)
    exact = direction.astype(np.result_type(direction.dtype, np.float64))
    largest = np.abs(exact).max(others, keepdims=True, initial=0)
    with np.errstate(all="ignore"):
        scaled = exact / largest  # so that squares neither underflow nor overflow
        scaled /= np.sqrt((np.abs(scaled) ** 2).sum(others, keepdims=True))
        scaled *= magnitude.astype(np.float64).reshape(largest.shape)
        scaled[np.broadcast_to(largest == 0, scaled.shape)] = 0
        dtype = np.result_type(direction.dtype, magnitude.dtype)
        folded: Array = scaled.astype(dtype if dtype.kind in "fc" else np.float64)
    return folded


def _magnitude_axis(shape: tuple[int, ...], given: tuple[int, ...]) -> int | None:
    """Return the axis along which a magnitude has its numbers; None for a single number."""
    what = f"the magnitude of shape {given} for a weight of shape {shape}"
    if math.prod(given) == 1 and len(given) in (0, 1, len(shape)):
        if given and 1 not in shape:
            raise WeightsError(f"{what} has one number, but every axis has several")
        return None
    if len(given) == 1:
        axes = [axis for axis, length in enumerate(shape) if length == given[0]]
    else:
        ones = [1] * len(shape)
        alone = [(*ones[:axis], length, *ones[axis + 1 :]) for axis, length in enumerate(shape)]
        axes = [axis for axis, shape_of_one in enumerate(alone) if shape_of_one == given]
    if len(axes) != 1:
        raise WeightsError(f"{what} fits {'several axes' if axes else 'none of its axes'}")
    return axes[0]
