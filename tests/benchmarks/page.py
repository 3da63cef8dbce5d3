"""The page of results, as Markdown, and its picture."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from threadpoolctl import threadpool_info

from tests.benchmarks.cases import Case
from tests.benchmarks.race import Time

Row = tuple[Case, dict[str, Time]]
_T = TypeVar("_T")

_PACKAGES = ("convt", "numpy", "scipy", "threadpoolctl", "ducc0", "torch", "onnxruntime", "soxr")


def machine() -> str:
    """The processor, its cores, the system, and the versions of what was timed."""
    model = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(": ")[2] if names else model
    blas = {info["architecture"] for info in threadpool_info() if "numpy" in info["filepath"]}
    versions = [f"{name} {_version(name)}" for name in _PACKAGES if _version(name)]
    return (
        f"{model}, {os.cpu_count()} cores, numpy's BLAS for {' '.join(blas) or 'any processor'},"
        f" {platform.system()}, Python {platform.python_version()};"
        f" {', '.join(versions)}."
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def with_progress(rows: Iterable[_T], about: str) -> list[_T]:
    """Collect rows, and print how many there are so far."""
    collected = []
    for row in rows:
        collected.append(row)
        print(f"\r{about}: {len(collected)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return collected


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, its first column of text and the others of figures."""
    lines = [heads, [":--", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def throughput(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Million output samples a second with the error, and how many times faster the first is."""

    def cell(case: Case, times: dict[str, Time], name: str) -> str:
        if name not in times:
            return ""
        time = times[name]
        error = "" if time.error is None else f", {time.error:.0e}"
        faster = "" if name == names[0] else f", **{times[names[0]].times_faster_than(time):.1f}x**"
        return f"{case.outputs / time.seconds / 1e6:.3g}{error}{faster}"

    body = [[case.name, *(cell(case, times, name) for name in names)] for case, times in rows]
    return table(["", *names], body)


def milliseconds(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Milliseconds a call, with the error where there is one."""

    def cell(time: Time) -> str:
        return f"{time.seconds * 1e3:.3g}" + ("" if time.error is None else f", {time.error:.0e}")

    return table(
        ["", *names], [[case.name, *(cell(times[name]) for name in names)] for case, times in rows]
    )


def plot(rows: Sequence[Row], engines: Sequence[Row], soxr: Sequence[Row], path: Path) -> None:
    """Draw throughput over kernel length at stride 2: convt thick, its engines grey, soxr as a level."""
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(11, 4.6), sharey=True, layout="constrained")
    for panel, (dtype, quality) in zip(panels, (("float32", "HQ"), ("float64", "VHQ")), strict=True):
        own, of_engine, reference = (
            [row for row in some if row[0].dtype == dtype and row[0].stride == 2]
            for some in (rows, engines, soxr)
        )
        for name, dash in (("toeplitz", "--"), ("polyphase", ":"), ("spectral", "-.")):
            panel.plot(*_line(of_engine, name), dash, color="0.6", label=f"convt's {name}", linewidth=1.5)
        for name, marker in (("scipy upfirdn", "v"), ("torch", "s"), ("onnxruntime", "D")):
            panel.plot(*_line(own, name), label=name, marker=marker, markersize=5, linewidth=1)
        panel.plot(*_line(own, "convt"), label="convt", marker="o", color="black", linewidth=3)
        for speed in _line(reference, f"soxr {quality}")[1][:1]:
            panel.axhline(speed, color="tab:red", linewidth=1, label="soxr HQ, VHQ (its own kernel)")
        panel.set(xscale="log", yscale="log", xlabel="taps", title=f"{dtype}, stride 2")
        panel.grid(visible=True, which="both", color="0.92")
        panel.set_xticks([9, 33, 129, 375, 1025, 4097], ["9", "33", "129", "375", "1025", "4097"])
        panel.minorticks_off()
    panels[0].set_ylabel("million output samples a second")
    handles, labels = panels[0].get_legend_handles_labels()
    panels[1].legend(handles, labels, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _line(rows: Sequence[Row], name: str) -> tuple[list[int], list[float]]:
    points = [
        (case.taps, case.outputs / times[name].seconds / 1e6) for case, times in rows if name in times
    ]
    return [taps for taps, _ in points], [speed for _, speed in points]
