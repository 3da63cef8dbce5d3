"""Learn the kernel whose output is nearest to the wanted one, from pairs of signals.

    HIGH[n + delay] = conv_transpose1d(LOW, weight, stride, padding)[n] + e[n],    minimise sum of e[n]**2

The solution is in closed form (N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time
Series", 1949, with sums in place of expectations). The signals may come in pieces. Each step is a module:

    alignment                               the delay, estimated from the first samples
    blocks, correlations, normal_equations  the sums of products, collected block by block
    least_squares, squared_error            the taps from the sums, and the error of any taps
    places, selection                       the choice of delay and ridge
    evaluation                              the result: kernel, errors, warnings
"""

import math
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import Integer, as_choice, as_flag, as_integer, as_number
from convt.arrays import Reals, as_numeric
from convt.design.designer import design_kernel
from convt.errors import ParameterError, ParameterTypeError
from convt.fitting.alignment import DelayEstimator
from convt.fitting.evaluation import Fit, evaluate
from convt.fitting.least_squares import Placement
from convt.fitting.normal_equations import Channels, NormalEquations
from convt.fitting.selection import select
from convt.geometry import Geometry, Padding
from convt.stream import Upsampler

_MOST_UNKNOWNS = 2048  # taps per phase, of all input channels
_LEAST_RIDGE = 1e-6  # if LOW is derived from HIGH, since it lacks the noise of a recording
_MOST_DELAY = 1 << 20  # samples of HIGH
_MARGIN = 2  # samples of LOW by which the estimate may be off if LOW lacks high frequencies
_GREATEST = 1e100  # squares of larger samples could overflow when added


