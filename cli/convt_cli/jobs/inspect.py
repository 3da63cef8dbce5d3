"""The work of ``convt inspect``: measure and plot the kernels of a weight file."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np

import convt
from convt_cli.errors import Misuse, library_errors_as_failures
from convt_cli.files.discover import AUDIO_SUFFIXES
from convt_cli.kernels.measurements import KernelMeasurements
from convt_cli.options.inspect_options import InspectOptions
from convt_cli.options.values import Layout
from convt_cli.plots.kernel_plot import KernelPlot, draw_kernel
from convt_cli.plots.style import check_plot_path
from convt_cli.text import report, terminal_plot
from convt_cli.text.inspect_json import measurements_as_json
from convt_cli.text.inspect_text import inspect_lines

_LONGEST_RESPONSE = 1 << 15  # samples of an audio file that is taken for an impulse response


def inspect_kernel(options: InspectOptions) -> None:
    """Print measurements of the kernels of a weight file."""
    stride, down, rate = options.stride, options.down, options.rate
    check_ratio(stride, down)
    if options.plot:
        check_plot_path(options.plot, [options.weights], overwrite=options.overwrite)
    weights = load_weights(options.weights, options.tensor, options.layout)
    if options.weights.suffix.lower() in AUDIO_SUFFIXES and weights.weight.shape[-1] > _LONGEST_RESPONSE:
        raise Misuse(
            f"{options.weights}: {weights.weight.shape[-1]} samples of audio, and inspect measures kernels."
            f" To see its spectrum: convt resample {options.weights} --rate 48k --plot spectra.png"
        )
    measured = KernelMeasurements.of(weights.source, weights.weight, stride, down)
    if options.plot:
        draw_kernel(options.plot, kernel_plot(measured, rate), overwrite=options.overwrite)
    if options.as_json:
        report.print_json(measurements_as_json(measured, rate))
        return
    for line in inspect_lines(measured, rate):
        report.print_line(line)
    if measured.count == 1 and terminal_plot.is_wanted():
        terminal_plot.draw(weights.weight.reshape(-1), stride, down, rate)


def check_ratio(stride: int, down: int) -> None:
    """Refuse a ratio that is not in lowest terms."""
    if down > 1 and math.gcd(stride, down) > 1:
        ratio = Fraction(stride, down)
        lowest = f"--stride {ratio.numerator} --down {ratio.denominator}"
        raise Misuse(f"--stride {stride} --down {down} is not in lowest terms: use {lowest}")


def load_weights(path: Path, tensor: str | None, layout: Layout) -> convt.Weights:
    """Read a weight file."""
    with library_errors_as_failures():
        return convt.load_weights(path, tensor, layout=layout)


def kernel_plot(
    measured: KernelMeasurements, rate: int | None, specification: tuple[float, float] | None = None
) -> KernelPlot:
    """Return the plot of a kernel; of several, the one with the loudest tonal lines."""
    lines = measured.figures["tonal_lines"]
    number = int(lines.max(-1).argmax()) if lines.size else 0
    kernel = measured.weight.reshape(-1, measured.taps)[number].astype(np.float64)
    which = f", kernel {measured.name(number)} (loudest tonal lines)" if measured.count > 1 else ""
    title = f"{measured.source}, {measured.ratio}{which}"
    return KernelPlot(title, kernel, measured.stride, measured.down, rate, specification)
