"""``convt inspect``: measurements of a kernel."""

from convt_cli.commands.with_options import with_options
from convt_cli.options.inspect_options import InspectOptions
from convt_cli.text import report


@with_options
def inspect(options: InspectOptions) -> None:
    """Measure a kernel: its passband, images, tonal lines and delay.

    Levels are in dB relative to the gain at 0 Hz. Of many kernels the worst figures are shown; --json has
    all of them.

    \b
    Examples:
      convt inspect w.npy --stride 2 --rate 48k
      convt inspect model.safetensors --tensor decoder.ups.0 --stride 8
      convt inspect decoder.npz --stride 8 --json | jq '.kernels[0].tonal_lines'
      convt inspect w.npy --stride 2 --plot w.png
      convt inspect w.npy --stride 160 --down 147 --rate 44.1k
    """  # noqa: D301  # \b keeps the line breaks below it
    from convt_cli.jobs.inspect import inspect_kernel  # heavy: not for --help

    with report.json_errors(as_json=options.as_json):
        inspect_kernel(options)
