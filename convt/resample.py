"""Resample signals from any rate to any other with designed filters, in one call or as a stream."""

import math
from copy import copy
from fractions import Fraction
from typing import Literal, SupportsIndex, get_args
from warnings import warn

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import as_choice, as_index, as_number, as_threads
from convt.arrays import Array, DType, as_numeric, compute_dtype, result_dtype
from convt.design.designer import Phase
from convt.design.presets import QUALITIES, Quality
from convt.engines.planning import Blocks
from convt.errors import ParameterError, ParameterTypeError, StreamError
from convt.resampling.filters import Edges, Filter, FilterStream, prepared
from convt.resampling.ratio import Rate, as_ratio
from convt.streaming.threads import default_threads

Precision = Literal["float32", "float64"]

_MOST_LATENCY = 1 << 31  # samples
_TURNED = 32  # times as many channels as samples: too many even for a first piece
_MOST_AXES = 64  # of numpy's arrays


class Resampler:
    """Resample signals that come in pieces.

    The outputs of `process` and `flush` together have the same bytes as :func:`resample` of the whole
    signal, for any pieces and any number of threads. With `latency` they have the same bytes as any stream
    of that latency.

    Parameters
    ----------
    rate_in, rate_out, axis, quality, passband, rejection, stopband, phase, edges, precision, threads
        Same as in :func:`resample`, with the same errors.
    latency : int, optional
        Input samples after which outputs are due; see :class:`Upsampler`. The default is the fastest block
        size.

    See Also
    --------
    resample : The same result in one call; it documents the filter, lengths and dtypes.

    Examples
    --------
    >>> down = Resampler(48000, 16000)
    >>> pieces = [down.process(np.ones(480)) for _ in range(10)]
    >>> sum(piece.size for piece in [*pieces, down.flush()]), down.output_length(4800)
    (1600, 1600)
    """

    def __init__(
        self,
        rate_in: Rate,
        rate_out: Rate,
        *,
        axis: SupportsIndex = -1,
        quality: Quality = "high",
        passband: float | None = None,
        rejection: float | None = None,
        stopband: float = 1.0,
        phase: Phase = "linear",
        edges: Edges = "zero",
        precision: Precision | None = None,
        latency: SupportsIndex | None = None,
        threads: SupportsIndex | None = None,
    ) -> None:
        self._precision = precision
        self._axis = as_index("axis", axis, -_MOST_AXES, _MOST_AXES - 1)
        self._filter = _as_filter(
            as_ratio(rate_in, rate_out),
            quality=quality,
            passband=passband,
            rejection=rejection,
            stopband=stopband,
            phase=phase,
            edges=edges,
            dtype=_result(np.dtype(np.float64), precision),
            latency=latency,
            threads=threads,
        )
        prepared(self._filter)  # raises if no filter meets the specification
        self.reset()

    def __repr__(self) -> str:
        ratio = self._filter.ratio
        return f"{type(self).__name__}({ratio.denominator} -> {ratio.numerator}, {self._filter.dtype})"

    def output_length(self, length: SupportsIndex) -> int:
        """Return the length of the output for `length` input samples: ``ceil(length*rate_out/rate_in)``."""
        return math.ceil(as_index("length", length, 0) * self._filter.ratio)

    def __call__(self, x: ArrayLike) -> Array:
        """Resample a whole signal; a stream that has begun is not affected.

        Parameters
        ----------
        x : array_like, (..., n, ...)
            Same as in :func:`resample`.

        Returns
        -------
        ndarray, (..., ceil(n*rate_out/rate_in), ...)
            Same as in :func:`resample`.
        """
        signal = as_numeric("x", x)
        at = _checked_axis(self._axis, signal)
        result = _result(result_dtype(signal.dtype), self._precision)
        return _resampled(signal, at, self._filter._replace(dtype=compute_dtype(result)), result)

    @property
    def kernel(self) -> Array:
        """The taps of the filter; for the engine "chirp", 4 or more per sample of the lower rate."""
        return prepared(self._filter).kernel

    @property
    def plan(self) -> Blocks:
        """The engine of the filter and its block size."""
        return prepared(self._filter).plan

    @property
    def threads(self) -> int:
        """Maximum number of threads per call."""
        return self._filter.threads or default_threads()

    @property
    def delay(self) -> float:
        """Delay of the filter in output samples: 0 for linear phase, an average for minimum phase."""
        return prepared(self._filter).delay

    def reset(self) -> None:
        """Forget the signal; the next samples begin a new one."""
        self._seen = self._emitted = 0
        self._lead: tuple[int, ...] | None = None  # the signal's axes other than time
        self._signal = self._filter.dtype
        self._stream: FilterStream | None = None
        self._recent: Array | None = None  # the samples that extend the edges
        self._started = self._flushed = False

    def fork(self) -> "Resampler":
        """Return an independent stream in the same state."""
        fork = copy(self)
        fork._stream = self._stream and self._stream.fork()
        return fork

    def process(self, x: ArrayLike) -> Array:
        """Take the next samples and return the outputs that they complete.

        Parameters
        ----------
        x : array_like, (..., n, ...)
            The next n >= 0 samples along the axis. The other axes and the dtype stay as in the first call.

        Returns
        -------
        ndarray, (..., m, ...)
            The next m >= 0 outputs.

        Raises
        ------
        ParameterTypeError, ParameterError
            `x` cannot be resampled, or its shape or dtype differs from the first call.
        StreamError
            The stream has been flushed.
        """
        self._check_open()
        signal = as_numeric("x", x)
        rows = np.moveaxis(signal, _checked_axis(self._axis, signal), -1)
        if self._lead is None:
            _warn_if_transposed(signal, self._axis, 3, times=_TURNED)
            self._signal = result_dtype(signal.dtype)
            self._filter = self._filter._replace(
                dtype=compute_dtype(_result(self._signal, self._precision))
            )
            self._lead = rows.shape[:-1]
            self._stream = prepared(self._filter).fork(math.prod(self._lead))
        if rows.shape[:-1] != self._lead:
            raise ParameterError(
                f"x must keep the shape {self._lead} (without time) of the first call, got"
                f" {rows.shape[:-1]}: call reset() before another signal"
            )
        if result_dtype(signal.dtype) != self._signal:
            raise ParameterTypeError(
                f"x must keep the dtype {self._signal} of the first call, got {signal.dtype}: call reset()"
                " before another signal"
            )
        self._seen += rows.shape[-1]
        flat = rows.reshape(math.prod(self._lead), rows.shape[-1]).astype(self._filter.dtype, copy=False)
        return self._shaped(self._processed(flat))

    def flush(self) -> Array:
        """End the signal and return the rest of its outputs.

        Returns
        -------
        ndarray, (..., m, ...)
            Empty if the signal had no samples.

        Raises
        ------
        StreamError
            The stream has been flushed already.
        """
        self._check_open()
        self._flushed = True
        count = math.prod(self._lead or ())
        if self._stream is None or not self._seen or not count:
            left = self.output_length(self._seen) - self._emitted
            return self._shaped(np.empty((count, left), self._filter.dtype))
        before = self._processed(self._end()) if self._filter.edges != "zero" else None
        left = self.output_length(self._seen) - self._emitted - (0 if before is None else before.shape[1])
        rest = self._stream.flush(left)
        return self._shaped(rest if before is None else np.concatenate([before, rest], axis=1))

    def _check_open(self) -> None:
        if self._flushed:
            raise StreamError("this stream has been flushed: call reset() before the next signal")

    def _processed(self, rows: Array) -> Array:
        """Return the outputs that samples (C, n) complete, edges included."""
        assert self._stream  # noqa: S101  # a signal has begun
        if not len(rows):
            return np.empty((0, 0), rows.dtype)
        if self._filter.edges == "zero" or self._flushed:
            return self._stream.process(rows)
        extension, started = self._stream.extension, self._started
        recent = rows if self._recent is None else np.concatenate([self._recent, rows], axis=1)
        self._recent = recent if not started else recent[:, -extension - 1 :]
        if started:
            return self._stream.process(rows)
        if recent.shape[1] <= (extension if self._filter.edges == "reflect" else 0):
            return np.empty((len(rows), 0), rows.dtype)
        self._started, self._recent = True, recent[:, -extension - 1 :]
        return self._stream.process(_extended(recent, (extension, 0), self._filter.edges))

    def _end(self) -> Array:
        """Return the samples that extend the signal at its end, or all of a short signal, extended."""
        assert self._stream  # noqa: S101  # a signal has begun
        assert self._recent is not None  # noqa: S101
        extension = self._stream.extension
        ends = (0 if self._started else extension, extension)
        extended = _extended(self._recent, ends, self._filter.edges)
        return extended[:, self._recent.shape[1] :] if self._started else extended

    def _shaped(self, y: Array) -> Array:
        """Return outputs (C, m) with the axes of the signal."""
        self._emitted += y.shape[1]
        made = y.reshape(*(self._lead or ()), y.shape[1]).astype(
            _result(self._signal, self._precision), copy=False
        )
        return np.moveaxis(made, -1, self._axis)


