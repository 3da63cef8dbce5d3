"""``convt lines``: tonal lines in the output of a decoder."""

from convt_cli.commands.with_options import with_options
from convt_cli.options.lines_options import LinesOptions
from convt_cli.text import report


@with_options
def lines(options: LinesOptions) -> None:
    """Measure the tonal lines that each layer of a decoder leaves in its output.

    A layer's lines are at the multiples of its input rate; layers count from 0. Each line is compared with
    the spectrum around it, on average over time; the level of a layer is the median over its lines. Noise
    has 0 dB, speech and music less than 3 dB.

    \b
    Examples:
      convt lines out.wav --strides 8,8,2,2
      convt lines out.wav --strides 8,8,2,2 --plot lines.png
      convt lines out.wav --strides 8,5,4,2 --json | jq '.layers[].level_db'
    """  # noqa: D301  # \b keeps the line breaks below it
    from convt_cli.jobs.lines import measure_lines  # heavy: not for --help

    with report.json_errors(as_json=options.as_json):
        measure_lines(options)
