"""The layers of a checkpoint that a command works on, and their responses."""

import fnmatch
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import convt
from convt_cli.errors import Failure, Misuse, library_errors_as_failures
from convt_cli.options.values import Layout
from convt_cli.samples.formats import Array

_SHOWN = 8  # names in a message
# Words in the names of upsampling layers, and in those of the networks that they are in.
_UPSAMPLING = {
    "up",
    "ups",
    "upsample",
    "upsamples",
    "upsampler",
    "deconv",
    "transpose",
    "transposed",
    "convtr",
}
_DECODERS = {"decoder", "generator", "vocoder", "dec"}


class Layer(NamedTuple):
    """An upsampling layer.

    Attributes
    ----------
    name : str
        Its name in the checkpoint.
    weights : convt.Weights
        The weight and the bias.
    stride, groups : int
        Output samples per input sample, and runs of channels that do not mix.
    rate : Fraction
        Its input rate, relative to the output rate of the last layer.
    response : convt.LayerResponse
        The response to inputs that are uncorrelated between channels.
    """

    name: str
    weights: convt.Weights
    stride: int
    groups: int
    rate: Fraction
    response: convt.LayerResponse

    @property
    def taps(self) -> int:
        """Taps of a kernel."""
        return int(self.weights.weight.shape[-1])

    @property
    def channels(self) -> tuple[int, int]:
        """Channels in and out."""
        channels_in, channels_out, _ = self.weights.weight.shape
        return channels_in, channels_out * self.groups

    @property
    def padding(self) -> int:
        """The padding that centres the outputs of a frame on the frame, as decoders have it."""
        centred = self.response.delay - (self.stride - 1) / 2
        return min(max(0, math.floor(centred + 0.5)), self.taps - 1) if math.isfinite(centred) else 0

    @property
    def context(self) -> tuple[int, int]:
        """Input samples before and after a frame on which its outputs depend, with that padding."""
        whole = convt.chain_geometry(
            [{"kernel_size": self.taps, "stride": self.stride, "padding": self.padding}]
        )
        return whole.left_context, whole.right_context

    @property
    def lines_level(self) -> float:
        """Level of all its tonal lines together, in dB relative to the power of its output."""
        return total(self.response.lines)

    @property
    def frequencies(self) -> list[Fraction]:
        """Frequencies of its lines relative to the output rate of the last layer."""
        return [multiple * self.rate for multiple in range(1, self.stride // 2 + 1)]


def total(levels: Array) -> float:
    """Return the level in dB of several powers together."""
    return 10 * math.log10(max(1e-300, sum(10 ** (float(level) / 10) for level in levels)))


def select_layers(
    path: Path, pattern: str, strides: Sequence[int], layout: Layout
) -> list[convt.WeightEntry]:
    """Return the layers of a checkpoint that some patterns match, as many as there are strides.

    They are in the order of the patterns, and those of one pattern in the order of their names.
    """
    with library_errors_as_failures():
        listed = convt.list_weights(path, layout=layout)
    wide = sorted((entry for entry in listed.entries if entry.channels is not None), key=rank)
    if not wide:
        raise Failure(f"{path}: has no named layers: --layers needs a .safetensors or .npz checkpoint")
    found = list[convt.WeightEntry]()
    for part in pattern.split(","):
        matching = [
            entry for entry in listed.entries if entry in wide and _matches(entry.name, part.strip())
        ]
        if not matching:
            likely = _list(entry.name for entry in wide)
            raise Failure(
                f"{path}: no layer matches --layers {part.strip()}; likely upsampling layers are {likely}"
                f" (convt weights {path} lists all)"
            )
        found += [entry for entry in matching if entry not in found]
    if len(found) != len(strides):
        raise Misuse(
            f"--strides has {len(strides)} numbers, and {len(found)} layers match --layers {pattern}:"
            f" {_list(entry.name for entry in found)}"
        )
    return found


def _matches(name: str, pattern: str) -> bool:
    """Return whether a name, or the end of it after a dot, matches."""
    return any(fnmatch.fnmatchcase(name, shape) for shape in (pattern, f"*.{pattern}", f"*/{pattern}"))


def rank(entry: convt.WeightEntry) -> int:
    """Return a number that is lower the more a weight looks like that of an upsampling layer."""
    words = set(re.split(r"[^a-z]+", entry.name.lower()))
    points = 4 * bool(words & _UPSAMPLING) + bool(words & _DECODERS)
    if entry.channels:
        channels_in, channels_out = entry.channels
        points += 2 * (channels_in > channels_out * entry.groups) + (entry.taps % 2 == 0)
        points -= 2 * is_square(entry)
    return -points


def is_square(entry: convt.WeightEntry) -> bool:
    """Return whether a layer has as many channels in as out, as most ordinary convolutions have."""
    return entry.channels is not None and entry.channels[0] == entry.channels[1] * entry.groups > 1


def doubts(layers: Sequence[Layer]) -> Iterator[str]:
    """Yield warnings of layers that are probably something else than what the command line says."""
    for layer in layers:
        if layer.taps < layer.stride:
            usual = ",".join(str(max(1, each.taps // 2)) for each in layers)
            yield (
                f"{layer.name} has {layer.taps} taps, fewer than its stride {layer.stride}: are the strides"
                f" in the order of the layers? Most layers have K = 2*stride, here --strides {usual}"
            )
        elif layer.channels[0] == layer.channels[1] > 1 and layer.taps % 2:
            yield f"{layer.name} may be an ordinary convolution: it has as many channels in as out"


def _list(names: Iterable[str]) -> str:
    all_names = list(names)
    more = f" and {len(all_names) - _SHOWN} more" if len(all_names) > _SHOWN else ""
    return (", ".join(all_names[:_SHOWN]) + more) or "none"


def load_layer(path: Path, entry: convt.WeightEntry, layout: Layout) -> convt.Weights:
    """Read the weights of a layer."""
    with library_errors_as_failures():
        return convt.load_weights(path, entry.name, layout=layout)


def measure_layers(
    weights: Sequence[tuple[str, convt.Weights, int]],
    strides: Sequence[int],
    features: Array | None = None,
) -> list[Layer]:
    """Return layers with their responses, of names, weights and groups in the order of the signal."""
    layers = list[Layer]()
    for number, ((name, own, groups), stride) in enumerate(zip(weights, strides, strict=True)):
        rate = Fraction(1, math.prod(strides[number:]))
        try:
            response = convt.LayerResponse(own.weight, stride, groups, inputs=features)
        except (convt.ParameterError, convt.ParameterTypeError) as error:
            raise Failure(f"{own.source}: {error}") from None
        layers.append(Layer(name, own, stride, groups, rate, response))
    return layers
