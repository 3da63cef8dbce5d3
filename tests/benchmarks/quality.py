"""Measure what is done to sound: ``python -m tests.benchmarks.quality`` writes a page."""

import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile

import convt
from tests.benchmarks import page
from tests.support.measures import Figures, measure
from tests.support.oracles import Array

_HERE = Path(__file__).parent
_CONVERSIONS = [  # Hz
    (48_000, 96_000),
    (44_100, 48_000),
    (44_100, 88_200),
    (48_000, 144_000),
    (48_000, 192_000),
    (8000, 48_000),
    (16_000, 44_100),
    (22_050, 48_000),
    (44_100, 192_000),
    (11_025, 48_000),
]
_OTHERS = [  # Hz: downward, and ratios of large numbers
    (48_000, 44_100),
    (96_000, 48_000),
    (48_000, 16_000),
    (44_100, 16_000),
    (192_000, 44_100),
    (44_100, 8000),
    (44_100, 44_101),
    (12_499, 15_001),
]
_SECONDS = 12_000  # samples of the lower rate: a quarter at each end is left out
_KINDS = ("equiripple", "kaiser", "lanczos", "cubic", "linear", "hold")


class Convert(Protocol):
    """Takes signals (channels, n) from one rate to another."""

    def __call__(self, signals: Array, /, *, rate: int, target: int) -> Array: ...


def through(command: Callable[[str, str, int], list[str]]) -> Convert:
    """Return what sends signals through a command, from one float64 file to another."""

    def convert(signals: Array, *, rate: int, target: int) -> Array:
        with tempfile.TemporaryDirectory() as folder:
            source, made = f"{folder}/in.wav", f"{folder}/out.wav"
            soundfile.write(source, signals.T, rate, "DOUBLE")
            subprocess.run(command(source, made, target), check=True, capture_output=True)
            return np.asarray(soundfile.read(made, always_2d=True)[0].T)

    return convert


def resampled(quality: Any) -> Convert:
    """Return the library's own: what the command does is, to the bit, the same."""

    def convert(signals: Array, *, rate: int, target: int) -> Array:
        return convt.resample(signals, rate, target, quality=quality)

    return convert


def by_soxr(quality: str) -> Convert:
    import soxr

    def convert(signals: Array, *, rate: int, target: int) -> Array:
        return np.asarray(soxr.resample(signals.T, rate, target, quality).T)

    return convert


def contenders() -> dict[str, Convert]:
    """Those that are there."""
    found = {f"convt {quality}": resampled(quality) for quality in convt.QUALITIES}
    found |= {f"soxr {quality}": by_soxr(quality) for quality in ("HQ", "VHQ")}
    if shutil.which("sox"):
        found["sox rate -v"] = through(
            lambda source, target, rate: ["sox", source, "-b", "64", target, "rate", "-v", str(rate)]
        )
    if shutil.which("ffmpeg"):
        found["ffmpeg soxr:28"] = through(_ffmpeg)
    return found


def _ffmpeg(source: str, target: str, rate: int) -> list[str]:
    soxr = f"aresample={rate}:resampler=soxr:precision=28"
    return ["ffmpeg", "-y", "-loglevel", "error", "-i", source, "-af", soxr, "-c:a", "pcm_f64le", target]


def rows(figures: dict[str, Figures], tones: tuple[float, float]) -> list[list[str]]:
    """A row for each figure, in the order of the contenders."""

    def row(name: str, cell: Callable[[Figures], str]) -> list[str]:
        return [name, *(cell(own) for own in figures.values())]

    return [
        row("0.01 dB edge, of the input's band", lambda own: f"{own.edge:.3f}"),
        row("worst image of tones up to 0.9; 0.95, dB", lambda own: _pair(own.images.values())),
        row("everything from 1.0 up, dB", lambda own: f"{-own.rejection:.0f}"),
        row(
            "SNR of a 1 kHz tone; of 0.45 of the rate, dB",
            lambda own: _pair(own.snr[tone] for tone in tones),
        ),
        row("ripple up to 0.8, dB", lambda own: f"{own.ripple:.0e}"),
        row("error against the exact answer up to 0.9, dB", lambda own: f"{own.error:.0f}"),
        row("image of a constant, dB", lambda own: f"{max(own.dc_image, -300):.0f}"),
        row("delay, output samples", lambda own: f"{own.delay:.1g}" if abs(own.delay) > 1e-9 else "0"),
        row(
            "departure from linear phase, degrees",
            lambda own: f"{own.phase:.0e}" if own.phase > 1e-9 else "0",
        ),
        row("samples too many", lambda own: f"{own.surplus}"),
    ]


