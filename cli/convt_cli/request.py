"""What a command line asks for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """The options of ``convt upsample``."""

    source: Path
    output: Path | None
    weights: Path | None
    bias: float | Path | None
    stride: int
    padding: int | str | None
    output_padding: int
    dilation: int
    groups: int
    precision: str | None
    overwrite: bool

    @property
    def target(self) -> Path:
        """The output's name; in.wav becomes in_x2.wav."""
        name = f"{self.source.stem}_x{self.stride}{self.source.suffix}"
        return self.output or self.source.with_name(name)

    @property
    def inputs(self) -> list[Path]:
        """The files that are read, and so must not be written."""
        return [path for path in (self.source, self.weights, self.bias) if isinstance(path, Path)]
