"""``convt fit``: a kernel learned from sound."""

from convt_cli.options import declarations
from convt_cli.text import report
from convt_cli.text.report import Reporter


def fit(
    sources: declarations.Pairs,
    taps: declarations.KernelTaps,
    output: declarations.Kernel = None,
    stride: declarations.Stride = 2,
    from_high: declarations.FromHigh = False,
    padding: declarations.FitPadding = "center",
    delay: declarations.Delay = None,
    ridge: declarations.Ridge = None,
    balance: declarations.Balanced = False,
    channels: declarations.FitChannels = None,
    overwrite: declarations.Overwrite = False,
    allow_truncated: declarations.AllowTruncated = False,
    as_json: declarations.Json = False,
    quiet: declarations.Quiet = False,
) -> None:
    """Learn the kernel that makes HIGH of LOW with the least squared error, in one pass.

    A fifth of the sound, in short blocks all over it, is kept back, and the error on it told beside that of
    designed kernels of the same length. The kernel's name goes to stdout, all else to stderr.

    \b
    Examples:
      convt fit low.wav high.wav --stride 2 --taps 32 -o w.npy
      convt fit low/ high/ --taps 64 -o w.npy            files of the same names, below two folders
      convt fit --from-high corpus/ --taps 64 -o w.npy   LOW made of HIGH
      convt fit --from-high a.wav b.wav --taps 32 --balance -o w.npy
      convt upsample in.wav --weights w.npy --stride 2 --padding center
    """  # noqa: D301  # \b keeps the lines below it as they are
    from convt_cli.jobs.fit import Fitting, fit_kernel  # heavy: not for --help

    given = (stride, taps, padding, delay, channels, from_high)
    with report.as_asked(as_json=as_json):
        fit_kernel(
            Fitting(sources, output, *given, ridge, balance, overwrite, allow_truncated),
            Reporter(quiet, as_json=as_json),
        )
