"""Kernels learned from sound: of all kernels the one whose output is nearest to what should come out.

    HIGH[n + delay] = conv_transpose1d(LOW, weight, stride, padding)[n] + e[n],    sum of e[n]**2 the least

in closed form (N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series", 1949,
with sums in place of expectations). Each step is a file beside this one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import Integer, as_integer, as_number
from convt.arrays import Array, Reals, as_numeric
from convt.design.kernel import design_kernel
from convt.errors import ParameterError, ParameterTypeError
from convt.fitting.alignment import Beginning
from convt.fitting.diagnostics import diagnose
from convt.fitting.least_squares import Placement
from convt.fitting.normal_equations import Channels, Systems
from convt.fitting.selection import Chosen, Places, choose
from convt.geometry import Geometry, NamedPadding, Padding
from convt.stream import Upsampler

_MOST_UNKNOWNS = 2048  # taps of a phase, of all input channels
_LEAST_RIDGE = 1e-6  # for a LOW that is made of HIGH, and lacks all of the noise that others have
_FARTHEST = 1 << 20  # samples of HIGH: a delay
_GREATEST = 1e100  # whose square can be added


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A fitted kernel, and how good it is.

    Attributes
    ----------
    weight : ndarray of float64, (K,), (C, K) or (C_in, C_out, K)
        The kernel of every channel; one a channel; or channels mixed.
    stride : int
        Output samples per input sample.
    padding : int or str
        What the kernel is to be used with.
    delay : int
        Samples of the output by which HIGH is later than what `weight` and `padding` make.
    ridge : float
        What was added to the diagonal, as a fraction of the mean power.
    samples, held_out_samples : int
        Of LOW, all channels counted, that were fitted to, and that were kept back for the error.
    error, held_out_error : float
        Squared error in dB relative to HIGH's energy, of what was fitted to and what was kept back; NaN
        where nothing was. Below -120 dB there is the rounding of the sums.
    designed : dict of str to float
        The error of designed kernels of the same length, each with the gain that suits it best, the same
        for all channels, and in time with LOW or in the middle of the fitted one, whichever is better: on
        what was kept back, or else on everything.
    warnings : tuple of str
        What there is to say against it.
    """

    weight: Reals
    stride: int
    padding: int | NamedPadding
    delay: int
    ridge: float
    samples: int
    held_out_samples: int
    error: float
    held_out_error: float
    designed: dict[str, float]
    warnings: tuple[str, ...]


