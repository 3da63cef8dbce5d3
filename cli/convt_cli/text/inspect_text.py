"""The lines that tell people what a kernel does."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from convt_cli.kernels.measurements import RIPPLE_EDGE, TOLERANCES, TONES, KernelMeasurements
from convt_cli.samples.formats import Array
from convt_cli.samples.levels import decibels

_SILENT = -250.0  # dB: below it there is rounding
_SHOWN = 8  # phases, or lines, that are listed one by one
_LABEL = 12


def inspect_lines(measured: KernelMeasurements, rate: int | None) -> Iterator[str]:
    """Yield what there is to say of a kernel, or of the worst of many."""
    yield _headline(measured)
    unit = _Unit(rate)
    lines = _of_one(measured, unit) if measured.count == 1 else _of_the_worst(measured, unit)
    for label, text in lines:
        yield f"  {label:{_LABEL}}{text}"
    if not rate:
        yield "  (frequencies in input Nyquist frequencies: 1 is half the input rate; --rate gives Hz)"


class _Unit:
    """How frequencies are written."""

    def __init__(self, rate: int | None) -> None:
        self._rate = rate

    def __call__(self, frequency: float) -> str:
        return f"{frequency * self._rate / 2:.0f} Hz" if self._rate else f"{frequency:.3f}"

    def floor(self, frequency: float) -> str:
        """Return a frequency that is not more than the one given."""
        step = 1.0 if self._rate else 1e-3
        scale = self._rate / 2 if self._rate else 1.0
        return self(np.floor(frequency * scale / step + 1e-9) * step / scale)


def _headline(measured: KernelMeasurements) -> str:
    phases = measured.taps / measured.stride
    kernels = f", {measured.count} kernels" if measured.count > 1 else ""
    shape = f"{measured.weight.dtype} {measured.weight.shape}"
    return f"{measured.source}: {shape}{kernels}, {measured.ratio}, {phases:.4g} taps a phase"


def _of_one(measured: KernelMeasurements, unit: _Unit) -> Iterator[tuple[str, str]]:
    own = {name: values[0] for name, values in measured.figures.items()}
    yield "level", _level(own)
    yield "tonal lines", _tonal_lines(own["tonal_lines"], measured, unit)
    edges = [
        f"{unit.floor(edge)} within {tolerance:g} dB"
        for tolerance, edge in zip(TOLERANCES, own["edges"], strict=True)
    ]
    yield "passband", f"to {', '.join(edges)}"
    yield "", f"ripple {own['ripple']:.3g} dB up to {unit(RIPPLE_EDGE * measured.low)}"
    if measured.low < 1:
        levels = zip(TONES, own["aliases"], strict=True)
        shown = ", ".join(f"{level:.1f} up to {unit(tone * measured.low)}" for tone, level in levels)
        yield "aliases", f"in dB, heard {shown}"
        origin = own["aliases_from"][-1]
        yield "", f"the loudest of {unit(origin)}, heard at {unit(measured.fold_frequency(origin))}"
    elif measured.stride > 1:
        levels = zip(TONES, own["images"], strict=True)
        shown = ", ".join(f"{level:.1f} up to {unit(tone)}" for tone, level in levels)
        yield "images", f"in dB, of tones {shown}"
        yield "", f"the loudest at {unit(measured.fold_frequency(own['images_at'][-1]))}"
    yield "delay", _delay(measured, own)
    over = float(own["worst_over"])
    yield (
        "peak gain",
        f"{round(float(own['peak']), 9):+.3g} dB at {unit(measured.fold_frequency(own['peak_at']))}",
    )
    yield "worst over", f"samples within 1 become at most {over:.4g} ({decibels(over):+.2f} dB)"


def _level(own: dict[str, Array]) -> str:
    gains = own["phase_gains"]
    if not own["dc_gain"] or own["reference"] != abs(own["dc_gain"]):
        return "next to none at 0 Hz: levels are relative to the peak gain"
    listed = " ".join(f"{gain:.6g}" for gain in gains)
    if gains.size > _SHOWN:
        listed = f"{gains.min():.6g} to {gains.max():.6g}"
    spread = np.ptp(gains) / own["reference"]
    level = round(decibels(float(abs(own["dc_gain"]))), 9)
    return f"{level:+.3g} dB at 0 Hz; phases {listed}, {100 * spread:.2g} % apart"


def _tonal_lines(lines: Array, measured: KernelMeasurements, unit: _Unit) -> str:
    loud = [place for place in np.argsort(-lines) if lines[place] > _SILENT]
    if not loud:
        return "none: a constant stays one"
    shown = [
        f"{lines[place]:.1f} dB at {unit(measured.fold_frequency(2 * (place + 1)))}"
        f" ({_share(place + 1, measured)} of the output rate)"
        for place in loud[:_SHOWN]
    ]
    more = f", and {len(loud) - _SHOWN} weaker ones" if len(loud) > _SHOWN else ""
    return f"a constant makes {', '.join(shown)}{more}"


def _share(multiple: int, measured: KernelMeasurements) -> str:
    turn = Fraction(int(multiple) * measured.down, measured.stride) % 1
    return str(min(turn, 1 - turn))


def _delay(measured: KernelMeasurements, own: dict[str, Array]) -> str:
    padding, name, late = measured.padding(0)
    if own["linear_phase"]:
        phase = "the phase is linear"
    else:
        least, most = own["group_delay"] / measured.down
        phase = f"group delay {least:.4g} to {most:.4g} up to the 3 dB edge"
    missed = "in time" if abs(late) < 1e-6 else f"{abs(late):.3g} samples {'late' if late > 0 else 'early'}"
    padded = f"--padding {name} ({padding})" if name else f"--padding {padding}"
    delay = own["delay"] / measured.down
    return f"{delay:.6g} output samples, {phase}; with {padded} the output is {missed}"


def _rejected(measured: KernelMeasurements, unit: _Unit) -> tuple[str, Array, Callable[[float], str]]:
    tone = unit(TONES[1] * measured.low)
    if measured.low < 1:
        return "aliases", measured.figures["aliases"][:, 1], lambda value: f"{value:.1f} dB up to {tone}"
    return "images", measured.figures["images"][:, 1], lambda value: f"{value:.1f} dB of tones up to {tone}"


def _of_the_worst(measured: KernelMeasurements, unit: _Unit) -> Iterator[tuple[str, str]]:
    """Yield each figure of the kernel in which it is the worst, and the median of all."""
    figures = measured.figures
    spread = np.ptp(figures["phase_gains"], -1) / figures["reference"]
    rows: list[tuple[str, Array, Callable[[float], str]]] = [
        ("phases", spread, lambda value: f"{100 * value:.3g} % apart"),
        ("passband", -figures["edges"][:, -1], lambda value: f"to {unit(-value)} within 3 dB"),
        _rejected(measured, unit),
        ("peak gain", figures["peak"], lambda value: f"{value:+.3g} dB"),
        ("worst over", figures["worst_over"], lambda value: f"samples within 1 become at most {value:.4g}"),
    ]
    if measured.stride > 1:
        lines = figures["tonal_lines"].max(-1)
        rows.insert(1, ("tonal lines", lines, lambda value: f"{max(value, _SILENT):.1f} dB"))
    for label, values, text in rows:
        worst = int(values.argmax())
        middle = text(float(np.median(values)))
        yield label, f"{text(float(values[worst]))} in {measured.name(worst)}; median {middle}"
    linear = int(figures["linear_phase"].sum())
    yield "phase", f"linear in {linear} of {measured.count}"
