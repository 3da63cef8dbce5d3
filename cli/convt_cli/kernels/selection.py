"""Which kernel a command runs with: from a file, or the built-in one."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

import convt
from convt_cli.audio.reader import Reader
from convt_cli.errors import Failure, Misuse
from convt_cli.files.paths import input_name
from convt_cli.options.upsample_options import Design, Ratio, Request
from convt_cli.run.rates import nearest
from convt_cli.samples.formats import Array
from convt_cli.samples.precision import cast, precise

_MOST_TAPS = 1 << 21  # of a kernel that convt.design_kernel makes
_SAMPLED = 4  # taps an input sample


class Measured(NamedTuple):
    """What a designed kernel does: where it is 0.01 dB down, and how many dB all images are below 1."""

    passband: float
    rejection: float


@dataclass(frozen=True, slots=True)
class Choice:
    """A weight and a bias as the library takes them, and how a report calls them."""

    name: str
    weight: Array
    bias: Array | None
    groups: int
    padding: int | str
    channels_out: int
    tensors: tuple[str, ...]
    measured: Measured | None

    @property
    def taps(self) -> int:
        """Taps of the kernel."""
        return int(self.weight.shape[-1])


def choose_kernel(request: Request, reader: Reader) -> Choice:
    """Return the kernel asked for, in the signal's precision.

    An .npy signal leaves the weights of a file as they are, unless a precision is asked for: the
    operator's own dtypes hold.

    Raises
    ------
    Failure, convt.WeightsError
        The weights or the bias cannot be read, or do not fit the signal.
    """
    weights = _built_in(request, reader) if request.weights is None else _loaded(request, request.weights)
    designed = request.weights is None and request.ratio.stride > 1
    measured = _measured(weights.weight, request) if designed else None
    _check_finite(weights.source, weights.weight, weights.bias)
    last = " (channels last)" if request.channels_last and not reader.format else ""
    weight, groups = weights.for_channels(reader.channels, request.groups, f"{request.source}{last}")
    channels_out = reader.channels if weight.ndim == 1 else weight.shape[1] * groups
    bias = _bias(request, weights.bias, channels_out)
    if request.weights is None or request.precision or reader.format:
        weight = cast(weight, precise(weight.dtype, reader.precision))
        bias = None if bias is None else cast(bias, precise(bias.dtype, reader.precision))
    if reader.format and any(array is not None and array.dtype.kind == "c" for array in (weight, bias)):
        raise Failure(f"{weights.source}: a complex kernel needs an .npy signal, not {request.source}")
    padding = _default_padding(request) if request.padding is None else request.padding
    return Choice(weights.source, weight, bias, groups, padding, channels_out, weights.tensors, measured)


def _check_finite(source: object, *arrays: Array | None) -> None:
    for array in arrays:
        if array is not None and (count := np.count_nonzero(~np.isfinite(array))):
            raise Failure(f"{source}: {count} of its {array.size} numbers are not finite")


def _loaded(request: Request, path: Path) -> convt.Weights:
    weights = convt.load_weights(path, request.tensor, layout=request.layout)
    weight, own = weights.weight, weights.bias
    if own is not None and own.size > 1 and weight.ndim == 3 and request.bias is None:
        groups = own.size // weight.shape[1]
        if groups != request.groups:
            raise Failure(
                f"{weights.source}: a bias of {own.size} with weights of shape {weight.shape} is for"
                f" --groups {groups}, not {request.groups}"
            )
    return weights


def _built_in(request: Request, reader: Reader) -> convt.Weights:
    if request.dilation != 1 or request.groups != 1:
        raise Misuse(
            "--dilation and --groups need --weights: the built-in kernel is made for the stride alone"
        )
    try:
        return convt.Weights("the built-in kernel", _designed(request.design, request.ratio))
    except convt.ParameterError:
        own = reader.format.rate if reader.format else request.rate_in
        if request.rate is None or own is None or request.ratio.stride <= _SAMPLED:
            raise
        taps = _designed(request.design, Ratio(_SAMPLED, _SAMPLED - 1)).size / _SAMPLED
        rates = " and ".join(map(str, nearest(own, request.rate, int(_MOST_TAPS / taps))))
        raise Failure(
            f"{input_name(request.source)}: {own} to {request.rate} Hz is a ratio of"
            f" {request.ratio.factor}: that kernel would have {request.ratio.stride * taps:.0f} taps, and"
            f" {_MOST_TAPS} are the most; less --passband takes fewer, and the nearest rates that work are"
            f" {rates} Hz"
        ) from None


def _designed(design: Design, ratio: Ratio) -> Array:
    return convt.design_kernel(
        ratio.stride,
        quality=design.quality,
        passband=design.passband,
        rejection=design.rejection,
        phase=design.phase or "linear",
        down=ratio.down,
    )


def _measured(kernel: Array, request: Request) -> Measured:
    """Measure a designed kernel; a long one as the same design with a few taps an input sample."""
    stride, down = request.ratio
    if down > 1 and stride > _SAMPLED:
        kernel, stride = _designed(request.design, Ratio(_SAMPLED, _SAMPLED - 1)), _SAMPLED
    response = convt.Response(kernel, stride)
    return Measured(float(response.passband_edge(0.01)), -float(response.worst_image().level))


def _default_padding(request: Request) -> int | str:
    if request.weights is not None:
        return 0
    return "causal" if request.design.phase == "minimum" else "center"


def _bias(request: Request, own: Array | None, channels: int) -> Array | None:
    """Return one number a channel: of --bias, a number or a file, or else the weight file's own."""
    source, bias = request.weights, own
    if isinstance(request.bias, float):
        bias = np.array(request.bias)
    elif request.bias is not None:
        source, bias = request.bias, convt.load_weights(request.bias).weight
        _check_finite(source, bias)
    if bias is None or bias.shape == (channels,):
        return bias
    if bias.size == 1:
        return np.full(channels, bias.item(), bias.dtype)
    raise Failure(
        f"{source}: a bias for {channels} output channel(s) has shape ({channels},), not {bias.shape}"
    )
