"""From an input's rate to the rate that is asked for."""

import math
from dataclasses import replace

from convt_cli.audio.reader import Reader
from convt_cli.errors import Failure, Misuse
from convt_cli.files.paths import input_name
from convt_cli.options.upsample_options import SAME, Ratio, Request


def with_ratio(request: Request, reader: Reader) -> Request:
    """Return the request with the ratio of rates that it means for this input.

    An input that has the rate already is left as it is: what says how to upsample does not matter then.

    Raises
    ------
    Failure, Misuse
        The input's rate is not known, or more than is asked for.
    """
    own = _own_rate(request, reader)
    if request.rate is None:
        return replace(request, ratio=Ratio(request.stride or 2))
    if request.rate < own:
        raise Failure(
            f"{input_name(request.source)}: has {own} Hz, more than --rate {request.rate}: convt only"
            f" upsamples; ask for {own} Hz or more"
        )
    common = math.gcd(request.rate, own)
    ratio = Ratio(request.rate // common, own // common)
    if ratio != SAME:
        return replace(request, ratio=ratio)
    return replace(request, weights=None, bias=None, padding=None, output_padding=0, dilation=1, groups=1)


def _own_rate(request: Request, reader: Reader) -> int:
    if reader.format:
        if request.rate_in and not request.raw:
            raise Misuse("--rate-in tells the rate of .npy and --raw inputs; others say it themselves")
        return reader.format.rate
    if bool(request.rate) != bool(request.rate_in):
        raise Misuse("an .npy signal states no rate: --rate needs its own with --rate-in, and that --rate")
    return request.rate_in or 1


def nearest(own: int, wanted: int, most: int) -> list[int]:
    """Return the rates next to the one wanted whose ratio to the input's has a stride of `most` at most."""
    steps = {step for low in range(1, math.isqrt(own) + 1) if own % low == 0 for step in (low, own // low)}
    below = max(min(wanted // step, most) * step for step in steps)
    above = [-(-wanted // step) * step for step in steps if -(-wanted // step) <= most]
    return [below, min(above)] if above else [below]
