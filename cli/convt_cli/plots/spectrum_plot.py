"""Plot of the spectra of input and output, one above the other, on one frequency axis."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convt_cli.plots.spectrum import Spectrum
from convt_cli.plots.style import DARK, IMAGE, MIDDLE, STATED, literal_text, saved_figure, shade
from convt_cli.samples.formats import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DEEPEST = -260.0  # dB: below it there is only the rounding error of the window
_HEADROOM = 10.0  # dB


def draw_spectra(
    path: Path,
    names: tuple[str, str],
    spectra: tuple[Spectrum, Spectrum],
    factor: float,
    rate: int | None,
    *,
    overs: str = "",
    overwrite: bool,
) -> None:
    """Draw the spectra of input and output.

    Parameters
    ----------
    path : Path
        The plot's file.
    names : tuple of str
        Names of input and output.
    spectra : tuple of Spectrum
        Spectra of input and output; the output's window is `factor` times as long, so that points align.
    factor : float
        Output samples per input sample.
    rate : int or None
        The input's rate, for frequencies in Hz.
    overs : str
        What became of the output's samples beyond full scale.
    overwrite : bool
        Whether the plot may replace a file.
    """
    unit, label = (rate / 2000, "frequency in kHz") if rate else (1.0, "input Nyquist frequencies")
    limits = _limits([*(spectrum.mean for spectrum in spectra), *(spectrum.peak for spectrum in spectra)])
    with saved_figure(path, (9.5, 6.2), overwrite=overwrite) as figure:
        above, below = figure.subplots(2, 1, sharex=True, sharey=True)
        above.set_ylim(*limits)
        above.set_xlim(0, max(1.0, factor) * unit)
        _draw(above, spectra[0], unit, limits[0])
        _draw(below, spectra[1], factor * unit, limits[0])
        facts = [list(_channels(spectrum)) for spectrum in spectra]
        if factor > 1:
            facts[1].extend(_above_band(spectra, factor, unit, "kHz" if rate else "Nyquist frequencies"))
            for axes in (above, below):
                shade(axes, unit, factor * unit, IMAGE, "above the input's band")
        elif factor < 1:
            for axes in (above, below):
                shade(axes, factor * unit, unit, IMAGE, "above the output's band")
        facts[1].extend([overs] if overs else [])
        for axes, name, lines in (
            (above, f"input: {names[0]}", facts[0]),
            (below, f"output: {names[1]}", facts[1]),
        ):
            axes.set_title(literal_text(name), pad=18 if lines else None)
            axes.annotate(
                "; ".join(lines), (0, 1), (0, 5), "axes fraction", textcoords="offset points", fontsize=8
            )
            axes.set_ylabel("dB, full-scale sine = 0" if rate else "dB, sine of amplitude 1 = 0")
            axes.axvline(min(1.0, factor) * unit, color=STATED, linewidth=0.8, linestyle="--")
        below.set_xlabel(label)
        # Outside of the axes there is no curve that it could cover.
        figure.legend(*below.get_legend_handles_labels(), loc="outside lower right", ncols=3, fontsize=8)


def _channels(spectrum: Spectrum) -> Iterator[str]:
    if spectrum.channels > 1:
        yield f"{spectrum.channels} channels combined: mean of all, loudest moment of any"
    if spectrum.left_out:
        yield "what is next to NaN and infinity is left out"


def _above_band(spectra: tuple[Spectrum, Spectrum], factor: float, unit: float, name: str) -> Iterator[str]:
    """Yield the peak level above the input's band, as far as tones at its edge do not reach into it."""
    after = spectra[1]
    edge = spectra[0].mean.size - 1 + after.lobe
    level = after.highest(edge)
    if level is not None:
        said = f"below {_DEEPEST:.0f} dB" if level < _DEEPEST else f"{level:.1f} dB"
        begin = edge / (after.mean.size - 1) * factor * unit
        yield f"peak above the input's band ({begin:.4g} to {factor * unit:.4g} {name}): {said}"


def _draw(axes: "Axes", spectrum: Spectrum, width: float, floor: float) -> None:
    frequencies = np.linspace(0, width, spectrum.mean.size)
    most = np.maximum(spectrum.peak, floor)
    axes.fill_between(
        frequencies, floor, most, color=MIDDLE, alpha=0.45, linewidth=0, label="loudest moment"
    )
    axes.plot(frequencies, np.maximum(spectrum.mean, floor - 50), color=DARK, linewidth=0.8, label="mean")


def _limits(levels: list[Array]) -> tuple[float, float]:
    """Return round levels below and above the curves."""
    top = max(float(level.max()) for level in levels)
    bottom = min(float(np.percentile(level, 1)) for level in levels)
    high = 20 * np.ceil((top + _HEADROOM) / 20)
    return max(20 * np.floor(bottom / 20), _DEEPEST, high - 300), max(high, -200.0)
