"""The transposed convolution of a signal that comes in pieces."""

import math
from functools import cached_property
from typing import Literal, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from convt.analysis.response import energy_centre
from convt.arguments import Integer, as_choice, as_index, as_integer, as_threads
from convt.arrays import Array, DType, as_numeric
from convt.engines.planning import EngineName, Plan, as_engine, plan_for
from convt.errors import ParameterError, ParameterTypeError, StreamError
from convt.geometry import Geometry, Padding
from convt.kernel import Kernel, channels_of, of_conv1d, warn_if_transposed
from convt.streaming.driver import Driver
from convt.streaming.exclusive import Exclusive
from convt.streaming.threads import default_threads

_MOST_LATENCY = 1 << 31  # samples: hours of them


class Upsampler:
    """Compute a transposed convolution of a signal that comes in pieces.

    The outputs of `process` and `flush` together have the same bytes as :func:`conv_transpose1d` of the
    whole signal, for any pieces and any number of threads. With `latency` they have the same bytes as any
    stream of that latency, and equal those of `conv_transpose1d` to within rounding. The memory depends on
    the block size that the planner chose, not on the length of the signal.

    Parameters
    ----------
    weight, bias
        Same as in :func:`conv_transpose1d`. They are copied.
    stride, padding, output_padding, groups, dilation, down
        Same as in :func:`conv_transpose1d`, with the same errors.
    latency : int, optional
        Input samples after which outputs are due, 1 to 2**31: `process` returns all outputs of `latency`
        samples, or of a multiple. With `down` the latency is rounded to whole periods of
        P = down/gcd(stride, down) samples, ``max(1, latency//P)*P``. The default is the fastest block size;
        see :attr:`plan`.
    channels : int, optional
        Number of channels of the signals. By default the first samples of a stream set it if the weight
        has the shape (K,); more than 32 channels, and more channels than samples, raise a warning.
    engine, threads
        Same as in :func:`conv_transpose1d`.

    Raises
    ------
    ParameterTypeError
        An argument has a type or dtype that cannot be used; also a TypeError.
    ParameterError
        An argument has a shape or value that cannot be used; also a ValueError.

    See Also
    --------
    conv_transpose1d : The same result in one call; it documents the definition, lengths and dtypes.

    Examples
    --------
    >>> import numpy as np
    >>> up = Upsampler([0.5, 1.0, 0.5], stride=2, padding=1)
    >>> up
    Upsampler(every channel, 3 taps, stride=2, padding=1, float64, engine='toeplitz')
    >>> np.concatenate([up.process([1.0, 2.0]), up.process([3.0]), up.flush()])
    array([1. , 1.5, 2. , 2.5, 3. ])
    >>> up([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]])
    array([[1. , 1.5, 2. , 2.5, 3. ],
           [0. , 0. , 0. , 0.5, 1. ]])
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
        channels: SupportsIndex | None = None,
        engine: EngineName | None = None,
        threads: SupportsIndex | None = None,
    ) -> None:
        taps = as_numeric("weight", weight).copy()
        offset = None if bias is None else as_numeric("bias", bias).copy()
        self._kernel = Kernel.of(taps, offset, groups)
        self._geometry = Geometry.of(self._kernel.taps, stride, padding, output_padding, dilation, down)
        self._latency = None if latency is None else as_index("latency", latency, 1, _MOST_LATENCY)
        self._engine = as_engine(engine)
        self._given_threads = as_threads(threads)
        self._shift = 0  # of the grid of blocks, for a stream in a chain
        self._driver: Driver | None = None
        self._exclusive = Exclusive()
        self._signal = self._kernel.weight.dtype
        self._plans: dict[DType, Plan] = {}
        self._plan_for(self._signal)  # raises if the engine or the latency does not suit
        self._given_channels = self._kernel.fixed_channels
        if channels is not None:
            given = as_index("channels", channels, 1)
            if self._given_channels not in (None, given):
                raise ParameterError(
                    f"channels must be {self._given_channels} to match the weight or the bias, got {given}"
                )
            self._given_channels = given
        self._lead: tuple[int, ...] = (self._given_channels or 0,)  # the signal's axes without time
        self.reset()

    @classmethod
    def of_conv1d(
        cls,
        weight: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        stride: Integer = 1,
        padding: Integer | Literal["same", "causal"] = 0,
        dilation: Integer = 1,
        groups: SupportsIndex = 1,
        latency: SupportsIndex | None = None,
        engine: EngineName | None = None,
        threads: SupportsIndex | None = None,
    ) -> "Upsampler":
        """Return a stream that computes an ordinary (forward) convolution, as ``torch.nn.Conv1d`` does.

        Output n of channel co is the sum of ``weight[co, ci, k] * x[ci, n*stride + k*dilation - left]``
        over all ci and k, plus ``bias[co]``, with `left` zeros before x. This is the transposed convolution
        with the taps in reverse order, a stride of 1 and ``down=stride``. The output has
        ``(L + 2*padding - dilation*(K - 1) - 1)//stride + 1`` samples, or ``ceil(L/stride)`` if the padding
        is ``"same"`` or ``"causal"``.

        Parameters
        ----------
        weight : array_like, (C_out, C_in/groups, K) or (K,)
            The kernel, in the order of ``torch.nn.Conv1d``. (K,) is for every channel.
        bias : array_like, (C_out,), optional
            Added to every output.
        stride : int or sequence of one int
            Input samples from one output to the next, at least 1.
        padding : int, sequence of one int, or {"same", "causal"}
            Zeros at both ends. With D = dilation*(K - 1) + 1, ``"same"`` puts (D - 1)//2 zeros on the left,
            as torch does, and ``"causal"`` D - 1: no output depends on later samples.
        dilation : int or sequence of one int
            Input samples from one tap to the next, at least 1.
        groups : int
            Number of runs of channels that do not mix. It must divide C_in and C_out.
        latency, engine, threads
            Same as in :class:`Upsampler`.

        Returns
        -------
        Upsampler
            Its :attr:`crop` and ``repr`` are those of the transposed convolution.

        Raises
        ------
        ParameterTypeError, ParameterError
            Same as in :class:`Upsampler`.

        Examples
        --------
        >>> smooth = Upsampler.of_conv1d([0.25, 0.5, 0.25], padding="causal", latency=1)
        >>> smooth.process([4.0, 4.0]), smooth.process([0.0])
        (array([1., 3.]), array([3.]))
        """
        taps = of_conv1d(as_numeric("weight", weight), as_index("groups", groups, 1))
        step = as_integer("dilation", dilation, 1)
        crop: Padding
        if isinstance(padding, str):
            crop = as_choice("padding", padding, ("same", "causal"))
        else:
            crop = surplus = step * (taps.shape[-1] - 1) - as_integer("padding", padding, 0)
            if surplus < 0:  # more taps, of zero, reach that far
                more = -(surplus // step)
                zeros = np.zeros((*taps.shape[:-1], more), taps.dtype)
                taps, crop = np.concatenate([zeros, taps, zeros], -1), surplus + step * more
        return cls(
            taps,
            bias,
            padding=crop,
            groups=groups,
            dilation=step,
            down=stride,
            latency=latency,
            engine=engine,
            threads=threads,
        )

    def __call__(self, x: ArrayLike) -> Array:
        """Upsample a whole signal. The first call prepares the kernel for all later ones.

        Parameters
        ----------
        x : array_like, (N, C_in, L), (C_in, L) or (L,)
            One or more signals, same as in :func:`conv_transpose1d`.

        Returns
        -------
        ndarray, (N, C_out, L_out), (C_out, L_out) or (L_out,)
            Same as in :func:`conv_transpose1d`.

        Raises
        ------
        ParameterTypeError, ParameterError
            `x` does not fit the kernel, or the output would have no samples.
        StreamError
            The stream has begun and has not been flushed.
        """
        if self._begun and not self._flushed:
            raise StreamError("this stream has begun: call flush() or reset() before a whole signal")
        signal = as_numeric("x", x)
        self._kernel.check(signal)
        self._check_channels(signal, 4)
        if self._flushed:
            self.reset()
        driver = self._prepared(signal.dtype).fork()  # other threads may use self
        driver.reset()
        return self._pushed(driver, signal, last=True)

    def __repr__(self) -> str:
        kernel, geometry = self._kernel, self._geometry
        channels = f"{kernel.in_channels} -> {kernel.out_channels} channels"
        options = {
            "channels": (self._given_channels if kernel.shared else None, None),
            "groups": (kernel.groups, 1),
            "stride": (geometry.stride, None),
            "down": (geometry.down, 1),
            "dilation": (geometry.dilation, 1),
            "padding": (geometry.padding, 0),
            "output_padding": (geometry.output_padding, 0),
            "latency": (self._latency, None),
        }
        given = [f"{name}={value!r}" for name, (value, default) in options.items() if value != default]
        bias = "" if kernel.bias is None else " and a bias"
        dtype = kernel.dtype_with(self._signal)
        facts = ["every channel" if kernel.shared else channels, f"{kernel.taps} taps{bias}", *given]
        return f"{type(self).__name__}({', '.join(facts)}, {dtype}, engine={self.plan.engine!r})"

    def fork(self) -> "Upsampler":
        """Return an independent stream in the same state.

        The prepared kernel is shared, so that a fork takes microseconds and almost no memory.
        ``copy.copy`` and ``copy.deepcopy`` do the same.

        Raises
        ------
        StreamError
            Another thread is using the stream.

        Examples
        --------
        >>> up = Upsampler([1.0, 1.0], stride=2)
        >>> _ = up.process([1.0])
        >>> other = up.fork()
        >>> up.flush().size, other.process([2.0]).size + other.flush().size
        (2, 4)
        """
        with self._exclusive.use() as is_alone:
            check_alone(is_alone)
            return self._forked()

    __copy__ = fork

    def _forked(self, channels: int | None = None) -> "Upsampler":
        """Return a fork for this number of channels. No other thread may be using the stream."""
        fork = object.__new__(type(self))
        fork.__dict__.update(self.__dict__, _exclusive=Exclusive())
        fork._given_channels = channels or self._given_channels
        if self._driver:
            fork._driver = self._driver.fork()
        return fork

    def __deepcopy__(self, _memo: object) -> "Upsampler":
        return self.fork()

    def process(self, x: ArrayLike) -> Array:
        """Take the next samples and return the outputs that they complete.

        Parameters
        ----------
        x : array_like, (N, C_in, n), (C_in, n) or (n,)
            The next n >= 0 samples. (n,) is for one channel in and one out. All axes but the last, and the
            dtype of the result, stay as in the first call.

        Returns
        -------
        ndarray, (N, C_out, m), (C_out, m) or (m,)
            The next m >= 0 outputs. They come in blocks: the stream holds back less than one block, and the
            samples that `padding` may still drop.

        Raises
        ------
        ParameterTypeError, ParameterError
            `x` does not fit the kernel, or its shape or dtype differs from the first call.
        StreamError
            The stream has been flushed, or an error (no memory, Ctrl-C) has interrupted it.
        """
        return self._push(as_numeric("x", x), last=False)

    def flush(self) -> Array:
        """End the signal and return the rest of its outputs.

        Returns
        -------
        ndarray, (N, C_out, m), (C_out, m) or (m,)
            Empty if the signal had no samples.

        Raises
        ------
        ParameterError
            The whole output would have no samples.
        StreamError
            The stream has been flushed already, or an error has interrupted it.
        """
        return self._push(np.zeros((*self._lead, 0), self._signal), last=True)

    def reset(self) -> None:
        """Forget the signal; the next samples begin a new one, of any dtype.

        Raises
        ------
        StreamError
            Another thread is using the stream.
        """
        with self._exclusive.use() as is_alone:
            check_alone(is_alone)
            self._begun = self._flushed = self._interrupted = False

    @cached_property
    def delay(self) -> float:
        """Delay of the kernel in output samples; with `down` not always a whole number.

        The delay is the centre of the kernel's energy, ``sum(t*|w|**2)/sum(|w|**2)`` over the tap times t,
        less the samples that `padding` crops. This is the group delay, averaged over the output band and
        weighted by energy (L. Cohen, "Time-Frequency Analysis", 1995, section 1.4). For a symmetric kernel
        it is (dilation*(K - 1)/2 - padding)/down at every frequency. It is NaN if the taps are all zero or
        not all finite.
        """
        magnitude = np.abs(self._kernel.weight.astype(np.complex128))
        peak = magnitude.max()
        if not 0 < peak < math.inf:
            return math.nan
        centre = float(energy_centre(((magnitude / peak) ** 2).sum(axis=(0, 1))))
        return (self._geometry.dilation * centre - self._geometry.crop) / self._geometry.down

    @property
    def channels(self) -> tuple[int, int] | None:
        """Channels in and out; None if a kernel of shape (K,) takes any number."""
        if self._kernel.shared:
            return None if self._given_channels is None else (self._given_channels, self._given_channels)
        return self._kernel.in_channels, self._kernel.out_channels

    @property
    def padding(self) -> int | str:
        """The padding: a number, or ``"full"``, ``"center"``, ``"same"`` or ``"causal"``.

        The names of decoders are replaced by the padding that they are for.
        """
        return self._geometry.padding

    @property
    def output_padding(self) -> int:
        """The output padding, that of ``padding="dac"`` included."""
        return self._geometry.output_padding

    @property
    def crop(self) -> int:
        """Samples of the full convolution, at the stride, that `padding` drops before the first output."""
        return self._geometry.crop

    def _in_chain(self, latency: int, shift: int) -> "Upsampler":
        """Return a stream for the same kernel, with another latency and the blocks of a shifted grid."""
        stream = self._forked()
        stream._latency, stream._shift, stream._driver, stream._plans = latency, shift, None, {}
        stream._plan_for(stream._signal)  # raises if the engine does not suit
        stream.reset()
        return stream

    @property
    def plan(self) -> Plan:
        """The engine and its block size, for signals of the current dtype."""
        return self._plan_for(self._signal)

    @property
    def threads(self) -> int:
        """Maximum number of threads per call. Short calls, or calls on busy cores, use fewer."""
        return self._given_threads or default_threads()

    def _plan_for(self, signal: DType) -> Plan:
        dtype = self._kernel.dtype_with(signal)
        if dtype not in self._plans:
            self._plans[dtype] = plan_for(self._kernel, self._geometry, dtype, self._engine, self._latency)
        return self._plans[dtype]

    def _process_in_chain(self, samples: Array) -> Array:
        """Do what :meth:`process` does, for a caller who has a team, and this stream to itself."""
        return self._pushed(self._admit(samples), samples, last=False, held=True)

    def _push(self, samples: Array, *, last: bool) -> Array:
        with self._exclusive.use() as is_alone:
            check_alone(is_alone)
            check_open(flushed=self._flushed, interrupted=self._interrupted)
            driver = self._admit(samples)
            try:
                y = self._pushed(driver, samples, last=last)
            except ParameterError:  # the signal is too short to end here, but can continue
                raise
            except BaseException:
                self._interrupted = True
                raise
            self._flushed = last
            return y

    def _pushed(self, driver: Driver, samples: Array, *, last: bool, held: bool = False) -> Array:
        """Return a driver's outputs for samples, with the same axes as the samples."""
        y = driver.push(self._kernel.as_signals(samples), last=last, held=held)
        return self._kernel.as_outputs(y, samples)

    def _admit(self, samples: Array) -> Driver:
        """Check samples against the kernel and the first call, and return the driver."""
        if (
            self._begun
            and samples.shape[:-1] == self._lead
            and samples.dtype == self._signal
            and self._driver
        ):
            return self._driver  # the usual case, kept fast
        self._kernel.check(samples, whole=False)
        if self._begun and self._kernel.dtype_with(samples.dtype) != self._kernel.dtype_with(self._signal):
            raise ParameterTypeError(
                f"x must keep the dtype {self._signal} of the first call, got {samples.dtype}: call reset()"
                " before another signal"
            )
        if self._begun and samples.shape[:-1] != self._lead:
            first = (
                f"the {self._lead[0]} channels"
                if len(self._lead) == 1
                else f"the shape {_with_n(self._lead)}"
            )
            raise ParameterError(
                f"x must keep {first} of the first call, got shape {samples.shape}: call reset() before"
                " another signal"
            )
        if not self._begun:
            self._check_channels(samples, 6)
        driver = self._prepared(samples.dtype)
        if not self._begun:
            driver.reset()  # prepared before, for another signal of the same kind
        self._begun, self._lead = True, samples.shape[:-1]
        return driver

    def _check_channels(self, samples: Array, level: int) -> None:
        """Check the channels of a signal; `level` is the stack level of the caller, for a warning."""
        channels = channels_of(samples)
        if self._given_channels is None:
            warn_if_transposed(samples, f"; if not, pass channels={channels}", level)
        elif channels != self._given_channels:
            raise ParameterError(
                f"x must have {self._given_channels} channels, got shape {samples.shape}: did you mean x.T?"
            )

    def _prepared(self, signal: DType) -> Driver:
        """Return the driver for signals of a dtype; reuse the last one if its dtype is the same."""
        driver = self._driver
        if driver is None or driver.dtype != self._kernel.dtype_with(signal):
            plan = self._plan_for(signal)
            driver = Driver(self._kernel, self._geometry, plan, signal, self._given_threads, self._shift)
        self._driver, self._signal = driver, signal
        return driver


def _with_n(lead: tuple[int, ...]) -> str:
    """Return the shape of pieces with these axes before time."""
    return f"({''.join(f'{length}, ' for length in lead)}n{'' if lead else ','})"


def check_open(*, flushed: bool, interrupted: bool) -> None:
    """Raise a StreamError if a stream takes no more samples."""
    if flushed:
        raise StreamError("this stream has been flushed: call reset() before the next signal")
    if interrupted:
        raise StreamError("an error interrupted this stream, and samples are lost: call reset()")


def check_alone(is_alone: bool) -> None:
    """Raise a StreamError unless no other thread uses a stream."""
    if not is_alone:
        raise StreamError("this stream is in use by another thread: give each thread its own fork()")
