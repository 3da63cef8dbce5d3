"""``convt fit``: a kernel learned from sound."""

from convt_cli import options, report
from convt_cli.report import Reporter


def fit(
    sources: options.Pairs,
    taps: options.KernelTaps,
    output: options.Kernel = None,
    stride: options.Stride = 2,
    from_high: options.FromHigh = False,
    padding: options.FitPadding = "center",
    delay: options.Delay = None,
    ridge: options.Ridge = None,
    balance: options.Balanced = False,
    channels: options.FitChannels = None,
    overwrite: options.Overwrite = False,
    allow_truncated: options.AllowTruncated = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
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
    from convt_cli.fitting import Fitting, fit_kernel  # heavy: not for --help

    given = (stride, taps, padding, delay, channels, from_high)
    with report.as_asked(as_json=as_json):
        fit_kernel(
            Fitting(sources, output, *given, ridge, balance, overwrite, allow_truncated),
            Reporter(quiet, as_json=as_json),
        )
