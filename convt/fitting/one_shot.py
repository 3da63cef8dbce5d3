"""Kernels learned from whole signals, in one call."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import Integer
from convt.arrays import Array, as_numeric
from convt.errors import ParameterError
from convt.fitting.evaluation import Fit
from convt.fitting.fitter import Fitter
from convt.fitting.normal_equations import Channels
from convt.geometry import Padding


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
    """Fit the kernel that maps `low` to `high` with the least squared error.

    One fifth of the samples, in blocks of a thousand or more all over the signals, is held out to measure
    the error. All others are fitted, except those at the ends of a signal, whose taps reach beyond it.

    Parameters
    ----------
    low : array_like, (L,) or (C_in, L), a list of such, or None
        The input. None derives it from `high`: low-pass filtered with the best built-in filter, every
        `stride`-th sample kept.
    high : array_like, (stride*L,) or (C_out, stride*L), or a list of such
        The wanted output, about stride*L samples.
    stride : int
        Output samples per input sample, at least 1.
    taps : int
        Length of the kernel, K, at least `stride`.
    padding : int or {"full", "center", "same", "causal"}
        The padding that the kernel will be used with, as of :func:`conv_transpose1d`.
    delay : int or None
        Samples by which `high` is later than the kernel's output, negative if it is earlier. None finds it:
        the peak of the response, up to 4096*stride samples late or early, is estimated from the first
        262,144 samples of `low` (fewer at strides above 16), or up to four times as many until it stands
        out. Of all places at which the taps reach that peak, or two samples of `low` next to it, the delay
        is that of the least error on the samples held out (on those fitted if there are none); where
        places are equal within 0.01 dB, the one with the peak nearest to the middle of the kernel.
    ridge : float or None
        Added to the diagonal of the normal equations, as a fraction of the mean power of `low`; it keeps
        taps small where the signals do not determine them. None selects the largest that costs less than
        0.01 dB of the error on samples that were not fitted. Without `low` it is at least 1e-6, since a
        derived input lacks the noise of a recorded one.
    balance : bool
        Whether all phases have the same gain at 0 Hz, so that the kernel makes no tonal lines.
    channels : {"shared", "each", "mixed"} or None
        One kernel for all channels, one per channel, or one from each input to each output channel. None
        is "shared" if `low` and `high` have the same number of channels, else "mixed".

    Returns
    -------
    Fit
        The kernel, its errors, and those of designed kernels of its length.

    Raises
    ------
    ParameterTypeError, ParameterError
        An argument has a wrong type or shape or is out of range, a signal is complex or not finite, or
        there are too few samples, or only silence.

    See Also
    --------
    Fitter : The same for signals that come in pieces.

    Examples
    --------
    >>> import convt
    >>> low = np.random.default_rng(1).standard_normal(20_000)
    >>> high = convt.conv_transpose1d(low, [0.5, 1, 0.25], stride=2)
    >>> fitted = convt.fit(low, high, stride=2, taps=3)
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
    """Return `signals` as a list: a list of arrays as it is, anything else as one signal."""
    several = isinstance(signals, list | tuple) and any(isinstance(one, np.ndarray) for one in signals)
    return list(signals) if several else [signals]
