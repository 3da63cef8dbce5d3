"""Kernels fitted to pairs of signals, one step a module."""

from convt.fitting.evaluation import Fit
from convt.fitting.fitter import Fitter
from convt.fitting.one_shot import fit

__all__ = ["Fit", "Fitter", "fit"]
