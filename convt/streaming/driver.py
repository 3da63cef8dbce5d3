"""The only driver: cuts a signal into blocks on a fixed grid, has them computed, and crops.

Block b of the grid is made of input samples b*inputs to (b + 1)*inputs and of the lag before them. It is
computed when all of it has arrived, so that the same samples go through the same products in whatever
pieces they were pushed; and what is left at the signal's end is the same stretch as well::

    input     ... | lag | b*inputs ..... |  pending  |
    made                | b*outputs .... |
    output  skipped --->| emitted so far |
"""

from dataclasses import dataclass

import numpy as np

from convt.arrays import Array, DType, compute_dtype
from convt.engines.buffers import Scratch
from convt.engines.direct import PRODUCTS, scatter
from convt.engines.planning import Plan, cheaper_by_definition
from convt.geometry import Geometry
from convt.kernel import Kernel
from convt.streaming.input_buffer import InputBuffer
from convt.streaming.prepared_kernel import ChannelBlock, PreparedKernel, runs
from convt.streaming.threads import ThreadTeam, default_threads, ignore_float_errors

_TASK_ELEMENTS = 1 << 21  # what one task works on: some 10 MB, whatever the signal's length
_TASKS_A_THREAD = 2  # as each costs a wait for the interpreter, and one would leave a thread idle
_WORTH_A_THREAD = 3e7  # multiply-adds; a thread takes as long to wake


@dataclass(frozen=True, slots=True)
class _Task:
    """Neighbouring blocks of a run of signals, through one part of the kernel.

    `first` is the first block, `blocks` how many, and `inputs` the samples of each.
    """

    part: ChannelBlock
    items: slice
    first: int
    blocks: int
    inputs: int


