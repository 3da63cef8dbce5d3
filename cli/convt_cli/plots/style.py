"""Style and files of all plots: readable in greyscale, written whole or not at all."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convt_cli.errors import Misuse
from convt_cli.files.atomic_write import atomic_write, check_target
from convt_cli.files.paths import real_place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
DARK, MIDDLE, PASS, IMAGE, STATED = "#1b3a5c", "#7a92ab", "#d5e8d0", "#f2d9d5", "#555555"
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#cccccc",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
    "hatch.linewidth": 0.4,
    "svg.hashsalt": "convt",  # the same plot has the same bytes
}


def check_plot_path(path: Path, sources: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse a plot that cannot be written, before any work is done."""
    if path.suffix.lower() not in SUFFIXES:
        raise Misuse(f"{path}: plots are written as {', '.join(SUFFIXES)}; choose such a name with --plot")
    if real_place(path) in map(real_place, sources):
        raise Misuse(f"{path}: is the plot and another file of this command; choose another name")
    check_target(path, sources, overwrite=overwrite)
    try:
        import matplotlib.figure  # noqa: F401  # tests whether it can be imported
    except ImportError:
        raise Misuse("--plot needs matplotlib: pip install 'convt[plot]'") from None
    except ValueError:
        raise Misuse(
            "--plot: matplotlib rejects its settings; check the variable MPLBACKEND and the file"
            " matplotlibrc"
        ) from None


@contextlib.contextmanager
def saved_figure(path: Path, size: tuple[float, float], *, overwrite: bool) -> Iterator["Figure"]:
    """Yield a figure, and write it to a file when the block ends without an error."""
    import matplotlib as mpl  # slow to import, needed only for plots
    from matplotlib.figure import Figure

    kind = path.suffix.lower().removeprefix(".")
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[kind]
    # matplotlib warns of letters in file names that the font lacks.
    with mpl.rc_context(_STYLE), warnings.catch_warnings(action="ignore", category=UserWarning):
        figure = Figure(figsize=size, layout="constrained")
        yield figure
        drawn = io.BytesIO()
        figure.savefig(drawn, format=kind, dpi=110, metadata=undated)
        with atomic_write(path, overwrite=overwrite) as temporary:
            temporary.write_bytes(drawn.getvalue())


def literal_text(text: str) -> str:
    """Return text that matplotlib shows literally: no formulas between dollars, nothing unprintable."""
    return "".join(letter if letter.isprintable() else "?" for letter in text).replace("$", r"\$")


def shade(axes: "Axes", begin: float, end: float, colour: str, label: str) -> None:
    """Shade a band of frequencies."""
    axes.axvspan(begin, end, color=colour, linewidth=0, zorder=0, label=label)
