"""The layers of a checkpoint that a command works on, and their responses."""

import fnmatch
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import convt
from convt_cli.errors import Failure, Misuse, library_errors_as_failures
from convt_cli.options.values import Layout
from convt_cli.samples.formats import Array

_SHOWN = 8  # names in a message


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
    """Return the layers of a checkpoint whose names match a pattern, as many as there are strides."""
    with library_errors_as_failures():
        listed = convt.list_weights(path, layout=layout)
    wide = [entry for entry in listed.entries if entry.channels is not None]
    parts = [part.strip() for part in pattern.split(",")]
    found = [entry for entry in wide if any(_matches(entry.name, part) for part in parts)]
    if not found:
        raise Failure(
            f"{path}: no layer matches --layers {pattern}; it has {_list(entry.name for entry in wide)}"
        )
    if len(found) != len(strides):
        raise Misuse(
            f"--strides has {len(strides)} numbers, and {len(found)} layers match --layers {pattern}:"
            f" {_list(entry.name for entry in found)}"
        )
    return found


def _matches(name: str, pattern: str) -> bool:
    """Return whether a name, or the end of it after a dot, matches."""
    return any(fnmatch.fnmatchcase(name, shape) for shape in (pattern, f"*.{pattern}", f"*/{pattern}"))


def _list(names: object) -> str:
    all_names = list(names)  # type: ignore[call-overload]
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
