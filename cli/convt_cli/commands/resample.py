"""``convt resample``: audio files, signals or a stream, at another rate."""

from convt_cli.commands.upsample import convert
from convt_cli.commands.with_options import with_options
from convt_cli.options.resample_options import ResampleOptions


@with_options
def resample(options: ResampleOptions) -> None:
    """Change the sample rate of audio files, .npy signals or a stream, up or down.

    The output is time-aligned, and keeps file type, sample format and tags; what is lost is named. Its name
    goes to stdout, everything else to stderr.

    \b
    Examples:
      convt resample in.wav -r 48k                   writes in_48000.wav
      convt resample in.flac -r 16k -o out.wav       as WAV
      convt resample corpus -r 16k -d corpus_16k     all audio files in a folder
      convt resample *.wav -r 48k -d out --only-up   copies files above 48 kHz
      convt resample in.wav -r 44.1k --quality best  for masters
      convt resample --manifest m.jsonl -r 16k -d out --shard 3/64
      ffmpeg -i in.m4a -f wav - | convt resample - -r 48k -o out.wav

    \b
    N samples become ceil(N*out/in). Output sample j is at the time of input
    sample j*in/out.
    """  # noqa: D301  # \b keeps the line breaks below it
    convert(options, "resample")