def resample(
    x: ArrayLike,
    rate_in: Rate,
    rate_out: Rate,
    *,
    axis: SupportsIndex = -1,
    quality: Quality = "high",
    passband: float | None = None,
    rejection: float | None = None,
    stopband: float = 1.0,
    phase: Phase = "linear",
    edges: Edges = "zero",
    precision: Precision | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """Change the sample rate of signals.

    The result has ``ceil(n*rate_out/rate_in)`` samples along `axis`, and is time-aligned: sample j is at
    the time of input sample j*rate_in/rate_out. The gain in the passband is 1. The first call for a ratio
    prepares the filter, and later calls reuse it.

    Parameters
    ----------
    x : array_like, (..., n, ...)
        The signals, n >= 1, with any number of dimensions.
    rate_in, rate_out : int, float or Fraction
        The rates in Hz or in any other unit; only their ratio matters. Floats count with their exact value.
    axis : int
        The time axis.
    quality : {"fast", "high", "best"}
        Passband and rejection, unless given: 0.90 and 110 dB, 0.96 and 195 dB, or 0.975 and 240 dB.
    passband : float, optional
        Edge of the passband, as a fraction of the lower of the two Nyquist frequencies. Up to it the gain
        is 1 within 0.01 dB.
    rejection : float, optional
        Attenuation of images and aliases, in dB, 20 to 250.
    stopband : float
        Edge of the stopband, as a fraction of the same frequency, from 1 to below 2; see
        :func:`design_kernel`.
    phase : {"linear", "minimum"}
        "minimum" has no pre-ringing, but delays the signal, on average by :attr:`Resampler.delay`.
    edges : {"zero", "reflect", "hold"}
        How the signal continues before its first sample and after its last: with zeros, with its reflection
        about that sample, or with that sample repeated. With "zero", signals that do not begin and end near
        0 fade at both ends.
    precision : {"float32", "float64"}, optional
        The precision of the arithmetic and of the result. The default is the precision of x.
    threads : int, optional
        Same as in :func:`conv_transpose1d`. The bytes of the result do not depend on it.

    Returns
    -------
    ndarray, (..., ceil(n*rate_out/rate_in), ...)
        The dtype is that of x: float16 (computed in float32), float32, float64, complex64 or complex128.
        Integers and booleans become float64. To round and clip to int16:
        ``np.clip(np.rint(y), -32768, 32767).astype(np.int16)``.

    Raises
    ------
    ParameterTypeError, ParameterError
        An argument has a type or a value that cannot be used.

    Warns
    -----
    UserWarning
        `x` has the shape (channels, n) and fewer samples than channels: its time axis is probably 0.

    See Also
    --------
    Resampler : The same as a stream.

    Notes
    -----
    For a ratio of L/M in lowest terms the result is ``conv_transpose1d(x, design_kernel(L, down=M),
    stride=L, down=M, padding="center")``. If L or M exceeds 640, a chirp-z transform applies the same
    low-pass filter at the exact times of the outputs, in double precision. Its outputs then differ from
    those of the filter by less than the images may (4 dB less for "fast", 10 dB for "high", 14 dB for
    "best") and by rounding, at -265 dB, relative to the greatest sample. An infinity becomes NaN in the
    outputs that it reaches.

    Examples
    --------
    >>> second = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    >>> made = resample(second, 44100, 48000)
    >>> exact = np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    >>> made.shape, bool(abs(made - exact)[500:-500].max() < 1e-9)
    ((48000,), True)
    >>> resample(np.ones((100, 2)), 96000, 44100.5, axis=0, edges="hold").shape
    (46, 2)
    """
    signal = as_numeric("x", x)
    at = _checked_axis(axis, signal)
    result = _result(result_dtype(signal.dtype), precision)
    wanted = _as_filter(
        as_ratio(rate_in, rate_out),
        quality=quality,
        passband=passband,
        rejection=rejection,
        stopband=stopband,
        phase=phase,
        edges=edges,
        dtype=compute_dtype(result),
        latency=None,
        threads=threads,
    )
    _warn_if_transposed(signal, at, 3)
    return _resampled(signal, at, wanted, result)


def _warn_if_transposed(x: Array, axis: int, level: int, times: int = 1) -> None:
    """Warn of a signal like (samples, channels), with over `times` as many channels as samples."""
    if x.ndim == 2 and axis % 2 == 1 and x.shape[0] > times * x.shape[1] > 0:
        what = f"x has {x.shape[0]} channels of {x.shape[1]} samples"
        warn(f"{what}: if its shape is (samples, channels), pass axis=0", stacklevel=level)


def _resampled(signal: Array, axis: int, wanted: Filter, result: DType) -> Array:
    if signal.shape[axis] == 0:
        raise ParameterError(f"x must have at least 1 sample along axis {axis}, got shape {signal.shape}")
    is_last, stream = axis == signal.ndim - 1, prepared(wanted)
    rows = signal if is_last else np.moveaxis(signal, axis, -1)
    outputs = math.ceil(rows.shape[-1] * wanted.ratio)
    y = np.empty((0, outputs), wanted.dtype)
    flat = rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1]).astype(wanted.dtype, copy=False)
    if len(flat):
        ends = stream.extension, stream.extension
        y = stream.whole(_extended(flat, ends, wanted.edges) if stream.extension else flat, outputs)
    y = y.reshape(*rows.shape[:-1], outputs).astype(result, copy=False)
    return y if is_last else np.moveaxis(y, -1, axis)


