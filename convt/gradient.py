"""The gradients of the transposed convolution: products of a vector with its Jacobian (VJP).

For y = conv_transpose1d(x, weight, bias) and g, the gradient of a real number with respect to y, with G the
full convolution's samples of g (zeros where the padding crops, and between every `down`-th sample)::

    gx[n, ci, i]     = sum over co, k of  conj(w[ci, co, k]) * G[n, co, i*s + k*d]
    gw[ci, co, k]    = sum over n, i  of  conj(x[n, ci, i])  * G[n, co, i*s + k*d]
    gbias[co]        = sum over n, t  of  g[n, co, t]

(V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter 4; complex
numbers as in PyTorch, where the gradient is that of the conjugate Wirtinger derivative). Both sums are a
matrix product with the same columns, a block of input positions at a time (im2col)::

    columns (C_out*K, m):  row (co, k), column i:  G[co, i*s + k*d]

    gx = conj(w) @ columns        (C_in, C_out*K) @ (C_out*K, m)
    gw += conj(x) @ columns.T     (C_in, m) @ (m, C_out*K)
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Literal, NamedTuple, SupportsIndex, get_args

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import Integer, as_choice, as_threads
from convt.arrays import Array, DType, as_numeric, compute_dtype, result_dtype
from convt.errors import ParameterError, ParameterTypeError
from convt.geometry import Geometry, Padding
from convt.kernel import Kernel
from convt.streaming.prepared_kernel import split_evenly
from convt.streaming.threads import ThreadTeam, default_threads, ignore_float_errors

Argument = Literal["x", "weight", "bias"]

_COLUMNS = 1 << 22  # elements: 16 MB in float32
_LEAST = 256  # positions of a block, so that the product over them is worth reading the gradient again
_ROWS = 16  # of a product, at least
_RUNS = 4  # of rows or groups, which threads compute at the same time


def conv_transpose1d_vjp(
    g: ArrayLike,
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
    wrt: Sequence[Argument] = ("x", "weight", "bias"),
    threads: SupportsIndex | None = None,
) -> tuple[Array, ...]:
    """Return gradients of :func:`conv_transpose1d` with respect to its arguments.

    For a loss that depends on ``y = conv_transpose1d(x, weight, bias, ...)``, and its gradient `g` with
    respect to y, these are the gradients of the loss with respect to x, the weight and the bias.

    Parameters
    ----------
    g : array_like, the shape of y
        The gradient with respect to the output.
    x, weight, bias, stride, padding, output_padding, groups, dilation, down, threads
        Same as in :func:`conv_transpose1d`. The bias matters only for the shape and dtype of its gradient,
        which is (C_out,) without one.
    wrt : sequence of {"x", "weight", "bias"}
        The gradients to compute.

    Returns
    -------
    tuple of ndarray
        The gradients in the order of `wrt`, with the shapes of the arguments. The dtype is that of the
        result of ``conv_transpose1d`` for these arguments and `g`; gradients with respect to real arguments
        are real. Complex gradients follow PyTorch: for y = w*x the gradient with respect to x is conj(w)*g.
        The bytes do not depend on `threads`.

    Raises
    ------
    ParameterTypeError
        An argument has a type or dtype that cannot be used; also a TypeError.
    ParameterError
        An argument has a shape or value that cannot be used; also a ValueError.

    See Also
    --------
    conv_transpose1d : The operator.

    Examples
    --------
    >>> gx, gw = conv_transpose1d_vjp([1, 2, 3, 4], [1, 10], [5, 7], stride=2, wrt=("x", "weight"))
    >>> gx, gw
    (array([19., 43.]), array([31., 42.]))
    """
    names = _as_names(wrt)
    signal, given = as_numeric("x", x), as_numeric("g", g)
    kernel = Kernel.of(weight, bias, groups)
    geometry = Geometry.of(kernel.taps, stride, padding, output_padding, dilation, down)
    kernel.check(signal)
    lead = (
        signal.shape[:-1]
        if kernel.shared or signal.ndim == 1
        else (*signal.shape[:-2], kernel.out_channels)
    )
    wanted = (*lead, geometry.output_length(signal.shape[-1]))
    if given.shape != wanted:
        raise ParameterError(f"g must have the shape of the output, {wanted}, got {given.shape}")
    result = result_dtype(kernel.dtype_with(signal.dtype), given.dtype)
    found: dict[str, Array] = {}
    if "bias" in names:
        found["bias"] = _bias_gradient(given, kernel)
    if {"x", "weight"} & {*names}:
        products = _Products(kernel, geometry, compute_dtype(result))
        with ignore_float_errors(), ThreadTeam(as_threads(threads) or default_threads()) as team:
            gx, gw = products.run(kernel.as_signals(signal), given, names, team)
        if "x" in names:
            found["x"] = gx.reshape(signal.shape)
        if "weight" in names:
            found["weight"] = gw.reshape(kernel.weight.shape[2 * kernel.shared :])
    sources = {"x": signal, "weight": kernel.weight, "bias": kernel.bias}
    return tuple(_as_result(found[name], result, sources[name]) for name in names)


def _as_names(wrt: Sequence[Argument]) -> Sequence[Argument]:
    if isinstance(wrt, str) or not isinstance(wrt, Sequence):
        raise ParameterTypeError(f"wrt must be a sequence of names, such as ('x', 'weight'), got {wrt!r}")
    return [as_choice("wrt", name, get_args(Argument)) for name in wrt]


def _bias_gradient(g: Array, kernel: Kernel) -> Array:
    """Return the sums of g, one for each number of the bias."""
    if kernel.shared and (kernel.bias is None or kernel.bias.size == 1):
        shape = () if kernel.bias is None else kernel.bias.shape
        return np.array(g.sum(dtype=_wide(g.dtype))).reshape(shape)
    channels = g.shape[-2] if g.ndim > 1 else 1
    sums: Array = g.reshape(-1, channels, g.shape[-1]).sum((0, 2), dtype=_wide(g.dtype))
    return sums


def _wide(dtype: DType) -> DType:
    return np.promote_types(dtype, np.float64)


def _as_result(gradient: Array, dtype: DType, source: Array | None) -> Array:
    """Return a gradient in a dtype, and the real part of one with respect to real numbers."""
    if gradient.dtype.kind == "c" and source is not None and source.dtype.kind != "c":
        gradient = gradient.real
    if gradient.dtype.kind != "c" and dtype.kind == "c":
        dtype = np.zeros((), dtype).real.dtype
    return gradient.astype(dtype, copy=False)


class _Block(NamedTuple):
    """Neighbouring input positions of some signals."""

    signals: slice
    positions: slice


class _Products:
    """The products for one kernel, block by block."""

    def __init__(self, kernel: Kernel, geometry: Geometry, dtype: DType) -> None:
        self._geometry, self._dtype = geometry, dtype
        weight = kernel.grouped(dtype)
        self._groups, cin, cout, taps = weight.shape
        self._channels = self._groups * cout
        self._conjugate = np.conj(weight.reshape(self._groups, cin, cout * taps))
        # Tasks of some groups, or of some rows of the only one: the same for any number of threads.
        runs = [slice(None)], split_evenly(range(cin), max(_ROWS, -(-cin // _RUNS)))
        if self._groups > 1:
            runs = split_evenly(range(self._groups), -(-self._groups // _RUNS)), [slice(None)]
        self._tasks = list(product(*runs))

    def run(self, x: Array, g: Array, names: Sequence[Argument], team: ThreadTeam) -> tuple[Array, Array]:
        """Return the gradients for signals x (N, C_in, L) and g, which has any shape (..., L_out)."""
        count, channels, length = x.shape
        g = g.reshape(count, self._channels, g.shape[-1])
        by_group = (count, self._groups, channels // self._groups, length)
        gx = np.zeros(by_group if "x" in names else 0, self._dtype)
        gw = np.zeros(self._conjugate.shape if "weight" in names else 0, self._dtype)
        for block in self._blocks(count, length):
            columns = self._columns(g[block.signals], block.positions, length, team)
            inputs = x.reshape(by_group)[block.signals, ..., block.positions]
            if "x" in names:
                self._add_signal(gx[block.signals, ..., block.positions], columns, team)
            if "weight" in names:
                self._add_weight(gw, np.conj(inputs.astype(self._dtype)), columns, team)
        return gx, gw

    def _blocks(self, count: int, length: int) -> Iterator[_Block]:
        """Yield blocks of whole short signals, or of parts of a long one."""
        most = max(_LEAST, _COLUMNS // (self._channels * self._geometry.kernel_size))
        for signals in split_evenly(range(count), max(1, most // length)):
            for positions in split_evenly(range(length), most):
                yield _Block(signals, positions)

    def _columns(self, g: Array, positions: slice, length: int, team: ThreadTeam) -> Array:
        """Return the columns (groups, C_out/groups*K, n*m) of input positions of n signals."""
        geometry, size = self._geometry, positions.stop - positions.start
        columns = np.empty((self._channels, geometry.kernel_size, len(g), size), self._dtype)

        def fill(channels: slice) -> None:
            phases = self._phases(g[:, channels], positions, length)
            for tap in range(geometry.kernel_size):
                lag, phase = divmod(tap * geometry.dilation, geometry.stride)
                columns[channels, tap] = phases[..., phase, lag : lag + size].swapaxes(0, 1)

        team.run(fill, split_evenly(range(self._channels), -(-self._channels // _RUNS)))
        return columns.reshape(self._groups, -1, len(g) * size)

    def _phases(self, g: Array, positions: slice, length: int) -> Array:
        """Return the samples of the full convolution that the positions need, as (n, C, stride, any)."""
        geometry = self._geometry
        stride, down = geometry.stride, geometry.down
        steps = positions.stop - positions.start + geometry.lag
        begin, stop = positions.start * stride, (length - 1) * stride + geometry.span
        stop = min(stop, begin + steps * stride)
        first = max(0, -((geometry.crop - begin) // down))  # of the outputs
        place = geometry.crop + first * down - begin
        full = np.zeros((*g.shape[:2], steps * stride), self._dtype)
        target = full[..., place : stop - begin : down]
        kept = g[..., first : first + target.shape[-1]]
        target[..., : kept.shape[-1]] = kept
        return np.ascontiguousarray(full.reshape(*g.shape[:2], steps, stride).swapaxes(-1, -2))

    def _add_signal(self, gx: Array, columns: Array, team: ThreadTeam) -> None:
        """Write the gradient of some positions into gx, (n, groups, C_in/groups, m)."""

        def multiply(task: tuple[slice, slice]) -> None:
            made = self._conjugate[task] @ columns[task[0]]
            gx[:, *task] = made.reshape(*made.shape[:2], len(gx), -1).transpose(2, 0, 1, 3)

        team.run(multiply, self._tasks)

    def _add_weight(self, gw: Array, x: Array, columns: Array, team: ThreadTeam) -> None:
        """Add the gradient of some positions to gw, (groups, C_in/groups, C_out/groups*K)."""
        inputs = x.transpose(1, 2, 0, 3).reshape(*x.shape[1:3], -1)

        def multiply(task: tuple[slice, slice]) -> None:
            gw[task] += inputs[task] @ columns[task[0]].swapaxes(-1, -2)

        team.run(multiply, self._tasks)
