"""The work of ``convt inspect``: measure and plot the kernels of a weight file."""

import math
import shlex
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np

import convt
from convt_cli.audio.npy import NpyReader
from convt_cli.errors import Failure, Misuse, library_errors_as_failures
from convt_cli.files.discover import AUDIO_SUFFIXES
from convt_cli.kernels.layers import Layer, doubts, load_layer, measure_layers, select_layers
from convt_cli.kernels.measurements import KernelMeasurements
from convt_cli.options.inspect_options import InspectOptions
from convt_cli.options.values import Layout
from convt_cli.plots.kernel_plot import KernelPlot, draw_kernel
from convt_cli.plots.layers_plot import draw_layers
from convt_cli.plots.style import check_plot_path
from convt_cli.samples.formats import Array
from convt_cli.text import report, terminal_plot
from convt_cli.text.inspect_json import measurements_as_json
from convt_cli.text.inspect_text import inspect_lines
from convt_cli.text.layers_text import layer_lines, layers_as_json
from convt_cli.text.report import Reporter

_BLOCK = 1 << 18  # samples that are read at a time
_LONGEST_RESPONSE = 1 << 15  # samples of an audio file that is taken for an impulse response


def inspect_kernel(options: InspectOptions) -> None:
    """Print measurements of the kernels of a weight file, or of the layers of a checkpoint."""
    _check(options)
    if options.layers is not None:
        _inspect_layers(options)
        return
    down, rate = options.down, options.rate
    weights = load_weights(options.weights, options.tensor, options.layout)
    if options.weights.suffix.lower() in AUDIO_SUFFIXES and weights.weight.shape[-1] > _LONGEST_RESPONSE:
        raise Misuse(
            f"{options.weights}: {weights.weight.shape[-1]} samples of audio, and inspect measures kernels."
            f" To see its spectrum: convt resample {options.weights} --rate 48k --plot spectra.png"
        )
    stride = _required_stride(options)
    is_layer = weights.weight.ndim == 3 and weights.weight[..., 0].size > 1
    if is_layer and down == 1 and not options.pairs:
        groups = _groups(weights)
        _show_layers(
            weights.source,
            measure_layers([(_name(weights), weights, groups)], [stride], _features(options)),
            rate and rate * stride,
            options,
        )
        return
    if options.features:
        raise Misuse("--input is for layers with several channels")
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


def _check(options: InspectOptions) -> None:
    """Refuse options that contradict each other, and a plot that cannot be written."""
    if options.strides is not None and options.tensor is not None:
        raise Misuse("--strides is for --layers; with --tensor use --stride 8")
    if options.layers is not None and options.stride is not None:
        raise Misuse(f"--stride is for --tensor; with --layers use --strides {options.stride}")
    if (options.layers is None) != (options.strides is None):
        raise Misuse("--layers and --strides need each other: use --layers 'ups.*' --strides 8,8,2,2")
    if options.layers is None and options.weights.suffix.lower() not in AUDIO_SUFFIXES:
        _required_stride(options)
    if options.layers is not None:
        if options.tensor is not None:
            raise Misuse("--tensor is for one layer, and --layers for several: use one of them")
        if options.pairs or options.down > 1:
            raise Misuse(
                "--pairs and --down are for one layer: choose it with --tensor instead of --layers"
            )
        if options.features and len(options.strides) > 1:
            raise Misuse("--input is what one layer receives: choose that layer with --tensor and --stride")
    check_ratio(options.stride or 1, options.down)
    if options.plot:
        check_plot_path(options.plot, [options.weights], overwrite=options.overwrite)


def _required_stride(options: InspectOptions) -> int:
    if options.stride is None:
        tensor = f" --tensor {shlex.quote(options.tensor)}" if options.tensor else ""
        raise Misuse(
            f"--stride is missing: the output samples per input sample, as in convt inspect"
            f" {options.weights}{tensor} --stride {8 if options.tensor else 2}; for all layers of a decoder"
            " use --layers 'ups.*' --strides 8,8,2,2"
        )
    return options.stride


def _inspect_layers(options: InspectOptions) -> None:
    entries = select_layers(options.weights, options.layers or "", options.strides, options.layout)
    layers = measure_layers(
        [(each.name, load_layer(options.weights, each, options.layout), each.groups) for each in entries],
        options.strides,
        _features(options),
    )
    _show_layers(str(options.weights), layers, options.rate, options)


def _show_layers(source: str, layers: list[Layer], rate: int | None, options: InspectOptions) -> None:
    if options.plot:
        draw_layers(options.plot, source, layers, rate, overwrite=options.overwrite)
    reporter = Reporter(quiet=False, as_json=options.as_json)
    for doubt in doubts(layers):
        reporter.warn(doubt)
    if options.as_json:
        report.print_json(layers_as_json(source, layers, rate))
        return
    for line in layer_lines(source, layers, rate):
        report.print_line(line)


def _groups(weights: convt.Weights) -> int:
    """Return the groups for which the bias fits."""
    channels = weights.weight.shape[1]
    return weights.bias.size // channels if weights.bias is not None and weights.bias.size else 1


def _name(weights: convt.Weights) -> str:
    return weights.source.rpartition(": ")[2]


def _features(options: InspectOptions) -> Array | None:
    """Return the features that a layer receives, (N, C, L)."""
    if options.features is None:
        return None
    if options.features.suffix.lower() != ".npy":
        raise Misuse(
            f"{options.features}: --input takes the features that the layer receives, an .npy file of shape"
            " (C_in, L)"
        )
    last = options.layout in ("keras", "jax", "mlx")
    with closing(NpyReader(options.features, None, channels_last=last)) as reader:
        if not (reader.signals and reader.frames):
            raise Failure(f"{options.features}: has no samples")
        signals = [np.concatenate([*reader.blocks(n, _BLOCK)], -1) for n in range(reader.signals)]
    return np.stack(signals)


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
