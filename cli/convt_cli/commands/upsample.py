"""``convt upsample``: sound files, signals or a stream, upsampled."""

from convt_cli.commands.with_options import with_options
from convt_cli.errors import Misuse
from convt_cli.files.paths import STREAM
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.text import report


@with_options
def upsample(options: UpsampleOptions) -> None:
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
      find . -name '*.wav' -print0 | convt upsample --files-from - -d x2

    \b
    Samples out of L samples in, with K taps:
      (L - 1)*stride - 2*padding + dilation*(K - 1) + output_padding + 1
      stride*L with --padding center, same or causal
    \b
    --rate is a ratio of rates S/M in lowest terms: stride S, and of its samples every M-th, the first and
    ceil(samples/M) in all. Output sample j is at the time of input sample j*M/S.
    """  # noqa: D301  # \b keeps the lines below it as they are
    convert(options, "upsample")


def convert(options: UpsampleOptions, command: str) -> None:
    """Change the rate of the inputs of a command."""
    target = options.output or options.folder
    audio_on_stdout = target == STREAM if target else STREAM in options.sources
    with report.json_errors(as_json=options.as_json, to_stderr=audio_on_stdout):
        if not (options.sources or options.files_from):
            raise Misuse(
                f"there is no input: name one, or with --files-from a list (see 'convt {command} --help')"
            )
        from convt_cli.jobs.upsample import upsample_files  # heavy: not for --help

        upsample_files(options.completed())
