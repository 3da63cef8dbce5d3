"""What the driver and an engine agree on.

An engine is prepared once for a weight (groups, C_in/groups, C_out/groups, K), a geometry and a block
size, and is then a pure function of a stack of blocks::

    frames (..., C_in, lag + inputs)   ->   (..., C_out, outputs)

    frames   |  lag samples before  |  inputs: the block  |
    result                          |  outputs = inputs*stride, none of which depends on a later block  |

Every block of a stack goes through a product of the same shape, whatever the stack's size: numpy's
matmul multiplies the matrices of a stack one by one. So the bytes of a block's result depend on the
block alone, and not on how the signal arrived. (A product of one column or row is numpy's to shape: an
engine's blocks are wider than that.) The driver takes `inputs` and `outputs` from the plan, one by one.
"""

from typing import Any, Protocol

from numpy.typing import NDArray

Array = NDArray[Any]


class Engine(Protocol):
    """A prepared kernel that maps a stack of blocks to their output samples."""

    def __call__(self, frames: Array, /) -> Array:
        """Map frames (..., C_in, lag + inputs) to (..., C_out, outputs)."""
        ...
