"""``convt upsample``: one file, upsampled."""

from convt_cli import options
from convt_cli.report import Reporter, written
from convt_cli.request import Request


def upsample(
    source: options.Source,
    output: options.Output = None,
    weights: options.Weights = None,
    stride: options.Stride = 2,
    padding: options.Padding = None,
    output_padding: options.OutputPadding = 0,
    dilation: options.Dilation = 1,
    groups: options.Groups = 1,
    bias: options.Bias = None,
    precision: options.Precision = None,
    overwrite: options.Overwrite = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Upsample a sound file or an .npy signal with a transposed convolution.

    Container and sample format are kept; the output's name goes to stdout, all else to stderr.

    \b
    Examples:
      convt upsample in.wav                                  twice the rate, kernel designed
      convt upsample in.wav --stride 4 -o out.flac           four times, as FLAC
      convt upsample in.wav --weights w.npy --stride 2       with a kernel of your own
      convt upsample x.npy --weights up.npz --stride 8 --padding same

    \b
    Samples out of L samples in, with K taps:
      (L - 1)*stride - 2*padding + dilation*(K - 1) + output_padding + 1
      stride*L with --padding center, same or causal
    """  # noqa: D301  # \b keeps the lines below it as they are
    from convt_cli.pipeline import run  # heavy: not for --help

    request = Request(
        source=source,
        output=output,
        weights=weights,
        bias=bias,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        groups=groups,
        precision=precision,
        overwrite=overwrite,
    )
    written(run(request, Reporter(quiet, verbose)))
