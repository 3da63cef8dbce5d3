"""The lines that tell people about a run."""

import math
from collections.abc import Iterator

from convt_cli.files.paths import STREAM
from convt_cli.run.run_state import Outcome, decibels
from convt_cli.samples.formats import Format, container_of_name


def files_line(outcome: Outcome) -> str:
    """Return what became of what."""
    before, after = outcome.formats
    parts = ["{} -> {} samples".format(*("unknown" if n is None else n for n in outcome.frames))]
    if before and after:
        parts.insert(0, f"{before.rate} -> {after.rate} Hz")
        parts.append(f"{after.container} {after.subtype}")
    if outcome.dither != "none":
        parts.append("dithered")
    return f"{outcome.source} -> {outcome.target}: {', '.join(parts)}"


def kernel_line(outcome: Outcome) -> str:
    """Return by which kernel."""
    kernel, delay = outcome.kernel, outcome.upsampler.delay
    made = ""
    if kernel.measured:
        edge, rejection = math.floor(1000 * kernel.measured.passband) / 1000, int(kernel.measured.rejection)
        made = f"flat to {edge:.3f}, images below -{rejection} dB, "
    stride, down = outcome.request.ratio
    ratio = f"stride {stride}" if down == 1 else f"ratio {stride}/{down}"
    return (
        f"{kernel.name}: {made}{kernel.taps} taps, {ratio},"
        f" padding {kernel.padding}, delay {delay:.6g} output samples, computed in {outcome.computed}"
    )


def time_line(outcome: Outcome) -> str:
    """Return when outputs are, in input samples."""
    stride, down = outcome.request.ratio
    late = outcome.upsampler.delay
    place = f"(j {'-' if late > 0 else '+'} {abs(late):.6g})" if abs(late) > 0 else "j"  # or if it has none
    return f"output sample j is at the time of input sample {place}*{down}/{stride}"


def plan_line(outcome: Outcome) -> str:
    """Return by which engine, and on how many threads."""
    threads = outcome.upsampler.threads
    return f"{outcome.upsampler.plan}, {'1 thread' if threads == 1 else f'up to {threads} threads'}"


def size_line(outcome: Outcome) -> str:
    """Return how large the output is, and what memory it takes to make it."""
    size = "of unknown size" if outcome.bytes_out is None else f"{outcome.bytes_out} bytes"
    return f"{outcome.target}: {size}; some {outcome.memory / 1e6:.0f} MB of memory"


def warnings(outcome: Outcome) -> Iterator[str]:
    """Yield what a user might not expect of the output."""
    source, target, request = outcome.source, outcome.target, outcome.request
    if outcome.is_copy:
        yield f"{source} has {request.rate} Hz already: {target} is a copy, unchanged by any kernel"
    yield from outcome.notes
    if outcome.frames[0] == 0:
        yield f"{source} has no samples, and so has {target}"
    if outcome.lost:
        yield f"{target}: does not keep of {source}: {', '.join(dict.fromkeys(outcome.lost))}"
    before, after = outcome.formats
    if not before or not after:
        return
    if not request.subtype and after.subtype != before.subtype:
        old, new = before.subtype, after.subtype
        yield f"{target}: {after.container} cannot hold {old} samples; they are {new}"
    if outcome.is_rf64 and after.container != "RF64":
        yield f"{target}: is RF64, since a WAV file cannot hold more than 4 GB"
    if request.target != STREAM and _is_misnamed(outcome, after):
        yield f"{target}: is a {after.container} file, which its name does not say"
    yield from _levels(outcome, after)


def _is_misnamed(outcome: Outcome, after: Format) -> bool:
    request = outcome.request
    named = container_of_name(request.target)
    if request.container:
        return named != after.container and after.container not in ("WAVEX", "RF64")
    return not named and request.target.suffix != request.source.suffix


def _levels(outcome: Outcome, after: Format) -> Iterator[str]:
    target, levels, overs = outcome.target, outcome.levels, outcome.request.overs
    if levels and levels.not_finite:
        yield f"{target}: {levels.not_finite} sample(s) are not finite numbers, and were kept"
    if levels and levels.overs:
        fate = "kept" if after.is_real and overs != "clip" else "clipped"
        yield (
            f"{target}: {levels.overs} sample(s) beyond full scale were {fate};"
            f" peak {decibels(levels.peak):+.2f} dBFS at {outcome.peak_at:.6f} s"
        )
    if overs == "guard" and outcome.gain < 10 ** (outcome.request.gain / 20):
        yield f"{target}: its level is {decibels(outcome.gain):+.2f} dB, so that nothing clips"
