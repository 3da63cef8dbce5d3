"""``convt fit``: a kernel learned from sound."""

from convt_cli.commands.with_options import with_options
from convt_cli.options.fit_options import FitOptions
from convt_cli.text import report


@with_options
def fit(options: FitOptions) -> None:
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
    from convt_cli.jobs.fit import fit_kernel  # heavy: not for --help

    with report.json_errors(as_json=options.as_json):
        fit_kernel(options)
