"""Gain, dither and rounding: samples as a file stores them."""

import sys
from typing import Literal

import numpy as np

from convt_cli.samples.dither import STEP, TriangularNoise
from convt_cli.samples.formats import Array, Format
from convt_cli.samples.levels import Levels

Dither = Literal["none", "needed", "tpdf"]
Overs = Literal["keep", "clip", "error"]

_PIECE = 1 << 17  # samples at a time: few enough for the cache, enough to interrupt other threads rarely
_FEW_BITS = 16  # of integers that leave int32 enough bits for the fraction of the noise


class Quantiser:
    """Converts blocks (channels, n) with full scale 1 to frames (n, channels) for a file.

    Integers are rounded to the nearest, halves to even, and clip. Real numbers change only by `gain` and,
    with ``overs="clip"``, beyond full scale.

    Parameters
    ----------
    target : Format
        The file's format.
    channels : int
        Channels of the blocks.
    upper : bool
        Whether to put integers into the upper bits of int32, of which libsndfile keeps as many as the
        format has; given real numbers it would scale by 2**15 - 1 to write and by 2**15 to read.
        Otherwise integers are as in the file, those of three bytes as int32.
    gain : float
        Factor on every sample.
    dither : {"none", "needed", "tpdf"}
        Whether triangular noise, the same in every run, is added before rounding. With "needed", samples
        that are integers already, such as silence, stay unchanged.
    overs : {"keep", "clip", "error"}
        Treatment of real numbers beyond full scale; integers clip, unless overs are errors.
    start : int
        Frames of the output before the first block.

    Attributes
    ----------
    levels : Levels
        The levels of the samples so far.
    """

    def __init__(
        self,
        target: Format,
        channels: int,
        *,
        upper: bool,
        gain: float,
        dither: Dither,
        overs: Overs,
        start: int = 0,
    ) -> None:
        self._target, self._gain, self._upper = target, gain, upper
        self._clips = overs == "clip"
        self._dither, self._noise = dither, TriangularNoise(channels, start)
        self.levels = Levels(target, gain, allowed=overs != "error", start=start)

    def __call__(self, block: Array) -> Array:
        """Return the block's frames in the numbers of the file.

        Raises
        ------
        Unwritable
            Same as in :meth:`convt_cli.samples.levels.Levels.watch`.
        """
        channels, frames = block.shape
        result = np.empty((frames, channels), self._carrier(block.dtype))
        step = max(1, _PIECE // channels)
        for start in range(0, frames, step):
            samples = block[:, start : start + step]
            low, high = self.levels.watch(samples)
            ready = self._scaled if self._target.is_real else self._rounded
            _interleave(ready(samples, low, high), result[start : start + step])
        return result

    def _carrier(self, dtype: np.dtype[np.floating]) -> np.dtype[np.generic]:
        """Return the dtype of the samples for the file."""
        if self._target.is_real:
            real = {"FLOAT": "f4", "DOUBLE": "f8"}.get(self._target.subtype, dtype)
            return np.dtype(dtype if self._upper else real)
        codes = {8: "u1" if self._target.subtype == "PCM_U8" else "i1", 16: "i2"}
        return np.dtype("i4" if self._upper else codes.get(self._target.bits, "i4"))

    def _scaled(self, samples: Array, low: float, high: float) -> Array:
        if self._gain != 1:
            with np.errstate(over="ignore"):  # out of float32's range: infinite
                samples = samples * samples.dtype.type(self._gain)
        if self._clips and max(-low, high) > 1:
            samples = np.where(np.isfinite(samples), samples.clip(-1, 1), samples)
        return samples

    def _rounded(self, samples: Array, low: float, high: float) -> Array:
        """Return integers, int32, as the file stores them or in the upper bits."""
        bits = self._target.bits
        top = 2.0 ** (bits - 1)
        # float32 holds every integer of up to 24 bits, but their fractions only up to 16 bits.
        exact = bits <= (24 if self._dither == "none" else _FEW_BITS)
        wide = samples.dtype.type if exact else np.float64
        values = np.multiply(samples, wide(self._gain * top), dtype=wide)
        is_loud = low * top < 1 - top or high * top > top - 2  # the dither may cross full scale
        if is_loud:
            beyond = 0 if self._dither == "none" else 1  # is still clipped after any dither
            np.clip(values, -top - beyond, top - 1 + beyond, out=values)
        steps = _integers(values) if self._dither == "none" else self._dithered(values, top)
        if is_loud:
            np.clip(steps, int(-top), int(top) - 1, out=steps)
        if self._upper:
            steps <<= 32 - bits
        elif self._target.subtype == "PCM_U8":
            steps += int(top)
        return steps

    def _dithered(self, values: Array, top: float) -> Array:
        """Return integers after dither.

        With few bits the noise has what is left of an int32 for a fraction::

            | sign | integer | fraction: 8 bits |   + noise, and half a step   >> 8
        """
        noise, whole = self._noise(values.shape[1]), False
        if self._dither == "needed":
            whole = np.rint(values) == values
        if self._target.bits > _FEW_BITS:
            noisy = np.where(whole, values, values + noise / STEP)
            return _integers(np.clip(noisy, -top, top - 1))
        steps = _integers(values * values.dtype.type(STEP))
        steps += noise
        steps += STEP // 2
        steps >>= STEP.bit_length() - 1
        if np.any(whole):
            np.copyto(steps, values, where=whole, casting="unsafe")
        return steps


def _integers(values: Array) -> Array:
    """Return the nearest integers as int32, which they fit."""
    integers = np.empty(values.shape, np.int32)
    np.rint(values, out=integers, casting="unsafe")
    return integers


def _interleave(numbers: Array, frames: Array) -> None:
    """Write numbers (channels, n) as frames (n, channels) of any dtype; the numbers may be overwritten."""
    if frames.dtype == np.int16 and len(numbers) == 2:  # the most common format: two samples at a time
        low, high = numbers if sys.byteorder == "little" else numbers[::-1]
        high <<= 16
        low &= 0xFFFF
        np.bitwise_or(low, high, out=frames.view(np.int32)[:, 0])
        return
    with np.errstate(over="ignore"):  # out of float32's range: infinite
        for channel, row in enumerate(numbers):  # far faster than all at once
            frames[:, channel] = row
