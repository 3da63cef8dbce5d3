"""Complex transforms of the last axis, forth and back, in place where that can be.

scipy's pocketfft and its successor ducc (M. Reinecke) compute single precision as such, and several
transforms at a time. Their compiled module is all that is needed, and is loaded by itself: all that
``import scipy.fft`` brings along takes 0.1 s, longer than many a file. Where the module is not what it is
known to be, ``scipy.fft`` does the same::

    forth    X[k] = sum_n x[n] * exp(-2j*pi*k*n/N)
    back     x[n] = 1/N * sum_k X[k] * exp(2j*pi*k*n/N)
"""

import sys
from collections.abc import Callable
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from importlib.util import find_spec, module_from_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from convt.arrays import Array

_AS_IT_IS, _BY_LENGTH = 0, 2  # their names for factors of 1 and of 1/N
_MODULES = (("_duccfft", "pyduccfft"), ("_pocketfft", "pypocketfft"))  # since scipy 1.18, and before

Transform = Callable[[Array], Array]


@cache
def transforms() -> tuple[Transform, Transform]:
    """Return the transform forth and the one back; they may overwrite what they are given."""
    return _compiled() or _public()


def _compiled() -> tuple[Transform, Transform] | None:
    """Return those of the compiled module, None if it is not there, or not as it is known."""
    try:
        c2c = _module().c2c
        if c2c(np.array([1, 2], np.complex64), (-1,), False, _BY_LENGTH, None, 1).tolist() != [1.5, -0.5]:
            return None
    except (AttributeError, ImportError, TypeError, ValueError):
        return None

    def run(x: Array, forth: bool, factor: int) -> Array:
        transformed: Array = c2c(x, (-1,), forth, factor, x, 1)
        return transformed

    return lambda x: run(x, True, _AS_IT_IS), lambda x: run(x, False, _BY_LENGTH)


def _module() -> Any:
    """Return the compiled module under its own name: if scipy.fft is imported later, it finds it there."""
    scipy = find_spec("scipy")
    places = (scipy and scipy.submodule_search_locations) or ()
    for place, (folder, name) in product(places, _MODULES):
        full = f"scipy.fft.{folder}.{name}"
        if known := sys.modules.get(full):
            return known
        finder = FileFinder(str(Path(place, "fft", folder)), (ExtensionFileLoader, EXTENSION_SUFFIXES))
        if (spec := finder.find_spec(full)) and spec.loader:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            sys.modules[full] = module
            return module
    raise ImportError("scipy holds no such module")


def _public() -> tuple[Transform, Transform]:
    from scipy import fft

    return lambda x: fft.fft(x, overwrite_x=True), lambda x: fft.ifft(x, overwrite_x=True)
