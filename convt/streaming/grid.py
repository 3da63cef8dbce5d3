"""The grid of blocks: the input samples that each block needs, and its outputs.

::

    input    ... | lag | block*inputs ......... |
    made               | block*outputs ........ |     of the full convolution, every down-th sample
    output     skipped --->| 0 ................ |     positions below 0 are cropped

A grid that is shifted has its blocks earlier, as if the signal began with zeros.
"""

from convt.engines.planning import Plan
from convt.geometry import Geometry


class Grid:
    """The positions of a plan's blocks in the signal and in the output.

    Parameters
    ----------
    geometry, plan
        Those of the stream.
    shift : int
        Input samples by which the blocks are earlier, whole periods of the geometry.

    Attributes
    ----------
    inputs, outputs : int
        Input samples from one block to the next, and the outputs of a block.
    lag : int
        Input samples that a block also needs before its own.
    first_block : int
        The first block that is not cropped entirely.
    """

    def __init__(self, geometry: Geometry, plan: Plan, shift: int = 0) -> None:
        self.inputs, self.outputs, self.lag = plan.inputs, plan.outputs, geometry.lag
        self._step_outputs = plan.step * plan.outputs // plan.inputs
        self._shift = shift
        self._skipped = geometry.skipped + shift * plan.outputs // plan.inputs
        self.first_block = self._skipped // plan.outputs

    def input_start(self, block: int) -> int:
        """Return the position of the first sample that a block needs; positions below 0 are zeros."""
        return block * self.inputs - self.lag - self._shift

    def output_start(self, block: int) -> int:
        """Return the position of a block's first output; positions below 0 are cropped."""
        return block * self.outputs - self._skipped

    def complete(self, inputs: int, outputs: int) -> int:
        """Return the number of blocks that end within these numbers of inputs and outputs."""
        return min((inputs + self._shift) // self.inputs, (outputs + self._skipped) // self.outputs)

    def first_from(self, position: int) -> int:
        """Return the first block that needs no sample before `position`."""
        return -(-(position + self.lag + self._shift) // self.inputs)

    def steps(self, outputs: int) -> int:
        """Return the number of steps of the plan that compute at least `outputs`."""
        return -(-outputs // self._step_outputs)

    def outputs_of(self, inputs: int) -> int:
        """Return the number of outputs of a block of `inputs`, which may be shorter than others."""
        return inputs * self.outputs // self.inputs
