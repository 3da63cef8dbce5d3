"""Change the sample rate of signals with a transposed 1-D convolution.

:func:`resample` converts a signal from any rate to any other, and :func:`conv_transpose1d` upsamples it
with any kernel; :class:`Resampler` and :class:`Upsampler` do the same for signals that come in pieces.
:func:`design_kernel` designs a kernel, :func:`fit` learns one from audio, :func:`load_weights` reads one
from a file, and :class:`Response` measures one.

>>> import convt
>>> convt.resample([0.0, 1.0, 0.0, -1.0], 16000, 48000).shape
(12,)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from convt.conv import conv_transpose1d
from convt.design import QUALITIES, balance_kernel, design_kernel
from convt.errors import ConvtError, ParameterError, ParameterTypeError, StreamError, WeightsError
from convt.geometry import output_length
from convt.resample import Resampler, resample
from convt.response import Response
from convt.stream import Upsampler
from convt.weights import WeightEntry, WeightList, Weights, list_weights, load_weights

if TYPE_CHECKING:
    from convt.fitting import Fit, Fitter, fit

__version__ = "0.1.0"

__all__ = [
    "QUALITIES",
    "ConvtError",
    "Fit",
    "Fitter",
    "ParameterError",
    "ParameterTypeError",
    "Resampler",
    "Response",
    "StreamError",
    "Upsampler",
    "WeightEntry",
    "WeightList",
    "Weights",
    "WeightsError",
    "balance_kernel",
    "conv_transpose1d",
    "design_kernel",
    "fit",
    "list_weights",
    "load_weights",
    "output_length",
    "resample",
]


def __getattr__(name: str) -> Any:
    """Import `convt.fitting` when it is first used, since it slows down the import of convt."""
    if name in ("Fit", "Fitter", "fit"):
        return getattr(import_module("convt.fitting"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
