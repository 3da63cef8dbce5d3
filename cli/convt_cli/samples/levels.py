"""Levels of the output: its peak, samples beyond full scale, NaN and infinity."""

import math

import numpy as np

from convt_cli.errors import Unwritable
from convt_cli.samples.formats import Array, Format


class Levels:
    """Measures the samples of an output, block by block.

    Parameters
    ----------
    target : Format
        The output's format.
    gain : float
        Factor that the writer multiplies the samples by.
    allowed : bool
        Whether samples may be beyond full scale.
    start : int
        Frames before the first.

    Attributes
    ----------
    overs, not_finite : int
        Number of samples beyond full scale, and of NaN and infinite samples.
    peak : float
        The largest magnitude of a finite sample, relative to full scale.
    peak_at, frames : int
        The frame of the peak, and the number of frames so far, both counted from the output's start.
    """

    def __init__(self, target: Format, gain: float, *, allowed: bool = True, start: int = 0) -> None:
        self._target, self._gain, self._allowed = target, gain, allowed
        # An integer sample is an over if it rounds to a value out of range; halves round to even.
        half = 0.0 if target.is_real else 0.5**target.bits
        self._floor, self._ceiling = -1 - half, math.nextafter(1, 2) if target.is_real else 1 - half
        self.overs = self.not_finite = self.peak_at = 0
        self.frames = start
        self.peak = self._worst = 0.0

    def add(self, later: "Levels") -> None:
        """Add the levels of the samples that follow."""
        if later._worst > self._worst or (later.peak > self.peak and not self.overs):
            self.peak_at = later.peak_at
        self.peak, self._worst = max(self.peak, later.peak), max(self._worst, later._worst)
        self.overs, self.not_finite = self.overs + later.overs, self.not_finite + later.not_finite
        self.frames = later.frames

    def watch(self, samples: Array) -> tuple[float, float]:
        """Measure samples (channels, n); return the lowest and the highest finite one, times the gain.

        Raises
        ------
        Unwritable
            A sample is NaN or infinite and the format cannot hold it, or it is an over, an error here.
        """
        low, high = _extent(samples)
        if not (math.isfinite(low) and math.isfinite(high)):
            samples = self._finite(samples)
            low, high = _extent(samples)
        low, high = low * self._gain, high * self._gain
        if max(-low, high) > self.peak:
            self.peak = max(-low, high)
            if not self.overs:
                self.peak_at = self.frames + int(np.argmax(np.abs(samples).max(axis=0)))
        if low < self._floor or high >= self._ceiling:
            self._count_overs(samples)
        self.frames += samples.shape[1]
        return low, high

    def _finite(self, samples: Array) -> Array:
        finite = np.isfinite(samples)
        if not self._target.is_float:
            frame = self.frames + int(np.argmin(finite.all(axis=0)))
            raise Unwritable(
                f"output frame {frame} is NaN or infinite, which {self._target.subtype} cannot hold; use"
                " --subtype FLOAT"
            )
        self.not_finite += int(np.count_nonzero(~finite))
        return np.where(finite, samples, samples.dtype.type(0))

    def _count_overs(self, samples: Array) -> None:
        """Count samples beyond full scale; the first of the largest sets the position of the peak."""
        scaled = samples.astype(np.float64) * self._gain
        over = (scaled < self._floor) | (scaled >= self._ceiling)
        self.overs += int(np.count_nonzero(over))
        if not self._allowed:
            first = int(np.argmax(over.any(axis=0)))
            level = 20 * math.log10(np.abs(scaled[:, first]).max())
            raise Unwritable(
                f"{level:+.2f} dBFS at output frame {self.frames + first}: beyond full scale, an error with"
                " --overs error; lower the level with --gain or --overs guard"
            )
        heights = np.where(over, np.abs(scaled), 0).max(axis=0)
        if heights.max() > self._worst:
            self._worst = float(heights.max())
            self.peak_at = self.frames + int(np.argmax(heights))


def decibels(ratio: float) -> float:
    """Return a ratio of magnitudes in dB."""
    return 20 * math.log10(ratio) if ratio else -math.inf


def headroom(target: Format, *, dithered: bool) -> float:
    """Return the largest magnitude that cannot clip, even with dither."""
    if target.is_real:
        return 1 - 2.0**-23  # leaves room for the rounding of the gain
    top = 2.0 ** (target.bits - 1)
    return (top - (1.5 if dithered else 1)) / top


def _extent(samples: Array) -> tuple[float, float]:
    return float(samples.min(initial=0)), float(samples.max(initial=0))
