"""``convt inspect``: measurements of a kernel."""

from convt_cli.commands.with_options import with_options
from convt_cli.options.inspect_options import InspectOptions
from convt_cli.text import report


@with_options
def inspect(options: InspectOptions) -> None:
    """Measure a kernel: passband, images, tonal lines and delay; or the layers of a decoder.

    Levels of a kernel are in dB relative to the gain at 0 Hz. Layers with several channels are measured as
    a whole, a row for each: their tonal lines for a constant input, the ripple of their power and their
    images, relative to the power of their output for noise.

    \b
    Examples:
      convt inspect w.npy --stride 2 --rate 48k
      convt inspect m.safetensors --layers 'ups.*' --strides 8,8,2,2 -r 22050
      convt inspect m.safetensors --tensor ups.0 --stride 8 --input feats.npy
      convt inspect decoder.npz --stride 8 --json | jq '.layers[0].lines'
      convt inspect w.npy --stride 2 --plot w.png
      convt inspect w.npy --stride 160 --down 147 --rate 44.1k
    """  # noqa: D301  # \b keeps the line breaks below it
    from convt_cli.jobs.inspect import inspect_kernel  # heavy: not for --help

    with report.json_errors(as_json=options.as_json):
        inspect_kernel(options)
