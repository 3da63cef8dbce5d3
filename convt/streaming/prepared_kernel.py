"""A kernel prepared for its plan, in parts that threads compute at the same time."""

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
from convt.streaming.nonfinite import Reach, all_safe, components, settle_nan, signs, unsafe


@dataclass(slots=True, eq=False)
class ChannelBlock:
    """A run of output channels.

    Attributes
    ----------
    inputs, outputs : slice
        The input channels that they need, and the output channels.
    weight : ndarray, (groups, C_in/groups, C_out/groups, K)
        The taps of these channels.
    engine : Engine or None
        None until it is prepared.
    signs : Engine or None
        The engine for the signs of the taps; None until it is needed for an infinity.
    """

    inputs: slice
    outputs: slice
    weight: Array
    engine: Engine | None = None
    signs: Engine | None = None


class PreparedKernel:
    """A weight (groups, C_in/groups, C_out/groups, K), divided into the parts of its plan.

    Engines get a zero in place of an unsafe sample, and the outputs that its taps reach are corrected
    afterwards; see ``nonfinite.py``. A kernel that is unsafe, or planned by definition, has no engine.
    """

    def __init__(self, weight: Array, geometry: Geometry, plan: Plan) -> None:
        self._geometry, self._plan, self.scratch = geometry, plan, Scratch()
        self._weight = weight
        self.parts = _channel_blocks(weight, plan.parts)

    @cached_property
    def has_engine(self) -> bool:
        """Whether blocks are computed by an engine, not by definition."""
        # This is a product, so it must run inside of a team.
        return self._plan.engine != "definition" and all_safe(self._weight)

    @property
    def unprepared(self) -> list[ChannelBlock]:
        """The parts whose engine is still to be prepared."""
        return [part for part in self.parts if part.engine is None]

    @property
    def is_prepared(self) -> bool:
        """Whether every part has its engine."""
        return self.has_engine and not self.unprepared

    def prepare(self, part: ChannelBlock) -> None:
        """Prepare the part's engine."""
        part.engine = self._engine(part.weight)

    def _engine(self, weight: Array) -> Engine:
        return self._plan.prepare(weight, self._geometry, self.scratch)

    def apply(self, part: ChannelBlock, samples: Array, bias: Array, out: Array) -> None:
        """Write the outputs of samples (N, C_in, lag + T*n) into `out`, (N, T, C_out, outputs)."""
        engine, blocks = part.engine or self._engine(part.weight), out.shape[1]
        if all_safe(samples):
            engine(self._frames(samples, blocks), bias, out)
            return
        which = unsafe(samples)
        engine(self._frames(np.where(which, 0, samples), blocks), bias, out)
        if (hit := np.flatnonzero(np.any(which, axis=(0, 1)))).size:
            lag = self._geometry.lag
            block = (samples.shape[-1] - lag) // blocks
            first, stop = max(0, (hit[0] - lag) // block), min(blocks, hit[-1] // block + 1)
            columns = slice(first * block, stop * block + lag)
            self._write_unsafe(part, samples[..., columns], which[..., columns], bias, out[:, first:stop])

    def _frames(self, samples: Array, blocks: int) -> Array:
        """Return the frames (N, T, C_in, lag + n) of samples."""
        block = (samples.shape[-1] - self._geometry.lag) // blocks
        return windows(samples, self._geometry.lag + block, block, blocks).swapaxes(1, 2)

    def _write_unsafe(
        self, part: ChannelBlock, samples: Array, which: Array, bias: Array, out: Array
    ) -> None:
        """Add the large samples to the outputs, and write the outputs that infinities and NaN reach."""
        large, nan = which & np.isfinite(samples), np.isnan(samples)
        if large.any():
            self._add_by_definition(part, np.where(large, samples, 0), large, out)
        if np.isinf(samples).any():
            self._write_infinities(part, signs(samples, of_infinities=True), bias, out)
        if nan.any():
            reached = self._count(part, nan, out) > 0
            for target in components(_by_group(part, out)):
                np.copyto(target, np.nan, where=reached)

    def _write_infinities(self, part: ChannelBlock, infinities: Array, bias: Array, out: Array) -> None:
        """Write the outputs that infinities with these signs reach."""
        part.signs = part.signs or self._engine(signs(part.weight))
        sums = np.empty(out.shape, infinities.dtype)
        part.signs(self._frames(infinities, out.shape[1]), np.zeros_like(bias, sums.dtype), sums)
        count = self._count(part, np.sum(np.abs(components(infinities)), axis=0), out)
        targets, totals, offsets = (components(_by_group(part, of)) for of in (out, sums, bias))
        for target, total, offset in zip(targets, totals, offsets, strict=True):
            # True if all products have the same sign; transforms give whole numbers within rounding.
            agree = np.abs(total) > count - 0.5
            made = np.where(agree, np.copysign(np.inf, total), np.nan) + offset
            settle_nan(made)
            np.copyto(target, made, where=count > 0)

    def _count(self, part: ChannelBlock, marks: Array, out: Array) -> Array:
        """Return the sum of the marks (N, C_in, any) of each output, (N, T, groups, 1, outputs)."""
        by_group = marks.reshape(len(marks), len(part.weight), -1, marks.shape[-1]).sum(2)
        count = self._reach.count(by_group)
        return count.reshape(*count.shape[:2], out.shape[1], 1, -1).swapaxes(1, 2)

    @cached_property
    def _reach(self) -> Reach:
        return Reach(self._geometry)

    def _add_by_definition(self, part: ChannelBlock, samples: Array, chosen: Array, out: Array) -> None:
        """Add the outputs of the chosen samples, all others being zeros, to `out`, by definition."""
        frames, columns = (self._frames(of, out.shape[1]) for of in (samples, chosen))
        columns = np.any(columns, axis=2)
        # One block at a time: several at once would be added in another order.
        for signal, block in np.argwhere(np.any(columns, axis=2)):
            which = np.flatnonzero(columns[signal, block])
            positions = (which - self._geometry.lag) * self._geometry.stride - self._geometry.offset
            samples = frames[signal, block][:, which]
            out[signal, block] += scatter(samples, positions, part.weight, self._geometry, out.shape[-1])
            settle_nan(out[signal, block])


def _channel_blocks(weight: Array, parts: int) -> list[ChannelBlock]:
    """Divide the groups of a weight, or the output channels of a single group."""
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
    """Divide a range into as few runs of at most `most` neighbours as possible, of about equal size."""
    if len(things) <= most:  # the usual case of short calls
        return [slice(things.start, things.stop)] if things else []
    count = -(-len(things) // most)
    cuts = [things.start + len(things) * n // count for n in range(count)]
    return [slice(*cut) for cut in pairwise([*cuts, things.stop])]


def _by_group(part: ChannelBlock, out: Array) -> Array:
    """Return a view of outputs (N, T, C_out, any) as (N, T, groups, C_out/groups, any)."""
    return out.reshape(*out.shape[:2], len(part.weight), -1, out.shape[-1])
