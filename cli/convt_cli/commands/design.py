"""``convt design``: a kernel to a specification, or a balanced one."""

from convt_cli.commands.with_options import with_options
from convt_cli.options.design_options import DesignOptions
from convt_cli.text import report


@with_options
def design(options: DesignOptions) -> None:
    """Design the shortest kernel that meets a specification.

    The kernel works in convt upsample, PyTorch and scipy.signal.upfirdn: the taps of each phase sum to 1.
    Its file name goes to stdout, its measurements to stderr; without -o nothing is written.

    \b
    Examples:
      convt design --stride 2 -o w.npy                the default of upsample
      convt design --stride 3 --passband 0.97 --rejection 200 -o w.npy
      convt design --stride 2 --taps 64 -o w.npy      the best of 64 taps
      convt design --stride 2 --kind lanczos          only measure it
      convt design --stride 160 --down 147 -o w.npy   for 44.1 to 48 kHz
      convt design --from w.npy --balance --stride 2 -o even.npy
    """  # noqa: D301  # \b keeps the line breaks below it
    from convt_cli.jobs.design import design_kernel  # heavy: not for --help

    with report.json_errors(as_json=options.as_json):
        design_kernel(options)
