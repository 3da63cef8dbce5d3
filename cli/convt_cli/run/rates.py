"""The ratio from an input's sample rate to the requested one."""

import math
import shlex
from dataclasses import replace

from convt_cli.audio.reader import Reader
from convt_cli.errors import Failure, Misuse
from convt_cli.files.paths import input_name
from convt_cli.kernels.selection import SAME, Ratio
from convt_cli.options.upsample_options import UpsampleOptions

_KILOHERTZ = frozenset((8, 11, 12, 16, 22, 24, 32, 37, 44, 48, 64, 88, 96, 176, 192, 352, 384))
_LEAST_AUDIO = 4000  # Hz: below it such rates may be meant


def with_ratio(options: UpsampleOptions, reader: Reader) -> tuple[UpsampleOptions, Ratio]:
    """Return the options for this input, and its ratio of rates.

    An input that already has the rate stays unchanged: filter options are then left out.
    """
    own = _own_rate(options, reader)
    if options.rate is None:
        return options, Ratio(options.stride or 2)
    rate = options.rate
    if rate in _KILOHERTZ and own >= _LEAST_AUDIO:
        raise Misuse(
            f"{input_name(options.source)}: --rate {rate} is {rate} Hz. Did you mean --rate {rate}k?"
        )
    if rate < own and not options.lowers:
        name = input_name(options.source)
        raise Failure(
            f"{name}: {own} Hz is above --rate {rate}, and upsample only raises a rate. Use: convt resample"
            f" {shlex.quote(str(options.source))} --rate {rate}"
        )
    if (options.only_up and rate < own) or (options.only_down and rate > own):
        rate = own
    common = math.gcd(rate, own)
    ratio = Ratio(rate // common, own // common)
    if ratio != SAME:
        return options, ratio
    left_out = replace(
        options, weights=None, bias=None, padding=None, output_padding=0, dilation=1, groups=1
    )
    return left_out, ratio


def _own_rate(options: UpsampleOptions, reader: Reader) -> int:
    if reader.format:
        if options.rate_in and not options.raw:
            raise Misuse("--rate-in is only for .npy and --raw inputs; other inputs state their rate")
        return reader.format.rate
    if options.rate and not options.rate_in:
        raise Misuse(".npy files carry no sample rate: add --rate-in, the input's rate, such as 16k")
    if options.rate_in and not options.rate:
        raise Misuse("--rate-in needs --rate, the output's rate")
    return options.rate_in or 1
