"""Fit kernels to pairs of signals, one step per module."""

from convt.fitting.evaluation import Fit
from convt.fitting.fitter import Fitter
from convt.fitting.one_shot import fit

__all__ = ["Fit", "Fitter", "fit"]
