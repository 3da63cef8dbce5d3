"""The work of ``convt inspect``: what the kernels of a file do, told and drawn."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import convt
from convt_cli.errors import Misuse, library_errors_as_failures
from convt_cli.files.checksums import array_sha256
from convt_cli.kernels.measurements import Inspection, facts
from convt_cli.options.upsample_options import Layout
from convt_cli.plots.kernel_plot import KernelPlot, draw_kernel
from convt_cli.plots.style import check_plot_path
from convt_cli.text import report, terminal_plot
from convt_cli.text.inspect_text import findings


@dataclass(frozen=True, slots=True)
class Inspecting:
    """The options of ``convt inspect``."""

    weights: Path
    tensor: str | None
    layout: Layout
    stride: int
    down: int
    rate: int | None
    plot: Path | None
    overwrite: bool


def inspect_kernel(asked: Inspecting, *, as_json: bool) -> None:
    """Tell what the kernels of a weight file do.

    Raises
    ------
    Failure
        The file cannot be read, or holds what has no response.
    """
    check_ratio(asked.stride, asked.down)
    if asked.plot:
        check_plot_path(asked.plot, [asked.weights], overwrite=asked.overwrite)
    weights = load(asked.weights, asked.tensor, asked.layout)
    inspection = Inspection.of(weights.source, weights.weight, asked.stride, asked.down)
    if asked.plot:
        draw_kernel(asked.plot, kernel_plot(inspection, asked.rate), overwrite=asked.overwrite)
    if as_json:
        report.document(document(inspection, asked.rate), to_stderr=False)
        return
    for line in findings(inspection, asked.rate):
        report.result(line)
    if inspection.count == 1 and terminal_plot.is_wanted():
        terminal_plot.draw(weights.weight.reshape(-1), asked.stride, asked.down, asked.rate)


def check_ratio(stride: int, down: int) -> None:
    """Refuse a ratio that is not one of upsampling in lowest terms.

    Raises
    ------
    Misuse
        With what it is in lowest terms.
    """
    if down > 1 and (down >= stride or math.gcd(stride, down) > 1):
        raise Misuse(
            f"--stride {stride} --down {down} is a ratio of rates of {Fraction(stride, down)}: --down is"
            " for ratios above 1 in lowest terms, such as --stride 160 --down 147"
        )


def load(path: Path, tensor: str | None, layout: Layout) -> convt.Weights:
    """Read a weight file.

    Raises
    ------
    Failure
        It cannot be read.
    """
    with library_errors_as_failures():
        return convt.load_weights(path, tensor, layout=layout)


def kernel_plot(
    inspection: Inspection, rate: int | None, stated: tuple[float, float] | None = None
) -> KernelPlot:
    """Return what is to be drawn: of many kernels the one with the loudest tonal lines."""
    lines = inspection.figures["tonal_lines"]
    number = int(lines.max(-1).argmax()) if lines.size else 0
    kernel = inspection.weight.reshape(-1, inspection.taps)[number]
    which = f", kernel {inspection.name(number)} of the loudest tonal lines" if inspection.count > 1 else ""
    title = f"{inspection.source}, {inspection.ratio}{which}"
    ratio = inspection.stride, inspection.down
    return KernelPlot(title, kernel.astype(np.float64), *ratio, rate, stated)


def document(inspection: Inspection, rate: int | None) -> dict[str, Any]:
    """Return everything as JSON has it."""
    return facts(inspection, rate) | {"sha256": array_sha256(inspection.weight)}
