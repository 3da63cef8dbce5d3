"""Learn a kernel from whole signals in one call."""

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

    One fifth of the samples, in blocks of a thousand or more spread over the signals, is held out to
    measure the error. All others are fitted, except those at the ends of a signal, whose taps reach beyond
    it.

    Parameters
    ----------
    low : array_like, (L,) or (C_in, L), or a list of these, or None
        The input. None derives it from `high`: filtered with the best built-in low-pass filter, with every
        `stride`-th sample kept.
    high : array_like, (stride*L,) or (C_out, stride*L), or a list of these
        The wanted output, about stride*L samples.
    stride : int
        Output samples per input sample, at least 1.
    taps : int
        Length of the kernel, K, at least `stride`.
    padding : int or {"full", "center", "same", "causal"}
        The padding that the kernel will be used with; see :func:`conv_transpose1d`.
    delay : int or None
        Samples by which `high` is later than the kernel's output, negative if it is earlier. None estimates
        it. First the peak of the response, up to 4096*stride samples late or early, is estimated from the
        first 262,144 samples of `low` (fewer at strides above 16), or from up to four times as many until
        it stands out. Then, of all delays at which the taps reach to within two samples of `low` of that
        peak, the one with the least error on the held-out samples (or on the fitted samples if none are
        held out) is taken. Of delays whose errors are equal within 0.01 dB, it is the one with the peak
        nearest to the middle of the kernel.
    ridge : float or None
        A number to add to the diagonal of the normal equations, as a fraction of the mean power of `low`.
        It keeps taps small that the signals do not determine. None selects the largest ridge that increases
        the error on samples that were not fitted by less than 0.01 dB. Without `low` it is at least 1e-6,
        since a derived input lacks the noise of a recorded one.
    balance : bool
        Whether all phases get the same gain at 0 Hz, so that the kernel adds no tonal lines.
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
        An argument has the wrong type or shape or is out of range, a signal is complex or not finite, or
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
        raise ParameterError(
            f"low and high must have the same number of signals, got {len(lows)} and {len(highs)}"
        )
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
    """Return `signals` as a list; anything but a list of arrays is one signal."""
    several = isinstance(signals, list | tuple) and any(isinstance(one, np.ndarray) for one in signals)
    return list(signals) if several else [signals]
