"""Kernels designed to a specification, one method a module, or balanced."""

from convt.design.balance import balance_kernel
from convt.design.designer import QUALITIES, design_kernel

__all__ = ["QUALITIES", "balance_kernel", "design_kernel"]
