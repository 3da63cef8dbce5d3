"""Which kernel a command runs with: from a file, or the built-in one."""

import math
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

import convt
from convt_cli.audio.reader import Reader
from convt_cli.errors import Failure, Misuse
from convt_cli.files.checksums import file_sha256
from convt_cli.files.paths import input_name
from convt_cli.options.filter_options import FilterSpec
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.samples.formats import Array, cast, precise

_MOST_TAPS = 1 << 21  # of a kernel that convt.design_kernel makes
_SAMPLED = 4  # taps an input sample


class Ratio(NamedTuple):
    """Output rate over input rate: of the outputs of a stride every `down`-th is kept."""

    stride: int = 1
    down: int = 1

    @property
    def factor(self) -> Fraction:
        """Output samples per input sample."""
        return Fraction(self.stride, self.down)


SAME = Ratio()


class Measured(NamedTuple):
    """A designed kernel's passband edge, where it is 0.01 dB down, and its image rejection in dB."""

    passband: float
    rejection: float


@dataclass(frozen=True, slots=True)
class SelectedKernel:
    """A weight and a bias as the library takes them, and how a report calls them.

    `sha256` is that of the file that they were read from, if JSON is wanted and it is no pipe.
    """

    name: str
    weight: Array
    bias: Array | None
    groups: int
    padding: int | str
    channels_out: int
    tensors: tuple[str, ...]
    measured: Measured | None
    sha256: str | None

    @property
    def taps(self) -> int:
        """Taps of the kernel."""
        return int(self.weight.shape[-1])


def select_kernel(options: UpsampleOptions, ratio: Ratio, reader: Reader) -> SelectedKernel:
    """Return the kernel asked for, in the signal's precision.

    An .npy signal leaves the weights of a file as they are, unless a precision is asked for: the
    operator's own dtypes hold.
    """
    weights, sha256 = (
        (_built_in(options, ratio, reader), None)
        if options.weights is None
        else _loaded_unchanged(options, options.weights)
    )
    designed = options.weights is None and ratio.stride > 1
    measured = _measured(weights.weight, options.filter_spec, ratio) if designed else None
    _check_finite(weights.source, weights.weight, weights.bias)
    last = " (channels last)" if options.channels_last and not reader.format else ""
    weight, groups = weights.for_channels(reader.channels, options.groups, f"{options.source}{last}")
    channels_out = reader.channels if weight.ndim == 1 else weight.shape[1] * groups
    bias = _bias(options, weights.bias, channels_out)
    if options.weights is None or options.precision or reader.format:
        weight = cast(weight, precise(weight.dtype, reader.precision))
        bias = None if bias is None else cast(bias, precise(bias.dtype, reader.precision))
    if reader.format and any(array is not None and array.dtype.kind == "c" for array in (weight, bias)):
        raise Failure(f"{weights.source}: a complex kernel needs an .npy signal, not {options.source}")
    padding = _default_padding(options) if options.padding is None else options.padding
    return SelectedKernel(
        weights.source, weight, bias, groups, padding, channels_out, weights.tensors, measured, sha256
    )


def _check_finite(source: object, *arrays: Array | None) -> None:
    for array in arrays:
        if array is not None and (count := np.count_nonzero(~np.isfinite(array))):
            raise Failure(f"{source}: {count} of its {array.size} numbers are not finite")


def _loaded_unchanged(options: UpsampleOptions, path: Path) -> tuple[convt.Weights, str | None]:
    """Return weights, and the digest of the file that they are in, if JSON is wanted."""
    before = _version(path)
    weights = _loaded(options, path)
    sha256 = file_sha256(path) if options.as_json and before else None
    if _version(path) != before:
        raise Failure(f"{path}: changed while it was read")
    return weights, sha256


def _version(path: Path) -> tuple[int, ...] | None:
    """Return what tells a file from another, or from what it was; None of pipes and of missing files."""
    if not os.path.isfile(path):
        return None
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _loaded(options: UpsampleOptions, path: Path) -> convt.Weights:
    weights = convt.load_weights(path, options.tensor, layout=options.layout)
    weight, own = weights.weight, weights.bias
    if own is not None and own.size > 1 and weight.ndim == 3 and options.bias is None:
        groups = own.size // weight.shape[1]
        if groups != options.groups:
            raise Failure(
                f"{weights.source}: a bias of {own.size} with weights of shape {weight.shape} is for"
                f" --groups {groups}, not {options.groups}"
            )
    return weights


def _built_in(options: UpsampleOptions, ratio: Ratio, reader: Reader) -> convt.Weights:
    if options.dilation != 1 or options.groups != 1:
        raise Misuse(
            "--dilation and --groups need --weights: the built-in kernel is made for the stride alone"
        )
    try:
        return convt.Weights("the built-in kernel", _designed(options.filter_spec, ratio))
    except convt.ParameterError:
        own = reader.format.rate if reader.format else options.rate_in
        if options.rate is None or own is None or ratio.stride <= _SAMPLED:
            raise
        taps = _designed(options.filter_spec, Ratio(_SAMPLED, _SAMPLED - 1)).size / _SAMPLED
        rates = " and ".join(map(str, nearest_rates(own, options.rate, int(_MOST_TAPS / taps))))
        raise Failure(
            f"{input_name(options.source)}: {own} to {options.rate} Hz is a ratio of"
            f" {ratio.factor}: that kernel would have {ratio.stride * taps:.0f} taps, and"
            f" {_MOST_TAPS} are the most; less --passband takes fewer, and the nearest rates that work are"
            f" {rates} Hz"
        ) from None


def nearest_rates(own: int, wanted: int, most: int) -> list[int]:
    """Return the rates next to the one wanted whose ratio to the input's has a stride of `most` at most."""
    steps = {step for low in range(1, math.isqrt(own) + 1) if own % low == 0 for step in (low, own // low)}
    below = max(min(wanted // step, most) * step for step in steps)
    above = [-(-wanted // step) * step for step in steps if -(-wanted // step) <= most]
    return [below, min(above)] if above else [below]


def _designed(spec: FilterSpec, ratio: Ratio) -> Array:
    return convt.design_kernel(
        ratio.stride,
        quality=spec.quality,
        passband=spec.passband,
        rejection=spec.rejection,
        phase=spec.phase or "linear",
        down=ratio.down,
    )


def _measured(kernel: Array, spec: FilterSpec, ratio: Ratio) -> Measured:
    """Measure a designed kernel; a long one as the same design with a few taps an input sample."""
    stride, down = ratio
    if down > 1 and stride > _SAMPLED:
        kernel, stride = _designed(spec, Ratio(_SAMPLED, _SAMPLED - 1)), _SAMPLED
    response = convt.Response(kernel, stride)
    return Measured(float(response.passband_edge(0.01)), -float(response.worst_image().level))


def _default_padding(options: UpsampleOptions) -> int | str:
    if options.weights is not None:
        return 0
    return "causal" if options.phase == "minimum" else "center"


def _bias(options: UpsampleOptions, own: Array | None, channels: int) -> Array | None:
    """Return one number a channel: of --bias, a number or a file, or else the weight file's own."""
    source, bias = options.weights, own
    if isinstance(options.bias, float):
        bias = np.array(options.bias)
    elif options.bias is not None:
        source, bias = options.bias, convt.load_weights(options.bias).weight
        _check_finite(source, bias)
    if bias is None or bias.shape == (channels,):
        return bias
    if bias.size == 1:
        return np.full(channels, bias.item(), bias.dtype)
    raise Failure(
        f"{source}: a bias for {channels} output channel(s) has shape ({channels},), not {bias.shape}"
    )
