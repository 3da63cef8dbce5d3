"""The lines that people read about a fitted kernel, and the same facts for JSON."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import convt
from convt_cli.options.fit_options import FitOptions
from convt_cli.text.report import json_number


def fit_lines(options: FitOptions, frames: int, fit: convt.Fit) -> Iterator[str]:
    """Yield the lines about a fit to so many frames of HIGH."""
    how = (
        "as given" if options.delay is not None else "LOW made of it" if options.from_high else "estimated"
    )
    late = f"which is {abs(fit.delay)} samples {'early' if fit.delay < 0 else 'late'}, {how}"
    yield f"{frames} samples of HIGH, {late}"
    held_out = f"{_decibels(fit.held_out_error)} dB on {fit.held_out_samples} samples of LOW kept back, "
    ridge = f"ridge {fit.ridge:.0e}, {'chosen' if options.ridge is None else 'given'}"
    first = held_out if fit.held_out_samples else ""
    yield f"error {first}{_decibels(fit.error)} dB on {fit.samples} fitted to; {ridge}"
    if fit.designed:
        errors = sorted(fit.designed.items(), key=lambda item: item[1])
        others = ", ".join(f"{kind} {_decibels(error)}" for kind, error in errors)
        yield f"of designed kernels of {options.taps} taps: {others}"


def _decibels(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # without the sign of -0


def fit_as_json(
    options: FitOptions, pairs: Iterable[tuple[Path | None, Path]], fit: convt.Fit
) -> dict[str, Any]:
    """Return the facts about a fit to pairs of files."""
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
