"""The options that say what a filter is designed to."""

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

Quality = Annotated[
    Literal["fast", "high", "best"] | None,
    typer.Option(
        help=(
            "Of the designed kernel: flat to 0.90, 0.96 or 0.975 of the input's band, images below -110,"
            " -195 or -240 dB. Default: high. With best it is computed in float64."
        )
    ),
]
Passband = Annotated[
    float | None,
    typer.Option(metavar="P", help="Flat, to 0.01 dB, up to this fraction of the input's band instead."),
]
Rejection = Annotated[
    float | None, typer.Option(metavar="DB", help="All images so many dB below the signal instead.")
]
Phase = Annotated[
    Literal["linear", "minimum"] | None,
    typer.Option(help="linear: exactly in time; minimum: nothing rings before a sound. Default: linear."),
]


@dataclass(frozen=True, slots=True)
class FilterSpec:
    """The specification of a filter; None for options that are not given."""

    quality: Literal["fast", "high", "best"] | None = None
    passband: float | None = None
    rejection: float | None = None
    phase: Literal["linear", "minimum"] | None = None

    @property
    def is_given(self) -> bool:
        """Whether anything is said."""
        return self != FilterSpec()
