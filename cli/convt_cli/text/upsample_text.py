"""The lines that people read about a run."""

import math
from collections.abc import Iterator

from convt_cli.audio.bitrate import is_lower
from convt_cli.files.paths import STREAM
from convt_cli.run.run_plan import RunPlan, RunResult
from convt_cli.samples.formats import Format, container_of_name
from convt_cli.samples.levels import decibels

DRY_RUN_HEADER = ("input", "output", "rate", "format", "samples", "bytes")
_ALIGNED = 1e-3  # output samples
_CODERS = {
    "VORBIS": "Ogg Vorbis",
    "OPUS": "Opus",
    "MPEG_LAYER_III": "MP3",
    "ULAW": "u-law",
    "ALAW": "A-law",
}


def notes(result: RunResult) -> Iterator[str]:
    """Yield the lines that a user acts on: the files, the filter, the alignment."""
    yield copy_line(result.plan) if result.plan.is_copy else files_line(result)
    if result.plan.options.dry_run:
        yield size_line(result)


def copy_line(plan: RunPlan) -> str:
    """Return the line about a file that is only copied."""
    rate = plan.formats[0].rate if plan.formats[0] else plan.options.rate
    if rate == plan.options.rate:
        return f"{plan.source} -> {plan.target}: already at {rate / 1000:g} kHz, copied"
    kept = f"--only-{'up' if plan.options.only_up else 'down'}"
    return f"{plan.source} -> {plan.target}: at {rate / 1000:g} kHz, copied ({kept})"


def details(result: RunResult) -> Iterator[str]:
    """Yield the lines that ``--verbose`` adds."""
    plan = result.plan
    if plan.is_copy:
        return
    yield "{} -> {} samples".format(*("unknown" if n is None else n for n in result.frames))
    yield kernel_line(plan)
    if plan.ratio.down > 1:
        yield time_line(plan)
    yield engine_line(plan)


def files_line(result: RunResult) -> str:
    """Return the line about input and output, the filter and the alignment."""
    plan = result.plan
    before, after = plan.formats
    if before and after:
        bitrate = f" {result.bitrate / 1000:.0f} kb/s" if result.bitrate else ""
        dithered = " (dithered)" if plan.dither != "none" else ""
        parts = [f"{before.rate / 1000:g} -> {after.rate / 1000:g} kHz"]
        parts.append(f"{format_words(after)}{bitrate}{dithered}")
    else:
        parts = ["{} -> {} samples".format(*("unknown" if n is None else n for n in result.frames))]
    parts += [filter_words(plan), alignment(plan)]
    return f"{plan.source} -> {plan.target}: {', '.join(parts)}"


def format_words(chosen: Format) -> str:
    """Return a file type and its sample format in words."""
    if chosen.subtype.startswith("PCM_"):
        return f"{chosen.bits}-bit {chosen.container}"
    if chosen.subtype in ("FLOAT", "DOUBLE"):
        return f"{chosen.bits}-bit float {chosen.container}"
    return _CODERS.get(chosen.subtype, f"{chosen.container} {chosen.subtype}")


def filter_words(plan: RunPlan) -> str:
    """Return which filter or kernel was used, and what a designed one does."""
    kernel, measured = plan.kernel, plan.kernel.measured
    if not measured:
        return f"kernel {kernel.name}" if plan.options.weights else "no filter"
    low = min(each.rate for each in plan.formats if each) if all(plan.formats) else 0
    edge = math.floor(1000 * measured.passband) / 1000
    flat = f"{edge * low / 2000:.4g} kHz" if low else f"{edge:.3f}"
    rejected = "images" if plan.ratio.factor > 1 else "aliases"
    spec = plan.options.filter_spec
    name = "custom" if spec.passband or spec.rejection else spec.quality or "high"
    phase = "minimum phase, " if spec.phase == "minimum" else ""
    return f"filter {name} ({phase}flat to {flat}, {rejected} < -{int(measured.rejection)} dB)"


