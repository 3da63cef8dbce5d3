"""Complex transforms of the last axis, forth and back, in place where possible.

::

    forth    X[k] = sum_n x[n] * exp(-2j*pi*k*n/N)
    back     x[n] = 1/N * sum_k X[k] * exp(2j*pi*k*n/N)

scipy's pocketfft and its successor ducc (M. Reinecke) compute single precision as such, and several
transforms at a time.
"""

import sys
from collections.abc import Callable
from functools import cache, partial
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from importlib.util import find_spec, module_from_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from convt.arrays import Array

_AS_IT_IS, _BY_LENGTH = 0, 2  # scipy's names for factors of 1 and of 1/N
_MODULES = (("_duccfft", "pyduccfft"), ("_pocketfft", "pypocketfft"))  # since scipy 1.18, and before

Transform = Callable[[Array], Array]


@cache
def transforms() -> tuple[Transform, Transform]:
    """Return the transform forth and the one back; they may overwrite their argument."""
    try:
        c2c = load_c2c_without_importing_scipy_fft()
    except ImportError:
        from scipy import fft

        return partial(fft.fft, overwrite_x=True), partial(fft.ifft, overwrite_x=True)
    return (
        lambda x: c2c(x, (-1,), True, _AS_IT_IS, x, 1),
        lambda x: c2c(x, (-1,), False, _BY_LENGTH, x, 1),
    )


def load_c2c_without_importing_scipy_fft() -> Callable[..., Array]:
    """Return ``c2c(x, axes, forth, factor, out, threads)`` of the private compiled module of scipy.fft.

    ``import scipy.fft`` takes 0.1 s and more, longer than the work on a short file, nearly all of it for
    modules that nothing here uses. numpy.fft, the only public alternative, is slower: by a third in double
    precision and by up to 7 times in single. The compiled module was checked with scipy 1.13.1, 1.15.3 and
    1.17.1; ``tests/convt/engines/test_transforms.py`` fails when scipy changes it.

    Raises
    ------
    ImportError
        The module is not where it was, or it behaves differently.
    """
    try:
        c2c: Callable[..., Array] = _compiled_module().c2c
        one = c2c(np.array([1, 2], np.complex64), (-1,), False, _BY_LENGTH, None, 1).tolist()
    except (AttributeError, TypeError, ValueError) as error:
        raise ImportError(f"scipy's compiled transforms have changed: {error}") from error
    if one != [1.5, -0.5]:
        raise ImportError(f"scipy's compiled transforms have changed: they return {one}")
    return c2c


def _compiled_module() -> Any:
    """Return the module, loaded under its own name: a later ``import scipy.fft`` finds it there."""
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
    raise ImportError("scipy has no such module")
