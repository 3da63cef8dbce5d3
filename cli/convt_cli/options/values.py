"""The values of options, as they are typed and as they are parsed."""

import math
from decimal import Decimal
from pathlib import Path
from typing import Literal

import typer

Layout = Literal["torch", "keras", "jax", "mlx", "onnx"]

_MOST_GAIN = 300  # dB: beyond what any samples span
_MOST_RATE = 2**31 - 1  # Hz
_LEAST_BITRATE = 1000  # bits per second: fewer are meant to be thousands
NAMED_PADDINGS = ("full", "center", "same", "causal")


def parse_padding(text: str) -> int | str:
    """Return a number of samples, or a name."""
    if text in NAMED_PADDINGS:
        return text
    if text.isdecimal():
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a number of samples nor {', '.join(NAMED_PADDINGS)}")


def parse_bias(text: str) -> float | Path:
    """Return a number, or a file's name."""
    try:
        bias = float(text)
    except ValueError:
        return Path(text)
    if not math.isfinite(bias):
        raise typer.BadParameter(f"a bias is a finite number, not {text}")
    return bias


def parse_rate(text: str) -> int:
    """Return a rate in Hz: of 48000, 48k, 44.1k or 44.1kHz."""
    number = text.lower().removesuffix("hz").strip()
    try:
        rate = Decimal(number.removesuffix("k")) * (1000 if number.endswith("k") else 1)
    except ArithmeticError:
        rate = Decimal(0)
    if not (rate.is_finite() and 1 <= rate <= _MOST_RATE and rate == int(rate)):
        raise typer.BadParameter(f"{text!r} is no rate: whole Hz, 1 to {_MOST_RATE}, as 48000 or 44.1k")
    return int(rate)


def parse_bitrate(text: str) -> int:
    """Return bits per second: of 192k or 192000."""
    number = text.lower().removesuffix("bps").removesuffix("b/s").strip()
    try:
        rate = Decimal(number.removesuffix("k")) * (1000 if number.endswith("k") else 1)
    except ArithmeticError:
        rate = Decimal(0)
    if not (rate.is_finite() and rate >= 1):
        raise typer.BadParameter(f"{text!r} is no bit rate, as 192k")
    if rate < _LEAST_BITRATE:
        raise typer.BadParameter(f"{text} bits per second are too few; did you mean {rate:f}k?")
    return int(rate)


def parse_gain(text: str) -> float:
    """Return a number of decibels that has a factor."""
    try:
        gain = float(text)
    except ValueError:
        gain = math.nan
    if not abs(gain) <= _MOST_GAIN:
        raise typer.BadParameter(f"{text!r} is not a number of dB between -{_MOST_GAIN} and {_MOST_GAIN}")
    return gain
