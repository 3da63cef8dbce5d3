"""The work of ``convt lines``: measure tonal lines in audio."""

import math
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from typing import Any

import convt
from convt_cli.audio.reader import open_reader
from convt_cli.errors import Failure, Misuse
from convt_cli.files.paths import STREAM, input_name
from convt_cli.options.lines_options import LinesOptions
from convt_cli.plots.layers_plot import draw_levels
from convt_cli.plots.style import check_plot_path
from convt_cli.text import report
from convt_cli.text.report import json_number

_BLOCK = 1 << 18  # samples that are read at a time
_PLAIN = 3.0  # dB: lines of speech and music are below
_LOUD = 15.0  # dB: single bins of speech and music are below


def measure_lines(options: LinesOptions) -> None:
    """Print the levels of the lines of each layer."""
    if options.plot:
        sources = [] if options.source == STREAM else [options.source]
        check_plot_path(options.plot, sources, overwrite=options.overwrite)
    name, suffix = input_name(options.source), options.source.suffix.lower()
    if suffix in (".safetensors", ".npz"):
        raise Misuse(
            f"{name}: is a checkpoint, and lines measures the output of a decoder: use convt inspect {name}"
            " --layers 'ups.*' --strides 8,8,2,2"
        )
    try:
        meter = convt.LineMeter(options.strides)
    except convt.ParameterError as error:
        raise Misuse(f"--{error}: name the strides of the upsampling layers, such as 8,8,2,2") from None
    with closing(open_reader(options.source, None, raw=None, again=False, truncated=False)) as reader:
        rate = reader.format.rate if reader.format else options.rate
        if reader.signals != 1:
            raise Failure(f"{name}: {reader.signals} signals; lines measures one, (L,) or (C, L)")
        try:
            for block in reader.blocks(0, max(1, _BLOCK // reader.channels)):
                meter.add(block)
            levels = meter.result()
        except (convt.ParameterError, convt.ParameterTypeError) as error:
            raise Failure(f"{name}: {error}") from None
    if options.plot:
        draw_levels(options.plot, name, levels, rate, overwrite=options.overwrite)
    if options.as_json:
        report.print_json(_as_json(name, levels, options.strides, rate))
        return
    for line in _lines(name, levels, options.strides, rate):
        report.print_line(line)


def _lines(
    name: str, levels: convt.LineLevels, strides: tuple[int, ...], rate: int | None
) -> Iterator[str]:
    yield f"{name}: lines compared with the spectrum around them; layers count from 0"
    for number, stride in enumerate(strides):
        own = levels.lines[number]
        if not own.size:
            yield f"  layer {number}, stride {stride}: no lines"
            continue
        spacing = Fraction(1, math.prod(strides[number:]))
        base = f"{float(spacing) * rate:.5g} Hz" if rate else f"{float(spacing):.4g} of the sample rate"
        loudest = own.argmax()
        at = levels.frequencies[number][loudest]
        place = f"{at * rate:.5g} Hz" if rate else f"{at:.4g}"
        count = f"{own.size} lines at multiples of {base}" if own.size > 1 else f"1 line at {place}"
        more = f", the loudest {own[loudest]:+.1f} dB at {place}" if own.size > 1 else ""
        yield f"  layer {number}, stride {stride}: {levels.levels[number]:+.1f} dB, {count}{more}"
    yield f"  {_verdict(levels)}"


def _verdict(levels: convt.LineLevels) -> str:
    loudest = int(levels.levels.argmax())
    level = levels.levels[loudest]
    if level >= _PLAIN:
        return f"The lines of layer {loudest} rise most above the spectrum around them: {level:.1f} dB."
    tops = [own.max(initial=0.0) for own in levels.lines]
    single = max(range(len(tops)), key=tops.__getitem__)
    if tops[single] < _LOUD:
        return f"No layer has lines: all are below {_PLAIN:g} dB, as in speech and music."
    return (
        f"No layer has lines on average, but one tone rises by {tops[single]:.1f} dB, at a multiple of the"
        f" input rate of layer {single}. Check the strides: their product is the hop size of the decoder."
    )


def _as_json(
    name: str, levels: convt.LineLevels, strides: tuple[int, ...], rate: int | None
) -> dict[str, Any]:
    unit = rate or 1
    return {
        "source": name,
        "frequency_unit": "Hz" if rate else "sample rate",
        "layers": [
            {
                "stride": stride,
                "input_rate": unit / math.prod(strides[number:]),
                "level_db": json_number(float(levels.levels[number])),
                "lines": [
                    {"frequency": float(at) * unit, "level_db": json_number(float(level))}
                    for at, level in zip(levels.frequencies[number], levels.lines[number], strict=True)
                ],
            }
            for number, stride in enumerate(strides)
        ],
        "verdict": _verdict(levels),
    }
