"""``convt design``: a kernel to a specification, or a balanced one."""

from convt_cli import options, report
from convt_cli.report import Reporter
from convt_cli.request import Design


def design(
    output: options.Kernel = None,
    stride: options.Stride = 2,
    down: options.Down = 1,
    quality: options.Quality = None,
    passband: options.Passband = None,
    rejection: options.Rejection = None,
    taps: options.Taps = None,
    phase: options.Phase = None,
    kind: options.Kind = None,
    source: options.From = None,
    tensor: options.Tensor = None,
    layout: options.Layout = "torch",
    balance: options.Balance = False,
    rate: options.InputRate = None,
    plot: options.Plot = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Design the shortest kernel that meets a specification, as measured on the kernel itself.

    Its name goes to stdout, what it does to stderr; without -o nothing is written. It serves convt
    upsample, PyTorch and scipy.signal.upfirdn as it is: each phase of its taps sums to 1.

    \b
    Examples:
      convt design --stride 2 -o w.npy                                as convt upsample does
      convt design --stride 3 --passband 0.97 --rejection 200 -o w.npy
      convt design --stride 2 --taps 64 -o w.npy                      the best of so many taps
      convt design --stride 2 --kind lanczos                          how good is it?
      convt design --stride 160 --down 147 -o w.npy                   for 44.1 to 48 kHz
      convt design --from learned.npy --balance --stride 2 -o w.npy   without its tonal lines
    """  # noqa: D301  # \b keeps the lines below it as they are
    from convt_cli.designing import Designing, design_kernel  # heavy: not for --help

    wanted = Design(quality, passband, rejection, phase)
    own = tensor, layout, balance
    asked = Designing(output, stride, down, wanted, taps, kind, source, *own, rate, plot, overwrite)
    with report.as_asked(as_json=as_json):
        design_kernel(asked, Reporter(quiet, as_json=as_json))
