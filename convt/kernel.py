"""A checked weight with its bias, and the shapes of the signals that fit it."""

import math
from dataclasses import dataclass
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import as_index
from convt.arrays import Array, DType, as_numeric, result_dtype
from convt.errors import ParameterError

_MANY_CHANNELS = 32  # if there are fewer samples, the axes are probably swapped


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A checked weight with its bias.

    Attributes
    ----------
    weight : ndarray, (C_in, C_out/groups, K)
        The taps; (1, 1, K) if one kernel is used for every channel.
    bias : ndarray or None
        (C_out,); if one kernel is used for every channel also a single number, () or (1,).
    groups : int
        Runs of channels that do not mix.
    shared : bool
        Whether one kernel is used for every channel, each of them a separate signal.
    """

    weight: Array
    bias: Array | None
    groups: int
    shared: bool = False

    @classmethod
    def of(cls, weight: ArrayLike, bias: ArrayLike | None, groups: object) -> "Kernel":
        """Check a weight (C_in, C_out/groups, K) with bias (C_out,), or (K,) with bias () or (C,).

        Raises
        ------
        ParameterTypeError, ParameterError
            An argument has a dtype, shape or value that cannot be used.
        """
        taps, offset = as_numeric("weight", weight), None if bias is None else as_numeric("bias", bias)
        groups = as_index("groups", groups, 1)
        if taps.ndim not in (1, 3) or taps.size == 0:
            hint = ": for one kernel per channel use weight[:, np.newaxis] and groups=C"
            raise ParameterError(
                f"weight must have shape (K,) or (C_in, C_out/groups, K), without axes of length 0, got"
                f" {taps.shape}{hint if taps.ndim == 2 else ''}"
            )
        if taps.ndim == 1:
            if groups != 1:
                raise ParameterError(f"groups must be 1 with a weight of shape (K,), got {groups}")
            if offset is not None and (offset.ndim > 1 or offset.size == 0):
                raise ParameterError(f"bias must be a number or have shape (C,), got shape {offset.shape}")
            return cls(taps[np.newaxis, np.newaxis], offset, 1, shared=True)
        if taps.shape[0] % groups:
            raise ParameterError(f"groups must divide C_in = {taps.shape[0]}, got {groups}")
        kernel = cls(taps, offset, groups)
        if offset is not None and offset.shape != (kernel.out_channels,):
            raise ParameterError(
                f"bias must have shape (C_out,) = ({kernel.out_channels},), got shape {offset.shape}"
            )
        return kernel

    @property
    def taps(self) -> int:
        """Taps of the kernel, K."""
        taps: int = self.weight.shape[2]
        return taps

    @property
    def in_channels(self) -> int:
        """Input channels, C_in."""
        channels: int = self.weight.shape[0]
        return channels

    @property
    def out_channels(self) -> int:
        """Output channels, C_out."""
        channels: int = self.weight.shape[1] * self.groups
        return channels

    @property
    def fixed_channels(self) -> int | None:
        """Channels that a signal must have: C_in, or as many as the bias has; None for any number."""
        if not self.shared:
            return self.in_channels
        return self.bias.size if self.bias is not None and self.bias.size > 1 else None

    def dtype_with(self, signal: DType) -> DType:
        """Return the dtype of the result for a signal of dtype `signal`."""
        arrays = (self.weight,) if self.bias is None else (self.weight, self.bias)
        return result_dtype(signal, *(array.dtype for array in arrays))

    def grouped(self, dtype: DType) -> Array:
        """Return the weight as the engines take it: (groups, C_in/groups, C_out/groups, K)."""
        return np.ascontiguousarray(self.weight.reshape(self.grouped_shape), dtype)

    @property
    def grouped_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weight as the engines take it."""
        cin, cout, taps = self.weight.shape
        return self.groups, cin // self.groups, cout, taps

    def check(self, x: Array, *, whole: bool = True) -> None:
        """Check that the shape of a signal, or of a piece of one, fits the kernel.

        `whole` signals have at least one sample.

        Raises
        ------
        ParameterError
            `x` does not fit the kernel, or the bias does not fit `x`.
        """
        channels = "C" if self.shared else "C_in"
        shapes = {1: "(L,)", 2: f"({channels}, L)", 3: f"(N, {channels}, L)"}
        if not (self.shared or self.in_channels == self.out_channels == 1):
            del shapes[1]
        if x.ndim not in shapes:
            *most, last = shapes.values()
            wanted = f"{', '.join(most)} or {last}" if most else last
            hint = ": use x[np.newaxis]" if x.ndim == 1 == self.in_channels else ""
            raise ParameterError(f"x must have shape {wanted}, got {x.shape}{hint}")
        count = channels_of(x)
        if not self.shared and count != self.in_channels:
            raise ParameterError(
                f"x must have C_in = {self.in_channels} channels to match weight {self.weight.shape},"
                f" got {count} in shape {x.shape}"
            )
        if self.shared and self.bias is not None and self.bias.size not in (1, count):
            raise ParameterError(
                f"bias must have one number, or one for each of the {count} channels of x, got shape"
                f" {self.bias.shape}"
            )
        if whole and x.shape[-1] == 0:
            raise ParameterError(f"x must have at least 1 sample, got shape {x.shape}")

    def as_signals(self, x: Array) -> Array:
        """Return one or more signals as (N, C_in, L); if the kernel is shared, each channel is a signal."""
        signals = x.shape[:-2] if x.ndim == 3 else (1,)
        shape = (math.prod(x.shape[:-1]), 1) if self.shared else (*signals, channels_of(x))
        return x.reshape(*shape, x.shape[-1])

    def as_outputs(self, y: Array, x: Array) -> Array:
        """Return outputs (N, C_out, L_out) with the axes of the signal `x`."""
        return y.reshape(*self.output_axes(x), y.shape[-1])

    def output_axes(self, x: Array) -> tuple[int, ...]:
        """Return the axes before time of the outputs for a signal `x`."""
        return x.shape[:-1] if self.shared or x.ndim == 1 else (*x.shape[:-2], self.out_channels)


def of_conv1d(weight: Array, groups: int) -> Array:
    """Return the weight (C_in, C_out/groups, K) of the same convolution, transposed and with stride 1.

    `weight` is that of a forward convolution, (C_out, C_in/groups, K) or (K,).

    Raises
    ------
    ParameterError
        The weight has another shape, or the groups do not divide it.
    """
    if weight.ndim not in (1, 3) or weight.size == 0:
        raise ParameterError(
            "weight must have shape (K,) or (C_out, C_in/groups, K), without axes of length 0, got"
            f" {weight.shape}"
        )
    if weight.ndim == 3:
        if weight.shape[0] % groups:
            raise ParameterError(f"groups must divide C_out = {weight.shape[0]}, got {groups}")
        by_group = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)
        weight = by_group.reshape(-1, *by_group.shape[2:])
    return weight[..., ::-1]


def channels_of(x: Array) -> int:
    """Return the channels of a signal (L,), (C, L) or (N, C, L)."""
    channels: int = x.shape[-2] if x.ndim > 1 else 1
    return channels


def warn_if_transposed(x: Array, hint: str, level: int) -> None:
    """Warn if a signal looks like (samples, channels); `level` is the stack level of the caller."""
    channels, count = channels_of(x), x.shape[-1]
    if channels > max(_MANY_CHANNELS, count):
        looks, turned = f"x has {channels} channels of {count} samples", "x.mT" if x.ndim == 3 else "x.T"
        warn(f"{looks}: if its shape is (samples, channels), use {turned}{hint}", stacklevel=level)
