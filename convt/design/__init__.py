"""Kernels designed to a specification, one method a module, or balanced."""

from convt.design.balance import balance_kernel
from convt.design.designer import design_kernel
from convt.design.presets import QUALITIES

__all__ = ["QUALITIES", "balance_kernel", "design_kernel"]
