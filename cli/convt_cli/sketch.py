"""A kernel's response in text, for terminals."""

import os
import sys

import numpy as np

import convt
from convt_cli.audio.formats import Array

_ROWS, _MOST_COLUMNS = 10, 72
_MARGIN = 9  # columns for the labels
_BLOCKS = " ▁▂▃▄▅▆▇█"


def is_wanted() -> bool:
    """Return whether standard output is a terminal that can show it."""
    return sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def draw(kernel: Array, stride: int, rate: int | None) -> None:
    """Print the magnitude over the output band: the passband in green, what are images in red."""
    from rich.console import Console  # slow to import, and needed on terminals alone

    console = Console(highlight=False, markup=True)
    columns = min(_MOST_COLUMNS, console.width - _MARGIN - 1) // stride * stride
    if columns < stride or not str(console.encoding).lower().startswith("utf"):
        return
    for line in sketch(convt.Response(kernel, stride), columns, rate):
        console.print(line, no_wrap=True, crop=True)


def sketch(response: convt.Response, columns: int, rate: int | None) -> list[str]:
    """Return the lines, with rich's markup; each column shows the greatest gain of its band."""
    levels = response.level(response.gains)
    bands = np.array_split(levels[1:], columns)
    tops = np.array([band.max() for band in bands])
    floor = _floor(tops)
    heights = np.rint(np.clip((tops - floor) / -floor, 0, 1) * _ROWS * (len(_BLOCKS) - 1))
    edge = columns // response.stride
    lines = []
    for row in range(_ROWS - 1, -1, -1):
        cells = "".join(
            _BLOCKS[int(np.clip(height - row * (len(_BLOCKS) - 1), 0, len(_BLOCKS) - 1))]
            for height in heights
        )
        label = f"{floor * (_ROWS - 1 - row) / _ROWS + 0:5.0f} dB" if row % 2 else " " * 8
        lines.append(f"{label} [green]{cells[:edge]}[/green][red]{cells[edge:]}[/red]")
    return [*lines, _axis(columns, response.stride, rate)]


def _floor(tops: Array) -> float:
    """Return a round level below all there is to see."""
    return -20.0 * float(np.clip(np.ceil(-tops.min() / 20), 2, 15))


def _axis(columns: int, stride: int, rate: int | None) -> str:
    unit = rate / 2 if rate else 1
    last = f"{stride * unit:g}"
    labels = "0".ljust(columns // stride) + (f"{unit:g}" if stride > 1 else "")
    return " " * _MARGIN + labels.ljust(columns - len(last)) + last + (" Hz" if rate else "")
