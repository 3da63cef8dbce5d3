"""The work of ``convt balance``: a checkpoint in which the phases of some layers are even."""

from pathlib import Path
from typing import Any

import numpy as np

import convt
from convt_cli.errors import Failure, Misuse, library_errors_as_failures
from convt_cli.files.atomic_write import atomic_write, check_target
from convt_cli.files.paths import STREAM
from convt_cli.kernels.layers import Layer, doubts, load_layer, measure_layers, select_layers
from convt_cli.options.balance_options import BalanceOptions
from convt_cli.samples.formats import Array
from convt_cli.text import report
from convt_cli.text.layers_text import decibels_or_none, json_level
from convt_cli.text.report import Reporter

_SUFFIXES = (".safetensors", ".npz")


def balance_layers(options: BalanceOptions) -> None:
    """Write a checkpoint with balanced layers, and print what that changes."""
    reporter = Reporter(options.quiet, as_json=options.as_json)
    _check(options)
    entries = select_layers(options.weights, options.layers, options.strides, options.layout)
    before, made = list[tuple[str, convt.Weights, int]](), dict[str, Array]()
    for entry, stride in zip(entries, options.strides, strict=True):
        weights = load_layer(options.weights, entry, options.layout)
        try:
            if options.powers:
                even = convt.balance_layer(weights.weight, stride, entry.groups)
            else:
                even = convt.balance_kernel(weights.weight, stride)
        except convt.ParameterError as error:
            raise Failure(f"{weights.source}: {error}") from None
        before.append((entry.name, weights, entry.groups))
        made[entry.name] = even
    with (
        atomic_write(options.output, overwrite=options.overwrite) as temporary,
        library_errors_as_failures(),
    ):
        convt.replace_weights(options.weights, temporary, made, layout=options.layout)
        after = [(each.name, load_layer(temporary, each, options.layout), each.groups) for each in entries]
    layers = [measure_layers(each, options.strides) for each in (before, after)]
    for doubt in doubts(layers[0]):
        reporter.warn(doubt)
    for old, new in zip(*layers, strict=True):
        reporter.note(
            f"{old.name}, stride {old.stride}: tonal lines {decibels_or_none(old.lines_level)} ->"
            f" {decibels_or_none(new.lines_level)}, changed by {100 * _change(old, new):.3g} %"
        )
    if options.as_json:
        report.print_json(_as_json(options.output, layers))
    reporter.written(options.output)


def _check(options: BalanceOptions) -> None:
    suffix = options.weights.suffix.lower()
    if suffix not in _SUFFIXES:
        with library_errors_as_failures():
            convt.list_weights(options.weights)  # says how to convert a PyTorch file
        raise Misuse(f"{options.weights}: balance reads and writes checkpoints, .safetensors or .npz")
    if options.output == STREAM or options.output.suffix.lower() != suffix:
        raise Misuse(
            f"{options.output}: the input is {suffix}, so the output must be too: -o"
            f" {options.output.with_suffix(suffix) if options.output.stem.strip('.-') else 'even' + suffix}"
        )
    check_target(options.output, [options.weights], overwrite=options.overwrite)


def _change(old: Layer, new: Layer) -> float:
    """Return the norm of the change relative to that of the weight."""
    before = old.weights.weight.astype(np.float64)
    return float(np.linalg.norm(new.weights.weight - before) / (np.linalg.norm(before) or 1.0))


def _as_json(output: Path, layers: list[list[Layer]]) -> dict[str, Any]:
    return {
        "output": str(output),
        "layers": [
            {
                "name": old.name,
                "stride": old.stride,
                "lines_db_before": json_level(old.lines_level),
                "lines_db_after": json_level(new.lines_level),
                "change": _change(old, new),
            }
            for old, new in zip(*layers, strict=True)
        ],
    }
