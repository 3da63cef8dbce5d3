"""Report on a fitted kernel: text lines, and the same facts for JSON."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import convt
from convt_cli.options.fit_options import FitOptions
from convt_cli.text.report import json_number


def fit_lines(options: FitOptions, frames: int, fit: convt.Fit) -> Iterator[str]:
    """Yield the lines about a fit to a number of frames of HIGH."""
    origin = "LOW derived from it" if options.from_high else "estimated"
    how = "given" if options.delay is not None else origin
    yield f"HIGH: {frames} samples, delay {fit.delay} ({how})"
    error = f"{_decibels(fit.error)} dB on all audio ({fit.samples} samples of LOW)"
    if fit.held_out_samples:
        held_out = f"held-out audio ({fit.held_out_samples} samples of LOW)"
        rest = f"{_decibels(fit.error)} dB on the rest ({fit.samples})"
        error = f"{_decibels(fit.held_out_error)} dB on {held_out}, {rest}"
    yield f"error {error}; ridge {fit.ridge:.0e} ({'chosen' if options.ridge is None else 'given'})"
    if fit.designed:
        errors = sorted(fit.designed.items(), key=lambda item: item[1])
        others = ", ".join(f"{kind} {_decibels(error)} dB" for kind, error in errors)
        yield f"for comparison, {options.taps}-tap {others}"


def _decibels(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # without the sign of -0


def fit_as_json(
    options: FitOptions, pairs: Iterable[tuple[Path | None, Path]], fit: convt.Fit
) -> dict[str, Any]:
    """Return the facts about a fit to pairs of files, for JSON."""
    return {
        "output": options.output and str(options.output),
        "pairs": [{"low": low and str(low), "high": str(high)} for low, high in pairs],
        "padding": fit.padding,
        "delay": fit.delay,
        "ridge": fit.ridge,
        "samples": fit.samples,
        "held_out_samples": fit.held_out_samples,
        "error_db": json_number(fit.error),
        "held_out_error_db": json_number(fit.held_out_error),
        "designed_db": fit.designed,
    }
