"""``convt upsample``: sound files, signals or a stream, upsampled."""

from convt_cli.files.paths import STREAM
from convt_cli.options import declarations
from convt_cli.options.upsample_options import Design, Request
from convt_cli.text import report
from convt_cli.text.report import Reporter


def upsample(
    sources: declarations.Sources,
    output: declarations.Output = None,
    folder: declarations.Folder = None,
    recursive: declarations.Recursive = False,
    weights: declarations.Weights = None,
    tensor: declarations.Tensor = None,
    layout: declarations.Layout = "torch",
    stride: declarations.Factor = None,
    rate: declarations.Rate = None,
    rate_in: declarations.RateIn = None,
    padding: declarations.Padding = None,
    output_padding: declarations.OutputPadding = 0,
    dilation: declarations.Dilation = 1,
    groups: declarations.Groups = 1,
    bias: declarations.Bias = None,
    quality: declarations.Quality = None,
    passband: declarations.Passband = None,
    rejection: declarations.Rejection = None,
    phase: declarations.Phase = None,
    precision: declarations.Precision = None,
    latency: declarations.Latency = None,
    container: declarations.Container = None,
    subtype: declarations.Subtype = None,
    gain: declarations.Gain = 0.0,
    dither: declarations.Dither = None,
    overs: declarations.Overs = None,
    nonfinite: declarations.Nonfinite = "error",
    raw: declarations.Raw = False,
    channels: declarations.Channels = None,
    allow_truncated: declarations.AllowTruncated = False,
    overwrite: declarations.Overwrite = False,
    skip_existing: declarations.SkipExisting = False,
    jobs: declarations.Jobs = None,
    plot: declarations.Spectra = None,
    dry_run: declarations.DryRun = False,
    as_json: declarations.Json = False,
    verbose: declarations.Verbose = False,
    quiet: declarations.Quiet = False,
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
    from convt_cli.jobs.upsample import upsample_files  # heavy: not for --help

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
