"""A kernel prepared as its plan says, in parts that threads compute at the same time."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from convt.arrays import Array
from convt.engines.buffers import Scratch, windows
from convt.engines.direct import scatter
from convt.engines.planning import Plan
from convt.engines.protocol import Engine
from convt.geometry import Geometry
from convt.streaming.nonfinite import all_safe, unsafe


@dataclass(slots=True, eq=False)
class ChannelBlock:
    """A run of output channels.

    Attributes
    ----------
    inputs, outputs : slice
        The input channels they need, and which output channels they are.
    weight : ndarray, (groups, C_in/groups, C_out/groups, K)
        Their taps alone.
    engine : Engine or None
        None until it is prepared.
    """

    inputs: slice
    outputs: slice
    weight: Array
    engine: Engine | None = None


class PreparedKernel:
    """A weight (groups, C_in/groups, C_out/groups, K), divided as its plan says.

    Unsafe samples, see ``nonfinite.py``, are added by definition, and engines see a zero in their place.
    For an unsafe kernel no engine is prepared, and every sample is added by definition.
    """

    def __init__(self, weight: Array, geometry: Geometry, plan: Plan) -> None:
        self._geometry, self._plan, self._scratch = geometry, plan, Scratch()
        self._weight = weight
        self.parts = _channel_blocks(weight, plan.parts)

    @property
    def unprepared(self) -> list[ChannelBlock]:
        """The parts whose engine is still to be prepared; none if the kernel is unsafe."""
        return [part for part in self.parts if part.engine is None] if self._safe else []

    @cached_property
    def _safe(self) -> bool:
        return all_safe(self._weight)  # a product, and so not before there is a team

    def prepare(self, part: ChannelBlock) -> None:
        """Prepare the part's engine."""
        part.engine = self._plan.prepare(part.weight, self._geometry, self._scratch)

    def apply(self, part: ChannelBlock, samples: Array, known: slice, bias: Array, out: Array) -> None:
        """Write the outputs of samples (N, C_in, lag + T*n) into `out`, (N, T, C_out, outputs).

        `known` are the samples of the signal; the others are the zeros around it.
        """
        blocks, lag = out.shape[1], self._geometry.lag
        block = (samples.shape[-1] - lag) // blocks

        def frames(of: Array) -> Array:
            return windows(of, lag + block, block, blocks).swapaxes(1, 2)

        if part.engine is None:  # the kernel is unsafe
            out[...] = bias
            self._add_by_definition(part, frames(samples), frames(_mask(samples, known)), out)
        elif part.engine.contained or all_safe(samples):
            part.engine(frames(samples), bias, out)
        else:
            which = unsafe(samples)
            part.engine(frames(np.where(which, 0, samples)), bias, out)
            self._add_by_definition(part, frames(np.where(which, samples, 0)), frames(which), out)

    def _add_by_definition(self, part: ChannelBlock, frames: Array, chosen: Array, out: Array) -> None:
        """Add the outputs of the chosen columns of the frames to `out`, by definition."""
        columns = np.any(chosen, axis=2)
        # One block at a time: together with others it would be added in another order.
        for signal, block in np.argwhere(columns.any(axis=2)):
            which = np.flatnonzero(columns[signal, block])
            positions = (which - self._geometry.lag) * self._geometry.stride - self._geometry.offset
            samples = frames[signal, block][:, which]
            out[signal, block] += scatter(samples, positions, part.weight, self._geometry, out.shape[-1])


def _channel_blocks(weight: Array, parts: int) -> list[ChannelBlock]:
    """Divide the groups of a weight or, of a single group, the output channels."""
    groups, cin, cout, _ = weight.shape
    if groups == 1:
        return [
            ChannelBlock(slice(None), run, weight[:, :, run])
            for run in split_evenly(range(cout), -(-cout // parts))
        ]
    return [
        ChannelBlock(_scaled(run, cin), _scaled(run, cout), weight[run])
        for run in split_evenly(range(groups), -(-groups // parts))
    ]


def _scaled(run: slice, count: int) -> slice:
    return slice(run.start * count, run.stop * count)


def split_evenly(things: range, most: int) -> list[slice]:
    """Divide a range into as few runs as have at most so many neighbours each, all of about one size."""
    if len(things) <= most:  # as in most short calls
        return [slice(things.start, things.stop)] if things else []
    count = -(-len(things) // most)
    cuts = [things.start + len(things) * n // count for n in range(count)]
    return [slice(*cut) for cut in pairwise([*cuts, things.stop])]


def _mask(samples: Array, known: slice) -> Array:
    mask = np.zeros(samples.shape[-1], bool)
    mask[known] = True
    return np.broadcast_to(mask, samples.shape)
