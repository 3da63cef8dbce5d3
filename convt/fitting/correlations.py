"""Sums of products for the normal equations, over any number of samples, in one pass and constant memory.

For inputs x[m - q] at the lags q = first + u, u = 0 ... W-1, and the phases y[m*s + r] of the wanted
output, the sums over the samples m of a block b0 ... b1-1 are::

    gram[u, v]  = sum_m x[m - first - u] * x[m - first - v]
    cross[u, r] = sum_m y[m*s + r] * x[m - first - u]

    x   ...|<--- W-1 --->|<------------ B ------------>|...      a segment of B + W-1 samples: one transform
    y                    |<------ B of each phase ---->|

The cross-correlations and the first row of `gram` are products of transforms, summed before one inverse
transform. Each further row follows from the row above: the next sum along a diagonal is the same sum one
sample earlier, which lacks the last product of the block and has one before its first::

    gram[u+1, v+1] = gram[u, v] + x[b0-1-first-u]*x[b0-1-first-v] - x[b1-1-first-u]*x[b1-1-first-v]

So the sums are exactly those of the samples (the covariance method), not of a signal with zeros around it
(the autocorrelation method; J. D. Markel and A. H. Gray, "Linear Prediction of Speech", 1976). Each fold of
the blocks has its own sums.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convt.arrays import Reals

FOLDS = 5  # one of them is held out
_LEAST_TRANSFORM = 1024  # samples


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of products of some samples.

    Attributes
    ----------
    gram : ndarray, (C_in, W, C_in, W)
        Products of the inputs with each other.
    cross : ndarray, (C_in, W, C_out, stride)
        Products of the inputs with the phases of the outputs.
    energy : ndarray, (C_out, stride)
        Energy of the outputs.
    samples : int
        Number of input samples.
    """

    gram: Reals
    cross: Reals
    energy: Reals
    samples: int


class Correlations:
    """The sums of blocks, fold by fold.

    Parameters
    ----------
    lags : int
        W.
    channels_in, channels_out, stride : int
        The channels of x and y, and the output samples per input sample.
    """

    def __init__(self, lags: int, channels_in: int, channels_out: int, stride: int) -> None:
        self._lags = lags
        self._transform = max(_LEAST_TRANSFORM, 1 << (4 * lags - 1).bit_length())
        bins = self._transform // 2 + 1
        inner = lags - 1
        self._among = np.zeros((FOLDS, channels_in, channels_in, bins), complex)
        self._between = np.zeros((FOLDS, channels_in, channels_out, stride, bins), complex)
        self._edges = np.zeros((FOLDS, channels_in * inner, channels_in * inner))  # their lower halves
        self._energy = np.zeros((FOLDS, channels_out, stride))
        self._samples = np.zeros(FOLDS, int)

    @property
    def block(self) -> int:
        """Samples of a block, B."""
        return self._transform - self._lags + 1

    @property
    def samples(self) -> int:
        """Input samples of all folds."""
        return int(self._samples.sum())

    def add(self, fold: int, segments: Reals, phases: Reals, counts: NDArray[np.intp]) -> None:
        """Add blocks to a fold.

        Parameters
        ----------
        fold : int
            0 to FOLDS-1.
        segments : ndarray, (blocks, C_in, B + W-1)
            The samples of x.
        phases : ndarray, (blocks, C_out, stride, B)
            The samples of y, with zeros at the end of shorter blocks.
        counts : ndarray of int, (blocks,)
            The number of samples of each block, B or less.
        """
        from scipy import fft  # slow to import, and rarely needed
        from scipy.linalg.blas import dsyrk

        history = self._lags - 1
        own = segments[..., history:] * (np.arange(self.block) < counts[:, np.newaxis, np.newaxis])
        whole = fft.rfft(segments, self._transform)
        self._among[fold] += np.einsum("bin,bjn->ijn", np.conj(fft.rfft(own, self._transform)), whole)
        targets = np.conj(fft.rfft(phases, self._transform))
        self._between[fold] += np.einsum("born,bin->iorn", targets, whole)
        self._energy[fold] += np.einsum("born,born->or", phases, phases)
        self._samples[fold] += int(counts.sum())
        backwards = np.arange(history)[::-1]
        before = segments[..., :history][..., ::-1]
        rows = counts[:, np.newaxis] + backwards
        last = np.take_along_axis(segments, rows[:, np.newaxis], -1)
        for edge, sign in ((before, 1.0), (last, -1.0)):
            if history:
                flat = edge.reshape(len(edge), -1).T
                dsyrk(sign, flat, beta=1.0, c=self._edges[fold].T, overwrite_c=True)  # in place

    def sums(self, folds: Iterable[int]) -> Sums:
        """Return the sums of some folds."""
        from scipy import fft

        chosen = list(folds)
        lags = self._lags - 1 - np.arange(self._lags)
        among = fft.irfft(self._among[chosen].sum(0), self._transform)[..., lags]
        between = fft.irfft(self._between[chosen].sum(0), self._transform)[..., lags]
        edges = self._edges[chosen].sum(0)
        edges += np.tril(edges, -1).T
        gram = self._gram(among, edges)
        energy, samples = self._energy[chosen].sum(0), int(self._samples[chosen].sum())
        return Sums(gram, between.transpose(0, 3, 1, 2), energy, samples)

    def _gram(self, rows: Reals, edges: Reals) -> Reals:
        """Return all products of the inputs, computed row by row from the first rows (C_in, C_in, W)."""
        channels, lags = len(rows), self._lags
        steps = edges.reshape(channels, lags - 1, channels, lags - 1)
        gram = np.empty((channels, lags, channels, lags))
        gram[:, 0] = rows
        gram[:, :, :, 0] = rows.transpose(1, 2, 0)
        for row in range(lags - 1):
            gram[:, row + 1, :, 1:] = gram[:, row, :, :-1] + steps[:, row]
        return gram
