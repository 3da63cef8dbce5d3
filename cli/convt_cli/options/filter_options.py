"""The options that say what a filter is designed to."""

from typing import Annotated, Any, Literal, NamedTuple

import typer

from convt_cli.options import headings, values

Quality = Annotated[
    Literal["fast", "high", "best"] | None,
    typer.Option(
        rich_help_panel=headings.FILTER,
        help=(
            "Of the designed filter: flat to 0.90, 0.96 or 0.975 of the input's band, images below -110,"
            " -195 or -240 dB. Default: high. best computes in float64."
        ),
    ),
]
Passband = Annotated[
    Any,
    typer.Option(
        metavar="P",
        parser=values.parse_passband,
        rich_help_panel=headings.FILTER,
        help="Flat, within 0.01 dB, up to this fraction of the Nyquist frequency, such as 0.95.",
    ),
]
Rejection = Annotated[
    float | None,
    typer.Option(
        metavar="DB",
        rich_help_panel=headings.FILTER,
        help="Images and aliases this many dB down, such as 120.",
    ),
]
Phase = Annotated[
    Literal["linear", "minimum"] | None,
    typer.Option(
        rich_help_panel=headings.FILTER,
        help="linear: time-aligned; minimum: no ringing before a transient. Default: linear.",
    ),
]


class FilterSpec(NamedTuple):
    """The specification of a filter; None for options that are not given."""

    quality: Literal["fast", "high", "best"] | None = None
    passband: float | None = None
    rejection: float | None = None
    phase: Literal["linear", "minimum"] | None = None

    @property
    def is_given(self) -> bool:
        """Whether anything is said."""
        return self != FilterSpec()
