"""The lines that people read about a run."""

import math
from collections.abc import Iterator

from convt_cli.audio.bitrate import is_lower
from convt_cli.files.paths import STREAM
from convt_cli.run.run_plan import RunPlan, RunResult
from convt_cli.samples.formats import Format, container_of_name
from convt_cli.samples.levels import decibels


def notes(result: RunResult) -> Iterator[str]:
    """Yield the lines about files and kernel."""
    plan = result.plan
    if not plan.is_copy:
        yield files_line(result)
        yield kernel_line(plan)
        if plan.ratio.down > 1:
            yield time_line(plan)
    if plan.options.dry_run:
        yield size_line(result)


def files_line(result: RunResult) -> str:
    """Return the line about input and output."""
    plan = result.plan
    before, after = plan.formats
    parts = ["{} -> {} samples".format(*("unknown" if n is None else n for n in result.frames))]
    if before and after:
        parts.insert(0, f"{before.rate} -> {after.rate} Hz")
        bitrate = f", {result.bitrate / 1000:.0f} kb/s" if result.bitrate else ""
        parts.append(f"{after.container} {after.subtype}{bitrate}")
    if plan.dither != "none":
        parts.append("dithered")
    return f"{plan.source} -> {plan.target}: {', '.join(parts)}"


def kernel_line(plan: RunPlan) -> str:
    """Return the line about the kernel."""
    kernel, delay = plan.kernel, plan.upsampler.delay
    made = ""
    if kernel.measured:
        edge, rejection = math.floor(1000 * kernel.measured.passband) / 1000, int(kernel.measured.rejection)
        rejected = "images" if plan.ratio.factor > 1 else "aliases"
        made = f"flat to {edge:.3f}, {rejected} below -{rejection} dB, "
    stride, down = plan.ratio
    ratio = f"stride {stride}" if down == 1 else f"ratio {stride}/{down}"
    steps = " and a chirp-z transform" if plan.upsampler.plan.engine == "chirp" else ""
    return (
        f"{kernel.name}: {made}{kernel.taps} taps{steps}, {ratio},"
        f" padding {kernel.padding}, delay {delay:.6g} output samples, computed in {plan.compute_dtype}"
    )


def time_line(plan: RunPlan) -> str:
    """Return when outputs are, in input samples."""
    stride, down = plan.ratio
    late = plan.upsampler.delay
    place = f"(j {'-' if late > 0 else '+'} {abs(late):.6g})" if abs(late) > 0 else "j"  # or if it has none
    return f"output sample j is at the time of input sample {place}*{down}/{stride}"


def engine_line(plan: RunPlan) -> str:
    """Return the line about the engine and its threads."""
    threads = plan.upsampler.threads
    return f"{plan.upsampler.plan}, {'1 thread' if threads == 1 else f'up to {threads} threads'}"


def size_line(result: RunResult) -> str:
    """Return how large the output is, and how much memory the run takes."""
    size = "of unknown size" if result.bytes_out is None else f"{result.bytes_out} bytes"
    return f"{result.plan.target}: {size}; some {result.plan.memory / 1e6:.0f} MB of memory"


def losses(result: RunResult) -> Iterator[str]:
    """Yield what the output lacks of the input."""
    plan, levels = result.plan, result.levels
    yield from result.notes
    names = [name for name in dict.fromkeys(result.lost) if name != "software"]  # of an encoder, mostly
    if names:
        hint = f"; {plan.metadata.hint}" if plan.metadata.hint else ""
        yield f"{plan.target}: does not keep of {plan.source}: {', '.join(names)}{hint}"
    before, after = plan.bitrates[0], result.bitrate
    if before and after and is_lower(after, before) and not plan.options.bitrate:
        rates = f"has {after / 1000:.0f} kb/s, and {plan.source} {before / 1000:.0f}"
        yield f"{plan.target}: {rates}: the encoder makes no more"
    if levels and levels.overs and result.is_clipped:
        yield _overs(result, "clipped")


def warnings(result: RunResult) -> Iterator[str]:
    """Yield what else a user might not expect of the output."""
    plan = result.plan
    source, target, options = plan.source, plan.target, plan.options
    if plan.is_copy:
        own = plan.formats[0].rate if plan.formats[0] else options.rate
        why = (
            "already"
            if own == options.rate
            else f"and --only-{'up' if options.only_up else 'down'} keeps it"
        )
        yield f"{source} has {own} Hz {why}: {target} is a copy, unchanged by any kernel"
    if result.frames[0] == 0:
        yield f"{source} has no samples, and so has {target}"
    before, after = plan.formats
    if not before or not after:
        return
    if not options.subtype and after.subtype != before.subtype:
        old, new = before.subtype, after.subtype
        yield f"{target}: {after.container} cannot hold {old} samples; they are {new}"
    if result.is_rf64 and after.container != "RF64":
        yield f"{target}: is RF64, since a WAV file cannot hold more than 4 GB"
    if options.target != STREAM and _is_misnamed(plan, after):
        yield f"{target}: is a {after.container} file, which its name does not say"
    yield from _level_warnings(result)


def _is_misnamed(plan: RunPlan, after: Format) -> bool:
    options = plan.options
    named = container_of_name(options.target)
    if options.container:
        return named != after.container and after.container not in ("WAVEX", "RF64")
    return not named and options.target.suffix != options.source.suffix


def _overs(result: RunResult, fate: str) -> str:
    assert result.levels  # noqa: S101  # or nothing was counted
    return (
        f"{result.plan.target}: {result.levels.overs} sample(s) beyond full scale were {fate};"
        f" peak {decibels(result.levels.peak):+.2f} dBFS at {result.peak_at:.6f} s"
    )


def _level_warnings(result: RunResult) -> Iterator[str]:
    target, levels, options = result.plan.target, result.levels, result.plan.options
    if levels and levels.not_finite:
        yield f"{target}: {levels.not_finite} sample(s) are not finite numbers, and were kept"
    if levels and levels.overs and not result.is_clipped:
        yield _overs(result, "kept")
    if options.overs == "guard" and result.gain < 10 ** (options.gain / 20):
        yield f"{target}: its level is {decibels(result.gain):+.2f} dB, so that nothing clips"
