"""The kernel that a command uses: from a file, or the built-in one."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple
from typing import cast as cast_type

import numpy as np

import convt
from convt_cli.audio.reader import Reader
from convt_cli.errors import Failure, Misuse, library_errors_as_failures
from convt_cli.files.checksums import file_sha256
from convt_cli.options.filter_options import FilterSpec
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.samples.formats import Array, cast, precise

_MOST_PHASES = 640  # as in convt.resample
_MOST_SPEAKERS = 16  # channels of audio; weights for more are a layer's
_SAMPLED = 4  # phases of the shorter kernel that is measured in place of a long one


class Ratio(NamedTuple):
    """Output rate over input rate: upsample by `stride`, keep every `down`-th sample."""

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


class SelectedKernel(NamedTuple):
    """A weight and a bias as the library takes them, and their name in reports.

    `sha256` is that of their file if JSON is requested; None for a pipe.
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
    """Return the requested kernel in the signal's precision.

    For an .npy signal, weights from a file keep their dtype unless a precision is requested: the operator's
    dtype rules apply.
    """
    weights, sha256 = (
        (_built_in(options, ratio), None)
        if options.weights is None
        else _loaded_unchanged(options, options.weights)
    )
    designed = options.weights is None and ratio != SAME
    measured = _measured(weights.weight, options.filter_spec, ratio) if designed else None
    _check_finite(weights.source, weights.weight, weights.bias)
    _check_axes(weights, reader, options.source)
    if options.tensor and options.stride is None and options.rate is None:
        taps = weights.weight.shape[-1]
        raise Misuse(
            f"--stride is missing: that of layer {options.tensor} is in the model's code; its {taps} taps"
            f" suggest --stride {max(1, taps // 2)}"
        )
    last = " (channels last)" if options.channels_last and not reader.format else ""
    weight, groups = weights.for_channels(reader.channels, options.groups, f"{options.source}{last}")
    channels_out = reader.channels if weight.ndim == 1 else weight.shape[1] * groups
    bias = _bias(options, weights.bias, channels_out)
    if options.weights is None or options.precision or reader.format:
        weight = cast(weight, precise(weight.dtype, reader.precision))
        bias = None if bias is None else cast(bias, precise(bias.dtype, reader.precision))
    if options.normalize:
        weight = _normalized(weights.source, weight, ratio.stride)
    if reader.format and any(array is not None and array.dtype.kind == "c" for array in (weight, bias)):
        raise Failure(f"{weights.source}: complex weights need an .npy signal; {options.source} is audio")
    padding = _default_padding(options) if options.padding is None else options.padding
    return SelectedKernel(
        weights.source, weight, bias, groups, padding, channels_out, weights.tensors, measured, sha256
    )


def _check_axes(weights: convt.Weights, reader: Reader, source: Path) -> None:
    """Refuse a signal or a kernel whose axes look exchanged, and audio for a layer that takes features."""
    shape, channels = weights.weight.shape, reader.channels
    if len(shape) == 2 and shape[1] == 1 < shape[0] != channels:
        raise Failure(f"{weights.source}: shape {shape} looks transposed: save the taps as ({shape[0]},)")
    if len(shape) < 3 or shape[0] in (1, channels):
        return
    if reader.format and shape[0] > _MOST_SPEAKERS:
        raise Failure(
            f"{source}: audio with {channels} channel(s), but {weights.source} takes {shape[0]} channels of"
            f" features: give it an .npy file of shape ({shape[0]}, L)"
        )
    if not reader.format and reader.frames == shape[0]:
        raise Failure(
            f"{source}: the signal looks transposed: the layer takes {shape[0]} channels, and this has"
            f" {channels} channels of {reader.frames} samples. Save x.T"
        )


