"""The work of ``convt weights``: list the weights in a file."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import convt
from convt_cli.errors import Failure, library_errors_as_failures
from convt_cli.kernels.layers import is_square, rank
from convt_cli.options.values import Layout
from convt_cli.text import report
from convt_cli.text.report import Reporter


def list_weights(path: Path, layout: Layout, part: str | None, *, as_json: bool) -> None:
    """List the tensors of a file that may be weights of transposed convolutions, the likeliest first.

    With `part` list only those whose names contain it.
    """
    with library_errors_as_failures():
        listed = convt.list_weights(path, layout=layout)
    chosen = sorted((each for each in listed.entries if (part or "") in each.name), key=rank)
    if part and not chosen:
        others = [name for name in listed.other_tensors if part in name]
        more = (
            f"; {others[0]} is not listed, since its shape is none of a transposed convolution"
            if others
            else ""
        )
        raise Failure(f"{path}: no weight has {part!r} in its name{more}; convt weights {path} lists all")
    listed = replace(listed, entries=tuple(chosen))
    if as_json:
        report.print_json(_as_json(listed, layout))
        return
    for line in _lines(listed):
        report.print_line(line)
    reporter = Reporter(quiet=False)
    if squares := sum(map(is_square, listed.entries)):
        reporter.note(
            f"{listed.source}: {squares} of these have as many channels in as out: they may be ordinary"
            " convolutions"
        )
    if not listed.entries:
        reporter.note(f"{listed.source}: no transposed-convolution weights found")
    if listed.other_tensors:
        reporter.note(
            f"{listed.source}: {len(listed.other_tensors)} other tensor(s); use --json to list them"
        )


def _as_json(listed: convt.WeightList, layout: Layout) -> dict[str, Any]:
    weights = [asdict(entry) for entry in listed.entries]
    return {"path": listed.source, "layout": layout, "weights": weights, "others": listed.other_tensors}


def _lines(listed: convt.WeightList) -> Iterator[str]:
    """Yield a line for each weight, in columns."""
    cells = [(entry.name, str(entry.shape), entry.dtype, _description(entry)) for entry in listed.entries]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _description(entry: convt.WeightEntry) -> str:
    if entry.problem:
        return f"unreadable: {entry.problem}"
    facts = [f"{entry.taps} taps"]
    if entry.channels == (1, 1):
        facts.insert(0, "one kernel for all channels")
    elif entry.channels:
        channels_in, channels_out = entry.channels
        grouped = f" in {entry.groups} groups" if entry.groups > 1 else ""
        facts.insert(0, f"{channels_in} -> {channels_out * entry.groups} channels{grouped}")
    elif len(entry.shape) == 2:
        facts.insert(0, f"{entry.shape[0]} kernels, one per channel")
    if len(entry.tensors) > 1:
        facts.append("weight norm")
    if entry.bias:
        facts.append(f"bias {entry.bias}")
    return ", ".join(facts)
