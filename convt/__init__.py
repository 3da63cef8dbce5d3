"""Upsample signals with a transposed 1-D convolution."""

from convt.design import design_kernel
from convt.errors import ConvtError, ParameterError, ParameterTypeError, StreamError, WeightsError
from convt.functional import conv_transpose1d
from convt.geometry import output_length
from convt.stream import Upsampler
from convt.weights import Weights, load_weights

__version__ = "0.1.0"

__all__ = [
    "ConvtError",
    "ParameterError",
    "ParameterTypeError",
    "StreamError",
    "Upsampler",
    "Weights",
    "WeightsError",
    "conv_transpose1d",
    "design_kernel",
    "load_weights",
    "output_length",
]
