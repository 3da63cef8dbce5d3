"""Design kernels to a specification, one method per module, and balance kernels."""

from convt.design.balance import balance_kernel, balance_layer
from convt.design.designer import design_kernel
from convt.design.presets import QUALITIES

__all__ = ["QUALITIES", "balance_kernel", "balance_layer", "design_kernel"]
