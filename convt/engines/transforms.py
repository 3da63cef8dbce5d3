"""Fourier transforms of the last axis, of complex numbers (in place if possible) and of real numbers.

::

    forth    X[k] = sum_n x[n] * exp(-2j*pi*k*n/N),           of real x only k = 0 ... N//2
    back     x[n] = 1/N * sum_k X[k] * exp(2j*pi*k*n/N)

scipy's pocketfft, and its successor ducc0 (M. Reinecke), compute in single precision for float32, and
several transforms at a time. ducc0 uses the widest vectors of the processor: 1.2 to 1.5 times as fast.
"""

import os
import sys
from collections.abc import Callable
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from importlib.util import find_spec, module_from_spec
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from convt.arrays import Array
from convt.errors import ParameterError

_VARIABLE = "CONVT_FFT"
_UNSCALED, _BY_LENGTH = 0, 2  # the codes of both libraries for factors of 1 and of 1/N
_MODULES = (("_duccfft", "pyduccfft"), ("_pocketfft", "pypocketfft"))  # since scipy 1.18, and before


class Transforms(NamedTuple):
    """The transforms of one library.

    Attributes
    ----------
    name : {"ducc0", "scipy"}
        The library.
    rows_are_independent : bool
        Whether a row has the same bytes whatever other rows are transformed with it.
    slow : int or None
        A length at which complex transforms in single precision take twice as long per point as at other
        lengths (measured on AMD Zen 3 with ducc0 0.42).
    forth, back : callable
        Transform complex numbers (..., N) in place.
    forth_real : callable
        ``forth_real(x, out)`` transforms real numbers (..., N) to `out`, (..., N//2 + 1).
    back_real : callable
        ``back_real(spectra, out)`` transforms (..., N//2 + 1) to real numbers, `out` (..., N); it does not
        change `spectra`.
    """

    name: Literal["ducc0", "scipy"]
    rows_are_independent: bool
    slow: int | None
    forth: Callable[[Array], object]
    back: Callable[[Array], object]
    forth_real: Callable[[Array, Array], object]
    back_real: Callable[[Array, Array], object]


@cache
def transforms() -> Transforms:
    """Return the transforms of this process: of ducc0 if it is installed, or else of scipy.

    The environment variable CONVT_FFT chooses one of them.

    Raises
    ------
    ParameterError
        CONVT_FFT is not "ducc0" or "scipy", or ducc0 is not installed.
    """
    wanted = os.environ.get(_VARIABLE)
    if wanted not in (None, "", "ducc0", "scipy"):
        raise ParameterError(f"{_VARIABLE} must be ducc0 or scipy, got {wanted!r}")
    if wanted != "scipy":
        try:
            return _of_ducc0()
        except ImportError:
            if wanted:
                raise ParameterError(f"{_VARIABLE}=ducc0: pip install 'convt[fast]'") from None
    return _of_scipy()


def _of_ducc0() -> Transforms:
    from ducc0 import fft  # optional

    def last(x: Array) -> tuple[int]:
        return (x.ndim - 1,)

    return Transforms(
        "ducc0",
        False,
        1 << 14,
        lambda x: fft.c2c(x, axes=last(x), forward=True, inorm=_UNSCALED, out=x),
        lambda x: fft.c2c(x, axes=last(x), forward=False, inorm=_BY_LENGTH, out=x),
        lambda x, out: fft.r2c(x, axes=last(x), forward=True, inorm=_UNSCALED, out=out),
        lambda spectra, out: fft.c2r(
            spectra, axes=last(spectra), lastsize=out.shape[-1], forward=False, inorm=_BY_LENGTH, out=out
        ),
    )


def _of_scipy() -> Transforms:
    try:
        scipy = load_without_importing_scipy_fft()
    except ImportError:
        from scipy import fft

        return Transforms(
            "scipy",
            True,
            None,
            lambda x: np.copyto(x, fft.fft(x, overwrite_x=True)),
            lambda x: np.copyto(x, fft.ifft(x, overwrite_x=True)),
            lambda x, out: np.copyto(out, fft.rfft(x)),
            lambda spectra, out: np.copyto(out, fft.irfft(spectra, out.shape[-1])),
        )
    return Transforms(
        "scipy",
        True,
        None,
        lambda x: scipy.c2c(x, (-1,), True, _UNSCALED, x, 1),
        lambda x: scipy.c2c(x, (-1,), False, _BY_LENGTH, x, 1),
        lambda x, out: scipy.r2c(x, (-1,), True, _UNSCALED, out, 1),
        lambda spectra, out: scipy.c2r(spectra, (-1,), out.shape[-1], False, _BY_LENGTH, out, 1),
    )


def load_without_importing_scipy_fft() -> Any:
    """Return the private compiled module of scipy.fft, with ``c2c``, ``r2c`` and ``c2r``.

    ``import scipy.fft`` takes 0.1 s or more, longer than the work on a short file, mostly for modules that
    convt does not use. numpy.fft, the only public alternative, is slower: by a third in double precision,
    and up to 7 times in single precision. The compiled module was checked with scipy 1.13.1, 1.15.3 and
    1.17.1; ``tests/convt/engines/test_transforms.py`` fails if scipy changes it.

    Raises
    ------
    ImportError
        The module is not in its usual place, or it behaves differently.
    """
    try:
        module = _compiled_module()
        spectrum = np.empty(2, np.complex64)
        module.r2c(np.array([1, 2], np.float32), (-1,), True, _UNSCALED, spectrum, 1)
        found = [
            spectrum.tolist(),
            module.c2c(spectrum.copy(), (-1,), False, _BY_LENGTH, None, 1).tolist(),
            module.c2r(spectrum, (-1,), 2, False, _BY_LENGTH, None, 1).tolist(),
        ]
    except (AttributeError, TypeError, ValueError) as error:
        raise ImportError(f"scipy's compiled transforms have changed: {error}") from error
    if found != [[3, -1], [1, 2], [1, 2]]:
        raise ImportError(f"scipy's compiled transforms have changed: they return {found}")
    return module


def _compiled_module() -> Any:
    """Return the module, loaded under its own name, so that a later ``import scipy.fft`` finds it."""
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
