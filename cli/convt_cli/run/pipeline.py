"""One input through the library: open it, then read, compute and write in parallel."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

import convt
from convt_cli.audio.bitrate import higher_bitrate
from convt_cli.audio.npy import NpyWriter
from convt_cli.audio.pcm import PcmReader, PcmWriter, is_plain
from convt_cli.audio.reader import Reader
from convt_cli.audio.writer import Writer, open_audio_writer, writable_metadata
from convt_cli.errors import Failure, Unwritable, library_errors_as_failures, os_failure
from convt_cli.files.atomic_write import (
    atomic_write,
    check_stream,
    check_target,
    make_folder,
    write_errors_as_failures,
)
from convt_cli.files.checksums import file_sha256
from convt_cli.files.paths import STREAM, input_name, is_url, output_name
from convt_cli.files.source import at_hand, open_output
from convt_cli.metadata.metadata import Metadata
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.run.prefetch import prefetch
from convt_cli.run.prepare import block_size, check_streams, open_input, overs_of, plan_run, too_short
from convt_cli.run.rates import with_ratio
from convt_cli.run.run_plan import RunPlan, RunResult
from convt_cli.run.segments import run_segment, segments_of
from convt_cli.run.upsampler_cache import upsampler_cache
from convt_cli.run.workers import FORKS, WorkerKilledError, cores, workers
from convt_cli.samples.formats import Array
from convt_cli.samples.levels import Levels, headroom
from convt_cli.samples.nonfinite import NonFinitePolicy

OnProgress = Callable[[int, int | None, int | None], None]
Overlap = Callable[[Iterable[Array]], AbstractContextManager[Iterable[Array]]]
_SILENCE = 4096  # frames of silence with which a dry run tries an encoder


def run(options: UpsampleOptions, on_progress: OnProgress, *, threads: int | None = None) -> RunResult:
    """Upsample one input.

    Parameters
    ----------
    options : UpsampleOptions
        The options of this input.
    on_progress : callable
        Called repeatedly with the number of frames read and the total, None if that is unknown. An
        exception that it raises ends the run.
    threads : int or None
        With 1 everything happens in the caller's thread. Otherwise a long file is divided among processes,
        or reading, computing and writing overlap.
    """
    begun = time.perf_counter()
    check_streams(options)
    with at_hand(options.source) if not options.held_source else nullcontext() as held:
        result = _run(replace(options, held_source=held) if held else options, on_progress, threads)
    return result._replace(seconds=time.perf_counter() - begun)


def _run(options: UpsampleOptions, on_progress: OnProgress, threads: int | None) -> RunResult:
    with _failures_of(options), closing(open_input(options)) as reader:
        options, ratio = with_ratio(options, reader)
        with upsampler_cache().borrowed(options, ratio, reader, threads) as prepared:
            plan = plan_run(options, ratio, reader, prepared)
            _check_target(options)  # last of all: that it exists must not hide another mistake
            if options.plot:
                from convt_cli.plots.style import check_plot_path

                check_plot_path(
                    options.plot, [*options.inputs, options.target], overwrite=options.overwrite
                )
            # Threads that take turns with the interpreter cost more than they save on one core.
            overlap = nullcontext if threads == 1 or cores() == 1 else prefetch
            run = _Run(plan, reader, on_progress, overlap)
            result = run.try_format() if options.dry_run else run.upsample()
    if options.plot:
        from convt_cli.run.compare_spectra import plot_spectra

        plot_spectra(result, options.plot)
    return result


def no_progress(_done: int, _total: int | None, _rate: int | None) -> None:
    """Show nothing of one input among others."""


def warm_up(options: UpsampleOptions) -> None:
    """Prepare the upsampler for an input, for processes that will be forked."""
    with _failures_of(options), closing(open_input(options)) as reader:
        upsampler_cache().warm_up(*with_ratio(options, reader), reader)


@contextmanager
def _failures_of(options: UpsampleOptions) -> Iterator[None]:
    """Turn exceptions into messages for the user."""
    try:
        with library_errors_as_failures():
            yield
    except Unwritable as error:
        raise Failure(f"{output_name(options.target)}: {error}") from None
    except WorkerKilledError:
        name = input_name(options.source)
        raise Failure(f"{name}: the worker process was killed (out of memory?)") from None
    except OSError as error:
        raise os_failure(error, input_name(options.source)) from None
    except MemoryError as error:
        reason = f"{input_name(options.source)}: not enough memory: {error}"
        raise Failure(reason.removesuffix(": ")) from None  # Python's own error has no text


def _check_target(options: UpsampleOptions) -> None:
    """Refuse an output that cannot be written; create its folder if -d asks for it."""
    if options.held_target:
        return
    if options.target == STREAM:
        check_stream(options.inputs)
        return
    parent = options.target.parent
    if options.folder:
        make_folder(parent, dry_run=options.dry_run)
    if not options.folder or is_url(parent) or os.path.isdir(parent):
        many = options.folder is not None
        check_target(options.target, options.inputs, overwrite=options.overwrite, many=many)


@contextmanager
def _held(options: UpsampleOptions) -> Iterator[Path | None]:
    """Yield the file that holds the bytes of the target."""
    with write_errors_as_failures(output_name(options.target)):
        yield options.held_target


class _Run:
    """A run from samples to samples."""

    def __init__(self, plan: RunPlan, reader: Reader, on_progress: OnProgress, overlap: Overlap) -> None:
        self._plan, self._options, self._reader = plan, plan.options, reader
        self._on_progress, self._overlap = on_progress, overlap
        self._rate = reader.format.rate if reader.format else None
        self._begin()

    def _begin(self) -> None:
        name = input_name(self._options.source)
        self._finite = NonFinitePolicy(name, self._options.nonfinite, self._reader.format)
        self._frames = 0

    def upsample(self) -> RunResult:
        """Write the output, whole or not at all."""
        gain = self._plan.gain * (self._guard() if self._options.overs == "guard" else 1.0)
        with self._open_output() as path:
            result = self._copy(path) if self._plan.is_copy else self._write(path, gain)
            if path:
                result = result._replace(bytes_out=path.stat().st_size)
            if self._options.as_json:
                written = file_sha256(path) if path else None
                result = result._replace(sha256=(self._reader.source.sha256(), written))
        return result

    def _copy(self, path: Path | None) -> RunResult:
        with open_output(path) as target:
            self._reader.source.copy_to(target)
        return RunResult.as_planned(self._plan)

    def _write(self, path: Path | None, gain: float) -> RunResult:
        bitrate = self._plan.bitrates[1]
        while True:
            with closing(self._writer(path, gain, bitrate)) as writer:
                if not self._write_segments(path, writer, gain):
                    for signal, block in self._outputs():
                        writer.write(signal, block)
                result = self._finish(writer, gain)
            if not path or (more := self._higher_bitrate(bitrate, result)) is None:
                return result
            bitrate = more
            self._begin()  # the next pass

    def _higher_bitrate(self, asked: float | None, result: RunResult) -> float | None:
        """Return a higher bit rate to request if the encoder stayed below the input's."""
        plan, made = self._plan, result.bitrate
        wanted, chosen = plan.bitrates[0], plan.formats[1]
        if self._options.bitrate or not (asked and wanted and made and chosen):
            return None
        return higher_bitrate(chosen, plan.channels[1], asked, wanted, made)

    def _write_segments(self, path: Path | None, writer: Writer, gain: float) -> bool:
        """Let processes write the output if it can be divided among them, and is long enough."""
        count = cores() if FORKS and self._overlap is not nullcontext else 1
        segments = segments_of(self._plan, self._reader, count) if count > 1 else []
        reader, options, ratio = self._reader, self._options, self._plan.ratio
        if not (segments and path and isinstance(writer, PcmWriter) and isinstance(reader, PcmReader)):
            return False
        upsampler_cache().warm_up(options, ratio, reader)
        alike = (options, ratio, reader.identity, gain, path, writer.reserve())
        with workers(min(count, len(segments))) as some:
            results = some.run(run_segment, [(*alike, segment) for segment in segments])
            for segment, result in zip(segments, results, strict=True):
                if isinstance(result, WorkerKilledError):
                    raise result
                levels, finite = result
                writer.quantise.levels.add(levels)
                self._finite.add(finite)
                self._frames = segment.stop
                self._on_progress(self._frames, reader.frames, self._rate)
        return True

    def try_format(self) -> RunResult:
        """Refuse a format that cannot hold the output, as far as encoding some silence shows it."""
        plan = self._plan
        result = RunResult.as_planned(plan)
        chosen, channels, frames = plan.formats[1], plan.channels[1], plan.frames[1]
        if chosen is None or frames is None or is_plain(chosen):
            return result
        import tempfile

        with (
            write_errors_as_failures(tempfile.gettempdir()),
            tempfile.TemporaryDirectory(prefix="convt-") as folder,
            closing(self._writer(Path(folder) / "silence", plan.gain, None)) as writer,
        ):
            writer.write(0, np.zeros((channels, min(_SILENCE, frames)), np.float32))
            writer.finish([])
            return result._replace(lost=(*result.lost, *writer.lost))

    def _open_output(self) -> AbstractContextManager[Path | None]:
        if self._options.target == STREAM:
            return write_errors_as_failures(output_name(STREAM))
        if self._options.held_target:
            return _held(self._options)
        return atomic_write(
            self._options.target, overwrite=self._options.overwrite, sync=bool(self._options.sync)
        )

    def _writer(self, path: Path | None, gain: float, bitrate: float | None) -> Writer:
        plan, options = self._plan, self._options
        chosen, channels, frames = plan.formats[1], plan.channels[1], plan.frames[1]
        if chosen is None:
            sizes = self._reader.signals, channels, frames or 0
            assert path  # noqa: S101  # standard output cannot be .npy
            last = options.channels_last
            return NpyWriter(path, sizes, plan.dimensions_out, plan.dtype, gain, channels_last=last)
        shape, overs = (channels, frames), overs_of(options)
        dither, meta = plan.dither, plan.metadata
        return open_audio_writer(
            path, chosen, shape, meta, gain=gain, dither=dither, overs=overs, bitrate=bitrate
        )

    def _finish(self, writer: Writer, gain: float) -> RunResult:
        """Complete the output, and return the facts about it."""
        plan, reader = self._plan, self._reader
        late = Metadata(chunks=reader.late_chunks(), order=reader.meta.order)
        if late.chunks:
            late = writable_metadata(late, plan.formats[1], plan.ratio.factor, plan.channels)
        lost = [*plan.metadata.lost, *late.lost, *late.tags, *writer.finish(late.chunks), *writer.lost]
        notes = (f"{plan.target}: {note}" for note in writer.notes)
        result = RunResult.as_planned(plan)._replace(
            gain=gain,
            lost=tuple(lost),
            bitrate=writer.bitrate,
            notes=(*reader.warnings, *self._finite.notes(), *notes),
        )
        if isinstance(writer, NpyWriter):
            return result
        levels = writer.quantise.levels
        return result._replace(frames=(self._frames, levels.frames), levels=levels, is_rf64=writer.is_rf64)

    def _guard(self) -> float:
        """Return the gain that just fits the output into full scale; 1 if it fits already."""
        chosen = self._plan.formats[1]
        assert chosen  # noqa: S101  # arrays have no guard
        levels = Levels(chosen, self._plan.gain)
        for _, block in self._outputs():
            levels.watch(block)
        self._begin()  # the second pass
        dithered = self._plan.dither != "none"
        return headroom(chosen, dithered=dithered) / levels.peak if levels.overs else 1.0

    def _outputs(self) -> Iterator[tuple[int, Array]]:
        """Yield the outputs of each signal in turn."""
        for signal in range(self._reader.signals):
            with self._overlap(self._computed(signal)) as blocks:
                for block in blocks:
                    yield signal, block

    def _computed(self, signal: int) -> Iterator[Array]:
        """Yield the outputs of one signal as they are computed."""
        reader, upsampler = self._reader, self._plan.upsampler
        upsampler.reset()
        self._finite.begin()
        size, whole = block_size(self._plan.ratio, self._plan.channels), False
        with self._overlap(reader.blocks(signal, size)) as blocks:
            for block in blocks:
                whole = 0 < block.shape[1] == reader.frames  # a short file: one call is faster
                yield (upsampler if whole else upsampler.process)(self._finite(block))
                self._frames += block.shape[1]
                self._on_progress(self._frames, reader.frames, self._rate)
        if not whole:
            yield self._flush()

    def _flush(self) -> Array:
        """Return the outputs that remain after the last sample."""
        upsampler = self._plan.upsampler
        # This sets the dtype for a signal without samples.
        upsampler.process(np.empty((self._reader.channels, 0), self._reader.dtype))
        try:
            return upsampler.flush()
        except convt.ParameterError as error:
            raise too_short(self._options, error) from None
