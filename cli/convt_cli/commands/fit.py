"""``convt fit``: a kernel learned from audio."""

from convt_cli.commands.with_options import with_options
from convt_cli.options.fit_options import FitOptions
from convt_cli.text import report


@with_options
def fit(options: FitOptions) -> None:
    """Learn the kernel that maps LOW to HIGH with the least squared error.

    A fifth of the audio is held out, and the error on it is compared with that of designed kernels of the
    same length. The kernel's file name goes to stdout, everything else to stderr.

    \b
    Examples:
      convt fit low.wav high.wav --stride 2 --taps 32 -o w.npy
      convt fit low/ high/ --taps 64 -o w.npy            two folders, same names
      convt fit --from-high corpus/ --taps 64 -o w.npy   derives LOW from HIGH
      convt upsample in.wav --weights w.npy --stride 2 --padding center
    """  # noqa: D301  # \b keeps the line breaks below it
    from convt_cli.jobs.fit import fit_kernel  # heavy: not for --help

    with report.json_errors(as_json=options.as_json):
        fit_kernel(options)
