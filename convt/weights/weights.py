"""A weight and its bias, and the channels that they fit."""

from dataclasses import dataclass

import numpy as np

from convt.arguments import as_index, as_integer
from convt.arrays import Array
from convt.errors import WeightsError


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """A weight and its bias, as :func:`load_weights` returns them.

    Attributes
    ----------
    source : str
        The name of the file, and of the layer if it has one, for messages.
    weight : ndarray, (K,), (C, K) or (C_in, C_out/groups, K)
        The taps.
    bias : ndarray or None, (C_out,) or ()
        The bias.
    tensors : tuple of str
        Names of the tensors in the file that the weight and the bias were read from.
    """

    source: str
    weight: Array
    bias: Array | None = None
    tensors: tuple[str, ...] = ()

    def for_channels(self, channels: int, groups: int = 1, signal: str = "the signal") -> tuple[Array, int]:
        """Return the weight and the groups to use on a signal with this number of channels.

        ``(K,)`` and ``(1, 1, K)`` hold one kernel for all channels, ``(C, K)`` one kernel per channel, and
        ``(C_in, C_out/groups, K)`` is the shape of :func:`conv_transpose1d`.

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
            For :class:`Upsampler`.
        groups : int
            The number of groups to use with it.

        Raises
        ------
        WeightsError
            The shape does not fit; the message names the shapes that do.
        ParameterTypeError, ParameterError
            `channels` is not an int of at least 0, or `groups` not one of at least 1.
        """
        channels, groups = as_index("channels", channels, 0), as_integer("groups", groups, 1)
        weight = self.weight
        if weight.ndim == 3 and weight.shape[0] == channels and channels % groups == 0:
            return weight, groups
        if weight.ndim == 2 and weight.shape[0] == channels and groups in (1, channels):
            return weight[:, np.newaxis], channels
        if groups == 1 and (weight.ndim == 1 or weight.shape[:-1] == (1, 1)):
            return weight.reshape(-1), 1
        raise WeightsError(
            f"{self.source}: weights of shape {weight.shape} with groups={groups} do not fit {signal},"
            f" which has {channels} channel(s); use shape {_usable_shapes(channels, groups)}"
        )


def _usable_shapes(channels: int, groups: int) -> str:
    if channels % groups:
        return f"(K,) or ({channels}, K) without groups, since {groups} groups do not divide {channels}"
    if groups == 1:
        return f"(K,), ({channels}, K), (1, 1, K) or ({channels}, C_out, K)"
    return f"({channels}, C_out/{groups}, K), or (K,) or ({channels}, K) without groups"
