"""The spectrum of a kernel, and the products of it with the spectrum of a frame; see ``spectral.py``.

H is computed at N*s points, and multiplies X, which repeats every N points. Z repeats every M points, or
every M/2 points for pairs of outputs: products that have the same point of X and of Z are one product, with
the sum of their H. Points of H that are only rounding have none::

    H          |  H[0] ...        ...  H[N*s - 1]  |
    points     |      X      |      X      | ...   |
    period     |    Z    |    Z    |    Z    | ... |
    runs       | run | no |run|run|  no  | run |...|
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convt.arrays import Array, DType, fast_length
from convt.geometry import Geometry

_BANDS = 16  # maximum number of bands of X that are kept or left out
_FAINT = 8  # eps of the root mean square: the rounding of long transforms in double precision
_SAMPLED, _LEAST_SAMPLED = 4, 1 << 13  # points per band, and in all, to estimate which bands matter
_LONG = 1 << 17  # points up to which the kernel's spectrum is computed in more than double precision

Mask = NDArray[np.bool_]


class Run(NamedTuple):
    """Neighbouring products of H, (C_in, groups, C_out, 1, n), and X; they may be the first of Z."""

    spectrum: Array
    source: slice
    target: slice
    first: bool


class Layout(NamedTuple):
    """The spectra of frames, and of their outputs: in full, the first half, or those of pairs.

    Attributes
    ----------
    points, outputs : int
        Inputs and outputs of a frame.
    is_half : bool
        Only the first half of Z is computed, since the outputs are real.
    in_pairs : bool
        Z is the spectrum of pairs of real outputs, as complex numbers.
    """

    points: int
    outputs: int
    is_half: bool
    in_pairs: bool

    @classmethod
    def cheapest(
        cls, points: int, outputs: int, used: Mask, *, is_real: bool, pairs: bool = True
    ) -> "Layout":
        """Return pairs, if allowed, unless a point of Z is a sum of several products: further passes."""
        in_pairs = cls(points, outputs, is_half=False, in_pairs=True)
        if (
            is_real
            and pairs
            and outputs % 2 == 0
            and _folded(used, in_pairs.repeats).sum() <= in_pairs.bins
        ):
            return in_pairs
        return cls(points, outputs, is_half=is_real, in_pairs=False)

    @property
    def period(self) -> int:
        """Points of H after which Z repeats."""
        return self.outputs // 2 if self.in_pairs else self.outputs

    @property
    def bins(self) -> int:
        """Points of Z to compute."""
        return self.outputs // 2 + 1 if self.is_half else self.period

    @property
    def repeats(self) -> int:
        """Points of H after which both X and Z repeat."""
        return math.lcm(self.points, self.period)


class Spectrum(NamedTuple):
    """H at `size` points, or half of them for real taps, (C_in, groups, C_out, 1, n), without `factor`."""

    half: Array
    size: int
    factor: Array

    @classmethod
    def measured(cls, weight: Array, geometry: Geometry, points: int) -> "tuple[Spectrum, Mask]":
        """Return the spectrum for frames of `points`, and which points of it matter.

        The spectrum of a low-pass kernel follows from every n-th tap if only rounding folds onto its band.
        Twice as many points as taps show where the band is: no peak of the spectrum is between them.
        """
        size, band = points * geometry.stride, points // math.gcd(points, _BANDS)
        bands = size // band
        coarse = bands * fast_length(-(-2 * geometry.span // bands))
        if 2 * coarse > size or geometry.dilation * _reaching(geometry)[1] > 1:
            spectrum = cls.of(weight, geometry, size)
            return spectrum, spectrum.matters(weight.dtype, band)
        found = cls.of(weight, geometry, coarse, is_rough=True)
        matters = found.matters(weight.dtype, coarse // bands)[:: coarse // bands]
        farthest = 1 + np.flatnonzero((matters | matters[::-1])[: -(-bands // 2)]).max(initial=0)
        thinned = max(
            n
            for n in range(1, geometry.stride + 1)
            if geometry.stride % n == 0 and (n == 1 or 2 * n * farthest < bands)
        )
        return cls.of(weight, geometry, size, thinned=thinned), np.repeat(matters, band)

    @classmethod
    def of(
        cls, weight: Array, geometry: Geometry, size: int, *, thinned: int = 1, is_rough: bool = False
    ) -> "Spectrum":
        """Transform the taps of a weight (groups, C_in, C_out, K) that reach outputs, or every n-th tap.

        With every n-th tap, H is the same at fewer frequencies.
        """
        size //= thinned
        # Its error is in every output, so precision matters; long transforms spread their rounding.
        is_rough |= weight.dtype.name in ("float32", "complex64") or size > _LONG
        precision = np.float64 if is_rough else np.longdouble
        dense = np.zeros((*weight.shape[:-1], size), np.result_type(weight.dtype, precision))
        first, every = _reaching(geometry)
        if thinned > 1:
            first, every = geometry.offset % thinned, thinned
        taps, place = weight[..., first::every], (geometry.dilation * first - geometry.offset) // thinned
        apart = geometry.dilation * every // thinned
        # Powers of two scale the largest taps to about 1: the squares of small taps would underflow.
        _, exponent = np.frexp(np.abs(taps).max(-1, keepdims=True, initial=0))
        scale = np.ldexp(np.ones(exponent.shape, precision), exponent)
        taps = taps / scale
        while taps.size:  # one turn at a time, in which no two taps have the same place
            turn = range(place % size, size, apart)
            part = taps[..., : len(turn)]
            dense[..., turn.start :: apart][..., : part.shape[-1]] += part
            taps, place = taps[..., len(turn) :], place + len(turn) * apart
        transformed = np.fft.rfft(dense) if dense.dtype.kind == "f" else np.fft.fft(dense)
        half, factor = (array.swapaxes(0, 1)[..., np.newaxis, :] for array in (transformed, scale))
        return cls(half, size, factor * thinned / geometry.down)

    def products(self, used: Mask, layout: Layout, dtype: DType) -> list[Run]:
        """Return the products of the points that are used."""
        points, period, bins, repeats = layout.points, layout.period, layout.bins, layout.repeats
        folded = _folded(used, repeats)
        edges = ((np.flatnonzero(np.diff(used)) + 1) % repeats).tolist()
        every = [*range(0, repeats, points), *range(0, repeats, period), *range(bins, repeats, period)]
        covered = np.zeros(bins, bool)
        runs = []
        for start, stop in pairwise(sorted({*edges, *every, repeats})):
            if folded[start] and start % period < bins:
                source, target = (slice(start % n, start % n + stop - start) for n in (points, period))
                taps = self._sum(start, stop, used, layout).astype(dtype)
                runs.append(Run(taps, source, target, first=not covered[target].any()))
                covered[target] = True
        return runs

    def _sum(self, start: int, stop: int, used: Mask, layout: Layout) -> Array:
        """Return the sum of H/d at points that have the same products."""
        total: Array = np.zeros(1)
        for first in range(start, used.size, layout.repeats):
            if used[first]:
                last = first + stop - start
                below = used.size if 2 * first >= used.size else 0  # frequencies below 0, which H may lack
                taps = self.between(first - below, last - below)
                if layout.in_pairs:
                    turns = np.arange(first, last) % layout.outputs / layout.outputs
                    taps = taps * (1 + 1j * np.exp(2j * np.pi * turns)) / 2
                total = total + taps
        return total

    def between(self, start: int, stop: int) -> Array:
        """Return neighbouring points of H/d; those beyond the half, or below 0, are mirrored."""
        start, stop = (start % self.size, (stop - 1) % self.size + 1)
        first = max(start, self.half.shape[-1])
        mirrored = self.half[..., self.size - stop + 1 : self.size - first + 1][..., ::-1].conj()
        points: Array = np.concatenate([self.half[..., start:stop], mirrored], axis=-1) * self.factor
        return points

    def matters(self, dtype: DType, band: int) -> Mask:
        """Return which points are more than rounding: all others together are below two eps of each kernel.

        Points are judged in groups of `band`, since single points may be zeros of the response.
        """
        kernels = self.half.reshape(-1, self.half.shape[-1])
        half = (kernels.real**2 + kernels.imag**2).astype(np.float64, copy=False)
        power = np.concatenate([half, half[:, self.size - half.shape[1] : 0 : -1]], axis=1)
        bands = power.reshape(len(power), -1, band).mean(-1)
        faint = (_FAINT * np.finfo(dtype).eps) ** 2 * bands.mean(-1)
        matters: Mask = (bands > faint[:, np.newaxis]).any(0)
        if (bands[:, ~matters].sum(-1) > faint / 16 * bands.shape[1]).any():
            matters[:] = True
        return np.repeat(matters, self.size // matters.size)


def _folded(used: Mask, repeats: int) -> Mask:
    """Return which points are used, or others that have the same products."""
    return np.asarray(used.reshape(-1, repeats).any(0))


def _reaching(geometry: Geometry) -> tuple[int, int]:
    """Return the first tap that reaches an output, and the number of taps to the next one."""
    common = math.gcd(geometry.stride, geometry.down)
    shared = math.gcd(common, geometry.dilation)
    if geometry.offset % shared:
        return geometry.kernel_size, 1
    every = common // shared
    return geometry.offset // shared * pow(geometry.dilation // shared, -1, every) % every, every


def folds(weight: Array, geometry: Geometry) -> int:
    """Return about how many products each Z needs, 1 to down, for a weight (groups, C_in, C_out, K)."""
    bands = 1 << (_BANDS * geometry.stride).bit_length()
    size = min(1 << (geometry.span + geometry.offset).bit_length(), max(_LEAST_SAMPLED, _SAMPLED * bands))
    with np.errstate(all="ignore"):  # the taps may be anything
        spectrum = Spectrum.of(weight, geometry, size, is_rough=True)
        share = float(spectrum.matters(weight.dtype, max(1, size // bands)).mean())
    return max(1, math.ceil(geometry.down * share))