def _pair(values: Any) -> str:
    return "; ".join(f"{value:.0f}" for value in values)


def comparison(rate: int, target: int) -> str:
    """What all contenders do at one conversion."""
    tones = (min(2000 / rate, 0.5), 0.9)
    figures = {
        name: measure(partial(convert, rate=rate, target=target), Fraction(target, rate), tones)
        for name, convert in contenders().items()
    }
    title = f"### {rate / 1000:g} to {target / 1000:g} kHz\n\n"
    return title + page.table(["", *figures], rows(figures, tones))


def other_comparison(rate: int, target: int) -> str:
    """What all contenders do to tones at a conversion that is downward, or a ratio of large numbers."""
    low, count = min(rate, target), round(_SECONDS * rate / min(rate, target))
    heads = ["", *contenders()]
    lines = [[f"error of tones up to {edge} of the lower band, dB"] for edge in (0.9, 0.95, 0.97)]
    lines += [["loudest alias of tones above it, dB"], ["samples too many"]]
    for convert in contenders().values():
        for line, edge in zip(lines, (0.9, 0.95, 0.97), strict=False):
            made = convert(tones(rate, count, edge * low)[np.newaxis], rate=rate, target=target)[0]
            exact = tones(target, made.size, edge * low)
            line.append(f"{_level(made - exact, exact):.0f}")
        lines[4].append(str(made.size - math.ceil(count * target / rate)))
        above = [1.01, 1.1, 1.5, 1.9]
        loud = [_alias(convert, rate, target, count, each) for each in above if each * low < rate]
        lines[3].append(f"{max(loud):.0f}" if loud and target < rate else "")
    title = f"### {rate / 1000:g} to {target / 1000:g} kHz\n\n"
    return title + page.table(heads, [line for line in lines if any(line[1:])])


def tones(rate: int, count: int, band: float) -> Array:
    """Twenty tones up to half of `band`, at a rate, in more than double precision."""
    rng = np.random.default_rng(1)
    t = np.arange(count).astype(np.longdouble) / rate
    frequencies, phases = rng.uniform(0.01, 0.5, 20) * band, rng.uniform(0, 2 * np.pi, 20)
    frequencies[0] = band / 2
    waves = zip(frequencies, phases, strict=True)
    total = sum(np.cos(2 * np.pi * np.longdouble(frequency) * t + phase) for frequency, phase in waves)
    return np.asarray(total / 20, np.float64)


def _alias(convert: Convert, rate: int, target: int, count: int, above: float) -> float:
    """The level of what becomes of a tone above the output's band."""
    turns = np.longdouble(above) * target / rate / 2 * np.arange(count)
    tone = np.cos(2 * np.pi * (turns - np.rint(turns))).astype(np.float64)
    return _level(convert(tone[np.newaxis], rate=rate, target=target)[0], tone)


def _level(signal: Array, reference: Array) -> float:
    inner = signal[signal.size // 4 : -signal.size // 4]
    power = float(np.mean(inner**2) / np.mean(reference**2))
    return 10 * math.log10(max(power, 1e-31))


def kinds(stride: int) -> str:
    """What kernels of each kind do, by themselves."""
    lines = []
    for kind in _KINDS:
        quality = "fast" if kind in ("equiripple", "kaiser") else None
        response = convt.Response(convt.design_kernel(stride, kind=kind, quality=quality), stride)  # type: ignore[arg-type]
        edges = [f"{float(response.passband_edge(tolerance)):.3f}" for tolerance in (0.01, 1.0)]
        images = [f"{float(response.worst_image(tones).level):.1f}" for tones in (0.5, 0.9, 1.0)]
        lines.append([kind, str(response.kernel.size), *edges, *images])
    heads = ["stride 2", "taps", "edge, 0.01 dB", "edge, 1 dB"]
    return page.table([*heads, *(f"images of tones to {tone}, dB" for tone in (0.5, 0.9, 1.0))], lines)


def main() -> None:
    text = (_HERE / "quality_template.md").read_text()
    sections = {
        "machine": page.machine(),
        "comparisons": "\n".join(comparison(*rates) for rates in _CONVERSIONS),
        "others": "\n".join(other_comparison(*rates) for rates in _OTHERS),
        "kinds": kinds(2),
    }
    for name, section in sections.items():
        text = text.replace(f"<!-- {name} -->", section.rstrip())
    (_HERE / "QUALITY.md").write_text(text)


if __name__ == "__main__":
    main()
