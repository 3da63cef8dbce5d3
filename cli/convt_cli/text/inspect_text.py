"""Report on the measurements of kernels, as text lines."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from convt_cli.kernels.measurements import RIPPLE_EDGE, TOLERANCES, TONES, KernelMeasurements
from convt_cli.samples.formats import Array
from convt_cli.samples.levels import decibels

_SILENT = -250.0  # dB; lower levels are rounding errors
_SHOWN = 8  # phase gains, or tonal lines, that are listed one by one
_LABEL = 15


def inspect_lines(measured: KernelMeasurements, rate: int | None) -> Iterator[str]:
    """Yield the lines on a kernel, or on the worst of several."""
    yield _headline(measured)
    unit = _Unit(rate)
    lines = _of_one(measured, unit) if measured.count == 1 else _of_the_worst(measured, unit)
    for label, text in lines:
        yield f"  {label:{_LABEL}}{text}"
    if not rate:
        yield "  (frequencies as a fraction of the input's Nyquist frequency; add --rate for Hz)"


class _Unit:
    """Formats frequencies."""

    def __init__(self, rate: int | None) -> None:
        self._rate = rate

    def __call__(self, frequency: float) -> str:
        return f"{frequency * self._rate / 2:.0f} Hz" if self._rate else f"{frequency:.3f}"

    def floor(self, frequency: float) -> str:
        """Format a frequency, rounded down."""
        step = 1.0 if self._rate else 1e-3
        scale = self._rate / 2 if self._rate else 1.0
        return self(np.floor(frequency * scale / step + 1e-9) * step / scale)


def _headline(measured: KernelMeasurements) -> str:
    phases = measured.taps / measured.stride
    kernels = f", {measured.count} kernels" if measured.count > 1 else ""
    shape = f"{measured.weight.dtype} {measured.weight.shape}"
    return f"{measured.source}: {shape}{kernels}, {measured.ratio}, {phases:.4g} taps per phase"


def _of_one(measured: KernelMeasurements, unit: _Unit) -> Iterator[tuple[str, str]]:
    own = {name: values[0] for name, values in measured.figures.items()}
    yield "DC gain", _dc_gain(own)
    yield "tonal lines", _tonal_lines(own["tonal_lines"], measured, unit)
    edges = [
        f"{unit.floor(edge)} within {tolerance:g} dB"
        for tolerance, edge in zip(TOLERANCES, own["edges"], strict=True)
    ]
    yield "passband", f"to {', '.join(edges)}"
    yield "", f"ripple {own['ripple']:.3g} dB up to {unit(RIPPLE_EDGE * measured.low)}"
    if measured.low < 1:
        levels = zip(TONES, own["aliases"], strict=True)
        shown = ", ".join(f"{unit(tone * measured.low)}: {level:.1f} dB" for tone, level in levels)
        yield "worst alias", f"in the output up to {shown}"
        origin = own["aliases_from"][-1]
        yield "", f"loudest from {unit(origin)}, heard at {unit(measured.fold_frequency(origin))}"
    elif measured.stride > 1:
        levels = zip(TONES, own["images"], strict=True)
        shown = ", ".join(f"{unit(tone)}: {level:.1f} dB" for tone, level in levels)
        yield "worst image", f"of input up to {shown}"
        yield "", f"loudest at {unit(measured.fold_frequency(own['images_at'][-1]))}"
    yield "delay", _delay(measured, own)
    over = float(own["worst_over"])
    reference = " relative to DC" if _has_dc(own) else ""
    place = unit(measured.fold_frequency(own["peak_at"]))
    yield "peak gain", f"{round(float(own['peak']), 9):+.3g} dB{reference}, at {place}"
    yield "max overshoot", f"{decibels(over):+.2f} dB ({over:.4g} for inputs within 1)"


def _has_dc(own: dict[str, Array]) -> bool:
    """Return whether the DC gain is large enough for other levels to refer to it."""
    return bool(own["dc_gain"]) and bool(own["reference"] == abs(own["dc_gain"]))


def _dc_gain(own: dict[str, Array]) -> str:
    if not _has_dc(own):
        return "almost none; levels are relative to the peak gain"
    gains, level = own["phase_gains"], f"{round(decibels(float(abs(own['dc_gain']))), 9):+.3g} dB"
    if gains.size == 1:
        return level
    spread = np.ptp(gains) / own["reference"]

    return f"{level}; phase gains {_listed(gains)} ({_percent(spread)} mismatch)"


def _listed(gains: Array) -> str:
    if gains.size > _SHOWN:
        return f"{_gain(gains.min())} to {_gain(gains.max())}"
    *others, last = map(_gain, gains)
    return f"{', '.join(others)} and {last}"


def _gain(gain: float) -> str:
    return f"{gain:.3f}" if 0.01 <= abs(gain) < 100 else f"{gain:.4g}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else f"{100 * share:.0f} %"


def _tonal_lines(lines: Array, measured: KernelMeasurements, unit: _Unit) -> str:
    loud = [place for place in np.argsort(-lines) if lines[place] > _SILENT]
    if not loud:
        return "none"
    shown = [
        f"{lines[place]:.1f} dB at {unit(measured.fold_frequency(2 * (place + 1)))}"
        f" ({_share(place + 1, measured)} of the output rate)"
        for place in loud[:_SHOWN]
    ]
    more = f", and {len(loud) - _SHOWN} weaker ones" if len(loud) > _SHOWN else ""
    return f"{', '.join(shown)}{more}"


def _share(multiple: int, measured: KernelMeasurements) -> str:
    turn = Fraction(int(multiple) * measured.down, measured.stride) % 1
    return str(min(turn, 1 - turn))


def _delay(measured: KernelMeasurements, own: dict[str, Array]) -> str:
    padding, name, late = measured.padding(0)
    if own["linear_phase"]:
        phase = "linear phase"
    else:
        least, most = own["group_delay"] / measured.down
        phase = f"group delay {least:.4g} to {most:.4g} up to the 3 dB edge"
    off = f"{abs(late):.3g} samples {'late' if late > 0 else 'early'}"
    aligned = "time-aligned" if abs(late) < 1e-6 else off
    padded = f"--padding {name} ({padding})" if name else f"--padding {padding}"
    delay = own["delay"] / measured.down
    return f"{delay:.6g} output samples, {phase}; with {padded} the output is {aligned}"


def _rejected(measured: KernelMeasurements, unit: _Unit) -> tuple[str, Array, Callable[[float], str]]:
    tone = unit(TONES[1] * measured.low)
    if measured.low < 1:
        aliases = measured.figures["aliases"][:, 1]
        return "worst alias", aliases, lambda value: f"{value:.1f} dB up to {tone}"
    images = measured.figures["images"][:, 1]
    return "worst image", images, lambda value: f"{value:.1f} dB of input up to {tone}"


def _of_the_worst(measured: KernelMeasurements, unit: _Unit) -> Iterator[tuple[str, str]]:
    """Yield each measurement: the worst, the kernel that has it, and the median."""
    figures = measured.figures
    spread = np.ptp(figures["phase_gains"], -1) / figures["reference"]
    rows: list[tuple[str, Array, Callable[[float], str]]] = [
        ("phase gains", spread, lambda value: f"{_percent(value)} mismatch"),
        ("passband", -figures["edges"][:, -1], lambda value: f"to {unit(-value)} within 3 dB"),
        _rejected(measured, unit),
        ("peak gain", figures["peak"], lambda value: f"{value:+.3g} dB"),
        ("max overshoot", figures["worst_over"], lambda value: f"{decibels(value):+.2f} dB ({value:.4g})"),
    ]
    if measured.stride > 1:
        lines = figures["tonal_lines"].max(-1)
        rows.insert(1, ("tonal lines", lines, lambda value: f"{max(value, _SILENT):.1f} dB"))
    for label, values, text in rows:
        worst = int(values.argmax())
        middle = text(float(np.median(values)))
        yield label, f"{text(float(values[worst]))} in {measured.name(worst)}; median {middle}"
    linear = int(figures["linear_phase"].sum())
    yield "phase", f"linear in {linear} of {measured.count} kernels"
