"""Plot of input and output: spectra on one frequency axis, and below them spectrograms on another."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convt_cli.plots.spectrogram import Spectrogram
from convt_cli.plots.spectrum import Spectrum
from convt_cli.plots.style import DARK, IMAGE, MIDDLE, STATED, literal_text, saved_figure, shade
from convt_cli.samples.formats import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DEEPEST = -260.0  # dB; lower levels are rounding errors of the window
_HEADROOM = 10.0  # dB
_DEPTH = 120.0  # dB of a spectrogram's colours
_COLOURS = "magma_r"  # from light to dark, also in greyscale
_NO_DATA = "#b0b0b0"
_LAYOUT = "AAA\nBBB\nCDE"


@dataclass(frozen=True, slots=True)
class Side:
    """The name and the measurements of the input, or of the output."""

    name: str
    spectrum: Spectrum
    spectrogram: Spectrogram


def draw_spectra(
    path: Path,
    sides: tuple[Side, Side],
    factor: float,
    rate: int | None,
    *,
    overs: str = "",
    overwrite: bool,
) -> None:
    """Draw the spectra and spectrograms of input and output.

    Parameters
    ----------
    path : Path
        The plot's file.
    sides : tuple of Side
        Input and output; the output's windows are `factor` times as long, so that frequencies align.
    factor : float
        Output samples per input sample.
    rate : int or None
        The input's rate, for frequencies in Hz.
    overs : str
        Fact about the output's samples beyond full scale.
    overwrite : bool
        Whether the plot may replace a file.
    """
    with saved_figure(path, (9.5, 9.2), overwrite=overwrite) as figure:
        axes = figure.subplot_mosaic(_LAYOUT, height_ratios=[1, 1, 1.1], width_ratios=[1, 1, 0.03])
        axes["B"].sharex(axes["A"])
        axes["B"].sharey(axes["A"])
        axes["D"].sharey(axes["C"])
        _spectra((axes["A"], axes["B"]), sides, factor, rate, overs)
        _spectrograms((axes["C"], axes["D"]), axes["E"], sides, factor, rate)
        # Outside of the axes the legend covers no curve.
        handles = axes["B"].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower right", ncols=3, fontsize=8)


def _scale(rate: int | None) -> tuple[float, str]:
    """Return the input's Nyquist frequency in units of the axes, and the label of frequencies."""
    return (rate / 2000, "frequency in kHz") if rate else (1.0, "frequency (1 = input's Nyquist)")


def _spectra(
    pair: "tuple[Axes, Axes]", sides: tuple[Side, Side], factor: float, rate: int | None, overs: str
) -> None:
    unit, label = _scale(rate)
    spectra = (sides[0].spectrum, sides[1].spectrum)
    limits = _limits([*(spectrum.mean for spectrum in spectra), *(spectrum.peak for spectrum in spectra)])
    pair[0].set_ylim(*limits)
    pair[0].set_xlim(0, max(1.0, factor) * unit)
    facts = [list(_channels(spectrum)) for spectrum in spectra]
    if factor > 1:
        facts[1].extend(_above_band(spectra, factor, unit, "kHz" if rate else "of Nyquist"))
    facts[1].extend([overs] if overs else [])
    for axes, side, kind, width, lines in zip(
        pair, sides, ("input", "output"), (unit, factor * unit), facts, strict=True
    ):
        _draw(axes, side.spectrum, width, limits[0])
        if factor > 1:
            shade(axes, unit, factor * unit, IMAGE, "above the input's band (images, noise, clipping)")
        elif factor < 1:
            shade(axes, factor * unit, unit, IMAGE, "above the output's band")
        axes.set_title(literal_text(f"{kind}: {side.name}"), pad=18 if lines else None)
        axes.annotate(
            "; ".join(lines), (0, 1), (0, 5), "axes fraction", textcoords="offset points", fontsize=8
        )
        axes.set_ylabel("dB, full-scale sine = 0" if rate else "dB, sine of amplitude 1 = 0")
        axes.axvline(min(1.0, factor) * unit, color=STATED, linewidth=0.8, linestyle="--")
    pair[0].tick_params(labelbottom=False)
    pair[1].set_xlabel(label)


