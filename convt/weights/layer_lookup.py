"""Which layer a name means."""

import difflib
from collections.abc import Iterable, Sequence

from convt.errors import WeightsError
from convt.weights.layers import Layer, candidates
from convt.weights.layouts import Layout

_SHOWN = 8  # names in a message
_LONGEST = 200  # letters of a name that another may be taken for


def pick(layers: Sequence[Layer], wanted: str | None, layout: Layout) -> Layer:
    """Return the layer of a tensor's name, of its own, or below a name; without one, that of no name.

    Where that leaves several, the one that could be a transposed convolution's.

    Raises
    ------
    WeightsError
        There is none, or more than one, or one that cannot be read, and so may be the one that is meant.
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
            raise WeightsError(f"{wanted} is a bias; name the weight that it belongs to")
    return next((layer for layer in layers if layer.name == wanted and layer.tensors), None)


def _only(layers: Sequence[Layer], layout: Layout, question: str) -> Layer:
    possible = candidates(layers, layout)
    if len(possible) == 1:
        return possible[0]
    if possible:
        names = _list(layer.title for layer in possible)
        raise WeightsError(f"{question} is meant? It has {names}; name one as the tensor (--tensor)")
    there = _list(f"{tensor.name} {tensor.shape}" for layer in layers for tensor in layer.tensors)
    raise WeightsError(f"holds no weight of a transposed convolution; its tensors: {there or 'none'}")


def _list(names: Iterable[str]) -> str:
    all_names = list(names)
    more = f" and {len(all_names) - _SHOWN} more" if len(all_names) > _SHOWN else ""
    return ", ".join(all_names[:_SHOWN]) + more


def _near(wanted: str, layers: Sequence[Layer]) -> str:
    """Return a hint at the names that look most like it."""
    names = dict.fromkeys(layer.title for layer in layers if layer.tensors)
    known = names | dict.fromkeys(tensor.name for layer in layers for tensor in layer.tensors)
    likely = [name for name in known if len(name) <= _LONGEST]
    close = difflib.get_close_matches(wanted[:_LONGEST], likely, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else f"; it has {_list(names)}"
