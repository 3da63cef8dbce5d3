"""Measure what is done to sound: ``python -m tests.benchmarks.quality`` writes a page."""

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


def upsampled(quality: Any) -> Convert:
    """Return the library's own: what the command does is, to the bit, the same."""

    def convert(signals: Array, *, rate: int, target: int) -> Array:
        stride, down = Fraction(target, rate).as_integer_ratio()
        kernel = convt.design_kernel(stride, down=down, quality=quality)
        return convt.Upsampler(kernel, stride=stride, down=down, padding="center")(signals)

    return convert


def by_soxr(quality: str) -> Convert:
    import soxr

    def convert(signals: Array, *, rate: int, target: int) -> Array:
        return np.asarray(soxr.resample(signals.T, rate, target, quality).T)

    return convert


def contenders() -> dict[str, Convert]:
    """Those that are there."""
    found = {f"convt {quality}": upsampled(quality) for quality in convt.QUALITIES}
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
        "kinds": kinds(2),
    }
    for name, section in sections.items():
        text = text.replace(f"<!-- {name} -->", section.rstrip())
    (_HERE / "QUALITY.md").write_text(text)


if __name__ == "__main__":
    main()
