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
_SUBTYPES = {
    f"{kind}{bits}{order}": f"PCM_{bits}"
    for kind in ("", "pcm", "s", "pcms", "int")
    for bits in (16, 24, 32)
    for order in ("", "le", "be", "bit")
}
_SUBTYPES |= dict.fromkeys(("8", "8bit", "u8", "pcmu8"), "PCM_U8")
_SUBTYPES |= dict.fromkeys(("float32", "f32", "f32le", "f32be", "pcmf32le", "pcmf32be"), "FLOAT")
_SUBTYPES |= dict.fromkeys(("float64", "f64", "f64le", "f64be", "pcmf64le", "pcmf64be"), "DOUBLE")
NAMED_PADDINGS = ("full", "center", "same", "causal", "hifigan", "encodec", "encodec-causal", "dac")


def parse_padding(text: str) -> int | str:
    """Return a number of samples, or a name."""
    if text in NAMED_PADDINGS:
        return text
    if text.isdecimal():
        return int(text)
    raise typer.BadParameter(f"must be 0 or more, or {', '.join(NAMED_PADDINGS)}; got {text}")


def parse_strides(text: str) -> tuple[int, ...]:
    """Return the strides of several layers: of 8,8,2,2."""
    strides = tuple(int(part) if part.strip().isdecimal() else 0 for part in text.split(","))
    if not all(strides):
        raise typer.BadParameter(f"must be whole numbers of at least 1, such as 8,8,2,2; got {text!r}")
    return strides


def parse_shard(text: str) -> tuple[int, int]:
    """Return the number of a shard, from 1, and how many there are: of 3/64."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise typer.BadParameter(f"must be K/N, such as 1/64 to 64/64; got {text}")
    return int(number), int(count)


def parse_cluster(text: str) -> str:
    """Return the address of a Dask scheduler, or the name of its JSON file."""
    if "://" in text or text.endswith(".json"):
        return text
    raise typer.BadParameter(f"must be tcp://host:8786, tls://host:8786 or a scheduler.json; got {text}")


def parse_subtype(text: str) -> str:
    """Return a sample format as libsndfile names it: PCM_24 of 24, pcm24, s24 or s24le, FLOAT of f32."""
    return _SUBTYPES.get(text.lower().replace("-", "").replace("_", ""), text.upper())


def parse_container(text: str) -> str:
    """Return a file type without the dot that extensions begin with."""
    return text.removeprefix(".")


def parse_bias(text: str) -> float | Path:
    """Return a number, or a file's name."""
    try:
        bias = float(text)
    except ValueError:
        return Path(text)
    if not math.isfinite(bias):
        raise typer.BadParameter(f"must be a finite number, or a file; got {text}")
    return bias


def parse_rate(text: str) -> int:
    """Return a rate in Hz: of 48000, 48k, 44.1k or 44.1kHz."""
    rate = _with_k(text.lower().removesuffix("hz"))
    if not (rate.is_finite() and 1 <= rate <= _MOST_RATE and rate == int(rate)):
        raise typer.BadParameter(f"must be a whole number of Hz, such as 48000 or 44.1k; got {text}")
    return int(rate)


def parse_passband(text: str) -> float:
    """Return a fraction of a Nyquist frequency."""
    passband = _number(text)
    if not 0 < passband < 2:  # below --stopband, which may be up to 2
        raise typer.BadParameter(f"must be a fraction of the Nyquist frequency, such as 0.95; got {text}")
    return passband


def parse_bitrate(text: str) -> int:
    """Return bits per second: of 192k or 192000."""
    rate = _with_k(text.lower().removesuffix("bps").removesuffix("b/s"))
    if not (rate.is_finite() and rate >= 1):
        raise typer.BadParameter(f"must be a bit rate, such as 192k; got {text}")
    if rate < _LEAST_BITRATE:
        raise typer.BadParameter(f"{text} bits per second are too few. Did you mean {rate:f}k?")
    return int(rate)


def parse_gain(text: str) -> float:
    """Return a number of decibels that has a factor."""
    gain = _number(text)
    if not abs(gain) <= _MOST_GAIN:
        raise typer.BadParameter(f"must be a number of dB, -{_MOST_GAIN} to {_MOST_GAIN}; got {text}")
    return gain


def _with_k(text: str) -> Decimal:
    """Return a number, or with a k after it a thousand times as much; 0 for other texts."""
    number = text.strip()
    try:
        return Decimal(number.removesuffix("k")) * (1000 if number.endswith("k") else 1)
    except ArithmeticError:
        return Decimal(0)


def _number(text: str) -> float:
    """Return a number; NaN for other texts."""
    try:
        return float(text)
    except ValueError:
        return math.nan
