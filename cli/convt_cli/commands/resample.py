"""``convt resample``: sound files, signals or a stream, at another rate."""

from convt_cli.commands.with_options import with_options
from convt_cli.errors import Misuse
from convt_cli.files.paths import STREAM
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.text import report


@with_options
def resample(options: ResampleOptions) -> None:
    """Change the sample rate of sound files, .npy signals or a stream, up or down.

    The filter is designed for the two rates, and the output is time-aligned. Container, sample format and
    metadata are kept; the output's name goes to stdout, all else to stderr. - is standard input, or output.

    \b
    Examples:
      convt resample in.wav -r 48k                           writes in_48000.wav
      convt resample in.flac -r 16k -o out.wav               as WAV
      convt resample corpus -r 16k -d corpus_16k             all sound in a folder
      convt resample *.wav -r 48k -d 48k --only-up           copies what has 48 kHz or more
      convt resample in.wav -r 44.1k --quality best          cleaner than 24 bits can tell
      ffmpeg -i in.m4a -f wav - | convt resample - -r 48k -o out.wav

    \b
    ceil(samples*out/in) samples come out, and sample j is at the time of input sample j*in/out.
    """  # noqa: D301  # \b keeps the lines below it as they are
    target = options.output or options.folder
    audio_on_stdout = target == STREAM if target else STREAM in options.sources
    with report.json_errors(as_json=options.as_json, to_stderr=audio_on_stdout):
        if not (options.sources or options.files_from):
            raise Misuse(
                "there is no input: name one, or with --files-from a list (see 'convt resample --help')"
            )
        if not options.rate:
            raise Misuse("--rate is missing: the output's rate, such as --rate 48k")
        if options.only_down and options.only_up:
            raise Misuse("--only-down and --only-up together would change no rate: use one of them")
        from convt_cli.jobs.upsample import upsample_files  # heavy: not for --help

        upsample_files(options.completed())
