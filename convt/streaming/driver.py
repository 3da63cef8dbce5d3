"""The driver of every stream: it cuts a signal into blocks on a fixed grid, computes them, and crops.

A block of the grid (``grid.py``) is computed when all of its samples have arrived. So the same samples go
through the same products, whatever the pieces, and the rest at the end of the signal is the same as well::

    input     blocks computed before | blocks of this push ... | rest, and the lag before it: kept
    output    emitted before         | y, of this push ....... |
"""

from typing import NamedTuple

import numpy as np

from convt.arrays import Array, DType, compute_dtype
from convt.engines.buffers import Scratch
from convt.engines.direct import PRODUCTS, scatter
from convt.engines.planning import WORTH_A_THREAD, Plan, cheaper_by_definition
from convt.geometry import Geometry
from convt.kernel import Kernel
from convt.streaming.grid import Grid
from convt.streaming.input_buffer import InputBuffer
from convt.streaming.nonfinite import settle_nan
from convt.streaming.prepared_kernel import ChannelBlock, PreparedKernel, split_evenly
from convt.streaming.threads import OnlyMember, ThreadTeam, default_threads, ignore_float_errors

_TASK_ELEMENTS = 1 << 21  # of one task: about 10 MB, for a signal of any length
_TASKS_PER_THREAD = 2  # each waits for the interpreter, but with one a thread may be idle


class _Task(NamedTuple):
    """Neighbouring blocks of some signals, for one part of the kernel.

    Attributes
    ----------
    part : ChannelBlock
        The part of the kernel.
    signals : slice
        The signals of the batch.
    first, blocks : int
        The first block, and the number of blocks.
    inputs : int
        Input samples of each block: those of the grid, or less for the last block of a signal.
    """

    part: ChannelBlock
    signals: slice
    first: int
    blocks: int
    inputs: int