class Fitter:
    """Fit a kernel to pairs of signals that come in pieces.

    Each piece is read once, and the memory depends only on the taps and the channels. For whole signals use
    :func:`fit`.

    Parameters
    ----------
    stride, taps, padding, delay, channels
        Same as in :func:`fit`.
    from_high : bool
        Whether to derive LOW from HIGH: filter HIGH with the best built-in low-pass filter and keep every
        `stride`-th sample.

    Raises
    ------
    ParameterTypeError, ParameterError
        Same as in :func:`fit`.

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
        if self._taps < self._stride:
            raise ParameterError(f"taps must be at least the stride, {self._stride}, got {self._taps}")
        self._channels = None if channels is None else as_choice("channels", channels, get_args(Channels))
        self._delay = None if delay is None else as_integer("delay", delay, -_MOST_DELAY, _MOST_DELAY)
        self._is_clear = True
        self._decimator = _decimator(self._stride) if as_flag("from_high", from_high) else None
        self._sizes: tuple[int, int] | None = None
        self._estimator: DelayEstimator | None = None  # until the delay is known
        self._equations: NormalEquations | None = None  # from then on
        self._places: list[Placement] = []
        self._aligned: Placement

    def process(self, low: ArrayLike | None, high: ArrayLike) -> None:
        """Take the next samples of a pair. `low` and `high` may cover different times.

        Parameters
        ----------
        low : array_like, (C_in, any) or None
            The next input samples; None with `from_high`.
        high : array_like, (C_out, any)
            The next samples of the wanted output.

        Raises
        ------
        ParameterTypeError, ParameterError
            A signal is complex or not finite, or its number of channels has changed; or `low` is missing.
        """
        above = _as_signal("high", high)
        if (low is None) != bool(self._decimator):
            wanted, got = ("None", "an array") if self._decimator else ("an array", "None")
            raise ParameterError(f"low must be {wanted} with from_high={bool(self._decimator)}, got {got}")
        if self._decimator:
            self._push(self._decimator.process(above), above)
        elif low is not None:
            self._push(_as_signal("low", low), above)

    def end_pair(self) -> None:
        """End the pair; the next samples begin another one."""
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
            self._estimator = DelayEstimator(self._stride, sizes[1])
        if sizes != self._sizes:
            raise ParameterError(
                f"low and high must keep {self._sizes} channels, as in the first call, got {sizes}"
            )
        if self._estimator:
            self._estimator.add(low, high, last=last)
            self._start_sums(ended=False)
        elif self._equations:
            self._equations.add(low, high, last=last)

    def _checked_channels(self, channels_in: int, channels_out: int) -> Channels:
        channels = self._channels or ("shared" if channels_in == channels_out else "mixed")
        if channels != "mixed" and channels_in != channels_out:
            raise ParameterError(
                f"channels={channels!r} needs the same number of channels in low and high, got"
                f" {channels_in} and {channels_out}: use 'mixed' for different numbers"
            )
        unknowns = -(-self._taps // self._stride) * (channels_in if channels == "mixed" else 1)
        if unknowns > _MOST_UNKNOWNS:
            raise ParameterError(
                f"taps per phase, added over the input channels, must be at most {_MOST_UNKNOWNS},"
                f" got {unknowns}"
            )
        return channels

    def _start_sums(self, *, ended: bool) -> None:
        """Start the sums with all samples so far if the delay is known, as it is when all have `ended`."""
        if not (self._estimator and self._sizes and self._channels):
            return
        middle = (self._taps - 1) // 2  # the lead at which a designed kernel is time-aligned with LOW
        leads, aligned = [middle], middle
        if self._delay is not None:
            leads = [self._geometry.crop - self._delay]
            aligned = middle if abs(middle - leads[0]) <= self._taps else leads[0]
        elif not self._decimator:  # a derived LOW is time-aligned with HIGH
            if (found := self._estimator.delay(ended=ended)) is None:
                return
            self._is_clear = found.is_clear
            aligned = middle - found.samples
            margin = _MARGIN * self._stride
            every = range(-found.samples - margin, self._taps - found.samples + margin)
            leads = sorted(every, key=lambda lead: abs(lead - aligned))
        first = -max(*leads, aligned) // self._stride
        lags = (self._taps - 1 - min(*leads, aligned)) // self._stride - first + 1
        places = [Placement(self._taps, self._stride, lead, first) for lead in (*leads, aligned)]
        *self._places, self._aligned = places
        self._equations = NormalEquations(self._channels, self._sizes, self._stride, first, lags)
        for low, high, last in self._estimator.pieces:
            self._equations.add(low, high, last=last)
        self._estimator = None

    def solve(self, *, ridge: float | None = None, balance: bool = False) -> Fit:
        """End the pair and return the kernel that fits all samples so far.

        Parameters
        ----------
        ridge, balance
            Same as in :func:`fit`.

        Returns
        -------
        Fit
            The kernel, its errors, and those of designed kernels of its length.

        Raises
        ------
        ParameterTypeError, ParameterError
            There are too few samples, or only silence; `balance` is not True or False; `ridge` is not a
            number of at least 0, or is 0 although the signals do not determine all taps.
        """
        balance, ridge = as_flag("balance", balance), None if ridge is None else _as_ridge(ridge)
        self.end_pair()
        self._start_sums(ended=True)
        if not (self._equations and self._equations.samples):
            late = f" and a delay of {self._delay}" if self._delay else ""
            every = " at all delays to try" if len(self._places) > 1 else ""
            raise ParameterError(f"low and high are too short for {self._taps} taps{late}{every}")
        least = _LEAST_RIDGE if self._decimator else 0.0
        solution = select(self._equations, self._places, ridge, least_ridge=least, balance=balance)
        return evaluate(
            solution,
            self._equations.weight(solution.taps),
            self._geometry,
            self._aligned,
            is_clear=self._is_clear,
            from_high=bool(self._decimator),
        )


def _as_signal(name: str, value: ArrayLike) -> Reals:
    signal = as_numeric(name, value)
    if signal.ndim != 2 or len(signal) == 0:
        raise ParameterError(f"{name} must have shape (C, any), got {signal.shape}")
    if signal.dtype.kind == "c":
        raise ParameterTypeError(f"{name} must be real, got {signal.dtype}")
    samples = signal.astype(np.float64)
    if not np.isfinite(samples).all():
        raise ParameterError(f"{name} must be finite, got {np.sum(~np.isfinite(samples))} NaN or infinite")
    if (greatest := np.abs(samples).max(initial=0)) > _GREATEST:
        raise ParameterError(f"{name} must be at most {_GREATEST:g}, got {greatest:g}")
    return samples


def _as_ridge(ridge: object) -> float:
    number = as_number("ridge", ridge)
    if not 0 <= number < math.inf:
        raise ParameterError(f"ridge must be at least 0 and finite, got {ridge!r}")
    return number


def _decimator(stride: int) -> Upsampler:
    """Return the best built-in low-pass filter, which keeps every `stride`-th sample of its output."""
    taps = design_kernel(stride, quality="best") / stride
    return Upsampler(taps, stride=1, down=stride, padding="center")