class Driver:
    """A stream of signals (N, C_in, n) that trusts its arguments.

    Parameters
    ----------
    kernel : Kernel
        The checked weight and bias.
    geometry : Geometry
        The checked geometry, for the kernel's number of taps.
    plan : Plan
        The engine and its block.
    signal : dtype
        The signal's dtype.
    threads : int or None
        Threads to use at most; None for what
        :func:`convt.streaming.threads.default_threads` says at each push.
    """

    def __init__(
        self, kernel: Kernel, geometry: Geometry, plan: Plan, signal: DType, threads: int | None
    ) -> None:
        self._geometry, self._plan = geometry, plan
        self._threads = threads
        self._dtype = kernel.dtype_with(signal)
        self._channels = kernel.out_channels
        with ignore_float_errors():
            self._weight = kernel.grouped(compute_dtype(self._dtype))
            self._bias = _bias_of_blocks(kernel, self._weight.dtype)
        self._kernel = PreparedKernel(self._weight, geometry, plan)
        self._scratch = Scratch()
        self.reset()

    def reset(self) -> None:
        """Begin a new signal."""
        self._emitted = 0
        self._done = self._geometry.skipped // self._plan.outputs  # blocks that would be cropped whole
        self._buffer = InputBuffer(self._weight.dtype)

    def push(self, x: Array, *, last: bool = False) -> Array:
        """Take the next samples (N, C_in, n) and return the next outputs (N, C_out, m).

        With `last` the signal ends here, all that is left is returned, and the next push begins another.
        """
        with ignore_float_errors():
            return self._push(x, last=last)

    def _push(self, x: Array, *, last: bool) -> Array:
        seen, plan = self._buffer.seen + x.shape[-1], self._plan
        done, stop = self._certain(seen)
        if last:
            stop = self._geometry.output_length(seen) if seen else 0
        y = np.empty((x.shape[0], self._channels, stop - self._emitted), self._dtype)
        work = y.shape[0] * y.shape[2] * plan.cost * plan.inputs / plan.outputs
        # Looking at samples is a product, too: nothing happens outside the team.
        with ThreadTeam(1 if work < _WORTH_A_THREAD else self._threads or default_threads()) as team:
            self._buffer.push(x)
            if y.size and last:
                self._finish(done, y, team)
            elif y.size:
                self._compute(y, team, done)
            self._done, self._emitted = done, stop
            if not last:
                self._buffer.keep(done * plan.inputs - self._geometry.lag)
        if last:
            self.reset()
        return y

    def _certain(self, seen: int) -> tuple[int, int]:
        """Return how many blocks, and how many outputs, are certain once `seen` samples have come."""
        inputs, outputs, skipped = self._plan.inputs, self._plan.outputs, self._geometry.skipped
        # A longer signal only adds outputs: those of a signal that ended here are certain.
        end = self._geometry.outputs(seen) + skipped
        done = max(self._done, min(seen // inputs, end // outputs))
        return done, max(self._emitted, done * outputs - skipped)

    def _finish(self, done: int, y: Array, team: ThreadTeam) -> None:
        """Compute what is left, when the signal is known to end here.

        However the signal arrived, the stretch after `done` blocks is the same: its last block may be a
        shorter one, and it may be done in another way than blocks.
        """
        plan, geometry, seen = self._plan, self._geometry, self._buffer.seen
        start = done * plan.outputs - geometry.skipped - self._emitted
        steps = -(-(y.shape[-1] - start) // (plan.step * plan.outputs // plan.inputs))
        first = max(0, done * plan.inputs - geometry.lag)
        ready = done > geometry.skipped // plan.outputs
        if cheaper_by_definition(plan, self._weight.shape, seen - first, steps, ready):
            self._compute(y, team, done)
            self._add(y, team, first, max(0, start))
        else:
            blocks, rest = divmod(steps, plan.inputs // plan.step)
            self._compute(y, team, done + blocks, rest * plan.step)

    def _add(self, y: Array, team: ThreadTeam, first: int, begin: int) -> None:
        """Write into `y`, from `begin` on, what the samples from `first` on make by definition."""
        geometry, seen = self._geometry, self._buffer.seen
        before = geometry.crop + geometry.down * (self._emitted + begin)
        positions = np.arange(first, seen) * geometry.stride - before

        def work(task: tuple[ChannelBlock, slice]) -> None:
            part, items = task
            samples = self._buffer.take(items, part.inputs, first, seen)
            values = scatter(samples, positions, part.weight, geometry, y.shape[-1] - begin)
            np.add(values, self._bias_of(items, part)[:, 0], out=y[items, part.outputs, begin:])

        elements = (seen - first) * self._weight.shape[1] + y.shape[-1] + PRODUCTS
        batches = runs(range(len(y)), max(1, _TASK_ELEMENTS // elements))
        team.run(work, [(part, items) for items in batches for part in self._kernel.parts])

    def _compute(self, y: Array, team: ThreadTeam, end: int, rest: int = 0) -> None:
        """Compute all blocks before `end`, then one of `rest` samples, and write them into `y`."""
        if tasks := self._tasks(end, rest, len(y), team.size):
            team.run(self._kernel.prepare, self._kernel.unprepared)
            team.run(lambda task: self._run(task, y), tasks)

    def _tasks(self, end: int, rest: int, signals: int, threads: int) -> list[_Task]:
        """Divide all blocks before `end`, and one of `rest` samples, into tasks.

        Their size is bounded, and small enough that threads end at about the same time; the few at the
        signal's ends, which are the smallest, come last.
        """
        plan, parts, start = self._plan, self._kernel.parts, self._done
        # The first blocks take a copy: of what was kept, of the zeros before the signal, or to be cropped.
        copied = -(-(self._buffer.pushed_from + self._geometry.lag) // plan.inputs)
        copied = max(copied, start + (start * plan.outputs < self._geometry.skipped + self._emitted))
        inner = min(end, max(start, copied))
        share = -(-signals * (end - inner) * len(parts) // (_TASKS_A_THREAD * threads))
        room = max(1, min(len(parts) * _TASK_ELEMENTS // plan.elements, share))
        blocks = [
            (run.start, run.stop - run.start, plan.inputs)
            for begin, stop in ((inner, end), (start, inner))
            for run in runs(range(begin, stop), room)
        ]
        blocks += [(end, 1, rest)] if rest else []
        return [
            _Task(part, items, *block)
            for block in blocks
            for items in runs(range(signals), max(1, room // block[1]))
            for part in parts
        ]

    def _run(self, task: _Task, y: Array) -> None:
        """Do one task."""
        inputs, outputs = self._plan.inputs, task.inputs * self._plan.outputs // self._plan.inputs
        start = task.first * inputs - self._geometry.lag
        stop = task.first * inputs + task.blocks * task.inputs
        samples = self._buffer.take(task.items, task.part.inputs, start, stop)
        known = slice(max(0, -start), max(0, self._buffer.seen - start))
        begin = task.first * self._plan.outputs - self._geometry.skipped - self._emitted
        end = begin + task.blocks * outputs
        target, bias = y[task.items, task.part.outputs], self._bias_of(task.items, task.part)
        whole = begin >= 0 and end <= y.shape[-1] and y.dtype == samples.dtype
        shape = (*target.shape[:2], end - begin)
        room = target[..., begin:end] if whole else self._scratch("edge", samples.dtype, *shape)
        by_block = room.reshape(*room.shape[:2], task.blocks, outputs).swapaxes(1, 2)
        self._kernel.apply(task.part, samples, known, bias, by_block, is_safe=self._buffer.all_safe)
        if not whole:
            low, high = max(0, begin), min(y.shape[-1], end)
            target[..., low:high] = room[..., low - begin : high - begin]

    def _bias_of(self, items: slice, part: ChannelBlock) -> Array:
        """Return the bias for outputs (N, T, C_out, n) of a part: (N or 1, 1, C_out, 1)."""
        return self._bias[items if len(self._bias) > 1 else slice(None), :, part.outputs]


def _bias_of_blocks(kernel: Kernel, dtype: DType) -> Array:
    """Return the bias as (1, 1, C_out, 1); as (N or 1, 1, 1, 1) where a kernel serves every channel."""
    if kernel.bias is None:
        return np.zeros((1, 1, kernel.out_channels, 1), dtype)
    return kernel.bias.astype(dtype).reshape((-1, 1, 1, 1) if kernel.shared else (1, 1, -1, 1))