def _normalized(name: str, weight: Array, stride: int) -> Array:
    """Return kernels of one channel each whose gain at 0 Hz is 1."""
    if weight.ndim == 3 and weight.shape[:2] != (1, 1) and weight.shape[1] != 1:
        raise Failure(f"{name}: --normalize is for one kernel per channel, not for shape {weight.shape}")
    gain = weight.sum(-1, keepdims=True) / stride
    if not np.all(np.abs(gain) > 0):
        raise Failure(f"{name}: --normalize cannot scale a kernel whose taps sum to 0")
    normalized: Array = (weight / gain).astype(weight.dtype)
    return normalized


def check_weights(options: UpsampleOptions) -> None:
    """Refuse weights that cannot be read, before inputs are looked at."""
    if options.weights and not os.access(options.weights, os.F_OK):
        with library_errors_as_failures():
            convt.load_weights(options.weights)


def _check_finite(source: object, *arrays: Array | None) -> None:
    for array in arrays:
        if array is not None and (count := np.count_nonzero(~np.isfinite(array))):
            raise Failure(f"{source}: {count} of {array.size} numbers are NaN or infinite")


def _loaded_unchanged(options: UpsampleOptions, path: Path) -> tuple[convt.Weights, str | None]:
    """Return weights, and the SHA-256 of their file if JSON is requested."""
    before = _version(path)
    weights = _loaded(options, path)
    sha256 = file_sha256(path) if options.as_json and before else None
    if _version(path) != before:
        raise Failure(f"{path}: changed while being read")
    return weights, sha256


def _version(path: Path) -> tuple[int, ...] | None:
    """Return values that change if a file is changed or replaced; None for pipes and missing files."""
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
                f"{weights.source}: a bias of {own.size} values with weights of shape {weight.shape} needs"
                f" --groups {groups}, not {options.groups}"
            )
    return weights


def _built_in(options: UpsampleOptions, ratio: Ratio) -> convt.Weights:
    if options.dilation != 1 or options.groups != 1:
        raise Misuse(
            "--dilation and --groups need --weights: the built-in filter depends only on the ratio of rates"
        )
    if is_resampler(options, ratio):
        return convt.Weights("the built-in kernel", resampler(options, ratio, None).kernel)
    return convt.Weights("the built-in kernel", _designed(options.filter_spec, ratio))


def is_resampler(options: UpsampleOptions, ratio: Ratio) -> bool:
    """Return whether a Resampler is needed: to extend the edges, or for a ratio of large numbers."""
    is_default = options.weights is None and options.padding is None and options.output_padding == 0
    return is_default and ratio != SAME and (max(ratio) > _MOST_PHASES or options.edges != "zero")


def resampler(
    options: UpsampleOptions,
    ratio: Ratio,
    precision: Literal["float32", "float64"] | None,
    threads: int | None = None,
) -> convt.Resampler:
    """Return a Resampler, for any ratio and any edges."""
    spec = options.filter_spec
    return convt.Resampler(
        ratio.down,
        ratio.stride,
        quality=spec.quality or "high",
        passband=spec.passband,
        rejection=spec.rejection,
        phase=spec.phase or "linear",
        edges=cast_type(Literal["zero", "reflect", "hold"], options.edges),
        precision=precision,
        latency=options.latency,
        threads=threads,
    )


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
    """Measure a designed kernel; a long one is represented by the same design with fewer phases."""
    stride = max(ratio)
    if ratio.down > 1 and stride > _SAMPLED:
        kernel, stride = _designed(spec, Ratio(_SAMPLED, _SAMPLED - 1)), _SAMPLED
    response = convt.Response(kernel, stride)
    return Measured(float(response.passband_edge(0.01)), -float(response.worst_image().level))


def _default_padding(options: UpsampleOptions) -> int | str:
    if options.weights is not None:
        return 0
    return "causal" if options.phase == "minimum" else "center"


def _bias(options: UpsampleOptions, own: Array | None, channels: int) -> Array | None:
    """Return one bias per channel: from --bias, a number or a file, else from the weight file."""
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
        f"{source}: bias of shape {bias.shape}; {channels} output channel(s) need shape ({channels},)"
    )
