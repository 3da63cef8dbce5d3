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

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, SupportsIndex, cast, get_args

import numpy as np
from numpy.typing import ArrayLike

from convt.arguments import Integer, as_choice, as_threads
from convt.arrays import Array, DType, as_numeric, compute_dtype, result_dtype
from convt.engines.buffers import Scratch
from convt.errors import ParameterError, ParameterTypeError
from convt.geometry import Geometry, Padding
from convt.kernel import Kernel
from convt.streaming.prepared_kernel import split_evenly
from convt.streaming.threads import ThreadTeam, default_threads, ignore_float_errors

Argument = Literal["x", "weight", "bias"]

_Rows = tuple[slice, slice]  # groups, and rows of each
_Run = Callable[[Callable[[Any], None], Sequence[Any]], None]

_LARGE = 1 << 19  # numbers of a weight whose rows are divided
_COLUMNS, _SMALL_COLUMNS = 1 << 22, 1 << 19  # elements of a block, for a large weight and for others
_LEAST = 256  # positions of a block, so that the product over them is worth reading the gradient again
_REACH = 1 << 12  # elements of a position, beyond which buffers are not kept
_ROWS = 256  # of a product with a large weight, unless that leaves fewer than two products
_LANES = 4  # runs of rows, or of blocks

_small_scratch = Scratch()  # of all calls with small weights: fresh memory takes longer than the work in it


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
    wanted = (*kernel.output_axes(signal), geometry.output_length(signal.shape[-1]))
    if given.shape != wanted:
        raise ParameterError(f"g must have the shape of the output, {wanted}, got {given.shape}")
    result = result_dtype(kernel.dtype_with(signal.dtype), given.dtype)
    found: dict[str, Array] = {}
    if "bias" in names:
        with ignore_float_errors():
            found["bias"] = _bias_gradient(given, kernel)
    if {"x", "weight"} & {*names}:
        products = _Products(kernel, geometry, compute_dtype(result))
        with ignore_float_errors(), ThreadTeam(as_threads(threads) or default_threads()) as team:
            gx, gw = products.run(kernel.as_signals(signal), given, names, team)
        if "x" in names:
            found["x"] = cast("Array", gx).reshape(signal.shape)
        if "weight" in names:
            found["weight"] = cast("Array", gw).reshape(kernel.weight.shape[2 * kernel.shared :])
    sources = {"x": signal, "weight": kernel.weight, "bias": kernel.bias}
    with ignore_float_errors():
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
    """The products for one kernel, block by block.

    Threads divide a large weight: each computes some of its rows, or groups, for the same columns. Of a
    small one each thread computes some blocks, in lanes whose sums are added in the end. Neither
    depends on the number of threads.
    """

    def __init__(self, kernel: Kernel, geometry: Geometry, dtype: DType) -> None:
        self._geometry, self._dtype = geometry, dtype
        weight = kernel.grouped(dtype)
        self._groups, cin, cout, taps = weight.shape
        self._channels = self._groups * cout
        matrix = weight.reshape(self._groups, cin, cout * taps)
        self._conjugate = np.conj(matrix) if dtype.kind == "c" else matrix
        self._is_large = weight.size >= _LARGE
        reach = max(geometry.kernel_size, geometry.stride) * self._channels
        self._scratch = Scratch() if self._is_large or reach > _REACH else _small_scratch
        self._tasks: list[_Rows] = [(slice(None), slice(None))]
        self._runs = [slice(None)]
        if self._is_large:
            self._runs = split_evenly(range(self._channels), -(-self._channels // _LANES))
            if self._groups > 1:
                self._tasks = [
                    (run, slice(None))
                    for run in split_evenly(range(self._groups), -(-self._groups // _LANES))
                ]
            else:
                runs = _LANES if cin >= _LANES * _ROWS else 2
                self._tasks = [(slice(None), run) for run in split_evenly(range(cin), -(-cin // runs))]

    def run(
        self, x: Array, g: Array, names: Sequence[Argument], team: ThreadTeam
    ) -> tuple[Array | None, Array | None]:
        """Return the gradients for signals x (N, C_in, L) and g (..., L_out); None for unwanted ones."""
        count, channels, length = x.shape
        g = g.reshape(count, self._channels, g.shape[-1])
        x = x.reshape(count, self._groups, channels // self._groups, length)
        gx = np.empty(x.shape, self._dtype) if "x" in names else None
        blocks = self._blocks(count, length)
        if self._is_large:
            sums = [self._lane(x, g, gx, blocks, team.run, with_weight="weight" in names)]
        else:
            lanes = [blocks[lane::_LANES] for lane in range(_LANES)]
            sums = [None] * _LANES

            def compute(lane: int) -> None:
                sums[lane] = self._lane(x, g, gx, lanes[lane], _one_by_one, with_weight="weight" in names)

            team.run(compute, range(_LANES))
        if "weight" not in names:
            return gx, None
        made = [each for each in sums if each is not None]
        total = made[0] if made else np.zeros(self._conjugate.shape, self._dtype)
        for each in made[1:]:
            total += each
        return gx, total

    def _blocks(self, count: int, length: int) -> list[_Block]:
        """Return blocks of whole short signals, or of parts of a long one."""
        most = _COLUMNS if self._is_large else _SMALL_COLUMNS
        reach = max(self._geometry.kernel_size, self._geometry.stride)
        most = max(min(_LEAST, _COLUMNS // reach + 1), most // (self._channels * reach))
        parts = split_evenly(range(length), most)
        if not self._is_large and len(parts) % _LANES and len(parts) > 1:  # as many for each lane
            parts = split_evenly(range(length), -(-length // (-(-len(parts) // _LANES) * _LANES)))
        return [
            _Block(signals, positions)
            for signals in split_evenly(range(count), max(1, most // length))
            for positions in parts
        ]

    def _lane(
        self,
        x: Array,
        g: Array,
        gx: Array | None,
        blocks: list[_Block],
        run: _Run,
        *,
        with_weight: bool,
    ) -> Array | None:
        """Compute some blocks: write their gradients into gx, and return the sum of those of the weight."""
        total = None
        with self._scratch:
            for signals, positions in blocks:
                columns = self._columns(g[signals], positions, x.shape[-1], run)
                if gx is not None:
                    self._write_signal(gx[signals, ..., positions], columns, run)
                if with_weight:
                    total = self._add_weight(total, x[signals, ..., positions], columns, run)
        return total

    def _columns(self, g: Array, positions: slice, length: int, run: _Run) -> Array:
        """Return the columns (groups, C_out/groups*K, n*m) of input positions of n signals."""
        geometry, size = self._geometry, positions.stop - positions.start
        columns = self._scratch("columns", self._dtype, self._channels, geometry.kernel_size, len(g), size)

        def fill(channels: slice) -> None:
            phases = self._phases(g[:, channels], positions, length)
            for tap in range(geometry.kernel_size):
                lag, phase = divmod(tap * geometry.dilation, geometry.stride)
                columns[channels, tap] = phases[..., phase, lag : lag + size].swapaxes(0, 1)

        run(fill, self._runs)
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
        full = self._scratch("full", self._dtype, *g.shape[:2], steps * stride)
        full.fill(0)
        target = full[..., place : stop - begin : down]
        kept = g[..., first : first + target.shape[-1]]
        target[..., : kept.shape[-1]] = kept
        phases = self._scratch("phases", self._dtype, *g.shape[:2], stride, steps)
        phases[...] = full.reshape(*g.shape[:2], steps, stride).swapaxes(-1, -2)
        return phases

    def _write_signal(self, gx: Array, columns: Array, run: _Run) -> None:
        """Write the gradient of some positions into gx, (n, groups, C_in/groups, m)."""

        def multiply(task: _Rows) -> None:
            if len(gx) == 1:
                np.matmul(self._conjugate[task], columns[task[0]], out=gx[0][task])
                return
            made = self._conjugate[task] @ columns[task[0]]
            gx[:, *task] = made.reshape(*made.shape[:2], len(gx), -1).transpose(2, 0, 1, 3)

        run(multiply, self._tasks)

    def _add_weight(self, total: Array | None, x: Array, columns: Array, run: _Run) -> Array:
        """Return the sum so far, (groups, C_in/groups, C_out/groups*K), plus that of some positions."""
        made = np.empty(self._conjugate.shape, self._dtype) if total is None else total
        inputs = x.transpose(1, 2, 0, 3).reshape(*x.shape[1:3], -1).astype(self._dtype, copy=False)
        inputs = np.conj(inputs) if inputs.dtype.kind == "c" else inputs

        def multiply(task: _Rows) -> None:
            if total is None:
                np.matmul(inputs[task], columns[task[0]].swapaxes(-1, -2), out=made[task])
            else:
                made[task] += inputs[task] @ columns[task[0]].swapaxes(-1, -2)

        run(multiply, self._tasks)
        return made


def _one_by_one(work: Callable[[Any], None], tasks: Sequence[Any]) -> None:
    for task in tasks:
        work(task)
