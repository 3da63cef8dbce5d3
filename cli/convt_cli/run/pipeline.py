"""One input through the library: open, read, compute and write side by side."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

import numpy as np

import convt
from convt_cli.audio.metadata import Metadata
from convt_cli.audio.npy import NpyWriter
from convt_cli.audio.pcm import PcmReader, PcmWriter, is_plain
from convt_cli.audio.reader import Reader
from convt_cli.audio.source import copy_all, open_output
from convt_cli.audio.writer import Writer, open_audio_writer, writable_metadata
from convt_cli.errors import Failure, ReaderGone, Unwritable, library_errors_as_failures
from convt_cli.files.atomic_write import atomic_write, check_stream, check_target
from convt_cli.files.paths import STREAM, input_name, output_name
from convt_cli.options.upsample_options import Request
from convt_cli.run.compare_spectra import check_dtype, check_plot, plot
from convt_cli.run.prefetch import ahead
from convt_cli.run.prepare import begin, block_size, check_streams, open_input, overs_of, too_short
from convt_cli.run.rates import with_ratio
from convt_cli.run.run_state import Outcome
from convt_cli.run.segments import make_segment, segments_of
from convt_cli.run.upsampler_cache import shared_streams
from convt_cli.run.workers import cores, workers
from convt_cli.samples.formats import Array
from convt_cli.samples.levels import Levels, headroom
from convt_cli.samples.nonfinite import NonFinitePolicy

Watch = Callable[[int, int | None], None]
_REHEARSED = 4096  # frames
Overlap = Callable[[Iterable[Array]], AbstractContextManager[Iterable[Array]]]


def run(request: Request, watch: Watch, *, threads: int | None = None) -> Outcome:
    """Upsample one input.

    Parameters
    ----------
    request : Request
        What is to be done.
    watch : callable
        Is told, time and again, the frames that have been read and how many there are (None: nobody
        knows). What it raises ends the run.
    threads : int or None
        With 1 everything happens in the caller's thread. Else a long file is divided among processes, or
        reading, computing and writing overlap.

    Raises
    ------
    Failure
        With the one line that says why not; nothing of the output is left.
    """
    begun = time.perf_counter()
    check_streams(request)
    with _told(request), closing(open_input(request)) as reader:
        request = with_ratio(request, reader)
        _check_target(request)
        check_plot(request)
        outcome = begin(request, reader, shared_streams().get(request, reader, threads))
        check_dtype(outcome)
        run = _Run(outcome, reader, watch, nullcontext if threads == 1 else ahead)
        run.rehearse() if request.dry_run else run.upsample()
    shared_streams().keep()
    outcome.seconds = time.perf_counter() - begun
    plot(outcome)
    return outcome


def warm_up(request: Request) -> None:
    """Prepare the stream of an input, for processes that are going to be forked.

    Raises
    ------
    Failure
        As of :func:`run`.
    """
    with _told(request), closing(open_input(request)) as reader:
        shared_streams().warm_up(with_ratio(request, reader), reader)


@contextmanager
def _told(request: Request) -> Iterator[None]:
    """Turn what is raised into what the user is to read."""
    try:
        with library_errors_as_failures():
            yield
    except Unwritable as error:
        raise Failure(f"{output_name(request.target)}: {error}") from None
    except BrokenProcessPool:
        name = input_name(request.source)
        raise Failure(f"{name}: what worked on it has been killed; was there enough memory?") from None
    except MemoryError as error:
        raise Failure(f"{input_name(request.source)}: needs more memory than there is: {error}") from None


def _check_target(request: Request) -> None:
    """Refuse an output that cannot be; make the folder that is to hold it, if that is asked for."""
    if request.target == STREAM:
        check_stream(request.inputs)
        return
    folder = request.target.parent
    if request.makes_folder and not request.dry_run:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Failure(f"{folder}: cannot be made: {error.strerror}") from None
    if folder.exists() or not request.makes_folder:
        check_target(request.target, request.inputs, overwrite=request.overwrite)


class _Run:
    """A run from samples to samples."""

    def __init__(self, outcome: Outcome, reader: Reader, watch: Watch, overlap: Overlap) -> None:
        self._outcome, self._reader = outcome, reader
        self._watch, self._overlap = watch, overlap
        self._request, self._upsampler = outcome.request, outcome.upsampler
        self._begin()

    def _begin(self) -> None:
        name = input_name(self._request.source)
        self._finite = NonFinitePolicy(name, self._request.nonfinite, self._reader.format)
        self._frames = 0

    def upsample(self) -> None:
        """Write the output, whole or not at all."""
        if self._request.overs == "guard":
            self._outcome.gain *= self._guard()
        try:
            with self._place() as path:
                self._copy(path) if self._outcome.is_copy else self._write(path)
                self._outcome.bytes_out = path.stat().st_size if path else None
        except BrokenPipeError:
            raise ReaderGone from None
        except OSError as error:
            raise Failure(
                f"{output_name(self._request.target)}: cannot be written: {error.strerror}"
            ) from None

    def _copy(self, path: Path | None) -> None:
        with open_output(path) as target:
            copy_all(self._request.source, target)

    def _write(self, path: Path | None) -> None:
        with closing(self._writer(path)) as writer:
            if not self._divided(path, writer):
                for signal, block in self._outputs():
                    writer.write(signal, block)
            self._finish(writer)

    def _divided(self, path: Path | None, writer: Writer) -> bool:
        """Have processes make the output, if it can be divided among them and is worth it."""
        count = 1 if self._overlap is nullcontext else cores()
        segments = segments_of(self._outcome, self._reader, count) if count > 1 else []
        reader = self._reader
        if not (segments and path and isinstance(writer, PcmWriter) and isinstance(reader, PcmReader)):
            return False
        shared_streams().warm_up(self._request, self._reader)
        told = (self._request, reader.identity, self._outcome.gain, path, writer.reserve())
        with workers(min(count, len(segments))) as submit:
            futures = [submit(make_segment, *told, segment) for segment in segments]
            for segment, future in zip(segments, futures, strict=True):
                levels, finite = future.result()
                writer.quantise.levels.add(levels)
                self._finite.add(finite)
                self._frames = segment.stop
                self._watch(self._frames, self._reader.frames)
        return True

    def rehearse(self) -> None:
        """Refuse a format that cannot hold the output, as far as some frames of silence show it."""
        chosen, channels, frames = (
            self._outcome.formats[1],
            self._outcome.channels[1],
            self._outcome.frames[1],
        )
        if chosen is None or frames is None or is_plain(chosen):
            return
        with (
            tempfile.TemporaryDirectory(prefix="convt-") as folder,
            closing(self._writer(Path(folder) / "silence")) as writer,
        ):
            writer.write(0, np.zeros((channels, min(_REHEARSED, frames)), np.float32))
            writer.finish([])
            self._outcome.lost += writer.lost

    def _place(self) -> AbstractContextManager[Path | None]:
        if self._request.target == STREAM:
            return nullcontext(None)
        return atomic_write(self._request.target, overwrite=self._request.overwrite)

    def _writer(self, path: Path | None) -> Writer:
        outcome, reader, request = self._outcome, self._reader, self._request
        chosen, channels, frames = outcome.formats[1], outcome.channels[1], outcome.frames[1]
        if chosen is None:
            dimensions = outcome.dimensions_out
            sizes = reader.signals, channels, frames or 0
            assert path  # noqa: S101  # standard output is not called .npy
            last = request.channels_last
            return NpyWriter(path, sizes, dimensions, outcome.dtype, outcome.gain, channels_last=last)
        return open_audio_writer(
            path,
            chosen,
            (channels, frames),
            outcome.meta,
            gain=outcome.gain,
            dither=outcome.dither,
            overs=overs_of(request),
        )

    def _finish(self, writer: Writer) -> None:
        """Complete the output, and the facts about it."""
        outcome = self._outcome
        outcome.notes = [*self._reader.warnings, *self._finite.notes()]
        late = Metadata(chunks=self._reader.late_chunks(), order=self._reader.meta.order)
        if late.chunks:
            late = writable_metadata(late, outcome.formats[1], self._request.ratio.factor, outcome.channels)
        outcome.lost += late.lost + list(late.tags) + writer.finish(late.chunks) + writer.lost
        if isinstance(writer, NpyWriter):
            return
        outcome.levels = writer.quantise.levels
        outcome.frames = (self._frames, outcome.levels.frames)
        outcome.is_rf64 = writer.is_rf64

    def _guard(self) -> float:
        """Return the gain that just fits what is computed into full scale, 1 if it fits as it is."""
        chosen = self._outcome.formats[1]
        assert chosen  # noqa: S101  # there is no guard for arrays
        levels = Levels(chosen, self._outcome.gain)
        for _, block in self._outputs():
            levels.watch(block)
        self._begin()  # the second pass
        dithered = self._outcome.dither != "none"
        return headroom(chosen, dithered=dithered) / levels.peak if levels.overs else 1.0

    def _outputs(self) -> Iterator[tuple[int, Array]]:
        """Yield the outputs of each signal in turn."""
        for signal in range(self._reader.signals):
            with self._overlap(self._computed(signal)) as blocks:
                for block in blocks:
                    yield signal, block

    def _computed(self, signal: int) -> Iterator[Array]:
        """Yield the outputs of one signal as they are computed."""
        reader, upsampler = self._reader, self._upsampler
        upsampler.reset()
        self._finite.begin()
        size, whole = block_size(self._request, self._outcome.channels), False
        with self._overlap(reader.blocks(signal, size)) as blocks:
            for block in blocks:
                whole = 0 < block.shape[1] == reader.frames  # as clips are: at once is quicker
                yield (upsampler if whole else upsampler.process)(self._finite(block))
                self._frames += block.shape[1]
                self._watch(self._frames, reader.frames)
        if not whole:
            yield self._rest()

    def _rest(self) -> Array:
        """Return the outputs that no further sample changes."""
        # Of a signal without a sample this tells the dtype.
        self._upsampler.process(np.empty((self._reader.channels, 0), self._reader.dtype))
        try:
            return self._upsampler.flush()
        except convt.ParameterError as error:
            raise too_short(self._request, error) from None
