"""Draw the plots of the documentation: ``python docs/make_plots.py`` writes ``docs/plots/*.png``.

It needs the extra ``plot``. With soxr installed, the spectrograms have one more row.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import soundfile
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy import signal

import convt

Reals = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
PLOTS = ROOT / "docs" / "plots"
BLUE, ORANGE, GREY = "#1b5e9b", "#c8501e", "#666666"
PASS, TRANSITION, IMAGE = "#dcefd9", "#f4ecd0", "#f6dcd7"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
}


@contextmanager
def saved(name: str, height: float) -> Iterator[Figure]:
    """Yield a figure of the width of the text, and write it with a palette, which makes small files."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, height), layout="constrained", dpi=130)
        yield figure
        path = PLOTS / f"{name}.png"
        figure.savefig(path)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


def decibels(gains: Reals) -> Reals:
    """Return gains in dB, none below -400."""
    levels: Reals = 20 * np.log10(np.maximum(np.abs(gains), 1e-20))
    return levels


def draw_response() -> None:
    """Draw the gain of a kernel, and name its bands."""
    kernel = convt.design_kernel(3, passband=0.8, rejection=80)
    response = convt.Response(kernel, 3)
    with saved("response", 3.6) as figure:
        axes = figure.subplots()
        for left, right, colour, text in (
            (0, 0.8, PASS, "passband"),
            (0.8, 1, TRANSITION, "transition"),
            (1, 3, IMAGE, "images"),
        ):
            axes.axvspan(left, right, color=colour, linewidth=0)
            narrow: dict[str, Any] = {"rotation": 90, "fontsize": 8.5} if text == "transition" else {}
            axes.text((left + right) / 2, 16, text, ha="center", va="center", **narrow)
        axes.axhline(-80, color=GREY, linewidth=0.9, linestyle="--")
        axes.text(2.98, -77, "rejection 80 dB", ha="right", va="bottom", color=GREY)
        axes.plot(response.frequencies, response.level(response.gains), color=BLUE, linewidth=1.1)
        axes.set(xlim=(0, 3), ylim=(-130, 32), ylabel="gain in dB")
        axes.set_xlabel("output frequency; 1 is half the input rate, 3 is half the output rate")
        axes.set_title(f"{kernel.size} taps for stride 3, passband 0.8, rejection 80 dB")


def draw_images() -> None:
    """Draw a tone, its images after zeros have been put in, and what the kernel leaves of them."""
    rate, stride, count = 8000, 3, 4000
    tone = np.sin(2 * np.pi * 1000 * np.arange(count) / rate)
    stuffed = convt.conv_transpose1d(tone, [1.0], stride=stride, output_padding=stride - 1)
    filtered = convt.conv_transpose1d(tone, convt.design_kernel(stride), stride=stride, padding="center")
    parts = (("zeros between the samples", stuffed, 1), ("after the kernel", filtered, 3))
    with saved("images", 3.6) as figure:
        for axes, (title, samples, gain) in zip(figure.subplots(1, 2, sharey=True), parts, strict=True):
            window = signal.windows.kaiser(samples.size, 30)
            spectrum = decibels(np.fft.rfft(samples * window) / window.sum() * 2 * 3 / gain)
            frequencies = np.fft.rfftfreq(samples.size, 1 / (stride * rate)) / 1000
            axes.axvspan(rate / 2000, stride * rate / 2000, color=IMAGE, linewidth=0)
            axes.text(1.2, -8, "tone")
            axes.text(8, -8, "images" if samples is stuffed else "no images", ha="center")
            axes.plot(frequencies, spectrum, color=BLUE, linewidth=1)
            axes.set(
                title=title, xlim=(0, stride * rate / 2000), ylim=(-220, 12), xlabel="frequency in kHz"
            )
            axes.set_xticks(range(0, 13, 2))
        figure.axes[0].set_ylabel("level in dB")


