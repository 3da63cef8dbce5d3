"""The facts of a run, for whoever tells of it."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import convt
from convt_cli.audio.metadata import Metadata
from convt_cli.files.paths import input_name, output_name
from convt_cli.kernels.selection import Choice
from convt_cli.options.upsample_options import Request
from convt_cli.samples.formats import Format
from convt_cli.samples.levels import Levels
from convt_cli.samples.quantise import Dither


@dataclass(slots=True)
class Outcome:
    """One input and its output.

    Attributes
    ----------
    request, kernel, upsampler
        What was asked for, and what it was computed with.
    dtype : dtype
        Of the result.
    frames, formats, channels : tuple
        Of the input and of the output; None where nobody knows the length, or an array has no format.
    dimensions : int
        Axes of the input, if it is an array.
    meta : Metadata
        What the output holds beside its samples.
    gain, dither
        What was done to the level, and to integers.
    levels : Levels or None
        What was seen of the output, if it is sound.
    is_copy : bool
        Whether the input has the rate already, and nothing else is to be changed.
    is_rf64 : bool
        Whether the output's lengths needed more than the 32 bits of a WAV file.
    lost : list of str
        Names of metadata that the output does not hold.
    notes : list of str
        What else there is to say.
    bytes_out : int or None
        Size of the output, or before it is made, what it will be.
    memory : int
        Bytes that the run takes at its peak, about.
    seconds : float
        How long it took.
    """

    request: Request
    kernel: Choice
    upsampler: convt.Upsampler
    dtype: np.dtype[Any]
    frames: tuple[int | None, int | None]
    formats: tuple[Format | None, Format | None]
    channels: tuple[int, int]
    dimensions: int
    meta: Metadata
    gain: float = 1.0
    dither: Dither = "none"
    levels: Levels | None = None
    is_copy: bool = False
    is_rf64: bool = False
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bytes_out: int | None = None
    memory: int = 0
    seconds: float = 0.0

    @property
    def source(self) -> str:
        """What the input is called."""
        return input_name(self.request.source)

    @property
    def target(self) -> str:
        """What the output is called."""
        return output_name(self.request.target)

    @property
    def dimensions_out(self) -> int:
        """Axes of the output, if it is an array."""
        return max(self.dimensions, 1 if self.channels[1] == 1 else 2)

    @property
    def computed(self) -> np.dtype[Any]:
        """The dtype of the arithmetic: float16 is computed in float32."""
        return np.promote_types(self.dtype, np.float32)

    @property
    def peak_at(self) -> float | None:
        """Seconds from the output's start to its peak."""
        after = self.formats[1]
        return self.levels.peak_at / after.rate if self.levels and after else None


def decibels(ratio: float) -> float:
    """Return a ratio of magnitudes in dB."""
    return 20 * math.log10(ratio) if ratio else -math.inf
