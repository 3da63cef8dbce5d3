"""The kernel of an operator: a weight with its bias, checked, and signals checked against it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import as_index
from convt.arrays import Array, DType, as_numeric, result_dtype
from convt.errors import ParameterError


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A checked weight with its bias.

    Attributes
    ----------
    weight : ndarray, (C_in, C_out/groups, K)
        The taps; (1, 1, K) where one kernel serves every channel.
    bias : ndarray or None
        (C_out,); where one kernel serves every channel also a single number, () or (1,).
    groups : int
        Blocks of channels that do not mix.
    shared : bool
        Whether one kernel serves every channel, each channel being a signal of its own.
    """

    weight: Array
    bias: Array | None
    groups: int
    shared: bool = False

    @classmethod
    def of(cls, weight: ArrayLike, bias: ArrayLike | None, groups: object) -> "Kernel":
        """Check a weight (C_in, C_out/groups, K) with its bias (C_out,).

        Raises
        ------
        ParameterTypeError, ParameterError
            An argument has a dtype, shape or value that cannot be used.
        """
        taps = as_numeric("weight", weight)
        if taps.ndim != 3 or taps.size == 0:
            raise ParameterError(
                f"weight must have shape (C_in, C_out/groups, K), none of them 0, got {taps.shape}"
            )
        groups = as_index("groups", groups, 1)
        if taps.shape[0] % groups:
            raise ParameterError(f"groups must divide C_in = {taps.shape[0]}, got {groups}")
        kernel = cls(taps, None if bias is None else as_numeric("bias", bias), groups)
        if kernel.bias is not None and kernel.bias.shape != (kernel.out_channels,):
            raise ParameterError(
                f"bias must have shape (C_out,) = ({kernel.out_channels},), got {kernel.bias.shape}"
            )
        return kernel

    @classmethod
    def for_every_channel(cls, taps: ArrayLike, bias: ArrayLike | None, groups: object) -> "Kernel":
        """Check a weight (K,) that serves every channel, with a bias () or (C,).

        Raises
        ------
        ParameterTypeError, ParameterError
            An argument has a dtype, shape or value that cannot be used.
        """
        weight = as_numeric("weight", taps)
        if weight.ndim != 1 or weight.size == 0:
            raise ParameterError(f"weight must have shape (K,) with K at least 1, got {weight.shape}")
        if as_index("groups", groups, 1) != 1:
            raise ParameterError(f"groups must be 1 with a weight of shape (K,), got {groups}")
        offset = None if bias is None else as_numeric("bias", bias)
        if offset is not None and (offset.ndim > 1 or offset.size == 0):
            raise ParameterError(f"bias must be a number or have shape (C,), got {offset.shape}")
        return cls(weight[np.newaxis, np.newaxis], offset, 1, shared=True)

    @property
    def taps(self) -> int:
        """Taps of the kernel, K."""
        taps: int = self.weight.shape[2]
        return taps

    @property
    def in_channels(self) -> int:
        """Channels the weight expects, C_in."""
        channels: int = self.weight.shape[0]
        return channels

    @property
    def out_channels(self) -> int:
        """Channels the weight makes, C_out."""
        channels: int = self.weight.shape[1] * self.groups
        return channels

    @property
    def fixed_channels(self) -> int | None:
        """Channels that a signal must have: C_in, or as many as a bias has; None if any will do."""
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


def check_whole(kernel: Kernel, x: Array, ndims: tuple[int, ...]) -> None:
    """Refuse a whole signal that has no sample, or does not suit the kernel; see :func:`check_signal`."""
    check_signal(kernel, x, ndims)
    if x.shape[-1] == 0:
        raise ParameterError(f"x must have at least 1 sample, got shape {x.shape}")


def check_signal(kernel: Kernel, x: Array, ndims: tuple[int, ...]) -> None:
    """Refuse a signal, or a piece of one, whose dimensions or channels do not suit the kernel.

    Raises
    ------
    ParameterError
        `x` does not suit the kernel, or the bias does not suit `x`.
    """
    shapes = {2: "(C_in, L)", 3: "(N, C_in, L)"}
    if x.ndim not in ndims:
        wanted = " or ".join(shapes[ndim] for ndim in ndims)
        raise ParameterError(f"x must have shape {wanted}, got {x.shape}")
    channels = x.shape[-2]
    if not kernel.shared and channels != kernel.in_channels:
        raise ParameterError(
            f"x must have C_in = {kernel.in_channels} channels, as weight {kernel.weight.shape} expects,"
            f" got {channels} in {x.shape}"
        )
    if kernel.shared and kernel.bias is not None and kernel.bias.size not in (1, channels):
        raise ParameterError(
            f"bias must have one number or one for each of the {channels} channels of x, got shape"
            f" {kernel.bias.shape}"
        )