def draw_phases() -> None:
    """Draw the taps of a learned kernel by phase, and what it makes of a constant."""
    kernel = np.load(ROOT / "sample_audio" / "learned_x2.npy").reshape(-1).astype(float)
    response = convt.Response(kernel, 2)
    constant = convt.conv_transpose1d(np.ones(24), kernel, stride=2)[16:32]
    with saved("phases", 3.3) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
        for phase, colour, marker in ((0, BLUE, "o"), (1, ORANGE, "s")):
            places = np.arange(phase, kernel.size, 2)
            left.vlines(places, 0, kernel[places], color=colour, linewidth=1.2)
            left.plot(places, kernel[places], marker, color=colour, markersize=5)
            gain = response.phase_gains[phase]
            left.plot([], [], marker, color=colour, label=f"phase {phase}: the taps sum to {gain:.4f}")
            right.plot(places, constant[places], marker, color=colour, markersize=5)
        left.axhline(0, color=GREY, linewidth=0.8)
        left.set_xticks(range(0, kernel.size, 5))
        right.set_xticks(range(0, kernel.size, 5))
        left.set(title="16 taps learned from speech, stride 2", xlabel="tap", ylim=(-0.32, 1.35))
        left.legend(loc="upper left", fontsize=8.5)
        right.plot(constant, color=GREY, linewidth=0.8, zorder=0)
        right.set(title="what a constant of 1 becomes", xlabel="output sample", ylim=(0.9, 1.04))


def draw_ringing() -> None:
    """Draw the answer to an impulse of linear and minimum phase."""
    rate, stride = 48000, 2
    pulse = np.zeros(1201)
    pulse[600] = 1
    with saved("ringing", 3.5) as figure:
        linear, minimum = figure.subplots(1, 2, sharey=True)
        for axes, phase in ((linear, "linear"), (minimum, "minimum")):
            for quality, colour in (("best", "#9db7cf"), ("high", BLUE), ("fast", ORANGE)):
                options: Any = {"quality": quality, "phase": phase}
                kernel = convt.design_kernel(stride, **options)
                crop = (kernel.size - 1) // 2 if phase == "linear" else 0
                answer = convt.conv_transpose1d(pulse, kernel, stride=stride)[crop:]
                times = (np.arange(answer.size) / stride - 600) / rate * 1000
                axes.plot(times, decibels(answer), color=colour, linewidth=0.9, label=quality)
            axes.set(xlim=(-11.5, 11.5), ylim=(-240, 10), xlabel="time from the impulse in ms")
            axes.set_title(f"{phase} phase")
        linear.set_ylabel("level in dB")
        minimum.legend(loc="upper left")


def resamplers(rate_in: int, rate_out: int) -> dict[str, Callable[[Reals], Reals]]:
    """Return the resamplers that are here, by their names."""

    def linear(x: Reals) -> Reals:
        times = np.arange(-(-x.size * rate_out // rate_in)) * rate_in / rate_out
        made: Reals = np.interp(times, np.arange(x.size), x)
        return made

    named: dict[str, Callable[[Reals], Reals]] = {
        "linear interpolation": linear,
        "convt, quality high": lambda x: convt.resample(x, rate_in, rate_out),
    }
    if find_spec("soxr"):
        soxr = import_module("soxr")
        named["soxr, quality HQ"] = lambda x: soxr.resample(x, rate_in, rate_out, quality="HQ")
    return named


def draw_spectrograms() -> None:
    """Draw a sweep from 16 kHz at 44.1 kHz, by several resamplers."""
    sweep, rate_in = soundfile.read(ROOT / "sample_audio" / "sweep_16k.wav")
    rate_out = 44100
    named = resamplers(rate_in, rate_out)
    with saved("spectrograms", 2.3 * len(named) + 0.4) as figure:
        rows = figure.subplots(len(named), 1, sharex=True)
        for axes, (name, resample) in zip(rows, named.items(), strict=True):
            frequencies, times, power = signal.spectrogram(
                resample(sweep), rate_out, ("kaiser", 20), 1024, 768, scaling="spectrum", detrend=False
            )
            levels = np.maximum(10 * np.log10(power + 1e-30) + 3, -200)
            shown = axes.imshow(
                levels,
                origin="lower",
                aspect="auto",
                extent=(times[0], times[-1], 0, frequencies[-1] / 1000),
                cmap="magma",
                vmin=-180,
                vmax=0,
                interpolation="bilinear",
            )
            axes.grid(visible=False)
            axes.axhline(rate_in / 2000, color="white", linewidth=0.7, linestyle=":")
            axes.set(title=name, ylabel="kHz")
        rows[-1].set_xlabel("time in s")
        figure.colorbar(shown, ax=list(rows), label="level in dB", aspect=30, pad=0.02)


if __name__ == "__main__":
    PLOTS.mkdir(exist_ok=True)
    for draw in (draw_response, draw_images, draw_phases, draw_ringing, draw_spectrograms):
        draw()
