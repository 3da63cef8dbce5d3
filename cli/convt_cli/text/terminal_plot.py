"""A text plot of a kernel's frequency response, for terminals."""

import os
import sys

import numpy as np

import convt
from convt_cli.samples.formats import Array

_ROWS, _MOST_COLUMNS = 10, 72
_MARGIN = 9  # columns for the labels
_BLOCKS = " ▁▂▃▄▅▆▇█"


def is_wanted() -> bool:
    """Return whether standard output is a terminal that can show the plot."""
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def draw(kernel: Array, stride: int, down: int, rate: int | None) -> None:
    """Print the magnitude over the output band, the input's band in green, images in red."""
    from rich.console import Console  # slow to import, needed only on terminals

    console = Console(highlight=False, markup=True)
    columns = min(_MOST_COLUMNS, console.width - _MARGIN - 1)
    columns = columns // stride * stride if down == 1 else columns
    if stride > columns * down or not str(console.encoding).lower().startswith("utf"):
        return
    for line in sketch(convt.Response(kernel, stride), stride / down, columns, rate):
        console.print(line, no_wrap=True, crop=True)


def sketch(response: convt.Response, width: float, columns: int, rate: int | None) -> list[str]:
    """Return lines with rich's markup; a column shows the highest gain of its band, up to `width`."""
    levels = response.level(response.gains)[response.frequencies <= width]
    bands = np.array_split(levels[1:], columns)
    tops = np.array([band.max() for band in bands])
    floor = _floor(tops)
    heights = np.rint(np.clip((tops - floor) / -floor, 0, 1) * _ROWS * (len(_BLOCKS) - 1))
    edge = min(columns, round(columns / width))
    lines = []
    for row in range(_ROWS - 1, -1, -1):
        cells = "".join(
            _BLOCKS[int(np.clip(height - row * (len(_BLOCKS) - 1), 0, len(_BLOCKS) - 1))]
            for height in heights
        )
        label = f"{floor * (_ROWS - 1 - row) / _ROWS + 0:5.0f} dB" if row % 2 else " " * 8
        lines.append(f"{label} [green]{cells[:edge]}[/green][red]{cells[edge:]}[/red]")
    return [*lines, _axis(columns, width, rate)]


def _floor(tops: Array) -> float:
    """Return a round level below all visible levels."""
    return -20.0 * float(np.clip(np.ceil(-tops.min() / 20), 2, 15))


def _axis(columns: int, width: float, rate: int | None) -> str:
    unit = rate / 2 if rate else 1
    last = f"{width * unit:.6g}"
    middle = f"{unit:g}"
    at = round(columns / width)
    labels = "0".ljust(at) + middle if at + len(middle) + len(last) < columns else "0"
    return " " * _MARGIN + labels.ljust(columns - len(last)) + last + (" Hz" if rate else "")
