"""The interface between the driver and an engine.

An engine is prepared once for a weight (groups, C_in/groups, C_out/groups, K), a geometry and the buffers
it may use, and then maps frames to outputs. It writes each output sample once, where it belongs, with the
bias added::

    frames (N, T, C_in, lag + n)   ->   out (N, T, C_out, n*stride/down)

    frames   |  lag samples before  |  n: the block  |
    out                             |  n*stride/down outputs, none of which depends on a later block  |

N signals of T blocks each come at a time; n is that of the plan's blocks, or at the signal's end any
smaller multiple of the plan's step, and always whole periods of the geometry. Frames and outputs are
views, of the signal and of the result where possible, and frames overlap: an engine reads the former and
writes the latter.

Every block goes through products (or transforms) of the same shape, however many blocks come with it:
numpy's matmul multiplies the matrices of a stack one by one. So the bytes of a block's result depend on
the block alone, and not on how the signal arrived. The driver takes `inputs` and `outputs` of a block
from the plan, one by one.
"""

from typing import Protocol

from convt.arrays import Array


class Engine(Protocol):
    """A prepared kernel, called from several threads at a time, with safe numbers, see ``nonfinite.py``."""

    def __call__(self, frames: Array, bias: Array, out: Array, /) -> None:
        """Write the outputs of frames (N, T, C_in, lag + n), with bias (N or 1, 1, C_out, 1), to `out`."""
        ...
