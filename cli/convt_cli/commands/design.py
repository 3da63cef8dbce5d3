"""``convt design``: a kernel to a specification, or a balanced one."""

from convt_cli.options import declarations
from convt_cli.options.upsample_options import Design
from convt_cli.text import report
from convt_cli.text.report import Reporter


def design(
    output: declarations.Kernel = None,
    stride: declarations.Stride = 2,
    down: declarations.Down = 1,
    quality: declarations.Quality = None,
    passband: declarations.Passband = None,
    rejection: declarations.Rejection = None,
    taps: declarations.Taps = None,
    phase: declarations.Phase = None,
    kind: declarations.Kind = None,
    source: declarations.From = None,
    tensor: declarations.Tensor = None,
    layout: declarations.Layout = "torch",
    balance: declarations.Balance = False,
    rate: declarations.InputRate = None,
    plot: declarations.Plot = None,
    overwrite: declarations.Overwrite = False,
    as_json: declarations.Json = False,
    quiet: declarations.Quiet = False,
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
    from convt_cli.jobs.design import Designing, design_kernel  # heavy: not for --help

    wanted = Design(quality, passband, rejection, phase)
    own = tensor, layout, balance
    asked = Designing(output, stride, down, wanted, taps, kind, source, *own, rate, plot, overwrite)
    with report.as_asked(as_json=as_json):
        design_kernel(asked, Reporter(quiet, as_json=as_json))
