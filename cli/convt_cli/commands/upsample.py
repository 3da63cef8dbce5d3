"""``convt upsample``: sound files, signals or a stream, upsampled."""

from convt_cli import options, report
from convt_cli.names import STREAM
from convt_cli.report import Reporter
from convt_cli.request import Design, Request


def upsample(
    sources: options.Sources,
    output: options.Output = None,
    folder: options.Folder = None,
    recursive: options.Recursive = False,
    weights: options.Weights = None,
    tensor: options.Tensor = None,
    layout: options.Layout = "torch",
    stride: options.Factor = None,
    rate: options.Rate = None,
    rate_in: options.RateIn = None,
    padding: options.Padding = None,
    output_padding: options.OutputPadding = 0,
    dilation: options.Dilation = 1,
    groups: options.Groups = 1,
    bias: options.Bias = None,
    quality: options.Quality = None,
    passband: options.Passband = None,
    rejection: options.Rejection = None,
    phase: options.Phase = None,
    precision: options.Precision = None,
    latency: options.Latency = None,
    container: options.Container = None,
    subtype: options.Subtype = None,
    gain: options.Gain = 0.0,
    dither: options.Dither = None,
    overs: options.Overs = None,
    nonfinite: options.Nonfinite = "error",
    raw: options.Raw = False,
    channels: options.Channels = None,
    allow_truncated: options.AllowTruncated = False,
    overwrite: options.Overwrite = False,
    skip_existing: options.SkipExisting = False,
    jobs: options.Jobs = None,
    plot: options.Spectra = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    verbose: options.Verbose = False,
    quiet: options.Quiet = False,
) -> None:
    """Upsample sound files, .npy signals or a stream with a transposed convolution.

    Container and sample format are kept; the output's name goes to stdout, all else to stderr. - is
    standard input, or standard output.

    \b
    Examples:
      convt upsample in.wav                                  twice the rate, kernel designed
      convt upsample in.wav --rate 48k                       to 48 kHz, from 44.1 kHz, too
      convt upsample in.wav --stride 4 -o out.flac           four times, as FLAC
      convt upsample in.wav --quality best                   ten times cleaner than clean
      convt upsample in.wav --weights w.npy --stride 2       with a kernel of your own
      convt upsample x.npy --weights model.safetensors --tensor decoder.ups.0 --stride 8 --padding same
      sox in.wav -t wav - | convt upsample - | aplay         in a pipe
      convt upsample -r corpus -d corpus_x2                  whole folders

    \b
    Samples out of L samples in, with K taps:
      (L - 1)*stride - 2*padding + dilation*(K - 1) + output_padding + 1
      stride*L with --padding center, same or causal
    \b
    --rate is a ratio of rates S/M in lowest terms: stride S, and of its samples every M-th, the first and
    ceil(samples/M) in all. Output sample j is at the time of input sample j*M/S.
    """  # noqa: D301  # \b keeps the lines below it as they are
    from convt_cli.session import upsample_files  # heavy: not for --help

    if raw and rate_in is None:  # as of an input of which no more is asked
        rate_in, rate = rate, None
    request = Request(
        source=sources[0],
        output=output,
        weights=weights,
        tensor=tensor,
        layout=layout,
        bias=bias,
        design=Design(quality, passband, rejection, phase),
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        groups=groups,
        precision=precision or ("float64" if quality == "best" else None),
        latency=latency,
        container=container,
        subtype=subtype,
        dither=dither,
        overs=overs,
        gain=gain,
        nonfinite=nonfinite,
        raw=raw,
        rate=rate,
        rate_in=rate_in,
        channels=channels,
        allow_truncated=allow_truncated,
        overwrite=overwrite,
        makes_folder=folder is not None,
        dry_run=dry_run,
        plot=plot,
        as_json=as_json,
    )
    reporter = Reporter(quiet, verbose, as_json)
    with report.as_asked(as_json=as_json, to_stderr=request.target == STREAM):
        upsample_files(
            sources,
            request,
            reporter,
            folder=folder,
            recursive=recursive,
            jobs=jobs,
            skip=skip_existing,
        )
