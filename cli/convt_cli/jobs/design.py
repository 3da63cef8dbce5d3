"""The work of ``convt design``: kernels made or balanced, told of, drawn and written."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import convt
from convt_cli.errors import Failure, Misuse, library_errors_as_failures
from convt_cli.jobs.inspect import check_ratio, document, kernel_plot, load
from convt_cli.kernels.measurements import Inspection
from convt_cli.kernels.writing import check_kernel, write_kernel
from convt_cli.options.upsample_options import Design, Layout
from convt_cli.plots.kernel_plot import draw_kernel
from convt_cli.plots.style import check_plot_path
from convt_cli.samples.formats import Array
from convt_cli.text import report
from convt_cli.text.inspect_text import findings
from convt_cli.text.report import Reporter


@dataclass(frozen=True, slots=True)
class Designing:
    """The options of ``convt design``."""

    output: Path | None
    stride: int
    down: int
    design: Design
    taps: int | None
    kind: Any
    source: Path | None
    tensor: str | None
    layout: Layout
    balance: bool
    rate: int | None
    plot: Path | None
    overwrite: bool


def design_kernel(asked: Designing, reporter: Reporter) -> None:
    """Make a kernel, tell what it does, and write it.

    Raises
    ------
    Failure
        There is no such kernel, or it cannot be written.
    """
    _check(asked)
    before = None
    if asked.source:
        weights = load(asked.source, asked.tensor, asked.layout)
        made = _balanced(weights, asked)
        before = Inspection.of(weights.source, weights.weight, asked.stride, asked.down)
        _tell(before, asked, reporter)
    else:
        made = convt.Weights("designed", _designed(asked))
    after = Inspection.of(str(asked.output or made.source), made.weight, asked.stride, asked.down)
    if asked.output:
        write_kernel(asked.output, made, overwrite=asked.overwrite)
    if asked.plot:
        _draw(asked.plot, after, asked)
    _tell(after, asked, reporter)
    if reporter.as_json:
        documents = {"before": document(before, asked.rate)} if before else {}
        written = {"output": asked.output and str(asked.output), "asked": asdict(asked.design)}
        report.document(written | documents | document(after, asked.rate), to_stderr=False)
    for path in (asked.output, asked.plot):
        if path:
            reporter.written(path)
    if not asked.output:
        reporter.note("the kernel is not written: -o names a file")


def _check(asked: Designing) -> None:
    """Refuse options that do not go together, and an output that cannot be."""
    check_ratio(asked.stride, asked.down)
    if asked.balance != bool(asked.source):
        raise Misuse("--balance needs the kernel to balance, --from W; and --from is for --balance")
    if asked.tensor is not None and not asked.source:
        raise Misuse("--tensor names one of several weights in a file: name the file with --from")
    if asked.source and (asked.design.is_asked_for or asked.taps or asked.kind):
        raise Misuse("--from takes a kernel as it is: it goes with --stride and --balance alone")
    if asked.output:
        check_kernel(asked.output, [asked.source] if asked.source else [], overwrite=asked.overwrite)
    if asked.plot:
        files = [path for path in (asked.source, asked.output) if path]
        check_plot_path(asked.plot, files, overwrite=asked.overwrite)


def _balanced(weights: convt.Weights, asked: Designing) -> convt.Weights:
    if weights.bias is not None and asked.output and asked.output.suffix.lower() == ".npy":
        raise Failure(f"{asked.output}: an .npy file has no place for the bias; name an .npz file with -o")
    try:
        kernel = convt.balance_kernel(weights.weight, asked.stride)
    except convt.ParameterError as error:
        raise Failure(f"{weights.source}: {error}") from None
    return convt.Weights("balanced", kernel, weights.bias)


def _designed(asked: Designing) -> Array:
    with library_errors_as_failures():
        return convt.design_kernel(
            asked.stride,
            quality=asked.design.quality,
            passband=asked.design.passband,
            rejection=asked.design.rejection,
            taps=asked.taps,
            phase=asked.design.phase or "linear",
            kind=asked.kind or "kaiser",
            down=asked.down,
        )


def _stated(asked: Designing) -> tuple[float, float] | None:
    """Return the passband and the rejection that a kernel is designed to, if to both."""
    if asked.taps or asked.kind not in (None, "kaiser", "equiripple"):
        return None
    preset = convt.QUALITIES[asked.design.quality or "high"]
    return asked.design.passband or preset.passband, asked.design.rejection or preset.rejection


def _draw(path: Path, inspection: Inspection, asked: Designing) -> None:
    stated = None if asked.source else _stated(asked)
    try:
        draw_kernel(path, kernel_plot(inspection, asked.rate, stated), overwrite=asked.overwrite)
    except Failure as failure:
        done = f"; {asked.output} is finished" if asked.output else ""
        raise Failure(f"{failure}{done}") from None


def _tell(inspection: Inspection, asked: Designing, reporter: Reporter) -> None:
    for line in findings(inspection, asked.rate):
        reporter.note(line)
