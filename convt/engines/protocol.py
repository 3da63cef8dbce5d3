"""The interface between the driver and an engine.

An engine is prepared once for a weight (groups, C_in/groups, C_out/groups, K), a geometry and the buffers
it may use. It then maps frames to outputs, and writes each output sample once, with the bias added::

    frames (N, T, C_in, lag + n)   ->   out (N, T, C_out, n*stride/down)

    frames   |  lag samples before  |  n: the block  |
    out                             |  n*stride/down outputs, none of which depends on a later block  |

A call has N signals of T blocks each. n is the plan's block size, or at the end of a signal any smaller
multiple of the plan's step, and always whole periods of the geometry. Frames and outputs are views, if
possible of the signal and of the result, and frames overlap: an engine only reads frames and only writes
outputs.

Every block goes through products (or transforms) of the same shape, however many blocks are in a call:
numpy's matmul multiplies the matrices of a stack one by one. So the bytes of a block's result depend only
on the block, not on how the signal arrived.
"""

from typing import Protocol

from convt.arrays import Array


class Engine(Protocol):
    """A prepared kernel. Several threads may call it, and all samples are safe; see ``nonfinite.py``."""

    def __call__(self, frames: Array, bias: Array, out: Array, /) -> None:
        """Write the outputs of frames (N, T, C_in, lag + n), with bias (N or 1, 1, C_out, 1), to `out`."""
        ...
