"""Array types, the dtypes that are accepted, the dtype of a result, and a cache of arrays."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convt.errors import ParameterError, ParameterTypeError

Array = NDArray[Any]
Reals = NDArray[np.float64]
DType = np.dtype[Any]
Key = TypeVarTuple("Key")
Result = TypeVar("Result")

_BFLOAT16 = "bfloat16"  # of the package ml_dtypes, in jax's arrays
_ENTRY = 1 << 10  # bytes
_ODD = (1, 3, 5, 9, 15, 25, 27, 45, 75, 81)  # times powers of two
_INEXACT = frozenset(map(np.dtype, ("float16", "float32", "float64", "complex64", "complex128")))


def as_numeric(name: str, value: ArrayLike) -> Array:
    """Return `value` as an array, of any layout and byte order.

    Raises
    ------
    ParameterTypeError, ParameterError
        `value` is not an array, or is a masked one, or its dtype is not one that convt computes with.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ParameterError(f"{name} must be a rectangular array of numbers") from error
    except (TypeError, RuntimeError) as error:
        raise ParameterTypeError(_why_no_array(name, value)) from error
    if (ma := sys.modules.get("numpy.ma")) and _holds(value, ma.MaskedArray):  # slow to import
        raise ParameterTypeError(
            f"{name} must not be a masked array, since its mask would be lost: use {name}.filled(...)"
        )
    dtype = array.dtype
    if dtype.kind not in "biu" and dtype.newbyteorder("=") not in _INEXACT and dtype.name != _BFLOAT16:
        raise ParameterTypeError(
            f"{name} must have a boolean, integer, float16, bfloat16, float32, float64, complex64 or"
            f" complex128 dtype, got {dtype}"
        )
    return array


def _why_no_array(name: str, value: object) -> str:
    """Return the reason why numpy cannot read a value, such as a tensor of another library."""
    kind, dtype = type(value).__name__, str(getattr(value, "dtype", ""))
    if getattr(value, "requires_grad", False):
        return f"{name} is a {kind} that requires a gradient, which would be lost: use {name}.detach()"
    if _BFLOAT16 in dtype:
        return f"{name} is a {kind} of {dtype}, which numpy does not have: use {name}.float()"
    if "Tracer" in kind:
        return f"{name} is traced by JAX ({kind}): call convt in jax.pure_callback, outside of jit and grad"
    if (device := str(getattr(value, "device", "cpu"))) != "cpu":
        return f"{name} is a {kind} on {device}, not in main memory: use {name}.cpu()"
    return f"{name} must be an array of numbers, got {kind}"


def _holds(value: object, kind: type) -> bool:
    """Return whether a value is of this type, or is a list that holds one."""
    if not isinstance(value, list | tuple):
        return isinstance(value, kind)
    types = set(map(type, value))  # one or two, even for long lists
    return any(issubclass(each, kind) for each in types) or (
        any(issubclass(each, list | tuple) for each in types) and any(_holds(one, kind) for one in value)
    )


def result_dtype(*dtypes: DType) -> DType:
    """Return numpy's common dtype in native byte order, or float64 for integers and booleans."""
    if any(dtype.name == _BFLOAT16 for dtype in dtypes):  # which numpy promotes with some types only
        dtypes = tuple(
            np.dtype(np.float32) if dtype == np.float16 else dtype
            for dtype in dtypes
            if dtype.kind not in "biu"
        )
    common = np.result_type(*dtypes).newbyteorder("=")
    return np.dtype(np.float64) if common.kind in "biu" else common


def compute_dtype(result: DType) -> DType:
    """Return the dtype to compute a result in: float32 for those of 16 bits."""
    return np.dtype(np.float32) if result == np.float16 or result.name == _BFLOAT16 else result


def array_cache(most: int) -> Callable[[Callable[[*Key], Result]], Callable[[*Key], Result]]:
    """Cache the last results of a function, arrays or tuples with arrays, up to `most` bytes in all.

    The arrays become read-only. Threads and signal handlers may call at any time: nothing is locked, and
    each operation on the dict is atomic.
    """

    def decorate(function: Callable[[*Key], Result]) -> Callable[[*Key], Result]:
        kept: dict[tuple[Any, ...], tuple[Result, int]] = {}

        @wraps(function)
        def cached(*key: *Key) -> Result:
            if found := kept.pop(key, None):
                kept[key] = found  # move it to the end
                return found[0]
            result = function(*key)
            kept[key] = result, _frozen_bytes(result)
            while sum(size for _, size in list(kept.values())) > most:
                kept.pop(next(iter(list(kept)), key), None)
            return result

        return cached

    return decorate


def _frozen_bytes(result: object) -> int:
    """Make arrays read-only, and return their size in bytes plus that of a cache entry."""
    arrays = [
        one for one in (result if isinstance(result, tuple) else (result,)) if isinstance(one, np.ndarray)
    ]
    for array in arrays:
        array.flags.writeable = False
    return _ENTRY + sum(array.nbytes for array in arrays)


def fast_length(least: int) -> int:
    """Return a length of at least `least` for which transforms are fast: a power of two, or a bit more."""
    return min(odd << (-(-least // odd) - 1).bit_length() for odd in _ODD)
