"""The only driver: cuts a signal into blocks on a fixed grid, runs an engine, crops and adds the bias.

Block b of the grid is made of input samples b*inputs to (b + 1)*inputs and of the lag before them. It is
computed when all of it has arrived, so that the same samples go through the same products in whatever
pieces they were pushed; and what is left at the signal's end is the same stretch as well::

    input     ... | lag | b*inputs ..... |  pending  |
    full                | b*outputs .... |
    output  crop ------>| emitted so far |
"""

import math
from functools import cached_property
from typing import SupportsIndex

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from convt.engines.contract import Array, Engine
from convt.engines.definition import PRODUCTS, scatter
from convt.errors import ParameterError, ParameterTypeError, StreamError
from convt.geometry import Geometry, Integer, Padding
from convt.kernel import DType, Kernel, as_numeric, check_signal, compute_dtype
from convt.planning import Plan, cheaper_by_definition, plan

_STACK_ELEMENTS = 1 << 19  # what one call of the engine works on: a few MB, whatever the signal's length


class Driver:
    """A stream of signals (N, C_in, n) that trusts its arguments.

    Parameters
    ----------
    kernel : Kernel
        The checked weight and bias.
    geometry : Geometry
        The checked geometry, for the kernel's number of taps.
    signal : dtype
        The signal's dtype.
    chosen : Plan, optional
        The engine and its block; the planner's choice by default.
    """

    def __init__(
        self, kernel: Kernel, geometry: Geometry, signal: DType, chosen: Plan | None = None
    ) -> None:
        self._geometry = geometry
        self._dtype = kernel.dtype_with(signal)
        with _quietly():
            self._weight = kernel.grouped(compute_dtype(self._dtype))
            self._bias = _bias_per_channel(kernel, self._weight.dtype)
        self._channels = kernel.out_channels
        self._plan = chosen or plan(geometry, *self._weight.shape[:3])
        self.reset()

    def reset(self) -> None:
        """Begin a new signal."""
        self._seen = self._emitted = 0
        self._done = self._geometry.crop // self._plan.outputs  # blocks that would be cropped whole
        self._pending_from = 0
        self._pending: Array | None = None

    @cached_property
    def _weight_is_finite(self) -> bool:
        return bool(np.isfinite(self._weight).all())

    @cached_property
    def _engine(self) -> Engine:
        clean = self._weight if self._weight_is_finite else _cleaned(self._weight)
        return self._plan.prepare(clean, self._geometry)

    def push(self, x: Array, *, last: bool = False) -> Array:
        """Take the next samples (N, C_in, n) and return the next outputs (N, C_out, m).

        With `last` the signal ends here, and all that is left is returned.
        """
        seen = self._seen + x.shape[-1]
        done, stop = self._certain(seen)
        if last:
            stop = self._geometry.output_length(seen) if seen else 0
        y = np.empty((x.shape[0], self._channels, stop - self._emitted), self._dtype)
        with _quietly():
            self._compute(x, range(self._done, done), seen, y)
            if last and y.size:
                self._finish(x, done, seen, y)
        self._done, self._emitted = done, stop
        keep_from = min(seen, max(0, done * self._plan.inputs - self._geometry.lag))
        self._pending = self._gather(x, slice(None), keep_from, seen)
        self._pending_from, self._seen = keep_from, seen
        return y

    def _certain(self, seen: int) -> tuple[int, int]:
        """Return how many blocks, and how many outputs, are certain once `seen` samples have come."""
        inputs, outputs, crop = self._plan.inputs, self._plan.outputs, self._geometry.crop
        # A longer signal only adds outputs: those of a signal that ended here are certain.
        end = seen * self._geometry.stride + self._geometry.surplus + crop
        done = max(self._done, min(seen // inputs, end // outputs))
        return done, max(self._emitted, done * outputs - crop)

    def _finish(self, x: Array, done: int, seen: int, y: Array) -> None:
        """Compute what is left after `done` blocks, when the signal is known to end after `seen`.

        However the signal arrived, this is the same stretch: it may be done in another way than blocks.
        """
        chosen, geometry = self._plan, self._geometry
        start = done * chosen.outputs - geometry.crop - self._emitted
        first = max(0, done * chosen.inputs - geometry.lag)
        blocks = -(-(y.shape[-1] - start) // chosen.outputs)
        ready = done > geometry.crop // chosen.outputs
        if not cheaper_by_definition(chosen, self._weight.shape, seen - first, blocks, ready):
            self._compute(x, range(done, done + blocks), seen, y)
            return
        begin = max(0, start)
        positions = np.arange(first, seen) * geometry.stride - geometry.crop - self._emitted - begin
        elements = (seen - first) * x.shape[1] + self._channels * y.shape[-1] + PRODUCTS
        for items in self._item_slices(x.shape[0], elements):
            samples = self._gather(x, items, first, seen)
            values = scatter(samples, positions, self._weight, geometry.dilation, y.shape[-1] - begin)
            np.add(values, self._bias_of(items, len(y)), out=y[items, :, begin:])

    def _item_slices(self, count: int, elements: int) -> list[slice]:
        """Divide `count` signals into slices that work on a bounded number of elements at a time."""
        step = max(1, _STACK_ELEMENTS // elements)
        return [slice(start, min(start + step, count)) for start in range(0, count, step)]

    def _compute(self, x: Array, blocks: range, seen: int, y: Array) -> None:
        """Compute `blocks` in stacks of bounded size, and write what is not cropped into `y`."""
        chosen, groups = self._plan, self._weight.shape[0]
        elements = x.shape[1] * (chosen.inputs + self._geometry.lag) + self._channels * chosen.outputs
        elements += groups * chosen.workspace
        for items in self._item_slices(x.shape[0], elements):
            depth = max(1, _STACK_ELEMENTS // (elements * (items.stop - items.start)))
            for start in range(blocks.start, blocks.stop, depth):
                self._compute_stack(x, items, range(start, min(start + depth, blocks.stop)), seen, y)

    def _compute_stack(self, x: Array, items: slice, blocks: range, seen: int, y: Array) -> None:
        inputs, outputs, lag = self._plan.inputs, self._plan.outputs, self._geometry.lag
        first = blocks.start * inputs - lag
        gathered = self._gather(x, items, first, blocks.stop * inputs)
        frames = sliding_window_view(gathered, lag + inputs, axis=-1)[..., ::inputs, :].swapaxes(1, 2)
        if self._weight_is_finite and np.isfinite(gathered).all():
            stack = self._engine(frames)
        else:
            stack = self._contained(frames, first, seen)
        values = stack.swapaxes(1, 2).reshape(len(stack), self._channels, len(blocks) * outputs)
        offset = blocks.start * outputs - self._geometry.crop - self._emitted
        start, stop = max(0, offset), min(y.shape[-1], offset + values.shape[-1])
        kept = values[..., start - offset : stop - offset]
        np.add(kept, self._bias_of(items, len(y)), out=y[items, :, start:stop])

    def _contained(self, frames: Array, first: int, seen: int) -> Array:
        """Compute frames so that a NaN or an infinity reaches only what its own taps reach."""
        geometry = self._geometry
        finite = np.isfinite(frames)
        stack = self._engine(_cleaned(frames))
        for block in range(frames.shape[1]):
            start = first + block * self._plan.inputs
            poison = np.logical_not(finite[:, block].all(axis=(0, 1)))
            if not self._weight_is_finite:  # then every sample of the signal, but no zero around it
                poison[max(0, -start) : max(0, seen - start)] = True
            columns = np.flatnonzero(poison)
            positions = (columns - geometry.lag) * geometry.stride
            samples = frames[:, block, :, columns].transpose(1, 2, 0)
            reached = scatter(samples, positions, self._weight, geometry.dilation, self._plan.outputs)
            np.copyto(stack[:, block], reached, where=~np.isfinite(reached))
        return stack

    def _bias_of(self, items: slice, count: int) -> Array:
        return np.broadcast_to(self._bias, (count, self._channels, 1))[items]

    def _gather(self, x: Array, items: slice, start: int, stop: int) -> Array:
        """Return input samples `start` to `stop`, pending or just pushed, zeros where there are none."""
        count = len(range(*items.indices(x.shape[0])))
        gathered = np.zeros((count, x.shape[1], stop - start), self._weight.dtype)
        for origin, piece in ((self._pending_from, self._pending), (self._seen, x)):
            if piece is None:
                continue
            low, high = max(start, origin), min(stop, origin + piece.shape[-1])
            if low < high:
                gathered[..., low - start : high - start] = piece[items, :, low - origin : high - origin]
        return gathered


def _quietly() -> np.errstate:
    """Return the context in which infinities and vanishing products are results like others."""
    return np.errstate(over="ignore", invalid="ignore", under="ignore")


def _cleaned(array: Array) -> Array:
    """Return `array` with zeros for its NaNs and infinities."""
    return np.where(np.isfinite(array), array, 0)


def _bias_per_channel(kernel: Kernel, dtype: DType) -> Array:
    """Return the bias as it is added to (N, C_out, m): (1, C_out, 1), or (N, 1, 1) for a shared kernel."""
    if kernel.bias is None:
        return np.zeros((1, 1, 1), dtype)
    return kernel.bias.astype(dtype).reshape((-1, 1, 1) if kernel.shared else (1, -1, 1))


class Upsampler:
    """A transposed convolution as a stream: pieces of a signal in, pieces of the result out.

    All that `process` and `flush` return, put together, is to the byte what one call with the whole
    signal returns, in whatever pieces the signal was pushed. Memory is bounded by the block that the
    planner chose, not by the signal.

    Parameters
    ----------
    weight : array_like, (C_in, C_out/groups, K) or (K,)
        The kernel. One of shape (K,) serves every channel of whatever signal comes. It is copied.
    bias : array_like, optional
        (C_out,), added once to every output sample; with a weight (K,) also a single number.
    stride, padding, output_padding, groups, dilation
        As of :func:`conv_transpose1d`, with the same errors.

    Raises
    ------
    ParameterTypeError
        An argument is of a type or dtype that cannot be used; also a TypeError.
    ParameterError
        An argument's shape or value cannot be used; also a ValueError.

    See Also
    --------
    conv_transpose1d : The definition, the length formula and the dtypes; the same result in one call.

    Examples
    --------
    >>> import numpy as np
    >>> up = Upsampler(np.array([0.5, 1.0, 0.5]), stride=2, padding=1)
    >>> pieces = [up.process(np.array([[1.0, 2.0]])), up.process(np.array([[3.0]])), up.flush()]
    >>> np.concatenate(pieces, axis=1)
    array([[1. , 1.5, 2. , 2.5, 3. ]])
    """

    def __init__(
        self,
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        stride: Integer = 1,
        padding: Padding = 0,
        output_padding: Integer = 0,
        groups: SupportsIndex = 1,
        dilation: Integer = 1,
    ) -> None:
        taps = as_numeric("weight", weight).copy()
        offset = None if bias is None else as_numeric("bias", bias).copy()
        make = Kernel.for_every_channel if taps.ndim == 1 else Kernel.of
        self._kernel = make(taps, offset, groups)
        self._geometry = Geometry.of(self._kernel.taps, stride, padding, output_padding, dilation)
        self._driver: Driver | None = None
        self._signal = self._kernel.weight.dtype
        self._channels = 0 if self._kernel.shared else self._kernel.in_channels
        self.reset()

    def process(self, x: ArrayLike) -> Array:
        """Take the next samples and return the outputs they complete.

        Parameters
        ----------
        x : array_like, (C_in, n)
            The next n >= 0 samples. Their number of channels stays as it was in the first call, and so
            does the result's dtype.

        Returns
        -------
        ndarray, (C_out, m)
            The next m >= 0 outputs. They come in blocks: at any time less than one block, and the
            stretch that `padding` may yet drop, is held back.

        Raises
        ------
        ParameterTypeError, ParameterError
            `x` is not of shape (C_in, n), or its dtype or channels differ from those before.
        StreamError
            The stream has been flushed.
        """
        return self._push(as_numeric("x", x), last=False)

    def flush(self) -> Array:
        """End the signal and return the rest of its outputs.

        Returns
        -------
        ndarray, (C_out, m)
            Empty if the signal had no sample.

        Raises
        ------
        ParameterError
            The output as a whole would have less than one sample.
        StreamError
            The stream has been flushed already.
        """
        return self._push(np.zeros((self._channels, 0), self._signal), last=True)

    def reset(self) -> None:
        """Forget the signal: the next samples begin a new one, of any dtype."""
        self._begun = self._flushed = False

    @property
    def delay(self) -> float:
        """Output samples by which the kernel delays what goes through it.

        The centre of the kernel's energy, sum(t*|w|**2)/sum(|w|**2) over the tap times t, less the
        samples that `padding` crops: the group delay, averaged over the output band with the energy
        that passes there (L. Cohen, "Time-Frequency Analysis", 1995, section 1.4). For a symmetric
        kernel it is dilation*(K - 1)/2 - padding at every frequency. NaN if the taps are all zero, or
        not all finite.
        """
        magnitude = np.abs(self._kernel.weight.astype(np.complex128))
        peak = magnitude.max()
        if not 0 < peak < math.inf:
            return math.nan
        energy = ((magnitude / peak) ** 2).sum(axis=(0, 1))
        middle: float = (energy.size - 1) / 2
        moment = energy * (np.arange(energy.size) - middle)
        # Mirrored taps are added first, so that a symmetric kernel has exactly no moment.
        offset = float((moment + moment[::-1]).sum() / 2 / energy.sum())
        return self._geometry.dilation * (middle + offset) - self._geometry.crop

    def _push(self, samples: Array, *, last: bool) -> Array:
        if self._flushed:
            raise StreamError("this stream has been flushed: call reset() before the next signal")
        driver = self._admit(samples)
        shared = self._kernel.shared
        y = driver.push(samples[:, np.newaxis] if shared else samples[np.newaxis], last=last)
        self._flushed = last
        return y[:, 0] if shared else y[0]

    def _admit(self, samples: Array) -> Driver:
        """Check samples against the kernel and those before, and return the driver."""
        check_signal(self._kernel, samples, (2,))
        same_result = self._kernel.dtype_with(samples.dtype) == self._kernel.dtype_with(self._signal)
        if self._begun and not same_result:
            raise ParameterTypeError(
                f"x must stay {self._signal}, as the stream began, got {samples.dtype}: reset() first"
            )
        if self._begun and len(samples) != self._channels:
            raise ParameterError(
                f"x must stay at {self._channels} channels, as the stream began, got {len(samples)}:"
                " reset() first"
            )
        if self._driver is None or not same_result:
            self._driver = Driver(self._kernel, self._geometry, samples.dtype)
        elif not self._begun:
            self._driver.reset()  # prepared before, for another signal of the same kind
        self._begun, self._signal, self._channels = True, samples.dtype, len(samples)
        return self._driver
