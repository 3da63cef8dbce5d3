"""What went in and what came out of a run, in a picture: both files are read once more."""

from contextlib import closing
from pathlib import Path

from convt_cli.audio.reader import Raw, Reader, open_reader
from convt_cli.errors import Failure
from convt_cli.plots.spectrum import Spectrum
from convt_cli.plots.spectrum_plot import draw_spectra
from convt_cli.run.prepare import open_input
from convt_cli.run.run_plan import RunPlan, RunResult

_WINDOW = 4096  # samples of the input, at least
_BLOCK = 1 << 18  # samples that are read at a time


def plot_spectra(result: RunResult, path: Path) -> None:
    """Draw the spectra of input and output."""
    try:
        _plot(result, path)
    except Failure as failure:
        raise Failure(f"{failure}; {result.plan.target} was written") from None


def _plot(result: RunResult, path: Path) -> None:
    plan = result.plan
    options, (stride, down) = plan.options, plan.ratio
    periods = 2 * -(-_WINDOW // (2 * down))  # of the ratio, so that both windows last as long
    before, after = Spectrum(periods * down), Spectrum(periods * stride)
    with closing(open_input(options)) as reader:
        rate = reader.format.rate if reader.format else None
        _add(before, reader)
    with closing(_open_output(plan)) as reader:
        _add(after, reader)
    names = (str(options.source), str(options.target))
    factor = float(plan.ratio.factor)
    overs, overwrite = _overs(result), options.overwrite
    draw_spectra(path, names, (before, after), factor, rate, overs=overs, overwrite=overwrite)


def _overs(result: RunResult) -> str:
    """Tell what became of samples beyond full scale; of arrays and copies, nothing is known."""
    if not result.levels:
        return ""
    count = result.levels.overs
    number = f"{count or 'no'} sample{'' if count == 1 else 's'}"
    return f"{number} clipped" if result.is_clipped or not count else f"{number} beyond full scale kept"


def _open_output(plan: RunPlan) -> Reader:
    chosen, raw, options = plan.formats[1], None, plan.options
    if chosen and chosen.container == "RAW":
        raw = Raw(chosen.rate, plan.channels[1], chosen.subtype)
    last = options.channels_last
    return open_reader(options.target, "float64", raw=raw, again=False, truncated=False, channels_last=last)


def _add(spectrum: Spectrum, reader: Reader) -> None:
    for signal in range(reader.signals):
        spectrum.add(reader.blocks(signal, max(1, _BLOCK // reader.channels)))
