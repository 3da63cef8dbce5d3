"""Spectra and spectrograms of input and output, as a plot: both files are read again."""

import math
from contextlib import closing
from pathlib import Path

from convt_cli.audio.reader import Raw, Reader, open_reader
from convt_cli.errors import Failure
from convt_cli.files.source import at_hand
from convt_cli.plots.spectrogram import Spectrogram
from convt_cli.plots.spectrum import Spectrum
from convt_cli.plots.spectrum_plot import Side, draw_spectra
from convt_cli.run.prepare import open_input
from convt_cli.run.run_plan import RunPlan, RunResult

_WINDOW = 4096  # samples of the input in a spectrum's window, at least
_MOMENT = 0.06  # seconds in a spectrogram's window, about
_MOMENT_SAMPLES = 1024  # the same for arrays without a rate
_BLOCK = 1 << 18  # samples that are read at a time


def plot_spectra(result: RunResult, path: Path) -> None:
    """Draw the spectra and spectrograms of input and output."""
    try:
        _plot(result, path)
    except Failure as failure:
        raise Failure(f"{failure}; {result.plan.target} was written") from None


def _plot(result: RunResult, path: Path) -> None:
    plan = result.plan
    options, (stride, down), factor = plan.options, plan.ratio, float(plan.ratio.factor)
    periods = 2 * -(-_WINDOW // (2 * down))  # of the ratio, so that both windows last equally long
    with closing(open_input(options)) as reader:
        rate = reader.format.rate if reader.format else None
        moment = 1 << round(math.log2(_MOMENT * rate)) if rate else _MOMENT_SAMPLES
        before = _measured(str(options.source), reader, periods * down, moment)
    with at_hand(options.target) as held, closing(_open_output(plan, held)) as reader:
        after = _measured(str(options.target), reader, periods * stride, moment * factor)
    draw_spectra(path, (before, after), factor, rate, overs=_overs(result), overwrite=options.overwrite)


def _overs(result: RunResult) -> str:
    """Describe the treatment of samples beyond full scale; empty for arrays and copies."""
    if not result.levels:
        return ""
    count = result.levels.overs
    number = f"{count or 'no'} sample{'' if count == 1 else 's'}"
    return f"{number} clipped" if result.is_clipped or not count else f"{number} beyond full scale, kept"


def _open_output(plan: RunPlan, held: Path | None) -> Reader:
    chosen, raw, options = plan.formats[1], None, plan.options
    if chosen and chosen.container == "RAW":
        raw = Raw(chosen.rate, plan.channels[1], chosen.subtype)
    last = options.channels_last
    return open_reader(
        options.target, "float64", raw=raw, again=False, truncated=False, channels_last=last, held=held
    )


def _measured(name: str, reader: Reader, window: int, moment: float) -> Side:
    """Measure a file with windows of these lengths, for the spectrum and for the spectrogram."""
    spectrum, spectrogram = Spectrum(window), Spectrogram(max(4, 4 * round(moment / 4)))
    for signal in range(reader.signals):
        blocks = reader.blocks(signal, max(1, _BLOCK // reader.channels))
        spectrum.add(spectrogram.passing(blocks))
    return Side(name, spectrum, spectrogram)
