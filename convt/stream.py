"""The operator as a stream."""

import math
from functools import cached_property
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import Integer, as_index, as_threads
from convt.arrays import Array, DType, as_numeric
from convt.engines.planning import EngineName, Plan, as_engine, plan_for
from convt.errors import ParameterError, ParameterTypeError, StreamError
from convt.geometry import Geometry, Padding
from convt.kernel import Kernel, check_signal, check_whole
from convt.response import energy_centre
from convt.streaming.driver import Driver
from convt.streaming.threads import default_threads

_MOST_LATENCY = 1 << 31  # samples: hours of them


class Upsampler:
    """A transposed convolution as a stream: pieces of a signal in, pieces of the result out.

    The outputs of `process` and `flush` together have the same bytes as :func:`conv_transpose1d` of the
    whole signal, for any division into pieces and any number of threads. With `latency` they have the same
    bytes for every stream of that latency, and equal those of `conv_transpose1d` to within rounding. Memory
    is bounded by the block that the planner chose, not by the signal.

    Parameters
    ----------
    weight : array_like, (C_in, C_out/groups, K) or (K,)
        The kernel, which is copied. One of shape (K,) serves every channel, however many a signal has.
    bias : array_like, optional
        (C_out,), added once to every output sample; with a weight (K,) also a single number.
    stride, padding, output_padding, groups, dilation, down
        As of :func:`conv_transpose1d`, with the same errors.
    latency : int, optional
        Input samples after which outputs are due, 1 to 2**31: `process` answers pushes of `latency`
        samples, or of a multiple, in full. With `down` the latency becomes whole periods of
        P = down/gcd(stride, down) samples, ``max(1, latency//P)*P``. Without `latency` blocks are as large
        as is fast; see :attr:`plan`.
    engine, threads
        As of :func:`conv_transpose1d`.

    Raises
    ------
    ParameterTypeError
        An argument is of a type or dtype that cannot be used; also a TypeError.
    ParameterError
        An argument's shape or value cannot be used; also a ValueError.

    See Also
    --------
    conv_transpose1d : The same result in one call; it documents the definition, lengths and dtypes.

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
        down: Integer = 1,
        latency: SupportsIndex | None = None,
        engine: EngineName | None = None,
        threads: SupportsIndex | None = None,
    ) -> None:
        taps = as_numeric("weight", weight).copy()
        offset = None if bias is None else as_numeric("bias", bias).copy()
        make = Kernel.for_every_channel if taps.ndim == 1 else Kernel.of
        self._kernel = make(taps, offset, groups)
        self._geometry = Geometry.of(self._kernel.taps, stride, padding, output_padding, dilation, down)
        self._latency = None if latency is None else as_index("latency", latency, 1, _MOST_LATENCY)
        self._engine = as_engine(engine)
        self._given_threads = as_threads(threads)
        self._driver: Driver | None = None
        self._signal = self._kernel.weight.dtype
        self._plans: dict[DType, Plan] = {}
        self._plan_for(self._signal)  # refuses what the engine or the latency rule out
        self._channels = 0 if self._kernel.shared else self._kernel.in_channels
        self.reset()

    def __call__(self, x: ArrayLike) -> Array:
        """Upsample a whole signal, as `process` and `flush` do together.

        Parameters
        ----------
        x : array_like, (C_in, L)
            The signal, L >= 1.

        Returns
        -------
        ndarray, (C_out, L_out)
            As of :func:`conv_transpose1d`. The first call prepares the kernel for all later ones.

        Raises
        ------
        ParameterTypeError, ParameterError
            `x` is not of shape (C_in, L) with L >= 1, or the output would have less than one sample.
        StreamError
            A stream has begun and has not been flushed.
        """
        if self._begun and not self._flushed:
            raise StreamError("a stream has begun: flush() or reset() before a whole signal")
        signal = as_numeric("x", x)
        check_whole(self._kernel, signal, (2,))
        self.reset()
        try:
            return self._push(signal, last=True)
        finally:
            self.reset()

    def process(self, x: ArrayLike) -> Array:
        """Take the next samples and return the outputs they complete.

        Parameters
        ----------
        x : array_like, (C_in, n)
            The next n >= 0 samples. The number of channels and the result's dtype stay as in the first
            call.

        Returns
        -------
        ndarray, (C_out, m)
            The next m >= 0 outputs. They come in blocks: the stream holds back less than one block, and the
            samples that `padding` may yet drop.

        Raises
        ------
        ParameterTypeError, ParameterError
            `x` is not of shape (C_in, n), or its dtype or channels differ from those before.
        StreamError
            The stream has been flushed, or an error (no memory, Ctrl-C) has interrupted it.
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
            The stream has been flushed already, or an error has interrupted it.
        """
        return self._push(np.zeros((self._channels, 0), self._signal), last=True)

    def reset(self) -> None:
        """Forget the signal: the next samples begin a new one, of any dtype."""
        self._begun = self._flushed = self._interrupted = False

    @cached_property
    def delay(self) -> float:
        """Output samples by which the kernel delays a signal; with `down` not always a whole number.

        The centre of the kernel's energy, sum(t*|w|**2)/sum(|w|**2) over the tap times t, less the
        samples that `padding` crops: the group delay, averaged over the output band with the energy
        that passes there (L. Cohen, "Time-Frequency Analysis", 1995, section 1.4). For a symmetric
        kernel it is (dilation*(K - 1)/2 - padding)/down at every frequency. NaN if the taps are all zero,
        or not all finite.
        """
        magnitude = np.abs(self._kernel.weight.astype(np.complex128))
        peak = magnitude.max()
        if not 0 < peak < math.inf:
            return math.nan
        centre = float(energy_centre(((magnitude / peak) ** 2).sum(axis=(0, 1))))
        return (self._geometry.dilation * centre - self._geometry.crop) / self._geometry.down

    @property
    def crop(self) -> int:
        """Samples of the full convolution, at the stride, that `padding` drops before the first output."""
        return self._geometry.crop

    @property
    def plan(self) -> Plan:
        """The engine, and its block of samples, for signals of the present dtype."""
        return self._plan_for(self._signal)

    @property
    def threads(self) -> int:
        """Threads that a push uses at most; it uses fewer for little work, or if others use the cores."""
        return self._given_threads or default_threads()

    def _plan_for(self, signal: DType) -> Plan:
        dtype = self._kernel.dtype_with(signal)
        if dtype not in self._plans:
            self._plans[dtype] = plan_for(self._kernel, self._geometry, dtype, self._engine, self._latency)
        return self._plans[dtype]

    def _push(self, samples: Array, *, last: bool) -> Array:
        if self._flushed:
            raise StreamError("this stream has been flushed: call reset() before the next signal")
        if self._interrupted:
            raise StreamError("an error interrupted this stream, and samples are lost: call reset()")
        driver = self._admit(samples)
        shared = self._kernel.shared
        try:
            y = driver.push(samples[:, np.newaxis] if shared else samples[np.newaxis], last=last)
        except ParameterError:  # the signal is too short to end here, but may go on
            raise
        except BaseException:
            self._interrupted = True
            raise
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
            chosen = self._plan_for(samples.dtype)
            self._driver = Driver(self._kernel, self._geometry, chosen, samples.dtype, self._given_threads)
        elif not self._begun:
            self._driver.reset()  # prepared before, for another signal of the same kind
        self._begun, self._signal, self._channels = True, samples.dtype, len(samples)
        return self._driver
