"""What a command line asks for."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

from convt_cli.files.paths import STREAM

Layout = Literal["torch", "keras", "jax", "mlx", "onnx"]
Channels = Literal["shared", "each", "mixed"]

_EXTENSIONS = {"WAVEX": "wav", "RF64": "wav"}


@dataclass(frozen=True, slots=True)
class Design:
    """What a kernel is to be designed to; None, or linear, where nothing is said."""

    quality: Literal["fast", "high", "best"] | None = None
    passband: float | None = None
    rejection: float | None = None
    phase: Literal["linear", "minimum"] | None = None

    @property
    def is_asked_for(self) -> bool:
        """Whether anything is said."""
        return self != Design()


class Ratio(NamedTuple):
    """Of the outputs of a stride every `down`-th: so many samples become stride/down times as many."""

    stride: int = 1
    down: int = 1

    @property
    def factor(self) -> Fraction:
        """Output samples per input sample."""
        return Fraction(self.stride, self.down)


SAME = Ratio()


@dataclass(frozen=True, slots=True)
class Request:
    """The options of ``convt upsample`` for one input; ``declarations.py`` tells what they mean.

    `rate` is that of the output and `rate_in` that of an input which does not state it; `ratio` is known
    once the input has been opened.
    """

    source: Path
    output: Path | None
    weights: Path | None
    tensor: str | None
    layout: Layout
    bias: float | Path | None
    design: Design
    stride: int | None
    padding: int | str | None
    output_padding: int
    dilation: int
    groups: int
    precision: str | None
    latency: int | None
    container: str | None
    subtype: str | None
    dither: str | None
    overs: str | None
    gain: float
    nonfinite: Literal["error", "keep", "zero"]
    raw: bool
    rate: int | None
    rate_in: int | None
    channels: int | None
    allow_truncated: bool
    overwrite: bool
    makes_folder: bool
    dry_run: bool
    plot: Path | None
    as_json: bool
    ratio: Ratio = SAME

    @property
    def target(self) -> Path:
        """The output's name; in.wav becomes in_x2.wav, or in_48000.wav, and a pipe a pipe."""
        if self.output or self.source == STREAM:
            return self.output or STREAM
        stem = f"{self.source.stem}_{self.rate or f'x{self.stride or 2}'}"
        return self.source.parent / self.named(stem, self.source.suffix)

    def named(self, stem: str, suffix: str) -> str:
        """Return a file's name; its extension is that of the format asked for, if one is."""
        if self.container and suffix.lower() != ".npy":
            opus = self.container.upper() == "OGG" and (self.subtype or "").upper() == "OPUS"
            name = "opus" if opus else _EXTENSIONS.get(self.container.upper(), self.container.lower())
            suffix = f".{name}"
        return stem + suffix

    @property
    def channels_last(self) -> bool:
        """Whether arrays of signals are (L, C) or (N, L, C)."""
        return self.layout in ("keras", "jax", "mlx")

    @property
    def inputs(self) -> list[Path]:
        """The files that are read, and so must not be written."""
        return [path for path in (self.source, self.weights, self.bias) if isinstance(path, Path)]
