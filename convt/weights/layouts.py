"""The order of axes and taps in the weights of each framework.

    torch, onnx   (C_in, C_out/groups, K)     signals (N, C, L)
    keras         (K, C_out, C_in)            signals (N, L, C)
    mlx           (C_out, K, C_in)            signals (N, L, C)
    jax           (K, C_in, C_out)            signals (N, L, C), the last tap first

jax.lax.conv_transpose slides its kernel unflipped over the signal with zeros between the samples. All
others add the kernel, unflipped, at every sample (with transpose_kernel=True jax has the layout of keras).
Kernels of one or two axes are (K,) and (C, K) in every layout.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from convt.arguments import as_choice
from convt.arrays import Array

LayoutName = Literal["torch", "keras", "jax", "mlx", "onnx"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The axes of C_in, C_out/groups and K in a weight of three axes, and whether taps are reversed."""

    name: str
    axes: tuple[int, int, int]
    reverses: bool = False

    def torch_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape as (C_in, C_out/groups, K)."""
        return tuple(shape[axis] for axis in self.axes) if len(shape) == 3 else shape

    def as_torch(self, weight: Array) -> Array:
        """Return a weight as (C_in, C_out/groups, K), (C, K) or (K,), with the first tap first."""
        if weight.ndim == 3:
            weight = weight.transpose(self.axes)
        return np.ascontiguousarray(weight[..., ::-1] if self.reverses else weight)

    def from_torch(self, weight: Array) -> Array:
        """Return a weight (C_in, C_out/groups, K) in this layout: the inverse of :meth:`as_torch`."""
        if weight.ndim != 3:
            return weight
        return (weight[..., ::-1] if self.reverses else weight).transpose(np.argsort(self.axes))


_LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("torch", (0, 1, 2)),
        Layout("onnx", (0, 1, 2)),
        Layout("keras", (2, 1, 0)),
        Layout("mlx", (2, 0, 1)),
        Layout("jax", (1, 2, 0), reverses=True),
    )
}


def layout_of(name: LayoutName) -> Layout:
    """Return the layout with this name; raises like :func:`as_choice`."""
    return _LAYOUTS[as_choice("layout", name, get_args(LayoutName))]
