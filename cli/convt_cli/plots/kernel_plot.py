"""Plot of a kernel on one page: taps, phase gains, frequency response, passband, group delay."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import convt
from convt_cli.kernels.measurements import fold_frequency
from convt_cli.plots.style import DARK, IMAGE, MIDDLE, PASS, STATED, literal_text, saved_figure, shade
from convt_cli.samples.formats import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 1200  # points of a curve; more are not visible
_SHOWN = 24  # input samples around the largest tap that are drawn of a long kernel
_MARKERS = "os^Dv<>p"
_LAYOUT = "TTP\nGGG\nZZD"


@dataclass(frozen=True, slots=True)
class KernelPlot:
    """A kernel, and the settings of its plot.

    Attributes
    ----------
    title : str
        The title of the plot.
    kernel : ndarray, (K,)
        The taps.
    stride, down : int
        The stride, and the step at which its outputs are kept.
    rate : int or None
        The input's rate, for frequencies in Hz.
    stated : tuple of float or None
        Passband and rejection that the kernel was designed to.
    """

    title: str
    kernel: Array
    stride: int
    down: int
    rate: int | None
    stated: tuple[float, float] | None = None

    @property
    def band(self) -> float:
        """Half the output rate, in input Nyquist frequencies."""
        return self.stride / self.down


def draw_kernel(path: Path, plot: KernelPlot, *, overwrite: bool) -> None:
    """Draw a kernel: taps, phase gains, response over the output band, passband, delay."""
    response = convt.Response(plot.kernel, plot.stride)
    with saved_figure(path, (9.5, 7.6), overwrite=overwrite) as figure:
        figure.suptitle(literal_text(plot.title), fontsize=11, x=0.01, ha="left")
        axes = figure.subplot_mosaic(_LAYOUT, height_ratios=[1, 1.25, 1])
        _taps(axes["T"], plot)
        _phases(axes["P"], response)
        _gain(axes["G"], plot, response)
        _passband(axes["Z"], plot, response)
        _delay(axes["D"], plot, response)


def _unit(plot: KernelPlot) -> tuple[float, str]:
    """Return the input's Nyquist frequency in units of the axis, and the axis label."""
    if plot.rate:
        return plot.rate / 2000, "frequency in kHz"
    return 1.0, "frequency (1 = input's Nyquist)"


