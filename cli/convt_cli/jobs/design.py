"""The work of ``convt design``: design or balance a kernel, measure, plot and write it."""

from pathlib import Path

import convt
from convt_cli.errors import Failure, Misuse, library_errors_as_failures
from convt_cli.jobs.inspect import check_ratio, kernel_plot, load_weights
from convt_cli.kernels.measurements import KernelMeasurements
from convt_cli.kernels.writing import check_kernel, write_kernel
from convt_cli.options.design_options import DesignOptions
from convt_cli.plots.kernel_plot import draw_kernel
from convt_cli.plots.style import check_plot_path
from convt_cli.samples.formats import Array
from convt_cli.text import report
from convt_cli.text.inspect_json import measurements_as_json
from convt_cli.text.inspect_text import inspect_lines
from convt_cli.text.report import Reporter


def design_kernel(options: DesignOptions) -> None:
    """Design or balance a kernel, print its measurements, and write it."""
    _check(options)
    reporter, before = Reporter(options.quiet, as_json=options.as_json), None
    if options.source:
        weights = load_weights(options.source, options.tensor, options.layout)
        made = _balanced(weights, options)
        before = _measured(weights.source, weights.weight, options)
        _print(before, options, reporter)
    else:
        made = convt.Weights("designed", _designed(options))
    after = _measured(str(options.output or made.source), made.weight, options)
    if options.output:
        write_kernel(options.output, made, overwrite=options.overwrite)
    if options.plot:
        _draw(options.plot, after, options)
    _print(after, options, reporter)
    if reporter.as_json:
        _print_json(before, after, options)
    for path in (options.output, options.plot):
        if path:
            reporter.written(path)
    if not options.output:
        reporter.note("kernel not saved; use -o FILE")


def _check(options: DesignOptions) -> None:
    """Refuse options that contradict each other, and outputs that cannot be written."""
    check_ratio(options.stride, options.down)
    if options.balance != bool(options.source):
        raise Misuse("--balance and --from need each other: use --from FILE --balance")
    spec = options.filter_spec
    if options.kind not in (None, "kaiser", "equiripple") and spec.is_given:
        raise Misuse(f"--kind {options.kind} takes no --quality, --passband, --rejection or --phase")
    if options.tensor is not None and not options.source:
        raise Misuse("--tensor chooses among the weights in a file: name the file with --from")
    if options.source and (options.filter_spec.is_given or options.taps or options.kind):
        raise Misuse("--from reads an existing kernel: leave out the options that design one")
    if options.output:
        sources = [options.source] if options.source else []
        check_kernel(options.output, sources, overwrite=options.overwrite)
    if options.plot:
        files = [path for path in (options.source, options.output) if path]
        check_plot_path(options.plot, files, overwrite=options.overwrite)


def _balanced(weights: convt.Weights, options: DesignOptions) -> convt.Weights:
    if weights.bias is not None and options.output and options.output.suffix.lower() == ".npy":
        raise Failure(f"{options.output}: .npy cannot hold the kernel's bias; choose an .npz name with -o")
    try:
        kernel = convt.balance_kernel(weights.weight, options.stride)
    except convt.ParameterError as error:
        raise Failure(f"{weights.source}: {error}") from None
    return convt.Weights("balanced", kernel, weights.bias)


def _designed(options: DesignOptions) -> Array:
    with library_errors_as_failures():
        return convt.design_kernel(
            options.stride,
            quality=options.quality,
            passband=options.passband,
            rejection=options.rejection,
            taps=options.taps,
            phase=options.phase or "linear",
            kind=options.kind or "kaiser",
            down=options.down,
            stopband=1.0 if options.stopband is None else options.stopband,
        )


def _specification(options: DesignOptions) -> tuple[float, float] | None:
    """Return the passband and the rejection that a kernel is designed to meet, if both are set."""
    if options.source or options.taps or options.kind not in (None, "kaiser", "equiripple"):
        return None
    preset, low = convt.QUALITIES[options.quality or "high"], min(1.0, options.stride / options.down)
    return low * (options.passband or preset.passband), options.rejection or preset.rejection


def _measured(source: str, weight: Array, options: DesignOptions) -> KernelMeasurements:
    return KernelMeasurements.of(source, weight, options.stride, options.down)


def _draw(path: Path, measured: KernelMeasurements, options: DesignOptions) -> None:
    plot = kernel_plot(measured, options.rate, _specification(options))
    try:
        draw_kernel(path, plot, overwrite=options.overwrite)
    except Failure as failure:
        done = f"; {options.output} was written" if options.output else ""
        raise Failure(f"{failure}{done}") from None


def _print(measured: KernelMeasurements, options: DesignOptions, reporter: Reporter) -> None:
    for line in inspect_lines(measured, options.rate):
        reporter.note(line)


def _print_json(
    before: KernelMeasurements | None, after: KernelMeasurements, options: DesignOptions
) -> None:
    written = {"output": options.output and str(options.output), "asked": options.filter_spec._asdict()}
    balanced = {"before": measurements_as_json(before, options.rate)} if before else {}
    report.print_json(written | balanced | measurements_as_json(after, options.rate))
