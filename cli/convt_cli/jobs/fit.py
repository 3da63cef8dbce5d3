"""The work of ``convt fit``: sound read in pairs, and the kernel that it teaches told of and written."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import convt
from convt_cli.audio.reader import Reader, open_reader
from convt_cli.errors import Failure, library_errors_as_failures
from convt_cli.jobs.fit_inputs import Pair, find_pairs
from convt_cli.jobs.inspect import document
from convt_cli.kernels.measurements import Inspection
from convt_cli.kernels.writing import check_kernel, write_kernel
from convt_cli.options.upsample_options import Channels
from convt_cli.samples.formats import Array
from convt_cli.samples.nonfinite import NonFinitePolicy
from convt_cli.text import report
from convt_cli.text.inspect_text import findings
from convt_cli.text.progress import Bar
from convt_cli.text.report import Reporter, json_number

_NAMED = 4  # sources in a message
_BLOCK = 1 << 17  # samples of HIGH, all channels counted, that are read at a time, about


@dataclass(frozen=True, slots=True)
class Fitting:
    """The options of ``convt fit``."""

    sources: list[Path]
    output: Path | None
    stride: int
    taps: int
    padding: Any
    delay: int | None
    channels: Channels | None
    from_high: bool
    ridge: float | None
    balance: bool
    overwrite: bool
    allow_truncated: bool


def fit_kernel(asked: Fitting, reporter: Reporter) -> None:
    """Learn a kernel, tell how good it is and what it does, and write it.

    Raises
    ------
    Failure
        A file cannot be read, or there is nothing to learn; or the kernel cannot be written.
    """
    found = find_pairs(asked.sources, from_high=asked.from_high)
    if asked.output:
        files = [path for pair in found.pairs for path in pair if path]
        check_kernel(asked.output, files, overwrite=asked.overwrite)
    heard = _Heard(asked)
    heard.add_all(found.pairs, reporter)
    fitted = _fitted(heard, asked)
    inspection = Inspection.of(str(asked.output or "fitted"), fitted.weight, asked.stride, 1)
    if asked.output:
        write_kernel(asked.output, convt.Weights("fitted", fitted.weight), overwrite=asked.overwrite)
    warnings = [*heard.warnings, *(f"{path}: has no partner, and was left out" for path in found.alone)]
    warnings += fitted.warnings
    _tell(asked, heard, fitted, inspection, reporter)
    for warning in warnings:
        reporter.warn(warning)
    if reporter.as_json:
        facts = _document(asked, found.pairs, fitted) | {"warnings": warnings}
        report.document(facts | document(inspection, heard.rate), to_stderr=False)
    if asked.output:
        reporter.written(asked.output)
    else:
        reporter.note("the kernel is not written: -o names a file")


def _fitted(heard: "_Heard", asked: Fitting) -> convt.Fit:
    try:
        return heard.fitter.solve(ridge=asked.ridge, balance=asked.balance)
    except convt.ParameterError as error:
        names = ", ".join(map(str, asked.sources[:_NAMED]))
        more = " ..." if len(asked.sources) > _NAMED else ""
        raise Failure(f"{names}{more}: {error}") from None


class _Heard:
    """What has been heard of the pairs so far."""

    def __init__(self, asked: Fitting) -> None:
        self._asked = asked
        with library_errors_as_failures():
            self.fitter = convt.Fitter(
                asked.stride,
                asked.taps,
                padding=asked.padding,
                delay=asked.delay,
                channels=asked.channels,
                from_high=asked.from_high,
            )
        self.frames = 0
        self.rate: int | None = None
        self._channels: tuple[int, int] | None = None
        self.warnings = list[str]()

    def add_all(self, pairs: Sequence[Pair], reporter: Reporter) -> None:
        """Listen to the pairs."""
        with closing(Bar("Mframes/s", 1e6, shown=reporter.is_for_people)) as bar:
            for pair in pairs:
                self._add(pair, bar)

    def _add(self, pair: Pair, bar: Bar) -> None:
        with ExitStack() as stack:
            low = stack.enter_context(closing(self._open(pair.low))) if pair.low else None
            high = stack.enter_context(closing(self._open(pair.high)))
            self._compare(pair, low, high)
            size = max(1, _BLOCK // (high.channels * self._asked.stride))
            for signal in range(high.signals):
                above = _Side(pair.high, high, signal, size * self._asked.stride)
                below = _Side(pair.low, low, signal, size) if pair.low and low else None
                self._hear(below, above, bar)

    def _open(self, path: Path) -> Reader:
        truncated = self._asked.allow_truncated
        return open_reader(path, "float64", raw=None, again=False, truncated=truncated)

    def _hear(self, below: "_Side | None", above: "_Side", bar: Bar) -> None:
        """Take by turns from the side that is behind, until that has ended: nothing is kept for long."""
        begun, stride = self.frames, self._asked.stride
        while True:
            is_below = below is not None and below.frames * stride <= above.frames
            block = below.next() if below and is_below else above.next()
            if block is None:
                break
            other = below.none if below else None
            with library_errors_as_failures():
                self.fitter.process(*((block, above.none) if is_below else (other, block)))
            heard = min(above.frames, below.frames * stride) if below else above.frames
            self.frames = begun + heard
            bar(self.frames, None)
        self.fitter.end_pair()

    def _compare(self, pair: Pair, low: Reader | None, high: Reader) -> None:
        """Refuse a LOW and a HIGH that do not belong together; warn of what is odd."""
        for path, reader in ((pair.low, low), (pair.high, high)):
            if reader and reader.dtype.kind == "c":
                raise Failure(f"{path}: is complex, and kernels are fitted to real signals")
        self._compare_channels(pair, low.channels if low else high.channels, high.channels)
        if low and low.signals != high.signals:
            raise Failure(f"{pair.high}: has {high.signals} signal(s), and {pair.low} has {low.signals}")
        self._compare_rates(pair, low, high)
        stride = self._asked.stride
        if low and low.frames and high.frames and self._is_other_length(low.frames, high.frames):
            self.warnings.append(
                f"{pair.high}: has {high.frames} samples, and {pair.low} {low.frames}: what lies beyond"
                f" stride {stride} times as many is left out"
            )

    def _compare_rates(self, pair: Pair, low: Reader | None, high: Reader) -> None:
        rate, stride = high.format.rate if high.format else None, self._asked.stride
        if low and low.format and rate and rate != stride * low.format.rate:
            raise Failure(
                f"{pair.high}: has {rate} Hz, and {pair.low} {low.format.rate} Hz: stride {stride} makes"
                f" {stride * low.format.rate} of that"
            )
        own = rate // stride if rate else None
        if self.frames and own != self.rate:
            self.warnings.append(f"{pair.high}: has another rate than the file before")
        self.rate = own

    def _compare_channels(self, pair: Pair, low: int, high: int) -> None:
        channels = self._asked.channels
        if channels in ("shared", "each") and low != high:
            raise Failure(
                f"{pair.high}: has {high} channel(s), and {pair.low} {low}: --channels {channels} needs as"
                " many, and mixed takes any"
            )
        if self._channels and self._channels != (low, high):
            before = self._channels
            raise Failure(
                f"{pair.high}: HIGH has {high} channel(s) and LOW {low}, and in the pairs before"
                f" {before[1]} and {before[0]}"
            )
        self._channels = low, high

    def _is_other_length(self, low: int, high: int) -> bool:
        """Tell whether lengths differ by more than a full convolution and a delay explain."""
        beyond = self._asked.taps + self._asked.stride + abs(self._asked.delay or 0)
        return abs(high - self._asked.stride * low) > beyond


class _Side:
    """One signal of a pair, as it is read: `frames` of it so far."""

    def __init__(self, path: Path, reader: Reader, signal: int, size: int) -> None:
        self._blocks = reader.blocks(signal, size)
        self._watch = NonFinitePolicy(str(path), "error", reader.format, hint="")
        self.none = np.empty((reader.channels, 0))
        self.frames = 0

    def next(self) -> Array | None:
        """Return the next samples (channels, n), or None at the end."""
        block = next(self._blocks, None)
        if block is None:
            return None
        self.frames += block.shape[1]
        return self._watch(block)


def _tell(
    asked: Fitting, heard: _Heard, fitted: convt.Fit, inspection: Inspection, reporter: Reporter
) -> None:
    for line in _lines(asked, heard, fitted):
        reporter.note(line)
    for line in findings(inspection, heard.rate):
        reporter.note(line)


def _lines(asked: Fitting, heard: _Heard, fitted: convt.Fit) -> Iterator[str]:
    """Yield how the kernel came about, and how good it is."""
    how = "as given" if asked.delay is not None else "LOW made of it" if asked.from_high else "estimated"
    late = f"which is {abs(fitted.delay)} samples {'early' if fitted.delay < 0 else 'late'}, {how}"
    yield f"{heard.frames} samples of HIGH, {late}"
    kept = f"{_shown(fitted.held_out_error)} dB on {fitted.held_out_samples} samples of LOW kept back, "
    ridge = f"ridge {fitted.ridge:.0e}, {'chosen' if asked.ridge is None else 'given'}"
    first = kept if fitted.held_out_samples else ""
    yield f"error {first}{_shown(fitted.error)} dB on {fitted.samples} fitted to; {ridge}"
    if fitted.designed:
        errors = sorted(fitted.designed.items(), key=lambda item: item[1])
        others = ", ".join(f"{kind} {_shown(error)}" for kind, error in errors)
        yield f"of designed kernels of {asked.taps} taps: {others}"


def _shown(decibels: float) -> str:
    return f"{round(decibels, 2) + 0.0:.2f}"  # without the sign of what is next to 0


def _document(asked: Fitting, pairs: list[Pair], fitted: convt.Fit) -> dict[str, Any]:
    """Return how the kernel came about, and how good it is, as JSON has it."""
    return {
        "output": asked.output and str(asked.output),
        "pairs": [{"low": pair.low and str(pair.low), "high": str(pair.high)} for pair in pairs],
        "padding": fitted.padding,
        "delay": fitted.delay,
        "ridge": fitted.ridge,
        "samples": fitted.samples,
        "held_out_samples": fitted.held_out_samples,
        "error_db": json_number(fitted.error),
        "held_out_error_db": json_number(fitted.held_out_error),
        "designed_db": fitted.designed,
    }
