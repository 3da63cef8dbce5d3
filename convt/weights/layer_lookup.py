"""Find the layers that could be transposed convolutions, and the layer that a name refers to."""

import difflib
from collections.abc import Iterable, Sequence

from convt.errors import WeightsError
from convt.weights.layers import NUMBER_DTYPES, Layer
from convt.weights.layouts import Layout

_SHOWN = 8  # names in a message
_LONGEST = 200  # letters of a name to suggest


def candidates(layers: Iterable[Layer], layout: Layout) -> list[Layer]:
    """Return the layers that could be transposed convolutions, including those that cannot be read.

    If any have three axes, return only these: the others are then vectors and matrices of a network.
    """
    possible = [layer for layer in layers if _could_be(layer, layout) or _is_broken(layer)]
    wide = [layer for layer in possible if any(len(tensor.shape) == 3 for tensor in layer.tensors)]
    return wide or possible


def _could_be(layer: Layer, layout: Layout) -> bool:
    """Return whether a layer could be a transposed convolution, by its shapes and dtypes."""
    shown = layer.shown
    if shown is None or not (1 <= len(shown.shape) <= 3 and all(shown.shape)):
        return False
    return shown.dtype in NUMBER_DTYPES and (layer.bias is None or bias_fits(layer, layout))


def _is_broken(layer: Layer) -> bool:
    """Return whether a layer has a weight of three axes that cannot be read."""
    return layer.problem is not None and any(len(tensor.shape) == 3 for tensor in layer.tensors)


def bias_fits(layer: Layer, layout: Layout) -> bool:
    """Return whether the bias has a number for each output channel, with some number of groups."""
    if layer.shown is None or layer.bias is None or len(layer.bias.shape) > 1:
        return False
    if len(layer.shown.shape) < 3 or layer.bias.shape == ():
        return True
    channels_in, channels_out, _ = layout.torch_shape(layer.shown.shape)
    groups, rest = divmod(layer.bias.shape[0], channels_out)
    return rest == 0 and groups > 0 and channels_in % groups == 0


def find_layer(layers: Sequence[Layer], wanted: str | None, layout: Layout) -> Layer:
    """Return the layer with this name, with a tensor of this name, or below it; for None, the nameless one.

    Of several, return the only one that could be a transposed convolution.

    Raises
    ------
    WeightsError
        There is none, or more than one, counting those that cannot be read.
    """
    if wanted is None:
        nameless = next((layer for layer in layers if not layer.name and layer.tensors), None)
        return nameless or _only(layers, layout, "which of its weights")
    if exact := _named(layers, wanted):
        return exact
    below = [layer for layer in layers if layer.name.startswith((f"{wanted}.", f"{wanted}/"))]
    if not below:
        raise WeightsError(f"there is no {wanted or repr(wanted)}{_near(wanted, layers)}")
    return _only(below, layout, f"which of {wanted}")


def _named(layers: Sequence[Layer], wanted: str) -> Layer | None:
    for layer in layers:
        if any(tensor.name == wanted for tensor in layer.tensors):
            return layer
        if layer.bias and layer.bias.name == wanted:
            raise WeightsError(f"{wanted} is a bias; name its weight instead")
    return next((layer for layer in layers if layer.name == wanted and layer.tensors), None)


def _only(layers: Sequence[Layer], layout: Layout, question: str) -> Layer:
    possible = candidates(layers, layout)
    if len(possible) == 1:
        return possible[0]
    if possible:
        names = _list(layer.title for layer in possible)
        raise WeightsError(f"{question} is meant? It has {names}; name one with tensor=")
    there = _list(f"{tensor.name} {tensor.shape}" for layer in layers for tensor in layer.tensors)
    raise WeightsError(f"holds no weight of a transposed convolution; its tensors: {there or 'none'}")


def _list(names: Iterable[str]) -> str:
    all_names = list(names)
    more = f" and {len(all_names) - _SHOWN} more" if len(all_names) > _SHOWN else ""
    return ", ".join(all_names[:_SHOWN]) + more


def _near(wanted: str, layers: Sequence[Layer]) -> str:
    """Return a hint with the names that contain `wanted`, or else those most similar to it."""
    names = dict.fromkeys(layer.title for layer in layers if layer.tensors)
    known = names | dict.fromkeys(tensor.name for layer in layers for tensor in layer.tensors)
    if holding := [layer.title for layer in layers if wanted and layer.tensors and wanted in layer.title]:
        return f"; names that contain it: {_list(holding)}"
    likely = [name for name in known if len(name) <= _LONGEST]
    close = difflib.get_close_matches(wanted[:_LONGEST], likely, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else f"; it has {_list(names)}"
