"""Streams one after another, as the layers of a neural decoder."""

from typing import SupportsIndex

from numpy.typing import ArrayLike

from convt.arguments import as_index
from convt.arrays import Array, as_numeric
from convt.chains.stages import (
    Stage,
    Sum,
    Trunk,
    called,
    checked,
    forked,
    geometries,
    has_stream,
    in_chain,
    no_samples,
    passed,
    period_of,
    reset_all,
)
from convt.errors import ParameterError, ParameterTypeError
from convt.stream import Upsampler, check_alone, check_open
from convt.streaming.exclusive import Exclusive
from convt.streaming.threads import ThreadTeam

_MOST_LATENCY = 1 << 31  # samples


class Chain(Trunk):
    """Streams one after another, with elementwise functions between them, such as a decoder.

    Every stage gets what the one before it has finished, without a seam: the outputs of `process` and
    `flush` together have the same bytes for any pieces, and the same as a call with the whole signal. They
    equal those of the layers one by one to within rounding.

    Parameters
    ----------
    *stages : Upsampler, Chain, Sum or callable
        In the order of the signal, at least one of them an Upsampler or a Sum. Their kernels are shared,
        and their state is left alone. A callable gets an array (N, C, n), (C, n) or (n,), n >= 0, and
        returns one of the same shape, in which each sample depends only on that sample: an activation, a
        gain.
    latency : int
        Inputs after which outputs are due, 1 to 2**31, rounded up to whole periods of stages with `down`.
        Every stage gets the latency that follows from it, and its blocks end with the samples that the
        stage before has finished. Stages with named causal paddings hold nothing back; others hold back
        the samples that their padding crops, and all that depend on them.

    Attributes
    ----------
    stages : tuple of Upsampler, Sum and callable
        The stages, without nested chains; their latencies are those in this chain.
    latency : int
        Inputs after which outputs are due.

    Raises
    ------
    ParameterTypeError, ParameterError
        A stage is something else, or the engine of a stage does not suit its latency.

    See Also
    --------
    Sum : Branches side by side, such as residual connections.
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
        flat = checked(stages)
        if not has_stream(flat):
            raise ParameterError("a chain must have at least one Upsampler")
        period = period_of(geometries(flat))
        self.latency = -(-as_index("latency", latency, 1, _MOST_LATENCY) // period) * period
        self.stages = tuple(in_chain(flat, self.latency)[0])
        self._exclusive = Exclusive()
        self._begun = self._interrupted = self._flushed = False

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
        return called(self.stages, as_numeric("x", x))

    def __repr__(self) -> str:
        stages = [
            repr(stage) if isinstance(stage, Upsampler | Sum) else getattr(stage, "__name__", repr(stage))
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
            reset_all(self.stages)
            self._begun = self._interrupted = self._flushed = False

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
            stages = tuple(forked(self.stages))
            fork.__dict__.update(self.__dict__, stages=stages, _exclusive=Exclusive())
            return fork

    __copy__ = fork

    def __deepcopy__(self, _memo: object) -> "Chain":
        return self.fork()

    def _push(self, samples: Array | None, *, last: bool) -> Array:
        with self._exclusive.use() as is_alone:
            check_alone(is_alone)
            check_open(flushed=self._flushed, interrupted=self._interrupted)
            if samples is None and not self._begun:
                self._flushed = True
                return no_samples(self.stages)
            y, taken = samples, False
            try:
                with ThreadTeam(0):
                    for stage in self.stages:
                        taken = taken or isinstance(stage, Sum)  # its first branch may have taken them
                        y = passed(stage, y, last=last)
                        taken = taken or isinstance(stage, Upsampler)
            except BaseException as error:
                # The first stream refuses samples before it takes them.
                self._interrupted = taken or not isinstance(error, ParameterError | ParameterTypeError)
                raise
            self._begun, self._flushed = True, last
        assert y is not None  # noqa: S101  # each Upsampler returns an array
        return y
