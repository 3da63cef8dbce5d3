"""``convt inspect``: what a kernel does to sound."""

from convt_cli.options import declarations
from convt_cli.text import report


def inspect(
    weights: declarations.Inspected,
    tensor: declarations.Tensor = None,
    layout: declarations.Layout = "torch",
    stride: declarations.Stride = 2,
    down: declarations.Down = 1,
    rate: declarations.InputRate = None,
    plot: declarations.Plot = None,
    overwrite: declarations.Overwrite = False,
    as_json: declarations.Json = False,
) -> None:
    """Tell what a kernel does: its passband, its images, its tonal lines, its delay.

    Levels are in dB relative to the gain at 0 Hz. Of many kernels the worst of each figure is told, and
    --json has all of them.

    \b
    Examples:
      convt inspect w.npy --stride 2 --rate 48000
      convt inspect model.safetensors --tensor decoder.ups.0 --stride 8
      convt inspect decoder.npz --stride 8 --json | jq '.kernels[0].tonal_lines'
      convt inspect w.npy --stride 2 --plot w.png
      convt inspect w.npy --stride 160 --down 147 --rate 44.1k        for 44.1 to 48 kHz
    """  # noqa: D301  # \b keeps the lines below it as they are
    from convt_cli.jobs.inspect import Inspecting, inspect_kernel  # heavy: not for --help

    with report.as_asked(as_json=as_json):
        inspect_kernel(
            Inspecting(weights, tensor, layout, stride, down, rate, plot, overwrite),
            as_json=as_json,
        )
