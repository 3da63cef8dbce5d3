"""Plots of tonal lines: of the layers of a decoder, and in its output."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import convt
from convt_cli.kernels.layers import Layer
from convt_cli.plots.style import DARK, MIDDLE, STATED, literal_text, saved_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FLOOR = -100.0  # dB; quieter lines are drawn there
_MARKERS = "osD^vP*X"
_GREYS = (DARK, "#b3552d", MIDDLE, "#3d7a4f")


def _scale(rate: int | None) -> tuple[float, str]:
    """Return the output rate in units of the axis, and its label."""
    return (rate / 1000, "frequency in kHz") if rate else (1.0, "frequency (1 = output rate)")


def draw_layers(
    path: Path, source: str, layers: Sequence[Layer], rate: int | None, *, overwrite: bool
) -> None:
    """Draw the levels of the lines of all layers over the output band."""
    unit, label = _scale(rate)
    with saved_figure(path, (9.5, 4.6), overwrite=overwrite) as figure:
        axes = figure.subplots()
        for number, layer in enumerate(layers):
            places = [float(frequency) * unit for frequency in layer.frequencies]
            levels = np.maximum(layer.response.lines, _FLOOR)
            _stems(axes, places, levels, number, layer.name)
        axes.set_ylim(_FLOOR, max(10.0, axes.get_ylim()[1]))
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlim(float(layers[0].rate) * unit / 1.5, unit / 2 * 1.1)
        axes.set_xlabel(f"{label} of the decoder's output")
        axes.set_ylabel("dB relative to the output of the layer")
        axes.set_title(literal_text(f"{source}: tonal lines of each layer, for a constant input"))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower right", ncols=4, fontsize=8)


def draw_levels(
    path: Path, name: str, levels: "convt.LineLevels", rate: int | None, *, overwrite: bool
) -> None:
    """Draw the mean spectrum of an output, and mark the lines of each layer."""
    unit, label = _scale(rate)
    with saved_figure(path, (9.5, 4.6), overwrite=overwrite) as figure:
        axes = figure.subplots()
        frequencies = np.linspace(0, unit / 2, levels.spectrum.size)
        axes.plot(frequencies, levels.spectrum, color=STATED, linewidth=0.6)
        for number, places in enumerate(levels.frequencies):
            at = np.rint(places * 2 * (levels.spectrum.size - 1)).astype(int)
            title = f"layer {number}: {levels.levels[number]:+.1f} dB"
            axes.plot(
                places * unit,
                levels.spectrum[at],
                linestyle="none",
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=3.5,
                color=_GREYS[number % len(_GREYS)],
                label=title,
                clip_on=False,
                zorder=3,
            )
        axes.set_xlim(0, unit / 2)
        axes.set_xlabel(label)
        axes.set_ylabel("mean level in dB, 0 = greatest")
        axes.set_title(literal_text(f"{name}: lines at the input rates of the layers"))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower right", ncols=4, fontsize=8)


def _stems(axes: "Axes", places: Sequence[float], levels: np.ndarray, number: int, label: str) -> None:
    colour = _GREYS[number % len(_GREYS)]
    axes.vlines(places, _FLOOR, levels, color=colour, linewidth=1.2)
    axes.plot(
        places,
        levels,
        linestyle="none",
        marker=_MARKERS[number % len(_MARKERS)],
        color=colour,
        label=literal_text(label),
    )
