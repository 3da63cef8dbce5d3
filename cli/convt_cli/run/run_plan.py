"""One run from an input to its output: the plan before it, and the result after it."""

from typing import Any, NamedTuple

import numpy as np

import convt
from convt_cli.files.paths import input_name, output_name
from convt_cli.kernels.selection import Ratio, SelectedKernel
from convt_cli.metadata.metadata import Metadata
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.samples.formats import Format
from convt_cli.samples.levels import Levels
from convt_cli.samples.quantise import Dither


class RunPlan(NamedTuple):
    """Everything known about a run before its first sample.

    Attributes
    ----------
    options : UpsampleOptions
        The options of this input.
    ratio : Ratio
        Output rate over input rate.
    kernel, upsampler
        The kernel, and the stream that uses it.
    dtype : dtype
        Dtype of the computed output samples.
    frames, formats, channels : tuple
        Those of input and output; None for an unknown length, and for the format of an array.
    bitrates : tuple
        Average bit rate of a lossy input, and the one requested from the encoder; None if lossless, or for
        the best quality.
    dimensions : int
        Axes of the input, if it is an array.
    metadata : Metadata
        The metadata of the output, and the names of what is lost.
    gain : float
        Factor on the output.
    dither : {"none", "needed", "tpdf"}
        Noise added before rounding to integers.
    is_copy : bool
        Whether the input has the rate already, and nothing else is to be changed.
    advice : tuple of str
        Warnings about the kernel.
    memory : int
        Estimated peak memory in bytes.
    bytes_out : int or None
        Size of the output, if it can be predicted.
    """

    options: UpsampleOptions
    ratio: Ratio
    kernel: SelectedKernel
    upsampler: convt.Upsampler | convt.Resampler
    dtype: np.dtype[Any]
    frames: tuple[int | None, int | None]
    formats: tuple[Format | None, Format | None]
    channels: tuple[int, int]
    bitrates: tuple[float | None, float | None]
    dimensions: int
    metadata: Metadata
    gain: float
    dither: Dither
    is_copy: bool
    advice: tuple[str, ...]
    memory: int
    bytes_out: int | None

    @property
    def source(self) -> str:
        """The input's name, for messages."""
        return input_name(self.options.source)

    @property
    def target(self) -> str:
        """The output's name, for messages."""
        return output_name(self.options.target)

    @property
    def dimensions_out(self) -> int:
        """Axes of the output, if it is an array."""
        return max(self.dimensions, 1 if self.channels[1] == 1 else 2)

    @property
    def compute_dtype(self) -> np.dtype[Any]:
        """The dtype of the arithmetic: float16 is computed in float32."""
        return np.promote_types(self.dtype, np.float32)


class RunResult(NamedTuple):
    """A finished run.

    Attributes
    ----------
    plan : RunPlan
        Its plan.
    gain : float
        Factor on the output; ``--overs guard`` may have lowered that of the plan.
    frames : tuple
        Frames of input and output.
    lost : tuple of str
        Names of metadata that the output does not hold.
    bytes_out : int or None
        Size of the output; for a dry run, if it can be predicted.
    sha256 : tuple of (str or None)
        SHA-256 of the input as read and of the output as written, if JSON is requested; None for streams.
    notes : tuple of str
        Warnings about the input and the output.
    levels : Levels or None
        Measured levels of the output, if it is audio.
    bitrate : float or None
        Measured bit rate of a lossy output.
    is_rf64 : bool
        Whether the output's lengths needed more than the 32 bits of a WAV file.
    seconds : float
        Duration of the run.
    """

    plan: RunPlan
    gain: float
    frames: tuple[int | None, int | None]
    lost: tuple[str, ...]
    bytes_out: int | None
    sha256: tuple[str | None, str | None] = (None, None)
    notes: tuple[str, ...] = ()
    levels: Levels | None = None
    bitrate: float | None = None
    is_rf64: bool = False
    seconds: float = 0.0

    @classmethod
    def as_planned(cls, plan: RunPlan) -> "RunResult":
        """Return the result of a run that computes no samples."""
        return cls(plan, plan.gain, plan.frames, tuple(plan.metadata.lost), plan.bytes_out)

    @property
    def is_clipped(self) -> bool:
        """Whether samples beyond full scale were clipped, not kept."""
        after = self.plan.formats[1]
        return not (after and after.is_real) or self.plan.options.overs == "clip"

    @property
    def peak_at(self) -> float | None:
        """Seconds from the output's start to its peak."""
        after = self.plan.formats[1]
        return self.levels.peak_at / after.rate if self.levels and after else None
