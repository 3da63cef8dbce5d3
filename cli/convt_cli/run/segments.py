"""Segments of one long file, each computed by a separate process.

The library works on a fixed grid of blocks. A stream that begins at one of them, with enough earlier
samples for the kernel's history, therefore gives the same bytes as a stream of the whole file::

    read    |  for the history  |  blocks of the segment  |  for the cropped part  |
    made              | exact from here on ............... |
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import convt
from convt_cli.audio.pcm import PcmReader, PcmRegionWriter, is_plain
from convt_cli.audio.reader import Reader
from convt_cli.errors import Failure
from convt_cli.files.paths import STREAM
from convt_cli.kernels.selection import Ratio
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.run.prepare import block_size, open_input, overs_of, plan_run
from convt_cli.run.run_plan import RunPlan
from convt_cli.run.upsampler_cache import upsampler_cache
from convt_cli.samples.formats import Array
from convt_cli.samples.levels import Levels
from convt_cli.samples.nonfinite import NonFinitePolicy
from convt_cli.samples.quantise import Quantiser

# Output samples of a segment, all channels together: at least some hundredths of a second of work, and
# preferably half a second, compared with which computing the history again takes no time.
SEGMENT_SAMPLES, LONG_SEGMENT = 1 << 22, 1 << 25


class Segment(NamedTuple):
    """Input frames at which to begin reading, of the segment's start and of its end; its output frames."""

    read: int
    first: int
    stop: int
    outputs: tuple[int, int]


def segments_of(plan: RunPlan, reader: Reader, processes: int) -> list[Segment]:
    """Divide a run from one PCM or float file to another; return none if that is impossible or too short.

    All processes get equally many.
    """
    chosen, engine = plan.formats[1], plan.upsampler.plan
    frames, total = plan.frames
    plain = isinstance(reader, PcmReader) and reader.is_file and chosen is not None and is_plain(chosen)
    piped = STREAM in (plan.options.source, plan.options.target)
    if not plain or piped or not frames or not total or isinstance(plan.upsampler, convt.Resampler):
        return []
    taps = plan.options.dilation * (plan.kernel.taps - 1) + 1
    span = -(-taps // plan.ratio.down)  # in output samples
    back = 2 * -(-span // engine.outputs)  # blocks whose outputs are incomplete, and those before them
    samples = total * plan.channels[1]
    rounds = max(1, samples // (LONG_SEGMENT * processes))
    count = min(rounds * processes, samples // SEGMENT_SAMPLES, frames // engine.inputs // (back + 1))
    if count < 2:
        return []
    cuts = [frames // engine.inputs * cut // count for cut in range(count)]
    # Whatever is cropped, outputs are final up to a kernel's length before the end of the blocks read.
    edges = [0, *(cut * engine.outputs - span for cut in cuts[1:]), total]
    firsts = [cut * engine.inputs for cut in cuts] + [frames]
    return [
        Segment(
            max(0, firsts[n] - back * engine.inputs), firsts[n], firsts[n + 1], (edges[n], edges[n + 1])
        )
        for n in range(count)
    ]


def run_segment(
    options: UpsampleOptions,
    ratio: Ratio,
    identity: tuple[int, ...],
    gain: float,
    path: Path,
    before: int,
    segment: Segment,
) -> tuple[Levels, NonFinitePolicy]:
    """Read, compute and write a segment of an output; return its levels and its count of NaN and infinity.

    Parameters
    ----------
    options, ratio
        The options of the input, and the ratio of rates.
    identity : tuple of int
        Identity of the input file, to see whether it has changed.
    gain : float
        Factor on the output.
    path : Path
        The output while it is being written.
    before : int
        Bytes before its samples.
    segment : Segment
        The segment to write.
    """
    with (
        closing(open_input(options)) as reader,
        upsampler_cache().borrowed(options, ratio, reader, threads=1) as prepared,
    ):
        plan = plan_run(options, ratio, reader, prepared)
        chosen, channels = plan.formats[1], plan.channels[1]
        assert isinstance(reader, PcmReader)  # noqa: S101  # or there would be no segments
        assert chosen  # noqa: S101
        if reader.identity != identity:
            raise Failure(f"{plan.source}: changed while being read")
        quantiser = Quantiser(
            chosen,
            channels,
            upper=False,
            gain=gain,
            dither=plan.dither,
            overs=overs_of(options),
            start=segment.outputs[0],
        )
        finite = NonFinitePolicy(plan.source, options.nonfinite, reader.format)
        with closing(
            PcmRegionWriter(path, chosen, channels, before, segment.outputs[0], quantiser)
        ) as region:
            left = segment.outputs[1] - segment.outputs[0]
            for block in _computed(plan, reader, segment, finite):
                region.write(block[:, :left])
                left -= block.shape[1]
    return quantiser.levels, finite


def _computed(
    plan: RunPlan, reader: PcmReader, segment: Segment, finite: NonFinitePolicy
) -> Iterator[Array]:
    """Yield the outputs of a segment, and some more at its end."""
    upsampler, size = plan.upsampler, block_size(plan.ratio, plan.channels)
    upsampler.reset()
    history = NonFinitePolicy(plan.source, plan.options.nonfinite, None)  # the segment before counts these
    skip = segment.outputs[0] - int(segment.read * plan.ratio.factor)
    for start, stop, watch in (
        (segment.read, segment.first, history),
        (segment.first, segment.stop, finite),
    ):
        watch.begin(start)
        for block in reader.region(start, stop, size):
            made = upsampler.process(watch(block))
            yield made[:, skip:]
            skip = max(0, skip - made.shape[1])
    if segment.stop == reader.frames:
        yield upsampler.flush()[:, skip:]
