"""Plot of the spectra of input and output, one above the other, on one frequency axis."""

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
    overwrite : bool
        Whether the plot may replace a file.
    """
    unit, label = (rate / 2000, "frequency in kHz") if rate else (1.0, "input Nyquist frequencies")
    limits = _limits([*(spectrum.mean for spectrum in spectra), *(spectrum.peak for spectrum in spectra)])
    with saved_figure(path, (9.5, 6.2), overwrite=overwrite) as figure:
        above, below = figure.subplots(2, 1, sharex=True, sharey=True)
        above.set_ylim(*limits)
        above.set_xlim(0, factor * unit)
        _draw(above, spectra[0], unit, limits[0])
        _draw(below, spectra[1], factor * unit, limits[0])
        for axes, name, which in ((above, names[0], "input"), (below, names[1], "output")):
            axes.set_title(literal_text(f"{which}: {name}"))
            axes.set_ylabel("dB, full-scale sine = 0" if rate else "dB, sine of amplitude 1 = 0")
            axes.axvline(unit, color=STATED, linewidth=0.8, linestyle="--")
        if factor > 1:
            shade(above, unit, factor * unit, "#eeeeee", "beyond half the input rate")
            shade(below, unit, factor * unit, IMAGE, "here are images, if there are any")
        corner = "upper right" if factor >= 2 else "lower left"  # where no curve is
        for axes in (above, below):
            axes.legend(loc=corner, fontsize=8, frameon=True, framealpha=0.9, edgecolor="none")
        below.set_xlabel(label)


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
