"""What went in and what came out of a run, in a picture: both files are read once more."""

from contextlib import closing
from pathlib import Path

from convt_cli.audio.reader import Raw, Reader, open_reader
from convt_cli.errors import Failure, Misuse
from convt_cli.files.paths import STREAM
from convt_cli.options.upsample_options import Request
from convt_cli.plots.spectrum import Spectrum
from convt_cli.plots.spectrum_plot import draw_spectra
from convt_cli.plots.style import check_plot_path
from convt_cli.run.prepare import open_input
from convt_cli.run.run_state import Outcome

_WINDOW = 4096  # samples of the input, at least
_BLOCK = 1 << 18  # samples that are read at a time


def check_plot(request: Request) -> None:
    """Refuse a picture that cannot be drawn, before any work is done.

    Raises
    ------
    Failure, Misuse
        With what is in the way.
    """
    if request.plot is None:
        return
    if STREAM in (request.source, request.target):
        raise Misuse("--plot reads input and output once more: name files, not standard streams")
    if request.dry_run:
        raise Misuse("--plot draws what was made, and --dry-run makes nothing: use one of them")
    check_plot_path(request.plot, [*request.inputs, request.target], overwrite=request.overwrite)


def check_dtype(outcome: Outcome) -> None:
    """Refuse a picture of complex signals, before any work is done.

    Raises
    ------
    Misuse
        With what is in the way.
    """
    if outcome.request.plot and outcome.dtype.kind == "c":
        raise Misuse(f"{outcome.request.plot}: complex signals have no picture: leave out --plot")


def plot(outcome: Outcome) -> None:
    """Draw the spectra of input and output, if that is asked for.

    Raises
    ------
    Failure
        A file cannot be read again, or the picture cannot be written.
    """
    if outcome.request.plot is None:
        return
    try:
        _plot(outcome, outcome.request.plot)
    except Failure as failure:
        raise Failure(f"{failure}; {outcome.target} is finished") from None


def _plot(outcome: Outcome, path: Path) -> None:
    request = outcome.request
    stride, down = request.ratio
    periods = 2 * -(-_WINDOW // (2 * down))  # of the ratio, so that both windows last as long
    before, after = Spectrum(periods * down), Spectrum(periods * stride)
    with closing(open_input(request)) as reader:
        rate = reader.format.rate if reader.format else None
        _add(before, reader)
    with closing(_made(outcome, request.target)) as reader:
        _add(after, reader)
    names = (str(request.source), str(request.target))
    draw_spectra(
        path, names, (before, after), float(request.ratio.factor), rate, overwrite=request.overwrite
    )


def _made(outcome: Outcome, path: Path) -> Reader:
    chosen, raw = outcome.formats[1], None
    if chosen and chosen.container == "RAW":
        raw = Raw(chosen.rate, outcome.channels[1], chosen.subtype)
    last = outcome.request.channels_last
    return open_reader(path, "float64", raw=raw, again=False, truncated=False, channels_last=last)


def _add(spectrum: Spectrum, reader: Reader) -> None:
    for signal in range(reader.signals):
        spectrum.add(reader.blocks(signal, max(1, _BLOCK // reader.channels)))
