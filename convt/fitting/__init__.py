"""Kernels fitted to pairs of signals, one step a file."""

from convt.fitting.fitter import Fit, Fitter, fit

__all__ = ["Fit", "Fitter", "fit"]
