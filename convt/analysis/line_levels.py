"""Tonal lines in audio: how far they rise above the spectrum around them.

A decoder with strides s[0] ... s[n-1] makes, in layer l, lines at the multiples of the layer's input rate,
which is the output rate divided by s[l]*...*s[n-1]. Frames of 16 times the product P of all strides have a
bin at each of these frequencies, where a steady tone fills three bins of a Hann window (F. J. Harris, "On
the use of windows for harmonic analysis with the discrete Fourier transform", Proc. IEEE 66, 1978)::

    bins    0 ........ 16 ........ 32 ........        multiples of the input rate of layer 0
            |     .:.  |  .:.      |                  of layer 1: each s[0]-th of these
    line               ^ compared with the bins 3 to 6 from it, on both sides

Powers are averaged as logarithms, over frames and over the bins around a line. So noise has lines of 0 dB,
a note or a hum that comes and goes counts for as long as it lasts, and a loud passage no more than a quiet
one. The level of a layer is the median over its lines: a few that meet a note, a hum or an empty part of
the band do not change it.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import as_integer
from convt.arrays import Array, Reals, as_numeric
from convt.errors import ParameterError, ParameterTypeError

_BINS = 16  # from one multiple of the lowest input rate to the next
_AROUND = np.array([-6, -5, -4, -3, 3, 4, 5, 6])  # bins that a line is compared with
_AT_ONCE = 1 << 20  # samples of frames that are transformed together
_MOST = 1 << 20  # product of all strides
# The logarithm of the power of noise in a real bin (chi-squared, 1 degree of freedom) is on average lower
# by log(2) than that in a complex one (2 degrees) of the same power.
_REAL_BIN = 10 * math.log10(2)


class LineLevels(NamedTuple):
    """The tonal lines in a signal, as :func:`line_levels` measures them.

    Attributes
    ----------
    levels : ndarray, (layers,)
        For each layer the median of the levels of its lines, in dB over the spectrum around them.
    frequencies : tuple of ndarray
        For each layer the frequencies of its lines, in cycles per sample: up to 0.5. A frequency that
        several layers have belongs to the last of them.
    lines : tuple of ndarray
        For each layer the levels of its lines in dB.
    spectrum : ndarray, (n,)
        Mean level of each bin in dB, from 0 to 0.5 cycles per sample; 0 dB is the greatest.
    """

    levels: Reals
    frequencies: tuple[Reals, ...]
    lines: tuple[Reals, ...]
    spectrum: Reals


def line_levels(signal: ArrayLike, strides: Sequence[int]) -> LineLevels:
    """Measure the tonal lines that each layer of a decoder leaves in its output.

    Parameters
    ----------
    signal : array_like, (L,) or (C, L)
        Real samples, the output of the decoder, at least 16 times the product of the strides.
    strides : sequence of int
        The strides of its upsampling layers, the first layer first.

    Returns
    -------
    LineLevels
        The level of the lines of each layer: 0 dB in noise, below some 3 dB in speech or music.

    Raises
    ------
    ParameterTypeError, ParameterError
        An argument has a type or value that cannot be used, or the signal is too short, silent, complex or
        not finite.

    See Also
    --------
    LayerResponse : The lines that follow from the weights of a layer.

    Examples
    --------
    A tone at half of the sample rate is at the input rate of the second layer:

    >>> import numpy as np
    >>> noise = np.random.default_rng(1).standard_normal(100_000)
    >>> tone = np.cos(np.pi * np.arange(100_000))
    >>> line_levels(noise + tone, (8, 2)).levels.round() + 0.0
    array([ 0., 28.])
    """
    meter = LineMeter(strides)
    meter.add(signal)
    return meter.result()


class LineMeter:
    """Measures the tonal lines of a signal that comes in pieces.

    Parameters
    ----------
    strides : sequence of int
        Same as in :func:`line_levels`.

    Raises
    ------
    ParameterTypeError, ParameterError
        The strides are not integers of at least 1, or all are 1, or their product is above 2**20.

    Examples
    --------
    >>> import numpy as np
    >>> meter = LineMeter([4])
    >>> for piece in np.random.default_rng(1).standard_normal((20, 1000)):
    ...     meter.add(piece)
    >>> bool(abs(meter.result().levels[0]) < 1)
    True
    """

    def __init__(self, strides: Sequence[int]) -> None:
        if isinstance(strides, str) or not isinstance(strides, Iterable):
            raise ParameterTypeError(f"strides must be a sequence of int, got {strides!r}")
        self._strides = [as_integer("strides", stride, 1) for stride in strides]
        product = math.prod(self._strides)
        if not 1 < product <= _MOST:
            raise ParameterError(f"strides must have a product of 2 to {_MOST}, got {self._strides}")
        self._frame = _BINS * product
        self._window = np.hanning(self._frame + 1)[:-1]
        self._rest: Reals | None = None
        self._sum = np.zeros(self._frame // 2 + 1)
        self._count = 0

    def add(self, samples: ArrayLike) -> None:
        """Take the next samples.

        Parameters
        ----------
        samples : array_like, (n,) or (C, n)
            Real samples; the number of channels stays as in the first call.

        Raises
        ------
        ParameterTypeError, ParameterError
            The samples have another shape, or are complex or not finite.
        """
        array = as_numeric("signal", samples)
        if array.dtype.kind == "c":
            raise ParameterTypeError(f"signal must be real, got {array.dtype}")
        if array.ndim not in (1, 2):
            raise ParameterError(f"signal must have shape (L,) or (C, L), got {array.shape}")
        piece = np.atleast_2d(array).astype(np.float64)
        if not np.isfinite(piece).all():
            raise ParameterError("signal must be finite, got NaN or infinite samples")
        if self._rest is not None and len(self._rest) != len(piece):
            raise ParameterError(
                f"signal must keep its {len(self._rest)} channels, got shape {array.shape}"
            )
        joined = piece if self._rest is None else np.concatenate([self._rest, piece], -1)
        self._rest = self._take_frames(joined)

    def _take_frames(self, samples: Reals) -> Reals:
        """Add the spectra of all whole frames, which overlap by half, and return the rest."""
        hop = self._frame // 2
        frames = max(0, (samples.shape[-1] - self._frame) // hop + 1)
        step = max(1, _AT_ONCE // self._frame)
        for first in range(0, frames, step):
            windows = np.lib.stride_tricks.sliding_window_view(samples, self._frame, -1)
            last = min(first + step, frames) - 1
            some = windows[:, first * hop : last * hop + 1 : hop].reshape(-1, self._frame)
            heard = some[np.abs(some).max(-1) > 0]
            power = np.abs(np.fft.rfft(heard * self._window)) ** 2
            floor = 1e-30 * power.max(-1, initial=0, keepdims=True) + 1e-300
            self._sum += 10 * np.log10(np.maximum(power, floor)).sum(0)
            self._count += len(heard)
        return samples[:, frames * hop :].copy()

    def result(self) -> LineLevels:
        """Return the lines of the samples so far.

        Raises
        ------
        ParameterError
            There are fewer samples than 16 times the product of the strides, or all are zero.
        """
        if not self._count:
            raise ParameterError(
                f"signal must have at least {self._frame} samples that are not silent, 16 times the product"
                f" of the strides {self._strides}"
            )
        spectrum = self._sum / self._count
        spectrum[[0, -1]] += _REAL_BIN
        bins = list(self._bins())
        lines = tuple(spectrum[at] - spectrum[self._around(at)].mean(-1) for at in bins)
        levels = np.array([np.median(own) if own.size else 0.0 for own in lines])
        frequencies = tuple(at / self._frame for at in bins)
        return LineLevels(levels, frequencies, lines, spectrum - spectrum.max())

    def _bins(self) -> Iterator[Array]:
        """Yield the bins of the lines of each layer that no later layer has."""
        spacing = _BINS
        for stride in self._strides:
            at = np.arange(spacing, self._frame // 2 + 1, spacing)
            spacing *= stride
            yield at[at % spacing != 0]

    def _around(self, at: Array) -> Array:
        """Return the bins around lines, mirrored at the end of the spectrum."""
        around: Array = at[:, np.newaxis] + _AROUND
        mirrored: Array = self._frame // 2 - np.abs(self._frame // 2 - around)
        return mirrored
