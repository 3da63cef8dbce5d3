"""Several streams one after another, as the layers of a neural decoder, and their arithmetic."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import as_flag, as_index, as_integer
from convt.arrays import Array, as_numeric
from convt.errors import ParameterError, ParameterTypeError, StreamError
from convt.geometry import Geometry
from convt.stream import Upsampler, check_alone
from convt.streaming.exclusive import Exclusive
from convt.streaming.threads import ThreadTeam

Stage = Upsampler | Callable[[Array], ArrayLike]

_MOST_LATENCY = 1 << 31  # samples
_KEYS = ("kernel_size", "stride", "padding", "output_padding", "dilation", "down")
_KEYS_OF_CONV1D = ("kernel_size", "stride", "padding", "dilation")


class ChainGeometry(NamedTuple):
    """The arithmetic of several layers, as :func:`chain_geometry` returns it.

    Attributes
    ----------
    stride : int
        Output samples of the last layer for every `down` inputs of the first.
    down : int
        1, unless the chain lowers the rate or changes it by a ratio.
    left_context, right_context : int
        Inputs before and after an input i on which its outputs depend, at most: from ``i*stride/down`` to
        ``(i + 1)*stride/down - 1``. A chunk with that many more inputs at both ends has the same outputs
        as the whole signal, once those of the additional inputs are left out.
    dropped : tuple of (int, int)
        For each layer the samples of the full convolution that its padding drops on the left and on the
        right; a negative number is that of zeros added by an output padding.
    layers : tuple of Geometry
        The layers; with :meth:`output_length`.
    """

    stride: int
    down: int
    left_context: int
    right_context: int
    dropped: tuple[tuple[int, int], ...]
    layers: tuple[Geometry, ...]

    def output_length(self, length: int) -> int:
        """Return the length of the last layer's output for `length` samples.

        Raises
        ------
        ParameterTypeError, ParameterError
            `length` is not an int of at least 1, or the output of a layer would have no samples.
        """
        for number, layer in enumerate(self.layers):
            try:
                length = layer.output_length(length)
            except ParameterError as error:
                raise ParameterError(f"layer {number}: {error}") from None
        return length


class Chain:
    """Streams one after another, with elementwise functions between them, such as a decoder.

    Every stage gets what the one before it has finished, without a seam: the outputs of `process` and
    `flush` together have the same bytes for any pieces, and the same as a call with the whole signal. They
    equal those of the layers one by one to within rounding.

    Parameters
    ----------
    *stages : Upsampler, Chain or callable
        In the order of the signal, at least one of them an Upsampler. Their kernels are shared, and their
        state is left alone. A callable gets an array (N, C, n), (C, n) or (n,), n >= 0, and returns one of
        the same shape, in which each sample depends only on that sample: an activation, a gain.
    latency : int
        Inputs after which outputs are due, 1 to 2**31, rounded up to whole periods of stages with `down`.
        Every stage gets the latency that follows from it, and its blocks end with the samples that the
        stage before has finished. Stages with named causal paddings hold nothing back; others hold back
        the samples that their padding crops, and all that depend on them.

    Attributes
    ----------
    stages : tuple of Upsampler and callable
        The stages, without nested chains; their latencies are those in this chain.
    latency : int
        Inputs after which outputs are due.

    Raises
    ------
    ParameterTypeError, ParameterError
        A stage is something else, or the engine of a stage does not suit its latency.

    See Also
    --------
    chain_geometry : Lengths and context of a chain.

    Examples
    --------
    >>> import numpy as np
    >>> up = Upsampler([1.0, 1.0], stride=2)
    >>> chain = Chain(up, np.tanh, up)
    >>> chain.process([0.0, 10.0]).shape, chain.flush().shape
    ((8,), (0,))
    """

    def __init__(self, *stages: "Stage | Chain", latency: SupportsIndex = 1) -> None:
        flat = [one for stage in stages for one in (stage.stages if isinstance(stage, Chain) else (stage,))]
        for number, stage in enumerate(flat):
            if not callable(stage):
                hint = ": pass its elements with *stages" if isinstance(stage, list | tuple) else ""
                raise ParameterTypeError(
                    f"stage {number} must be an Upsampler, a Chain or a function, got {stage!r}{hint}"
                )
        _check_channels(flat)
        layers = [stage._geometry for stage in flat if isinstance(stage, Upsampler)]
        if not layers:
            raise ParameterError("a chain must have at least one Upsampler")
        period = _period(layers)
        self.latency = -(-as_index("latency", latency, 1, _MOST_LATENCY) // period) * period
        self.stages: tuple[Stage, ...] = tuple(_in_chain(flat, self.latency))
        self._exclusive = Exclusive()
        self._interrupted = self._flushed = False

    def __call__(self, x: ArrayLike) -> Array:
        """Return the outputs of a whole signal.

        Parameters
        ----------
        x : array_like, (N, C_in, L), (C_in, L) or (L,)
            One or more signals.

        Returns
        -------
        ndarray
            Their outputs, with the same axes.

        Raises
        ------
        ParameterTypeError, ParameterError
            `x` does not fit a stage, or the output of a stage would have no samples; or a function returned
            another shape.
        StreamError
            The stream has begun and has not been flushed.
        """
        y = as_numeric("x", x)
        for stage in self.stages:
            y = stage(y) if isinstance(stage, Upsampler) else _applied(stage, y)
        return y

    def __repr__(self) -> str:
        stages = [
            repr(stage) if isinstance(stage, Upsampler) else getattr(stage, "__name__", repr(stage))
            for stage in self.stages
        ]
        return f"Chain({', '.join(stages)}, latency={self.latency})"

    def process(self, x: ArrayLike) -> Array:
        """Take the next samples and return the outputs that they complete.

        Parameters
        ----------
        x : array_like, (N, C_in, n), (C_in, n) or (n,)
            The next n >= 0 samples. All axes but the last, and the dtype, stay as in the first call.

        Returns
        -------
        ndarray, (N, C_out, m), (C_out, m) or (m,)
            The next m >= 0 outputs.

        Raises
        ------
        ParameterTypeError, ParameterError
            `x` does not fit a stage, or its shape or dtype differs from the first call; or a function
            returned another shape.
        StreamError
            The stream has been flushed, or an error has interrupted it.
        """
        return self._push(as_numeric("x", x), last=False)

    def flush(self) -> Array:
        """End the signal and return the rest of its outputs, stage by stage.

        Returns
        -------
        ndarray, (N, C_out, m), (C_out, m) or (m,)
            Empty if the signal had no samples.

        Raises
        ------
        ParameterError
            The whole output of a stage would have no samples.
        StreamError
            The stream has been flushed already, or an error has interrupted it.
        """
        return self._push(None, last=True)

    def reset(self) -> None:
        """Forget the signal; the next samples begin a new one.

        Raises
        ------
        StreamError
            Another thread is using the stream.
        """
        with self._exclusive.use() as is_alone:
            check_alone(is_alone)
            for stage in self.stages:
                if isinstance(stage, Upsampler):
                    stage.reset()
            self._interrupted = self._flushed = False

    def fork(self) -> "Chain":
        """Return an independent stream in the same state, which shares the prepared kernels.

        ``copy.copy`` and ``copy.deepcopy`` do the same; functions are shared.

        Raises
        ------
        StreamError
            Another thread is using the stream.
        """
        with self._exclusive.use() as is_alone:
            check_alone(is_alone)
            fork = object.__new__(type(self))
            stages = tuple(stage.fork() if isinstance(stage, Upsampler) else stage for stage in self.stages)
            fork.__dict__.update(self.__dict__, stages=stages, _exclusive=Exclusive())
            return fork

    __copy__ = fork

    def __deepcopy__(self, _memo: object) -> "Chain":
        return self.fork()

    def _push(self, samples: Array | None, *, last: bool) -> Array:
        with self._exclusive.use() as is_alone:
            check_alone(is_alone)
            if self._flushed:
                raise StreamError("this stream has been flushed: call reset() before the next signal")
            if self._interrupted:
                raise StreamError("an error interrupted this stream, and samples are lost: call reset()")
            y, taken = samples, False
            try:
                with ThreadTeam(0):
                    for stage in self.stages:
                        y = _passed(stage, y, last=last)
                        taken = taken or isinstance(stage, Upsampler)
            except BaseException as error:
                # The first stream refuses samples before it takes them.
                self._interrupted = taken or not isinstance(error, ParameterError | ParameterTypeError)
                raise
            self._flushed = last
        assert y is not None  # noqa: S101  # each Upsampler returns an array
        return y


def _check_channels(stages: Iterable[Stage]) -> None:
    """Refuse a stage that takes another number of channels than the one before it returns."""
    before: tuple[int, int] | None = None
    for number, stage in enumerate(stages):
        if not isinstance(stage, Upsampler) or stage.channels is None:
            continue
        wanted, returned = stage.channels
        if before and before[1] != wanted:
            raise ParameterError(
                f"stage {number} takes {wanted} channels, and stage {before[0]} returns {before[1]}"
            )
        before = number, returned


def _passed(stage: Stage, samples: Array | None, *, last: bool) -> Array | None:
    """Return what a stage makes of the next samples; None at the end of the signal is no samples."""
    if not isinstance(stage, Upsampler):
        return None if samples is None else _applied(stage, samples)
    if samples is None:
        return stage.flush()
    if not last:
        return stage._process_in_chain(samples)  # the chain has it to itself
    before = stage.process(samples)
    return np.concatenate([before, stage.flush()], -1)


def _applied(function: Callable[[Array], ArrayLike], samples: Array) -> Array:
    result = as_numeric(f"the result of {getattr(function, '__name__', function)}", function(samples))
    if result.shape != samples.shape:
        raise ParameterError(
            f"the result of {getattr(function, '__name__', function)} must have the shape of its argument,"
            f" {samples.shape}, got {result.shape}"
        )
    return result


def _in_chain(stages: Iterable[Stage], latency: int) -> Iterator[Stage]:
    """Yield the stages with their latencies, and with blocks that end where the stage before them ends.

    After n*latency inputs of the chain a stage has got n*inputs - late samples.
    """
    inputs, late = latency, 0
    for stage in stages:
        if not isinstance(stage, Upsampler):
            yield stage
            continue
        layer = stage._geometry
        period = layer.period[0]
        late = -(-late // period) * period
        yield stage._in_chain(inputs, late % inputs)
        inputs, late = (
            inputs * layer.stride // layer.down,
            late * layer.stride // layer.down + layer.skipped,
        )


def chain_geometry(layers: "Chain | Iterable[Upsampler | Mapping[str, Any]]") -> ChainGeometry:
    """Return strides, lengths, context and crops of several layers, one after another.

    Output j of a layer is at position ``p = j*down + crop`` of its full convolution, and depends on the
    inputs ``ceil((p - D + 1)/stride)`` to ``floor(p/stride)``, with D = dilation*(K - 1) + 1. From the last
    layer to the first, these bounds give the context.

    Parameters
    ----------
    layers : Chain, or iterable of Upsampler or mapping
        The layers in the order of the signal. A mapping has arguments of :func:`output_length`, such as
        ``{"kernel_size": 16, "stride": 8, "padding": "hifigan"}``; with ``"transposed": False`` it is an
        ordinary convolution with the arguments of ``torch.nn.Conv1d``. Elementwise layers are left out.

    Returns
    -------
    ChainGeometry
        The arithmetic of the whole.

    Raises
    ------
    ParameterTypeError, ParameterError
        There are no layers, or a layer has arguments that cannot be used.

    Examples
    --------
    The upsampling layers of HiFi-GAN V1:

    >>> sizes = [(16, 8), (16, 8), (4, 2), (4, 2)]
    >>> whole = chain_geometry({"kernel_size": k, "stride": s, "padding": "hifigan"} for k, s in sizes)
    >>> whole.stride, whole.left_context, whole.right_context, whole.output_length(10)
    (256, 1, 1, 2560)
    >>> whole.dropped
    ((4, 4), (4, 4), (1, 1), (1, 1))
    """
    given = layers.stages if isinstance(layers, Chain) else layers
    found = tuple(
        _geometry(layer) for layer in given if not callable(layer) or isinstance(layer, Upsampler)
    )
    if not found:
        raise ParameterError("layers must have at least one layer that is not elementwise")
    ratio = math.prod((Fraction(layer.stride, layer.down) for layer in found), start=Fraction(1))
    left, right = _context(found, ratio)
    dropped = tuple((layer.crop, layer.span - layer.stride - layer.crop - layer.surplus) for layer in found)
    return ChainGeometry(ratio.numerator, ratio.denominator, left, right, dropped, found)


def _geometry(layer: Upsampler | Mapping[str, Any]) -> Geometry:
    if not isinstance(layer, Upsampler | Mapping):
        raise ParameterTypeError(
            "a layer must be an Upsampler, a function, or a mapping such as"
            f" {{'kernel_size': 16, 'stride': 8}}, got {layer!r}"
        )
    if isinstance(layer, Upsampler):
        return layer._geometry  # the two are parts of one operator
    arguments = dict(layer)
    transposed = as_flag("transposed", arguments.pop("transposed", True))
    known = _KEYS if transposed else _KEYS_OF_CONV1D
    if unknown := [key for key in arguments if key not in known]:
        raise ParameterError(f"a layer must have the keys {', '.join(known)}, got {unknown[0]!r}")
    if "kernel_size" not in arguments:
        raise ParameterError(f"a layer must have a kernel_size, got {dict(layer)}")
    if transposed:
        return Geometry.of(**arguments)
    taps = as_integer("kernel_size", arguments["kernel_size"], 1)
    options = {key: value for key, value in arguments.items() if key != "kernel_size"}
    return Upsampler.of_conv1d(np.zeros((1, 1, taps)), **options)._geometry


def _context(layers: tuple[Geometry, ...], ratio: Fraction) -> tuple[int, int]:
    """Return the most inputs before and after an input on which its outputs depend."""
    left = right = 0
    for own in range(_period(layers)):
        first, last = math.ceil(own * ratio), math.ceil((own + 1) * ratio) - 1
        if first > last:
            continue
        for layer in reversed(layers):
            first = -((layer.span - 1 - first * layer.down - layer.crop) // layer.stride)
            last = (last * layer.down + layer.crop) // layer.stride
        left, right = max(left, own - first), max(right, last - own)
    return left, right


def _period(layers: Iterable[Geometry]) -> int:
    """Return the number of inputs of the first layer that are whole periods of every layer."""
    periods, ratio = [1], Fraction(1)
    for layer in layers:
        periods.append((ratio / layer.period[0]).denominator)
        ratio *= Fraction(layer.stride, layer.down)
    return math.lcm(*periods)
