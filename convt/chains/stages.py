"""The stages of a chain: streams, sums of branches, and elementwise functions.

A sum adds branches that get the same samples. They finish samples at different times, those with more
lookahead later; a sum keeps the samples of the others until all have them::

    inputs      ---+---> branch 0  ......|........ finished, kept
                   +---> branch 1  ......|         finished
    sum                            ......|         returned
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from convt.arrays import Array, as_numeric
from convt.errors import ParameterError, ParameterTypeError
from convt.geometry import Geometry
from convt.stream import Upsampler


class Trunk:
    """Stages one after another; the base of a chain."""

    stages: "tuple[Stage, ...]"


class Sum:
    """A stage of a :class:`Chain` that adds branches: a residual connection, or blocks side by side.

    Parameters
    ----------
    *branches : Chain, Upsampler, Sum, callable or None
        What is added, at least two, at least one of them with an Upsampler. None is the signal itself. All
        branches change the rate by the same ratio, and return equally many channels and samples.

    Attributes
    ----------
    branches : tuple of tuple
        The stages of each branch; those of None are ().

    Raises
    ------
    ParameterTypeError, ParameterError
        A branch is something else, or the branches change the rate differently.

    Examples
    --------
    A residual block, as stage of a stream:

    >>> import numpy as np
    >>> smooth = Upsampler.of_conv1d([0.25, 0.5, 0.25], padding=1)
    >>> from convt.chains.chain import Chain
    >>> block = Sum(None, Chain(np.tanh, smooth))
    >>> chain = Chain(block, Upsampler([1.0, 1.0], stride=2))
    >>> chain([0.0, 1.0]).round(3)
    array([0.19 , 0.19 , 1.381, 1.381])
    """

    def __init__(self, *branches: "Stage | Trunk | None") -> None:
        self.branches = tuple(tuple(checked([branch] if branch is not None else [])) for branch in branches)
        if len(branches) < 2:
            raise ParameterError(f"a sum must have at least two branches, got {len(branches)}")
        if not any(has_stream(branch) for branch in self.branches):
            raise ParameterError("a sum must have at least one branch with an Upsampler")
        ratios = [str(ratio_of(geometries(branch))) for branch in self.branches]
        if len(set(ratios)) > 1:
            raise ParameterError(f"branches must change the rate by one ratio, got {', '.join(ratios)}")
        self._kept: tuple[Array, ...] | None = None

    def __call__(self, x: ArrayLike) -> Array:
        """Return the sum for a whole signal."""
        signal = as_numeric("x", x)
        return _added([called(branch, signal) for branch in self.branches])

    def __repr__(self) -> str:
        return f"Sum({', '.join(repr(branch) if branch else 'None' for branch in self.branches)})"

    def _with(self, branches: "Iterable[Iterable[Stage]]", kept: tuple[Array, ...] | None) -> "Sum":
        other = object.__new__(Sum)
        other.branches, other._kept = tuple(tuple(branch) for branch in branches), kept
        return other

    def _passed(self, samples: Array | None, *, last: bool) -> Array:
        """Return the sums of the samples that all branches have finished."""
        pieces = list[Array | None]()
        for branch in self.branches:
            y = samples
            for stage in branch:
                y = passed(stage, y, last=last)
            pieces.append(y)
        none = next(each for each in pieces if each is not None)[..., :0]  # for branches without streams
        made = [none if each is None else each for each in pieces]
        if self._kept is not None:
            made = [np.concatenate(both, -1) for both in zip(self._kept, made, strict=True)]
        count = min(each.shape[-1] for each in made)
        if last and any(each.shape[-1] > count for each in made):
            lengths = ", ".join(str(each.shape[-1]) for each in made)
            raise ParameterError(
                f"branches must return equally many samples, got {lengths} more at the end"
            )
        self._kept = None if last else tuple(each[..., count:].copy() for each in made)
        return _added([each[..., :count] for each in made])


Stage: TypeAlias = "Upsampler | Sum | Callable[[Array], ArrayLike]"
# The geometry of a layer, or those of the layers of each branch.
Geometries: TypeAlias = "tuple[Geometry | tuple[Geometries, ...], ...]"


def _added(branches: list[Array]) -> Array:
    total = branches[0]
    for each in branches[1:]:
        if each.shape != total.shape:
            raise ParameterError(
                f"branches must return signals of one shape, got {total.shape} and {each.shape}"
            )
        total = total + each
    return total


def checked(given: "Sequence[Stage | Trunk]") -> "list[Stage]":
    """Return stages, with those of chains in the place of these.

    Raises
    ------
    ParameterTypeError, ParameterError
        A stage is something else, or takes another number of channels than the one before it returns.
    """
    flat = [one for stage in given for one in (stage.stages if isinstance(stage, Trunk) else (stage,))]
    before: tuple[int, int] | None = None
    for number, stage in enumerate(flat):
        if not callable(stage):
            hint = ": pass its elements with *stages" if isinstance(stage, list | tuple) else ""
            raise ParameterTypeError(
                f"stage {number} must be an Upsampler, a Chain, a Sum or a function, got {stage!r}{hint}"
            )
        if not isinstance(stage, Upsampler) or stage.channels is None:
            before = before if not isinstance(stage, Sum) else None
            continue
        wanted, returned = stage.channels
        if before and before[1] != wanted:
            raise ParameterError(
                f"stage {number} takes {wanted} channels, and stage {before[0]} returns {before[1]}"
            )
        before = number, returned
    return flat


def has_stream(stages: "Iterable[Stage]") -> bool:
    """Return whether one of some stages is a stream."""
    return any(isinstance(stage, Upsampler | Sum) for stage in stages)


def geometries(stages: "Iterable[Stage]") -> Geometries:
    """Return the geometries of the streams among some stages."""
    return tuple(
        stage._geometry if isinstance(stage, Upsampler) else tuple(map(geometries, stage.branches))
        for stage in stages
        if isinstance(stage, Upsampler | Sum)
    )


def ratio_of(layers: Geometries) -> Fraction:
    """Return the ratio by which layers change the rate; of a sum the first branch says it."""
    return math.prod(
        (
            ratio_of(layer[0]) if isinstance(layer, tuple) else Fraction(layer.stride, layer.down)
            for layer in layers
        ),
        start=Fraction(1),
    )


def period_of(layers: Geometries, ratio: Fraction = Fraction(1)) -> int:
    """Return the number of inputs that are whole periods of every layer.

    The layers get `ratio` samples for each input.
    """
    periods = [1]
    for layer in layers:
        if isinstance(layer, tuple):
            periods += [period_of(branch, ratio) for branch in layer]
            ratio *= ratio_of(layer[0])
        else:
            periods.append((ratio / layer.period[0]).denominator)
            ratio *= Fraction(layer.stride, layer.down)
    return math.lcm(*periods)


def in_chain(stages: "Iterable[Stage]", inputs: int, late: int = 0) -> "tuple[list[Stage], int, int]":
    """Return stages with their latencies, and with blocks that end where the stage before them ends.

    After n blocks of the chain the first stage has got ``n*inputs - late`` samples. The same numbers are
    returned for what the last stage returns.
    """
    made = list[Stage]()
    for stage in stages:
        if isinstance(stage, Sum):
            found = [in_chain(branch, inputs, late) for branch in stage.branches]
            made.append(stage._with([branch for branch, _, _ in found], None))
            inputs, late = found[0][1], max(late for _, _, late in found)
        elif isinstance(stage, Upsampler):
            layer = stage._geometry
            late = -(-late // layer.period[0]) * layer.period[0]
            made.append(stage._in_chain(inputs, late % inputs))
            inputs = inputs * layer.stride // layer.down
            late = late * layer.stride // layer.down + layer.skipped
        else:
            made.append(stage)
    return made, inputs, late


def passed(stage: "Stage", samples: Array | None, *, last: bool) -> Array | None:
    """Return what a stage makes of the next samples; None at the end of the signal is no samples."""
    if isinstance(stage, Sum):
        return stage._passed(samples, last=last)
    if not isinstance(stage, Upsampler):
        return None if samples is None else _applied(stage, samples)
    if samples is None:
        return stage.flush()
    if not last:
        return stage._process_in_chain(samples)  # the chain has it to itself
    before = stage.process(samples)
    return np.concatenate([before, stage.flush()], -1)


def no_samples(stages: "Iterable[Stage]") -> Array:
    """Return the empty output of a signal without samples."""
    streams = [stage for stage in stages if isinstance(stage, Upsampler | Sum)]
    if isinstance(last := streams[-1], Sum):
        return no_samples(next(branch for branch in last.branches if has_stream(branch)))
    return np.zeros((last.channels[1] if last.channels else 1, 0), last._signal)


def called(stages: "Iterable[Stage]", x: Array) -> Array:
    """Return what stages make of a whole signal."""
    for stage in stages:
        x = stage(x) if isinstance(stage, Upsampler | Sum) else _applied(stage, x)
    return x


def _applied(function: Callable[[Array], ArrayLike], samples: Array) -> Array:
    name, view = getattr(function, "__name__", function), samples.view()
    view.flags.writeable = False  # other branches, or the caller, use the samples, too
    result = as_numeric(f"the result of {name}", function(view))
    if result.shape != samples.shape:
        raise ParameterError(
            f"the result of {name} must have the shape of its argument, {samples.shape}, got {result.shape}"
        )
    return result


def forked(stages: "Iterable[Stage]") -> "Iterator[Stage]":
    """Yield independent stages in the same state."""
    for stage in stages:
        if isinstance(stage, Sum):
            yield stage._with(map(forked, stage.branches), stage._kept)
        else:
            yield stage.fork() if isinstance(stage, Upsampler) else stage


def reset_all(stages: "Iterable[Stage]") -> None:
    """Have all stages begin a new signal."""
    for stage in stages:
        if isinstance(stage, Sum):
            stage._kept = None
            for branch in stage.branches:
                reset_all(branch)
        elif isinstance(stage, Upsampler):
            stage.reset()
