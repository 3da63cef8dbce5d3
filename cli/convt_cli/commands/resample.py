"""``convt resample``: sound files, signals or a stream, at another rate."""

from convt_cli.commands.upsample import convert
from convt_cli.commands.with_options import with_options
from convt_cli.options.resample_options import ResampleOptions


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
    convert(options, "resample")