def alignment(plan: RunPlan) -> str:
    """Return whether the output is aligned with the input, or by how much it is late."""
    late = plan.upsampler.delay
    if abs(late) < _ALIGNED:
        return "aligned"
    return (
        f"{abs(late):.4g} samples {'late' if late > 0 else 'early'}"
        if math.isfinite(late)
        else "delay unknown"
    )


def kernel_line(plan: RunPlan) -> str:
    """Return the line about the kernel."""
    stride, down = plan.ratio
    ratio = f"stride {stride}" if down == 1 else f"ratio {stride}/{down}"
    steps = " and a chirp-z transform" if plan.upsampler.plan.engine == "chirp" else ""
    return (
        f"{plan.kernel.name}: {plan.kernel.taps} taps{steps}, {ratio}, padding {plan.kernel.padding},"
        f" delay {plan.upsampler.delay:.6g} output samples, computed in {plan.compute_dtype}"
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
    samples = "an unknown number of" if result.frames[1] is None else result.frames[1]
    size = "unknown size" if result.bytes_out is None else f"{result.bytes_out} bytes"
    memory = f"about {result.plan.memory / 1e6:.0f} MB of memory"
    return f"{result.plan.target}: {samples} samples, {size}; {memory}"


def dry_run_row(result: RunResult) -> tuple[str, ...]:
    """Return what would become of an input, in the columns of `DRY_RUN_HEADER`."""
    plan = result.plan
    before, after = plan.formats
    rates = f"{before.rate / 1000:g} -> {after.rate / 1000:g} kHz" if before and after else ""
    words = "copy" if plan.is_copy else format_words(after) if after else str(plan.dtype)
    samples, size = (str(n) if n is not None else "?" for n in (result.frames[1], result.bytes_out))
    return plan.source, plan.target, rates, words, samples, size


def losses(result: RunResult) -> Iterator[str]:
    """Yield what the output lacks of the input."""
    plan, levels = result.plan, result.levels
    yield from result.notes
    names = [name for name in dict.fromkeys(result.lost) if name != "software"]  # of an encoder, mostly
    if names:
        hint = f"; {plan.metadata.hint}" if plan.metadata.hint else ""
        yield f"{plan.target}: not copied from {plan.source}: {', '.join(names)}{hint}"
    before, after = plan.bitrates[0], result.bitrate
    if before and after and is_lower(after, before) and not plan.options.bitrate:
        rates = f"{after / 1000:.0f} kb/s, {plan.source} has {before / 1000:.0f}"
        yield f"{plan.target}: {rates}: this encoder goes no higher"
    if levels and levels.overs and result.is_clipped:
        yield _overs(result, "clipped")


def warnings(result: RunResult) -> Iterator[str]:
    """Yield what else a user might not expect of the output."""
    plan = result.plan
    source, target, options = plan.source, plan.target, plan.options
    yield from plan.advice
    if result.frames[0] == 0:
        yield f"{source} has no samples, so {target} has none either"
    before, after = plan.formats
    if not before or not after:
        return
    other = after.subtype != before.subtype and not options.subtype
    if other and not (after.subtype in _CODERS and after.container != before.container):
        yield f"{target}: written as {format_words(after)}: {after.container} cannot hold {before.subtype}"
    if result.is_rf64 and after.container != "RF64":
        yield f"{target}: written as RF64, as a WAV file cannot exceed 4 GB"
    if options.target != STREAM and _is_misnamed(plan, after):
        yield f"{target}: contains {after.container} data, despite its name"
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
        f"{result.plan.target}: {result.levels.overs} sample(s) beyond full scale {fate};"
        f" peak {decibels(result.levels.peak):+.2f} dBFS at {result.peak_at:.6f} s"
    )


def _level_warnings(result: RunResult) -> Iterator[str]:
    target, levels, options = result.plan.target, result.levels, result.plan.options
    if levels and levels.not_finite:
        yield f"{target}: {levels.not_finite} sample(s) are NaN or infinite"
    if levels and levels.overs and not result.is_clipped:
        yield _overs(result, "kept")
    if options.overs == "guard" and result.gain < 10 ** (options.gain / 20):
        yield f"{target}: level changed by {decibels(result.gain):+.2f} dB to avoid clipping"
