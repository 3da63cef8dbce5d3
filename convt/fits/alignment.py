"""How much later than one signal another is: the peak of the response that leads from one to the other.

The response is the cross-spectrum over the spectrum of the input, phase by phase of the output, both
smoothed to the resolution of the delays that are looked for (P. R. Roth, "Effective measurements using
digital signal analysis", IEEE Spectrum 8, 1971); a tenth of a percent of the mean power keeps frequencies
out that the input lacks.
"""

from collections.abc import Iterable

import numpy as np

from convt.kernel import Reals

_QUIET = 1e-3  # of the mean power


def estimate_delay(pairs: Iterable[tuple[Reals, Reals]], stride: int, reach: int) -> int:
    """Return by how many samples of the outputs they are later than the inputs, at most `reach` either way.

    Parameters
    ----------
    pairs : iterable of (ndarray (L,), ndarray (about stride*L,))
        Inputs, and outputs.
    stride : int
        Output samples per input sample.
    reach : int
        Output samples.

    Returns
    -------
    int
        0 where nothing leads from one to the other.
    """
    from scipy import fft  # slow to import, and seldom wanted

    farthest = -(-reach // stride) + 1
    lags = np.arange(-farthest, farthest + 1)
    size = fft.next_fast_len(4 * farthest, real=True)
    window = np.zeros(size)
    window[lags] = np.hanning(len(lags) + 2)[1:-1]
    sums = np.zeros((1 + stride, size))
    for low, high in pairs:
        sums[:, lags] += _correlations(low, high, stride, farthest)[:, lags]
    spectrum, *between = fft.rfft(sums * window)
    power = np.maximum(spectrum.real, 0)
    if not power.any():
        return 0
    response = fft.irfft(between / (power + _QUIET * power.mean()), size)
    delays = stride * lags + np.arange(stride)[:, np.newaxis]
    heights = np.where(np.abs(delays) <= reach, np.abs(response[:, lags]), 0)
    return int(delays.ravel()[heights.argmax()]) if heights.any() else 0


def _correlations(low: Reals, high: Reals, stride: int, farthest: int) -> Reals:
    """Return those of the input with itself and with each phase of the output, (1 + stride, lags)."""
    from scipy import fft

    count = min(len(low), len(high) // stride)
    phases = high[: count * stride].reshape(count, stride).T
    size = fft.next_fast_len(count + 2 * farthest + 1, real=True)
    spectra = fft.rfft(np.concatenate([low[np.newaxis, :count], phases]), size)
    correlations: Reals = fft.irfft(np.conj(spectra[0]) * spectra, size)
    return correlations
