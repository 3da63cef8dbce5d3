"""``convt design``: a kernel to a specification, or a balanced one."""

from convt_cli.commands.with_options import with_options
from convt_cli.options.design_options import DesignOptions
from convt_cli.text import report


@with_options
def design(options: DesignOptions) -> None:
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
    from convt_cli.jobs.design import design_kernel  # heavy: not for --help

    with report.json_errors(as_json=options.as_json):
        design_kernel(options)