class Driver:
    """A stream of signals (N, C_in, n). It does not check its arguments.

    Parameters
    ----------
    kernel : Kernel
        The checked weight and bias.
    geometry : Geometry
        The checked geometry, for the kernel's number of taps.
    plan : Plan
        The engine and its block size.
    signal : dtype
        The dtype of the signal.
    threads : int or None
        Maximum number of threads; None for :func:`convt.streaming.threads.default_threads` at each push.
    shift : int
        See :class:`Grid`.
    """

    def __init__(
        self,
        kernel: Kernel,
        geometry: Geometry,
        plan: Plan,
        signal: DType,
        threads: int | None,
        shift: int = 0,
    ) -> None:
        self._geometry, self._plan, self._grid = geometry, plan, Grid(geometry, plan, shift)
        self._threads = threads
        self.dtype = kernel.dtype_with(signal)
        self._channels = kernel.out_channels
        with ignore_float_errors():
            self._weight = kernel.grouped(compute_dtype(self.dtype))
            self._bias = _bias_of_blocks(kernel, self._weight.dtype)
        self._kernel = PreparedKernel(self._weight, geometry, plan)
        self.reset()

    def reset(self) -> None:
        """Begin a new signal."""
        self._emitted = 0
        self._done = self._grid.first_block  # blocks before it need not be computed
        self._buffer = InputBuffer(self._weight.dtype)

    def fork(self, threads: int | None = None) -> "Driver":
        """Return an independent driver in the same state, with the same prepared kernel."""
        fork = object.__new__(Driver)  # copy() takes longer than many a call
        fork.__dict__.update(self.__dict__)
        fork._threads = threads or self._threads
        fork._buffer = self._buffer.fork()
        return fork

    def push(self, x: Array, *, last: bool = False, held: bool = False) -> Array:
        """Take the next samples (N, C_in, n) and return the next outputs (N, C_out, m).

        With `last` the signal ends: all remaining outputs are returned, and the next push begins a new one.
        `held` says that the caller has a team, so that little work needs none.
        """
        with ignore_float_errors():
            return self._push(x, last=last, held=held)

    def _push(self, x: Array, *, last: bool, held: bool) -> Array:
        seen, plan = self._buffer.seen + x.shape[-1], self._plan
        done, stop = self._certain(seen)
        if last:
            stop = self._geometry.output_length(seen) if seen else 0
        y = np.empty((x.shape[0], self._channels, stop - self._emitted), self.dtype)
        work = y.shape[0] * y.shape[2] * plan.cost * plan.inputs / plan.outputs
        # Even checking samples is a product, so everything happens inside of the team.
        small = work < WORTH_A_THREAD
        team = (
            OnlyMember()
            if small and held
            else ThreadTeam(1 if small else self._threads or default_threads())
        )
        with team:
            self._buffer.push(x)
            if y.size and last:
                self._finish(done, y, team)
            elif y.size and self._is_steady(done, len(y), team):
                task = (slice(None), self._done, done - self._done, self._grid.inputs)
                for part in self._kernel.parts:
                    self._compute_task(_Task(part, *task), y)
            elif y.size:
                self._compute_blocks(y, team, done)
            self._done, self._emitted = done, stop
            if not last:
                self._buffer.keep(self._grid.input_start(done))
        if last:
            self.reset()
        return y

    def _is_steady(self, done: int, signals: int, team: ThreadTeam) -> bool:
        """Return whether the blocks of this push are few, need no cropping, and have a prepared engine."""
        return (
            team.size == 1
            and self._kernel.is_prepared
            and self._grid.output_start(self._done) >= self._emitted
            and signals * (done - self._done) * self._plan.elements <= _TASK_ELEMENTS
        )

    def _certain(self, seen: int) -> tuple[int, int]:
        """Return the numbers of blocks and outputs that are final once `seen` samples have arrived."""
        # A longer signal only adds outputs, so those of a signal that ends here are final.
        done = max(self._done, self._grid.complete(seen, self._geometry.outputs(seen)))
        return done, max(self._emitted, self._grid.output_start(done))

    def _finish(self, done: int, y: Array, team: ThreadTeam) -> None:
        """Compute the rest of a signal that ends here.

        The rest after `done` blocks is the same, however the signal arrived. It ends with a shorter block,
        or is computed by definition.
        """
        plan, grid, seen = self._plan, self._grid, self._buffer.seen
        begin = grid.output_start(done) - self._emitted
        steps = grid.steps(y.shape[-1] - begin)
        first = max(0, grid.input_start(done))
        ready = done > grid.first_block
        if cheaper_by_definition(plan, self._geometry, self._weight.shape, seen - first, steps, ready):
            self._compute_blocks(y, team, done)
            elements = (seen - first) * self._weight.shape[1] + y.shape[-1] + PRODUCTS
            batches = split_evenly(range(len(y)), max(1, _TASK_ELEMENTS // elements))
            outputs = slice(max(0, begin), y.shape[-1])
            team.run(
                lambda task: self._define(y, *task, slice(first, seen), outputs),
                [(part, signals) for signals in batches for part in self._kernel.parts],
            )
        else:
            blocks, rest = divmod(steps, plan.inputs // plan.step)
            self._compute_blocks(y, team, done + blocks, rest * plan.step)

    def _define(self, y: Array, part: ChannelBlock, signals: slice, inputs: slice, outputs: slice) -> None:
        """Write the outputs that depend only on these samples into `y`, by definition."""
        geometry = self._geometry
        before = geometry.crop + geometry.down * (self._emitted + outputs.start)
        positions = np.arange(inputs.start, inputs.stop) * geometry.stride - before
        samples = self._buffer.take(signals, part.inputs, inputs.start, inputs.stop)
        values = scatter(samples, positions, part.weight, geometry, outputs.stop - outputs.start)
        values += self._bias_of(signals, part)[:, 0]
        settle_nan(values)
        y[signals, part.outputs, outputs] = values

    def _compute_blocks(self, y: Array, team: ThreadTeam, end: int, rest: int = 0) -> None:
        """Compute all blocks before `end`, then one of `rest` samples, and write them into `y`."""
        tasks = self._divide(end, rest, len(y), team.size)
        if tasks and self._kernel.has_engine:
            team.run(self._kernel.prepare, self._kernel.unprepared)
            team.run(lambda task: self._compute_task(task, y), tasks)
        else:
            team.run(lambda task: self._define_task(task, y), tasks)

    def _divide(self, end: int, rest: int, signals: int, threads: int) -> list[_Task]:
        """Divide all blocks before `end`, and one of `rest` samples, into tasks.

        Their size is bounded, and small enough that all threads end at about the same time. The few at the
        ends of the signal, which are the smallest, come last.
        """
        grid, parts, start = self._grid, self._kernel.parts, self._done
        if signals == 1 and start >= end:  # the usual case of short calls
            return [_Task(part, slice(0, 1), end, 1, rest) for part in parts] if rest else []
        # The first blocks need copies: of kept samples, of zeros before the signal, or for cropping.
        is_cropped = grid.output_start(start) < self._emitted
        inner = min(end, max(start + is_cropped, grid.first_from(self._buffer.pushed_from)))
        share = -(-signals * (end - inner) * len(parts) // (_TASKS_PER_THREAD * threads))
        room = max(1, min(len(parts) * _TASK_ELEMENTS // self._plan.elements, share))
        blocks = [
            (run.start, run.stop - run.start, grid.inputs)
            for begin, stop in ((inner, end), (start, inner))
            for run in split_evenly(range(begin, stop), room)
        ]
        blocks += [(end, 1, rest)] if rest else []
        return [
            _Task(part, batch, *block)
            for block in blocks
            for batch in split_evenly(range(signals), max(1, room // block[1]))
            for part in parts
        ]

    def _compute_task(self, task: _Task, y: Array) -> None:
        """Compute one task with the engine of its part."""
        with self._kernel.scratch as scratch:
            self._compute_with(task, y, scratch)

    def _compute_with(self, task: _Task, y: Array, scratch: Scratch) -> None:
        grid, outputs = self._grid, self._grid.outputs_of(task.inputs)
        start = grid.input_start(task.first)
        stop = start + grid.lag + task.blocks * task.inputs
        samples = self._buffer.take(task.signals, task.part.inputs, start, stop)
        begin = grid.output_start(task.first) - self._emitted
        end = begin + task.blocks * outputs
        target, bias = y[task.signals, task.part.outputs], self._bias_of(task.signals, task.part)
        is_whole = begin >= 0 and end <= y.shape[-1] and y.dtype == samples.dtype
        shape = (*target.shape[:2], end - begin)
        out = target[..., begin:end] if is_whole else scratch("edge", samples.dtype, *shape)
        by_block = out.reshape(*out.shape[:2], task.blocks, outputs).swapaxes(1, 2)
        self._kernel.apply(task.part, samples, bias, by_block)
        if not is_whole:
            low, high = max(0, begin), min(y.shape[-1], end)
            target[..., low:high] = out[..., low - begin : high - begin]

    def _define_task(self, task: _Task, y: Array) -> None:
        """Compute one task by definition, without the zeros around the signal, block by block.

        Several blocks at once would be added in another order.
        """
        grid, seen = self._grid, self._buffer.seen
        for block in range(task.first, task.first + task.blocks):
            start, begin = grid.input_start(block), grid.output_start(block) - self._emitted
            stop, end = start + grid.lag + task.inputs, begin + grid.outputs_of(task.inputs)
            inputs = slice(min(seen, max(0, start)), min(seen, stop))
            outputs = slice(max(0, begin), min(y.shape[-1], end))
            for signal in range(task.signals.start, task.signals.stop):
                self._define(y, task.part, slice(signal, signal + 1), inputs, outputs)

    def _bias_of(self, signals: slice, part: ChannelBlock) -> Array:
        """Return the bias for outputs (N, T, C_out, n) of a part: (N or 1, 1, C_out, 1)."""
        if len(self._bias) == 1:
            return self._bias[:, :, part.outputs]
        return self._bias.take(range(signals.start, signals.stop), axis=0, mode="wrap")


def _bias_of_blocks(kernel: Kernel, dtype: DType) -> Array:
    """Return the bias as (1, 1, C_out, 1), or as (C or 1, 1, 1, 1) if the kernel is shared."""
    if kernel.bias is None:
        return np.zeros((1, 1, kernel.out_channels, 1), dtype)
    return kernel.bias.astype(dtype).reshape((-1, 1, 1, 1) if kernel.shared else (1, 1, -1, 1))
