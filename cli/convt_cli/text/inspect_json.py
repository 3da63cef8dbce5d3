"""Report on the measurements of kernels, as one JSON document."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from convt_cli.files.checksums import array_sha256
from convt_cli.kernels.measurements import RIPPLE_EDGE, TOLERANCES, TONES, KernelMeasurements
from convt_cli.text.report import json_number

_NOTHING = -3000.0  # dB, lower than the ratio of any two floats


def measurements_as_json(measured: KernelMeasurements, rate: int | None) -> dict[str, Any]:
    """Return all measurements for JSON; frequencies are in Hz if the input's rate is known."""
    unit = rate / 2 if rate else 1.0
    return {
        "source": measured.source,
        "shape": list(measured.weight.shape),
        "dtype": str(measured.weight.dtype),
        "stride": measured.stride,
        "down": measured.down,
        "taps_per_phase": measured.taps / measured.stride,
        "frequency_unit": "Hz" if rate else "input Nyquist frequency",
        "kernels": list(_kernels(measured, unit)),
        "sha256": array_sha256(measured.weight),
    }


def _kernels(measured: KernelMeasurements, unit: float) -> Iterator[dict[str, Any]]:
    shape, figures, down = measured.weight.shape[:-1], measured.figures, measured.down

    def place(frequency: float) -> float:
        return measured.fold_frequency(frequency) * unit

    for number in range(measured.count):
        own = {name: values[number].tolist() for name, values in figures.items()}
        padding, name, late = measured.padding(number)
        yield {
            "channels": [int(index) for index in np.unravel_index(number, shape)],
            "dc_gain": own["dc_gain"],
            "levels_relative_to": own["reference"],
            "phase_gains": own["phase_gains"],
            "phase_spread": max(own["phase_gains"]) - min(own["phase_gains"]),
            "tonal_lines": [
                {"multiple": multiple, "frequency": place(2 * multiple), "level_db": _level(level)}
                for multiple, level in enumerate(own["tonal_lines"], 1)
            ],
            "passband": [
                {"within_db": tolerance, "edge": edge * unit}
                for tolerance, edge in zip(TOLERANCES, own["edges"], strict=True)
            ],
            "ripple": {"up_to": RIPPLE_EDGE * measured.low * unit, "db": own["ripple"]},
            "aliases": [
                {"heard_up_to": tone * measured.low * unit, "worst_db": _level(level), "of": origin * unit}
                for tone, level, origin in zip(
                    TONES, own.get("aliases", ()), own.get("aliases_from", ()), strict=False
                )
            ],
            "images": [
                {"of_tones_up_to": tone * unit, "worst_db": _level(level), "frequency": place(at)}
                for tone, level, at in zip(TONES, own["images"], own["images_at"], strict=True)
            ],
            "delay": json_number(own["delay"] / down),
            "linear_phase": own["linear_phase"],
            "group_delay": [delay / down for delay in own["group_delay"]],
            "peak": {"db": own["peak"], "frequency": place(own["peak_at"])},
            "worst_over": own["worst_over"],
            "in_time": {"padding": padding, "name": name or None, "late": late},
        }


def _level(decibels: float) -> float | None:
    """Return a level; None for that of a zero gain."""
    return decibels if decibels > _NOTHING else None
