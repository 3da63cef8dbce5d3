"""Change the sample rate of signals with a transposed 1-D convolution.

:func:`resample` converts a signal from any rate to any other, and :func:`conv_transpose1d` upsamples it
with any kernel; :class:`Resampler` and :class:`Upsampler` do the same for signals that come in pieces.
:func:`design_kernel` designs a kernel, :func:`fit` learns one from audio, :func:`load_weights` reads one
from a file, and :class:`Response` measures one. :class:`Chain` joins the layers of a neural decoder, and
:class:`LayerResponse` judges one.

>>> import convt
>>> convt.resample([0.0, 1.0, 0.0, -1.0], 16000, 48000).shape
(12,)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from convt.conv import conv_transpose1d
from convt.design import QUALITIES, balance_kernel, balance_layer, design_kernel
from convt.errors import ConvtError, ParameterError, ParameterTypeError, StreamError, WeightsError
from convt.geometry import output_length
from convt.resample import Resampler, resample
from convt.stream import Upsampler

if TYPE_CHECKING:
    from convt.analysis.layer_response import LayerResponse
    from convt.analysis.line_levels import LineLevels, LineMeter, line_levels
    from convt.analysis.response import Response
    from convt.chains.chain import Chain
    from convt.chains.chain_geometry import ChainGeometry, chain_geometry
    from convt.chains.stages import Sum
    from convt.fitting import Fit, Fitter, fit
    from convt.gradient import conv_transpose1d_vjp
    from convt.weights.load import WeightEntry, WeightList, list_weights, load_weights
    from convt.weights.replace import replace_weights
    from convt.weights.weights import Weights

__version__ = "0.1.0"

__all__ = [
    "QUALITIES",
    "Chain",
    "ChainGeometry",
    "ConvtError",
    "Fit",
    "Fitter",
    "LayerResponse",
    "LineLevels",
    "LineMeter",
    "ParameterError",
    "ParameterTypeError",
    "Resampler",
    "Response",
    "StreamError",
    "Sum",
    "Upsampler",
    "WeightEntry",
    "WeightList",
    "Weights",
    "WeightsError",
    "balance_kernel",
    "balance_layer",
    "chain_geometry",
    "conv_transpose1d",
    "conv_transpose1d_vjp",
    "design_kernel",
    "fit",
    "line_levels",
    "list_weights",
    "load_weights",
    "output_length",
    "replace_weights",
    "resample",
]


# Imported when they are first used, since they slow down the import of convt.
_LATER = {
    "convt.fitting": ("Fit", "Fitter", "fit"),
    "convt.analysis.layer_response": ("LayerResponse",),
    "convt.analysis.line_levels": ("LineLevels", "LineMeter", "line_levels"),
    "convt.analysis.response": ("Response",),
    "convt.chains.chain": ("Chain",),
    "convt.chains.chain_geometry": ("ChainGeometry", "chain_geometry"),
    "convt.chains.stages": ("Sum",),
    "convt.gradient": ("conv_transpose1d_vjp",),
    "convt.weights.load": ("WeightEntry", "WeightList", "list_weights", "load_weights"),
    "convt.weights.replace": ("replace_weights",),
    "convt.weights.weights": ("Weights",),
}


def __getattr__(name: str) -> Any:
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