def _as_filter(
    ratio: Fraction,
    *,
    quality: Quality,
    passband: float | None,
    rejection: float | None,
    stopband: float,
    phase: Phase,
    edges: Edges,
    dtype: DType,
    latency: SupportsIndex | None,
    threads: SupportsIndex | None,
) -> Filter:
    preset = QUALITIES[as_choice("quality", quality, get_args(Quality))]
    return Filter(
        ratio,
        preset.passband if passband is None else as_number("passband", passband),
        preset.rejection if rejection is None else as_number("rejection", rejection),
        as_number("stopband", stopband),
        as_choice("phase", phase, get_args(Phase)),
        as_choice("edges", edges, get_args(Edges)),
        dtype,
        None if latency is None else as_index("latency", latency, 1, _MOST_LATENCY),
        as_threads(threads),
    )


def _extended(rows: Array, ends: tuple[int, int], edges: Edges) -> Array:
    """Return samples (C, n), extended at both ends."""
    return np.pad(rows, ((0, 0), ends), mode="edge" if edges == "hold" else "reflect")


def _checked_axis(axis: SupportsIndex, x: Array) -> int:
    """Return an axis of an array, counted from 0."""
    if x.ndim == 0:
        raise ParameterError("x must have a time axis, got a single number")
    return as_index("axis", axis, -x.ndim, x.ndim - 1) % x.ndim


def _result(signal: DType, precision: Precision | None) -> DType:
    """Return the dtype of the result for signals of this dtype."""
    if precision is None:
        return signal
    as_choice("precision", precision, get_args(Precision))
    return np.result_type(precision, np.complex64) if signal.kind == "c" else np.dtype(precision)
