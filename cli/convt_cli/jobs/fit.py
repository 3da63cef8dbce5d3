"""The work of ``convt fit``: read pairs of files, fit a kernel to them, measure and write it."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

import convt
from convt_cli.audio.reader import Reader, open_reader
from convt_cli.errors import Failure, library_errors_as_failures
from convt_cli.jobs.fit_inputs import Pair, find_fit_inputs
from convt_cli.kernels.measurements import KernelMeasurements
from convt_cli.kernels.writing import check_kernel, write_kernel
from convt_cli.options.fit_options import FitOptions
from convt_cli.samples.formats import Array
from convt_cli.samples.nonfinite import NonFinitePolicy
from convt_cli.text import report
from convt_cli.text.fit_text import fit_as_json, fit_lines
from convt_cli.text.inspect_json import measurements_as_json
from convt_cli.text.inspect_text import inspect_lines
from convt_cli.text.progress import Bar
from convt_cli.text.report import Reporter

_NAMED = 4  # sources in a message
_BLOCK = 1 << 17  # samples of HIGH per read, all channels together, about


def fit_kernel(options: FitOptions) -> None:
    """Fit a kernel, print its quality, and write it."""
    inputs = find_fit_inputs(options.sources, from_high=options.from_high)
    if options.output:
        files = [path for pair in inputs.pairs for path in pair if path]
        check_kernel(options.output, files, overwrite=options.overwrite)
    reporter = Reporter(options.quiet, as_json=options.as_json)
    pairs = _PairFitter(options)
    pairs.add_all(inputs.pairs, reporter)
    fit = _solved(pairs, options)
    measured = KernelMeasurements.of(str(options.output or "fitted"), fit.weight, options.stride, 1)
    if options.output:
        write_kernel(options.output, convt.Weights("fitted", fit.weight), overwrite=options.overwrite)
    for line in (*fit_lines(options, pairs.frames, fit), *inspect_lines(measured, pairs.rate)):
        reporter.note(line)
    unmatched = [f"{path}: no matching file; skipped" for path in inputs.unmatched]
    warnings = [*pairs.warnings, *unmatched, *fit.warnings]
    for warning in warnings:
        reporter.warn(warning)
    if reporter.as_json:
        facts = fit_as_json(options, inputs.pairs, fit) | {"warnings": warnings}
        report.print_json(facts | measurements_as_json(measured, pairs.rate))
    if options.output:
        reporter.written(options.output)
    else:
        reporter.note("kernel not saved; use -o FILE")


def _solved(pairs: "_PairFitter", options: FitOptions) -> convt.Fit:
    try:
        return pairs.fitter.solve(ridge=options.ridge, balance=options.balance)
    except convt.ParameterError as error:
        names = ", ".join(map(str, options.sources[:_NAMED]))
        more = " ..." if len(options.sources) > _NAMED else ""
        raise Failure(f"{names}{more}: {error}") from None


class _PairFitter:
    """A fit to pairs of files: `frames` of HIGH have been read so far; LOW is at `rate`."""

    def __init__(self, options: FitOptions) -> None:
        self._options = options
        with library_errors_as_failures():
            self.fitter = convt.Fitter(
                options.stride,
                options.taps,
                padding=options.padding,
                delay=options.delay,
                channels=options.channels,
                from_high=options.from_high,
            )
        self.frames = 0
        self.rate: int | None = None
        self._channels: tuple[int, int] | None = None
        self.warnings = list[str]()

    def add_all(self, pairs: Sequence[Pair], reporter: Reporter) -> None:
        """Read the pairs."""
        with closing(Bar("Mframes/s", 1e6, shown=reporter.is_for_people)) as bar:
            for pair in pairs:
                self._add(pair, bar)

    def _add(self, pair: Pair, bar: Bar) -> None:
        with ExitStack() as stack:
            low = stack.enter_context(closing(self._open(pair.low))) if pair.low else None
            high = stack.enter_context(closing(self._open(pair.high)))
            self._compare(pair, low, high)
            size = max(1, _BLOCK // (high.channels * self._options.stride))
            for signal in range(high.signals):
                above = _SignalReader(pair.high, high, signal, size * self._options.stride)
                below = _SignalReader(pair.low, low, signal, size) if pair.low and low else None
                self._add_signal(below, above, bar)

    def _open(self, path: Path) -> Reader:
        truncated = self._options.allow_truncated
        return open_reader(path, "float64", raw=None, again=False, truncated=truncated)

    def _add_signal(self, below: "_SignalReader | None", above: "_SignalReader", bar: Bar) -> None:
        """Read from the side that is behind until it ends, so that neither side piles up in memory."""
        begun, stride = self.frames, self._options.stride
        while True:
            is_below = below is not None and below.frames * stride <= above.frames
            block = below.next() if below and is_below else above.next()
            if block is None:
                break
            unread = below.nothing if below else None
            with library_errors_as_failures():
                self.fitter.process(*((block, above.nothing) if is_below else (unread, block)))
            self.frames = begun + (min(above.frames, below.frames * stride) if below else above.frames)
            bar(self.frames, None)
        self.fitter.end_pair()

    def _compare(self, pair: Pair, low: "Reader | None", high: Reader) -> None:
        """Refuse a LOW and a HIGH that do not match; warn of lengths and rates that differ."""
        for path, reader in ((pair.low, low), (pair.high, high)):
            if reader and reader.dtype.kind == "c":
                raise Failure(f"{path}: complex signal; fit needs real signals")
        self._compare_channels(pair, low.channels if low else high.channels, high.channels)
        if low and low.signals != high.signals:
            raise Failure(
                f"{pair.high}: {high.signals} signal(s), but {pair.low} has {low.signals}; they must match"
            )
        self._compare_rates(pair, low, high)
        stride = self._options.stride
        if low and low.frames and high.frames and self._is_other_length(low.frames, high.frames):
            self.warnings.append(
                f"{pair.high}: {high.frames} samples, not {stride} x {low.frames} as {pair.low} needs; the"
                " longer one is cut"
            )

    def _compare_rates(self, pair: Pair, low: "Reader | None", high: Reader) -> None:
        rate, stride = high.format.rate if high.format else None, self._options.stride
        if low and low.format and rate and rate != stride * low.format.rate:
            raise Failure(
                f"{pair.high}: {rate} Hz; HIGH must be at {stride * low.format.rate} Hz, {stride} x the"
                f" {low.format.rate} Hz of {pair.low}"
            )
        own = rate // stride if rate else None
        if self.frames and own != self.rate:
            self.warnings.append(f"{pair.high}: the sample rate differs from the previous file's")
        self.rate = own

    def _compare_channels(self, pair: Pair, low: int, high: int) -> None:
        channels = self._options.channels
        if channels in ("shared", "each") and low != high:
            raise Failure(
                f"{pair.high}: {high} channel(s), but {pair.low} has {low}; --channels {channels} needs"
                " equal numbers; use --channels mixed"
            )
        if self._channels and self._channels != (low, high):
            before = self._channels
            raise Failure(
                f"{pair.high}: HIGH has {high} channel(s) and LOW {low}; earlier pairs have {before[1]} and"
                f" {before[0]}"
            )
        self._channels = low, high

    def _is_other_length(self, low: int, high: int) -> bool:
        """Return whether lengths differ by more than a full convolution and a delay account for."""
        beyond = self._options.taps + self._options.stride + abs(self._options.delay or 0)
        return abs(high - self._options.stride * low) > beyond


class _SignalReader:
    """One signal of a pair: `frames` of it have been read so far."""

    def __init__(self, path: Path, reader: Reader, signal: int, size: int) -> None:
        self._blocks = reader.blocks(signal, size)
        self._check = NonFinitePolicy(str(path), "error", reader.format, hint="")
        self.nothing = np.empty((reader.channels, 0))
        self.frames = 0

    def next(self) -> Array | None:
        """Return the next samples (channels, n), or None at the end."""
        block = next(self._blocks, None)
        if block is None:
            return None
        self.frames += block.shape[1]
        return self._check(block)
