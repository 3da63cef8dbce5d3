"""The transposed convolution in one call."""

from functools import lru_cache
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import Integer, as_threads
from convt.arrays import Array, DType, as_numeric
from convt.engines.planning import EngineName, Plan, as_engine, plan_for
from convt.geometry import Geometry, Padding
from convt.kernel import Kernel, warn_if_transposed
from convt.streaming.driver import Driver

# Numbers of a kernel, and elements of an engine, that are prepared once for several calls.
_SMALL_KERNEL, _SMALL_MATRIX = 1 << 9, 1 << 17

_Content = tuple[bytes, DType, tuple[int, ...]]


def conv_transpose1d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: Integer = 1,
    padding: Padding = 0,
    output_padding: Integer = 0,
    groups: SupportsIndex = 1,
    dilation: Integer = 1,
    *,
    down: Integer = 1,
    engine: EngineName | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """Compute a transposed 1-D convolution of signals.

    Every input sample ``x[n, ci, i]`` adds ``x[n, ci, i] * weight[ci, co, k]`` to output position
    ``i*stride + k*dilation - padding`` of channel co, for every tap k; then the bias is added. This is
    the adjoint of the forward convolution with the same arguments, not its inverse; the kernel is
    neither flipped nor conjugated. The output has

    ``L_out = (L - 1)*stride - 2*padding + dilation*(K - 1) + output_padding + 1``

    samples, or exactly ``stride*L`` if the padding is ``"center"``, ``"same"`` or ``"causal"``.

    With `down` the result is ``conv_transpose1d(...)[..., ::down]``, ``ceil(L_out/down)`` samples: the
    sample rate changes by stride/down. The samples between are never computed.

    Parameters
    ----------
    x : array_like, (N, C_in, L), (C_in, L) or (L,)
        The signals, L >= 1, in any memory layout and byte order. N may be 0. (L,) is for one channel in and
        one out.
    weight : array_like, (C_in, C_out/groups, K) or (K,)
        The kernel. A kernel of shape (K,) is used for every channel of x. With groups, the input and output
        channels are divided into that many runs of neighbours, and each run of output channels depends only
        on its run of input channels.
    bias : array_like, (C_out,), optional
        Added once to every output sample. With a weight of shape (K,) it may be a single number.
    stride : int or sequence of one int
        Output samples per input sample, at least 1.
    padding : int, sequence of one int, or str
        Output samples to drop at both ends, at least 0. ``"full"`` drops none. The other names drop on the
        left, with D = dilation*(K - 1) + 1: ``"center"`` drops floor((D - 1)/2), so that the output of a
        symmetric kernel is time-aligned with the input; ``"same"`` drops ceil((D - stride)/2), or none if
        that is negative; ``"causal"`` drops none. The names of decoders are for what their code computes:
        ``"hifigan"`` for floor((D - stride)/2) at both ends, ``"dac"`` for ceil(stride/2) at both ends with
        an output padding of stride % 2, ``"encodec"`` for ``"same"``, and ``"encodec-causal"`` for
        ``"causal"``.
    output_padding : int or sequence of one int
        Additional output samples to keep at the end, below max(stride, dilation). They are true outputs,
        not zeros; beyond the full convolution they are equal to the bias.
    groups : int
        Number of runs of channels that do not mix. It must divide C_in.
    dilation : int or sequence of one int
        Output samples from one tap to the next, at least 1.
    down : int or sequence of one int
        Compute the first output and every `down`-th after it, at least 1.
    engine : {"toeplitz", "polyphase", "col2im", "spectral"}, optional
        The engine to use instead of the planner's choice. Engines differ in speed and in rounding.
        ``col2im`` needs ``down=1`` and D = dilation*(K - 1) + 1 <= 16*stride.
    threads : int, optional
        Maximum number of threads, at least 1. The default is the environment variable CONVT_NUM_THREADS,
        or else the number that numpy's BLAS is set to use; in a process that multiprocessing started, 1.
        The bytes of the result do not depend on it.

    Returns
    -------
    ndarray, (N, C_out, L_out), (C_out, L_out) or (L_out,)
        The axes are those of x. The dtype is numpy's result type of the arguments, or float64 for integers
        and booleans. float16, and bfloat16 of the package ml_dtypes, are computed in float32. A NaN or an
        infinity reaches only the outputs that its taps reach.

    Raises
    ------
    ParameterTypeError
        An argument has a type or dtype that cannot be used; also a TypeError.
    ParameterError
        An argument has a shape or value that cannot be used; also a ValueError.

    See Also
    --------
    Upsampler : The same for signals that come in pieces, with the same bytes as result.

    References
    ----------
    V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285,
    2016, chapter 4.

    Examples
    --------
    >>> conv_transpose1d([1, 2, 3], [1, 10, 100], stride=2, padding=1, output_padding=1)
    array([ 10., 102.,  20., 203.,  30., 300.])
    >>> conv_transpose1d([1, 2, 3], [1, 10, 100], stride=2, padding=1, output_padding=1, down=4)
    array([10., 30.])
    >>> conv_transpose1d([[1, 2], [3, 4]], [[[1, 10]], [[1, -10]]], stride=2)  # both channels into one
    array([[  4., -20.,   6., -20.]])
    """
    signal = as_numeric("x", x)
    kernel = Kernel.of(weight, bias, groups)
    geometry = Geometry.of(kernel.taps, stride, padding, output_padding, dilation, down)
    kernel.check(signal)
    geometry.output_length(signal.shape[-1])
    if kernel.fixed_channels is None:
        warn_if_transposed(signal, "", 3)
    result = kernel.dtype_with(signal.dtype)
    chosen = plan_for(kernel, geometry, result, as_engine(engine))
    driver = _driver(kernel, geometry, chosen, result, as_threads(threads))
    return kernel.as_outputs(driver.push(kernel.as_signals(signal), last=True), signal)


def _driver(kernel: Kernel, geometry: Geometry, plan: Plan, dtype: DType, threads: int | None) -> Driver:
    """Return a driver for one signal. Those of small kernels are kept, by the numbers of the kernel."""
    if kernel.weight.size > _SMALL_KERNEL or plan.matrix > _SMALL_MATRIX:
        return Driver(kernel, geometry, plan, dtype, threads)
    weight, bias = _content(kernel.weight), None if kernel.bias is None else _content(kernel.bias)
    return _prepared(weight, bias, kernel.groups, kernel.shared, geometry, plan, dtype).fork(threads)


def _content(array: Array) -> _Content:
    return array.tobytes(), array.dtype, array.shape


def _array(content: _Content) -> Array:
    data, dtype, shape = content
    return np.frombuffer(data, dtype).reshape(shape)


@lru_cache(maxsize=16)
def _prepared(
    weight: _Content,
    bias: _Content | None,
    groups: int,
    shared: bool,
    geometry: Geometry,
    plan: Plan,
    dtype: DType,
) -> Driver:
    """Return a driver that has not begun, for copies of the arrays."""
    taps, offset = _array(weight), None if bias is None else _array(bias)
    return Driver(Kernel(taps, offset, groups, shared), geometry, plan, dtype, None)