class Fitter:
    """Fits a kernel to pairs of signals that come in pieces.

    In one pass, and in memory that depends on the taps and the channels alone; :func:`fit` tells what the
    arguments mean.

    Parameters
    ----------
    stride, taps, padding, delay, channels
        As of :func:`fit`.
    from_high : bool
        Whether LOW is made of HIGH, by keeping every `stride`-th of its samples after the best built-in
        low-pass filter.

    Raises
    ------
    ParameterTypeError, ParameterError
        As of :func:`fit`.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> fitter = Fitter(2, 3, delay=0)
    >>> for piece in range(10):
    ...     low = rng.standard_normal((1, 1000))
    ...     fitter.process(low, Upsampler([0.5, 1, 0.25], stride=2, padding="center")(low))
    ...     fitter.end_pair()
    >>> fitter.solve().weight.round(6)
    array([0.5 , 1.  , 0.25])
    """

    def __init__(
        self,
        stride: Integer,
        taps: Integer,
        *,
        padding: Padding = "center",
        delay: int | None = None,
        channels: Channels | None = None,
        from_high: bool = False,
    ) -> None:
        self._geometry = Geometry.of(as_integer("taps", taps, 1), stride, padding)
        self._stride, self._taps = self._geometry.stride, self._geometry.kernel_size
        if not (channels is None or (isinstance(channels, str) and channels in get_args(Channels))):
            raise ParameterError(
                f"channels must be one of {', '.join(get_args(Channels))}, or None, got {channels!r}"
            )
        if self._taps < self._stride:
            raise ParameterError(f"taps must be at least stride = {self._stride}, got {self._taps}")
        self._channels = channels
        self._given = None if delay is None else as_integer("delay", delay, -_FARTHEST, _FARTHEST)
        self._decimator = _decimator(self._stride) if from_high else None
        self._sizes: tuple[int, int] | None = None
        self._beginning: Beginning | None = None
        self._systems: Systems | None = None
        self._places: Places | None = None
        self._unknowns = 0
        self._is_clear = True

    def process(self, low: ArrayLike | None, high: ArrayLike) -> None:
        """Take the next samples of a pair; they need not be of the same time.

        Parameters
        ----------
        low : array_like, (C_in, any) or None
            The next samples that go in; None if they are made of `high`.
        high : array_like, (C_out, any)
            The next samples that should come out.

        Raises
        ------
        ParameterTypeError, ParameterError
            They are no real, finite signals of as many channels as before, or `low` is missing.
        """
        above = _as_signal("high", high)
        if (low is None) != bool(self._decimator):
            raise ParameterError("low must be given, unless it is made of high, and then not")
        if self._decimator:
            self._push(self._decimator.process(above), above)
        elif low is not None:
            self._push(_as_signal("low", low), above)

    def end_pair(self) -> None:
        """Say that the pair is complete; what comes next is another."""
        if self._sizes is None:
            return
        rest = np.empty((self._sizes[0], 0))
        if self._decimator:
            rest = self._decimator.flush()
            self._decimator.reset()
        self._push(rest, np.empty((self._sizes[1], 0)), last=True)

    def _push(self, low: Reals, high: Reals, *, last: bool = False) -> None:
        sizes = len(low), len(high)
        if self._sizes is None:
            self._channels = self._checked_channels(*sizes)
            self._sizes = sizes
            self._beginning = Beginning(self._stride, sizes[1])
        if sizes != self._sizes:
            raise ParameterError(f"channels of low and high must stay {self._sizes}, got {sizes}")
        if self._beginning:
            self._beginning.add(low, high, last=last)
            self._begin(ended=False)
        elif self._systems:
            self._systems.add(low, high, last=last)

    def _checked_channels(self, channels_in: int, channels_out: int) -> Channels:
        channels = self._channels or ("shared" if channels_in == channels_out else "mixed")
        if channels != "mixed" and channels_in != channels_out:
            raise ParameterError(
                f"channels={channels!r} needs as many in high as in low, got {channels_in} and"
                f" {channels_out}; 'mixed' takes any"
            )
        self._unknowns = -(-self._taps // self._stride) * (channels_in if channels == "mixed" else 1)
        if self._unknowns > _MOST_UNKNOWNS:
            raise ParameterError(
                f"taps a phase, of all input channels together, must be at most {_MOST_UNKNOWNS},"
                f" got {self._unknowns}"
            )
        return channels

    def _begin(self, *, ended: bool) -> None:
        """Begin the sums with what has come, if that tells the delay; it does if all has `ended`."""
        if not (self._beginning and self._sizes and self._channels):
            return
        if (delays := self._delays(self._beginning, ended=ended)) is None:
            return
        leads = [self._geometry.crop - delay for delay in delays]
        middle = (self._taps - 1) // 2  # where a designed kernel is in time with LOW
        every = [*leads, middle] if abs(middle - leads[0]) <= self._taps else leads
        first = -max(every) // self._stride
        lags = (self._taps - 1 - min(every)) // self._stride - first + 1
        places = [Placement(self._taps, self._stride, lead, first) for lead in every]
        self._places = Places(places[: len(leads)], places[-1])
        self._systems = Systems(self._channels, self._sizes, self._stride, first, lags)
        for low, high, last in self._beginning.pieces:
            self._systems.add(low, high, last=last)
        self._beginning = None

    def _delays(self, beginning: Beginning, *, ended: bool) -> list[int] | None:
        """Return the delays that may be, the likeliest first; None if there is more to hear.

        What leads from LOW to HIGH is most in the middle of the kernel, but for pairs that an uneven
        kernel has made.
        """
        if self._given is not None:
            return [self._given]
        off_middle = self._geometry.crop - (self._taps - 1) // 2
        if self._decimator:  # LOW is in time with HIGH
            return [off_middle]
        if (found := beginning.delay(ended=ended)) is None:
            return None
        self._is_clear = found.is_clear
        likeliest = found.samples + off_middle
        none = [0] if abs(likeliest) < self._taps else []
        return [likeliest, likeliest - 1, likeliest + 1, *none]

    def solve(self, *, ridge: float | None = None, balance: bool = False) -> Fit:
        """Return the kernel that fits what has come, which ends the pair that has begun.

        Parameters
        ----------
        ridge, balance
            As of :func:`fit`.

        Returns
        -------
        Fit

        Raises
        ------
        ParameterTypeError, ParameterError
            There is too little to fit anything to, or only silence; `ridge` is no number of at least 0, or
            is 0 where the sound does not determine all taps.
        """
        if ridge is not None:
            ridge = _as_ridge(ridge)
        self.end_pair()
        self._begin(ended=True)
        if not (self._systems and self._places and self._systems.samples):
            late = f" and a delay of {self._given}" if self._given else ""
            raise ParameterError(f"low and high must be longer than {self._taps} taps{late} reach")
        least = _LEAST_RIDGE if self._decimator else 0.0
        return self._fit(choose(self._systems, self._places, ridge, least_ridge=least, balance=balance))

    def _fit(self, chosen: Chosen) -> Fit:
        weight = chosen.taps[0] if self._channels == "mixed" else np.concatenate(chosen.taps)[:, 0]
        return Fit(
            weight=weight[0] if self._channels == "shared" else weight,
            stride=self._stride,
            padding=self._geometry.padding,
            delay=self._geometry.crop - chosen.place.lead,
            ridge=chosen.ridge,
            samples=chosen.samples,
            held_out_samples=chosen.held_out_samples,
            error=chosen.error,
            held_out_error=chosen.held_out_error,
            designed=chosen.designed,
            warnings=tuple(
                diagnose(chosen, self._unknowns, is_clear=self._is_clear, from_high=bool(self._decimator))
            ),
        )


def _as_signal(name: str, value: ArrayLike) -> Reals:
    signal = as_numeric(name, value)
    if signal.ndim != 2 or len(signal) == 0:
        raise ParameterError(f"{name} must have shape (C, any), got {signal.shape}")
    if signal.dtype.kind == "c":
        raise ParameterTypeError(f"{name} must be real, got {signal.dtype}")
    samples = signal.astype(np.float64)
    if not np.isfinite(samples).all():
        raise ParameterError(f"{name} must be finite numbers, and is not")
    if np.abs(samples).max(initial=0) > _GREATEST:
        raise ParameterError(f"{name} must be within {_GREATEST:g}, and is not")
    return samples


def _as_ridge(ridge: object) -> float:
    number = as_number("ridge", ridge)
    if not 0 <= number < math.inf:
        raise ParameterError(f"ridge must be at least 0 and finite, got {ridge!r}")
    return number


def _decimator(stride: int) -> Upsampler:
    """Return the best built-in low-pass filter, of whose output every `stride`-th sample is kept."""
    taps = design_kernel(stride, quality="best") / stride
    return Upsampler(taps, stride=1, down=stride, padding="center")


def fit(
    low: ArrayLike | Sequence[ArrayLike] | None,
    high: ArrayLike | Sequence[ArrayLike],
    stride: Integer,
    taps: Integer,
    *,
    padding: Padding = "center",
    delay: int | None = None,
    ridge: float | None = None,
    balance: bool = False,
    channels: Channels | None = None,
) -> Fit:
    """Learn the kernel that makes `high` of `low` with the least squared error.

    A fifth of the sound, in blocks of a thousand samples or more all over it, is kept back for the error
    that tells how good the kernel is. All others are fitted to, but for those whose taps reach beyond the
    ends of a signal.

    Parameters
    ----------
    low : array_like, (L,) or (C_in, L), a list of such, or None
        What goes in. None for what becomes of `high` when every `stride`-th sample is kept after the best
        built-in low-pass filter.
    high : array_like, (stride*L,) or (C_out, stride*L), or a list of such
        What should come out, about so long.
    stride : int
        Output samples per input sample, at least 1.
    taps : int
        Length of the kernel, K, at least `stride`.
    padding : int or {"full", "center", "same", "causal"}
        What the kernel is going to be used with, as of :func:`conv_transpose1d`; it decides which taps are
        before the middle.
    delay : int or None
        Samples by which `high` is later than what is to be made, negative if earlier. None to estimate
        it, up to 4096*stride, from the beginning: 262,144 samples of `low`, less at strides above 16, or up
        to four times as many until it stands out. The kernel's middle is then where most of it is.
    ridge : float or None
        Added to the diagonal, as a fraction of the mean power of `low`: it keeps taps small where the sound
        does not say what they should be. None for the largest that costs less than 0.01 dB of the error on
        sound that was not fitted to; at least 1e-6 without `low`, since what is made of `high` lacks the
        noise that other sound has.
    balance : bool
        Have all phases the same gain at 0 Hz, so that the kernel makes no tonal lines.
    channels : {"shared", "each", "mixed"} or None
        One kernel for every channel, one a channel, or one from each input to each output channel. None
        for the first, or for the last where `low` and `high` have not as many.

    Returns
    -------
    Fit
        The kernel, its errors, and those of designed kernels of its length.

    Raises
    ------
    ParameterTypeError, ParameterError
        An argument is of a wrong type or shape or out of its range, a signal is complex or not finite, or
        there is too little of them, or only silence.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> low = rng.standard_normal(20_000)
    >>> high = Upsampler([0.5, 1, 0.25], stride=2)([low])[0]
    >>> fitted = fit(low, high, 2, 3)
    >>> fitted.weight.round(6), fitted.delay
    (array([0.5 , 1.  , 0.25]), 1)
    """
    fitter = Fitter(stride, taps, padding=padding, delay=delay, channels=channels, from_high=low is None)
    highs = _as_list(high)
    lows = [None] * len(highs) if low is None else _as_list(low)
    if len(lows) != len(highs):
        raise ParameterError(f"low and high must be as many signals, got {len(lows)} and {len(highs)}")
    for below, above in zip(lows, highs, strict=True):
        fitter.process(
            None if below is None else _with_channels("low", below), _with_channels("high", above)
        )
        fitter.end_pair()
    return fitter.solve(ridge=ridge, balance=balance)


def _with_channels(name: str, signal: ArrayLike) -> Array:
    samples = as_numeric(name, signal)
    return samples[np.newaxis] if samples.ndim == 1 else samples


def _as_list(signals: Any) -> list[ArrayLike]:
    """Return the signals of a list of arrays, or the one that there is."""
    several = isinstance(signals, list | tuple) and any(isinstance(one, np.ndarray) for one in signals)
    return list(signals) if several else [signals]