def _channels(spectrum: Spectrum) -> Iterator[str]:
    if spectrum.channels > 1:
        yield f"{spectrum.channels} channels combined"
    if spectrum.left_out:
        yield "parts with NaN or infinity left out"


def _above_band(spectra: tuple[Spectrum, Spectrum], factor: float, unit: float, name: str) -> Iterator[str]:
    """Yield the peak level above the input's band, apart from the skirts of tones at its edge."""
    after = spectra[1]
    edge = spectra[0].mean.size - 1 + after.lobe
    level = after.highest(edge)
    if level is not None:
        said = f"below {_DEEPEST:.0f} dB" if level < _DEEPEST else f"{level:.1f} dB"
        begin = edge / (after.mean.size - 1) * factor * unit
        yield f"peak above the input's band ({begin:.4g} to {factor * unit:.4g} {name}): {said}"


def _draw(axes: "Axes", spectrum: Spectrum, width: float, floor: float) -> None:
    frequencies = np.linspace(0, width, spectrum.mean.size)
    most, several = np.maximum(spectrum.peak, floor), spectrum.channels > 1
    peak, average = ("peak, any channel", "average, all channels") if several else ("peak", "average")
    axes.fill_between(frequencies, floor, most, color=MIDDLE, alpha=0.45, linewidth=0, label=peak)
    axes.plot(frequencies, np.maximum(spectrum.mean, floor - 50), color=DARK, linewidth=0.8, label=average)


def _limits(levels: list[Array]) -> tuple[float, float]:
    """Return round levels below and above the curves."""
    top = max(float(level.max()) for level in levels)
    bottom = min(float(np.percentile(level, 1)) for level in levels)
    high = 20 * np.ceil((top + _HEADROOM) / 20)
    return max(20 * np.floor(bottom / 20), _DEEPEST, high - 300), max(high, -200.0)


def _spectrograms(
    pair: "tuple[Axes, Axes]", bar: "Axes", sides: tuple[Side, Side], factor: float, rate: int | None
) -> None:
    """Draw spectrograms with one frequency axis, one time axis and one colour scale."""
    import matplotlib as mpl  # slow to import, needed only for plots

    unit, label = _scale(rate)
    levels = [side.spectrogram.levels for side in sides]
    top = 10 * np.ceil(max(level[np.isfinite(level)].max(initial=-200.0) for level in levels) / 10)
    scale = mpl.colors.Normalize(top - _DEPTH, top)
    colours = mpl.colormaps[_COLOURS].with_extremes(bad=_NO_DATA)
    ends = list[float]()
    for axes, side, level, kind, ratio in zip(
        pair, sides, levels, ("input", "output"), (1.0, factor), strict=True
    ):
        left, right, bottom, upper = side.spectrogram.extent
        begin, end = (edge / ratio / (rate or 1) for edge in (left, right))
        ends += [begin, end]
        axes.axhspan(min(1.0, factor) * unit, max(1.0, factor) * unit, color=IMAGE, linewidth=0, zorder=0)
        if level.size:
            image = axes.imshow(
                level, colours, scale, aspect="auto", origin="lower", interpolation="nearest"
            )
            image.set_extent((begin, end, bottom * ratio * unit, upper * ratio * unit))
        axes.grid(visible=False)
        axes.axhline(min(1.0, factor) * unit, color=STATED, linewidth=0.8, linestyle="--")
        axes.set_title(f"{kind} spectrogram, peak level in dB")
        axes.set_xlabel("time in s" if rate else "time in input samples")
    for axes in pair:
        axes.set_xlim(min(ends), max(ends))
    pair[0].set_ylim(0, max(1.0, factor) * unit)
    pair[0].set_ylabel(label)
    pair[1].tick_params(labelleft=False)
    pair[0].figure.colorbar(mpl.cm.ScalarMappable(scale, colours), cax=bar)