def _taps(axes: "Axes", plot: KernelPlot) -> None:
    taps, stride = plot.kernel, plot.stride
    count = min(taps.size, _SHOWN * stride)
    first = int(np.clip(np.abs(taps).argmax() - count // 2, 0, taps.size - count))
    places = np.arange(first, first + count)
    axes.vlines(places, 0, taps[places], color=MIDDLE, linewidth=0.8)
    labelled = stride <= len(_MARKERS)
    for phase in range(stride if labelled else 1):
        own = places[places % stride == phase] if labelled else places
        shade_of_grey = DARK if phase % 2 == 0 else "white"
        label = f"phase {phase}" if labelled and stride > 1 else None
        axes.plot(
            own, taps[own], _MARKERS[phase], ms=3.5, mec=DARK, mew=0.7, mfc=shade_of_grey, label=label
        )
    axes.axhline(0, color=DARK, linewidth=0.6)
    axes.set_xlim(first - 0.05 * count - 0.5, first + 1.2 * count)  # with room for the legend
    axes.set_title(f"taps {first} to {first + count - 1} of {taps.size}")
    axes.set_xlabel("output samples" if plot.down == 1 else f"tap, {stride} per input sample")
    axes.locator_params(axis="x", integer=True)
    if labelled and stride > 1:
        axes.legend(loc="upper right", fontsize=7.5, handletextpad=0.1)


def _phases(axes: "Axes", response: convt.Response) -> None:
    gains = response.phase_gains
    off = 100 * (gains - gains.mean()) / float(response.reference)
    labelled = gains.size <= 16
    bars = axes.bar(
        np.arange(gains.size), off, color=MIDDLE, edgecolor=DARK, linewidth=0.7 if labelled else 0
    )
    axes.axhline(0, color=DARK, linewidth=0.6)
    spread = float(np.ptp(off))
    limit = max(0.6 * spread, 0.05) * 1.3
    axes.set_ylim(-limit, limit)
    if labelled:
        axes.set_xticks(range(gains.size))
    if gains.size <= 4:
        axes.bar_label(bars, [f"{gain:.4g}" for gain in gains], padding=2, fontsize=8)
    axes.set_title("phase gains, % from the mean")
    axes.set_xlabel(f"phase (mismatch {spread:.3g} %)")


def _gain(axes: "Axes", plot: KernelPlot, response: convt.Response) -> None:
    unit, label = _unit(plot)
    levels = response.level(response.gains)
    frequencies, tops = _thinned(
        *(of[response.frequencies <= plot.band] for of in (response.frequencies, levels))
    )
    worst = float(response.worst_image().level) if plot.band > 1 else -60.0
    depth = max(-worst, plot.stated[1] if plot.stated else 0)
    floor = -20 * np.clip(np.ceil((depth + 50) / 20), 3, 17)
    axes.set_ylim(floor, max(8.0, float(response.peak.level) + 8))
    axes.set_xlim(0, plot.band * unit)
    edge = plot.stated[0] if plot.stated else float(response.passband_edge(3.0))
    shade(axes, 0, min(edge, 1.0) * unit, PASS, "passband" if plot.stated else "passband (3 dB)")
    if plot.band > 1:
        _images(axes, (unit, plot.band * unit), worst, at_left=plot.down > 1)
    if plot.stated and plot.band > 1:
        _stated_limit(axes, (unit, plot.band * unit), -plot.stated[1])
    elif plot.stated and plot.band < 1:
        stated = f"specified: no alias above {-plot.stated[1]:g} dB"
        axes.axhline(-plot.stated[1], color=STATED, linewidth=0.8, linestyle="--", label=stated)
    if plot.down > 1:
        places, folded = _folded(response.frequencies, levels, plot.band)
        axes.plot(
            places * unit, np.maximum(folded, floor - 50), color=STATED, linewidth=0.8, label="aliases"
        )
    axes.plot(frequencies * unit, np.maximum(tops, floor - 50), color=DARK, linewidth=0.9)
    axes.set_title("gain over the output band, dB")
    axes.set_xlabel(label)
    axes.legend(loc="lower left", fontsize=8, ncols=3, frameon=True, framealpha=0.9, edgecolor="none")


def _images(axes: "Axes", band: tuple[float, float], worst: float, *, at_left: bool) -> None:
    """Shade the images' band, and write their highest level next to the curve."""
    shade(axes, *band, IMAGE, "images")
    axes.axhline(worst, color=STATED, linewidth=0.8, linestyle="--")
    text, place = f"worst image {worst:.1f} dB", (0 if at_left else band[1], worst)
    side = "left" if at_left else "right"
    axes.annotate(text, place, (4 if at_left else -4, 3), textcoords="offset points", ha=side)


def _stated_limit(axes: "Axes", band: tuple[float, float], level: float) -> None:
    """Hatch the area above the specified rejection."""
    drawn = axes.fill_between(band, level, axes.get_ylim()[1], facecolor="none", edgecolor=STATED)
    drawn.set(hatch="//", linewidth=0, label=f"specified: nothing above {level:g} dB")


def _folded(frequencies: Array, levels: Array, band: float) -> tuple[Array, Array]:
    """Return where frequencies above the output's band fold to, and the highest level at each place."""
    width = band / _COLUMNS
    beyond = frequencies > band
    places = fold_frequency(frequencies[beyond], band)
    folded = np.full(_COLUMNS, -np.inf)
    np.maximum.at(folded, np.minimum(places / width, _COLUMNS - 1).astype(int), levels[beyond])
    seen = np.isfinite(folded)  # a response with few points leaves columns empty
    return ((np.arange(_COLUMNS) + 0.5) * width)[seen], folded[seen]


def _thinned(frequencies: Array, levels: Array) -> tuple[Array, Array]:
    """Return as many points as are visible: the maximum of each run, so that no peak is lost.

    The length of a run is a power of two, as is the number of points up to the input's Nyquist frequency:
    a run begins where images begin.
    """
    run = 1 << max(0, (levels.size // _COLUMNS).bit_length() - 1)
    count = levels.size // run
    places = levels[: count * run].reshape(count, run).argmax(1) + np.arange(count) * run
    places = np.append(places, levels.size - 1)
    return frequencies[places], levels[places]


def _passband(axes: "Axes", plot: KernelPlot, response: convt.Response) -> None:
    unit, label = _unit(plot)
    low = min(1.0, plot.band)
    inside = response.frequencies <= 1.05 * low
    levels = response.level(response.gains)[inside]
    band = levels[response.frequencies[inside] <= 0.8 * low]
    ripple = max(0.03, 1.4 * float(np.abs(band).max()))
    axes.set_ylim(-min(ripple, 12.0), max(0.4 * min(ripple, 12.0), 1.4 * float(levels.max())))
    axes.set_xlim(0, 1.05 * low * unit)
    edge = plot.stated[0] if plot.stated else float(response.passband_edge(0.01))
    shade(axes, 0, min(edge, 1.0) * unit, PASS, "")
    axes.axvline(low * unit, color=STATED, linewidth=0.8, linestyle=":")
    axes.plot(response.frequencies[inside] * unit, levels, color=DARK)
    measured = float(response.passband_edge(0.01)) * unit
    axes.set_title(f"passband, dB: within 0.01 dB up to {measured:.4g}{' kHz' if plot.rate else ''}")
    axes.set_xlabel(f"{label}; dotted: {'input' if low == 1 else 'output'}'s Nyquist")


def _delay(axes: "Axes", plot: KernelPlot, response: convt.Response) -> None:
    unit, label = _unit(plot)
    inside = response.frequencies <= max(0.05, min(1.0, float(response.passband_edge(3.0))))
    delays = response.group_delay[inside] / plot.down
    least, most = np.nanmin(delays, initial=np.inf), np.nanmax(delays, initial=-np.inf)
    if least <= most:
        room = max(1.0, 0.1 * (most - least))
        axes.set_ylim(least - room, most + room)
    axes.set_xlim(0, 1.05 * min(1.0, plot.band) * unit)
    axes.plot(response.frequencies[inside] * unit, delays, color=DARK)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set_title("group delay, output samples")
    axes.set_xlabel(label)
