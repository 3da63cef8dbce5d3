"""``convt upsample``: audio files, signals or a stream, upsampled."""

from convt_cli.commands.with_options import with_options
from convt_cli.errors import Misuse
from convt_cli.files.paths import STREAM
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.text import report


@with_options
def upsample(options: UpsampleOptions) -> None:
    """Upsample audio files, .npy signals or a stream with a transposed convolution.

    The rate is multiplied by --stride, with a designed filter or your own kernel. File type and sample
    format stay. The output's name goes to stdout, everything else to stderr.

    \b
    Examples:
      convt upsample in.wav                             to twice the rate
      convt upsample in.wav --rate 48k                  to 48 kHz
      convt upsample in.wav --stride 4 -o out.flac      four times, as FLAC
      convt upsample in.wav --weights w.npy --stride 2  with your own kernel
      convt upsample x.npy --weights model.safetensors --tensor ups.0 --stride 8
      sox in.wav -t wav - | convt upsample - | aplay    in a pipe
      convt upsample corpus -d corpus_x2                a whole folder

    \b
    L samples become, with K taps:
      (L - 1)*stride - 2*padding + dilation*(K - 1) + output_padding + 1
      stride*L with --padding center, same or causal
      ceil(L*S/M) with --rate, for a ratio of rates S/M in lowest terms
    """  # noqa: D301  # \b keeps the lines below it
    convert(options, "upsample")


def convert(options: UpsampleOptions, command: str) -> None:
    """Change the rate of the inputs of a command."""
    target = options.output or options.folder
    audio_on_stdout = target == STREAM if target else STREAM in options.sources
    with report.json_errors(as_json=options.as_json, to_stderr=audio_on_stdout):
        if isinstance(options, ResampleOptions) and options.is_corpus:
            from convt_cli.corpus.run import resample_corpus  # heavy, too

            resample_corpus(options.completed())
            return
        _check(options, command)
        from convt_cli.jobs.upsample import upsample_files  # heavy: not for --help

        upsample_files(options.completed())


def _check(options: UpsampleOptions, command: str) -> None:
    """Refuse options that contradict each other."""
    if not (options.sources or options.files_from):
        raise Misuse(f"no input: name a file or a folder, or - for stdin (see 'convt {command} --help')")
    if options.verbose and options.quiet:
        raise Misuse("--verbose and --quiet contradict each other: use one of them")
    if options.skip_existing and options.overwrite:
        raise Misuse("--skip-existing keeps outputs that exist, --overwrite replaces them: use one of them")
