"""Samples made ready for a file: gain, dither, rounding, and a count of what is beyond full scale.

Dither is white noise of triangular density, one step to either side: with it the mean and the power of
the rounding error do not depend on the signal (S. P. Lipshitz, R. A. Wannamaker, J. Vanderkooy,
"Quantization and dither: a theoretical survey", J. Audio Eng. Soc. 40, 1992).
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from convt_cli.audio.formats import Array, Format
from convt_cli.errors import Unwritable

Dither = Literal["none", "needed", "tpdf"]
Overs = Literal["keep", "clip", "error"]

_PIECE = 1 << 16  # frames at a time: they stay in the cache, and other threads are seldom disturbed
_SEED = 0x636F6E7674


@dataclass(slots=True)
class Levels:
    """What was seen of the output, in units of full scale and in frames from its start."""

    overs: int = 0
    not_finite: int = 0
    peak: float = 0.0  # of what is finite
    peak_at: int = 0
    frames: int = 0


class Quantiser:
    """Turns blocks (channels, n) at a full scale of 1 into frames (n, channels) for a file.

    Integers are rounded to the nearest, halves to even, and saturate. Of real numbers nothing changes
    but by `gain` and, with ``overs="clip"``, beyond full scale.

    Parameters
    ----------
    target : Format
        The file's format.
    channels : int
        Channels of the blocks.
    upper : bool
        Whether integers are wanted in the upper bits of int32, of which libsndfile keeps as many as the
        format has; left to itself it would scale what is written by 2**15 - 1 and what is read by 2**15.
        Else they are as they stand in the file, three bytes as int32.
    gain : float
        Factor on every sample.
    dither : {"none", "needed", "tpdf"}
        Whether triangular noise, the same in every run, is added before rounding. It is needed where there
        is something to round: samples that are integers already, such as silence, stay as they are.
    overs : {"keep", "clip", "error"}
        What becomes of real numbers beyond full scale; integers clip unless they are errors.
    """

    def __init__(
        self, target: Format, channels: int, *, upper: bool, gain: float, dither: Dither, overs: Overs
    ) -> None:
        self._target, self._gain, self._overs = target, gain, overs
        self._noise = [] if dither == "none" else [_Triangular(channel) for channel in range(channels)]
        self._always = dither == "tpdf"
        self._upper = upper
        self.levels = Levels()

    def __call__(self, block: Array) -> Array:
        """Return the block's frames, as the file takes them.

        Raises
        ------
        Unwritable
            A sample is not finite, and the format cannot keep that; or it is an over, and those are errors.
        """
        result = np.empty(block.shape[::-1], self._carrier(block.dtype))
        for start in range(0, block.shape[1], _PIECE):
            piece = block[:, start : start + _PIECE]
            low, high = self._watch(piece)
            self.levels.frames += piece.shape[1]
            into = result[start : start + _PIECE].T
            for channel, samples in enumerate(piece):
                if self._target.is_real:
                    self._scale(samples, max(-low, high), into[channel])
                else:
                    self._round(channel, samples, (low, high), into[channel])
        return result

    def _carrier(self, dtype: np.dtype[np.floating]) -> np.dtype[np.generic]:
        """Return the dtype in which the file takes samples."""
        if self._target.is_real:
            real = {"FLOAT": "f4", "DOUBLE": "f8"}.get(self._target.subtype, dtype)
            return np.dtype(dtype if self._upper else real)
        codes = {8: "u1" if self._target.subtype == "PCM_U8" else "i1", 16: "i2"}
        return np.dtype("i4" if self._upper else codes.get(self._target.bits, "i4"))

    def _scale(self, samples: Array, peak: float, into: Array) -> None:
        if self._gain != 1:
            samples = samples * samples.dtype.type(self._gain)
        if peak > 1 and self._overs == "clip":
            samples = samples.clip(-1, 1)
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite
            into[...] = samples

    def _round(self, channel: int, samples: Array, extent: tuple[float, float], into: Array) -> None:
        bits = self._target.bits
        top = 2.0 ** (bits - 1)
        # float32 holds every integer of up to 24 bits; wider ones are made in float64.
        wide = np.float64 if bits > 24 else samples.dtype.type
        values = np.multiply(samples, wide(self._gain * top), dtype=wide)
        rounded = np.rint(values)
        if self._noise:
            noise = self._noise[channel](values.size)
            if not self._always:
                np.copyto(noise, 0, where=rounded == values)
            values += noise
            np.rint(values, out=rounded)
        values = rounded
        if extent[0] * top < 1 - top or extent[1] * top > top - 2:  # within reach of the dither
            np.clip(values, -top, top - 1, out=values)
        if self._upper:
            values *= wide(2.0 ** (32 - bits))
        elif into.dtype == np.uint8:
            values += wide(top)
        into[...] = values.astype(into.dtype)  # contiguous first: that is far faster

    def _watch(self, piece: Array) -> tuple[float, float]:
        """Note the levels of a piece, refuse what cannot be kept, and return the range of the finite."""
        low, high = _extent(piece)
        if not (math.isfinite(low) and math.isfinite(high)):
            finite = np.isfinite(piece)
            if not self._target.keeps_any:
                raise Unwritable(self._not_finite(finite))
            self.levels.not_finite += int(np.count_nonzero(~finite))
            piece = np.where(finite, piece, 0)
            low, high = _extent(piece)
        low, high = low * self._gain, high * self._gain
        peak = max(-low, high)
        if peak > self.levels.peak:
            self.levels.peak = peak
            self.levels.peak_at = self.levels.frames + int(np.argmax(np.abs(piece).max(axis=0)))
        ceiling, floor = self._limits()
        if low < floor or high > ceiling:
            gain = piece.dtype.type(self._gain)
            self.levels.overs += int(np.count_nonzero((piece * gain < floor) | (piece * gain > ceiling)))
            if self._overs == "error":
                raise Unwritable(
                    f"{20 * math.log10(peak):+.2f} dBFS at output frame {self.levels.peak_at}: beyond full"
                    " scale, which --overs error does not allow"
                )
        return low, high

    def _limits(self) -> tuple[float, float]:
        """Return the highest and the lowest sample that are not overs: those that round to an integer."""
        if self._target.is_real:
            return 1.0, -1.0
        half = 0.5**self._target.bits
        return 1 - half, -1 - half

    def _not_finite(self, finite: Array) -> str:
        frame = self.levels.frames + int(np.argmin(finite.all(axis=0)))
        return (
            f"output frame {frame} is not a finite number, which {self._target.subtype} samples cannot hold"
        )


class _Triangular:
    """White noise between -1 and 1 of triangular density, in steps of 1/256; the same in every run."""

    def __init__(self, channel: int) -> None:
        self._random = np.random.Generator(np.random.PCG64([_SEED, channel]))
        self._rest = np.empty(0, np.uint16)

    def __call__(self, count: int) -> Array:
        """Return the next `count` values, float32: whatever the counts, they are the same ones."""
        fours = -(-(count - self._rest.size) // 4)
        drawn = self._random.integers(0, 2**64 - 1, fours, np.uint64, endpoint=True).view(np.uint16)
        pairs = np.concatenate([self._rest, drawn]) if self._rest.size else drawn
        self._rest = pairs[count:].copy()
        pairs = pairs[:count]
        noise: Array = np.add(pairs & 255, pairs >> 8).astype(np.float32)  # two even ones of 0 to 255
        noise -= np.float32(255)
        noise *= np.float32(1 / 256)
        return noise


def _extent(samples: Array) -> tuple[float, float]:
    return float(samples.min(initial=0)), float(samples.max(initial=0))


def peak_of(samples: Array) -> float:
    """Return the largest magnitude of what is finite."""
    low, high = _extent(np.where(np.isfinite(samples), samples, 0))
    return max(-low, high)


def headroom(target: Format, dither: Dither) -> float:
    """Return the largest magnitude that is surely not clipped, whatever the dither."""
    if target.is_real:
        return 1 - 2.0**-23  # the gain that leads there is rounded as well
    top = 2.0 ** (target.bits - 1)
    return (top - (1 if dither == "none" else 2)) / top
