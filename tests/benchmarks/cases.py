"""What is timed: signals with their kernels, the same for every contender."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from convt import design_kernel
from tests.support.oracles import Array


@dataclass(frozen=True)
class Case:
    """A signal (C_in, length) of random numbers and a kernel (C_in, C_out, taps)."""

    name: str
    dtype: str
    cin: int
    cout: int
    taps: int
    stride: int
    length: int
    padding: int = 0
    reference: int = 1 << 16  # input samples at the beginning whose outputs are checked
    down: int = 1  # of the outputs every so many is kept, those of a designed kernel, in time
    quality: Any = None

    def signal(self) -> Array:
        drawn: Array = np.random.default_rng(1).standard_normal((self.cin, self.length))
        return drawn.astype(self.dtype)

    def weight(self) -> Array:
        if self.quality:
            kernel = design_kernel(self.stride, down=self.down, quality=self.quality)
            return kernel.astype(self.dtype)  # serves every channel
        drawn: Array = np.random.default_rng(2).standard_normal((self.cin, self.cout, self.taps))
        drawn /= np.sqrt(self.cin * self.taps / self.stride)
        return drawn.astype(self.dtype)

    @property
    def outputs(self) -> int:
        """Output samples of all channels."""
        if self.quality:
            return self.cout * math.ceil(self.length * self.stride / self.down)
        return self.cout * ((self.length - 1) * self.stride + self.taps - 2 * self.padding)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def exact(case: Case) -> Array:
    """The first outputs in double precision, tap by tap or as scipy has them; later input is far away."""
    x = case.signal()[:, : case.reference].astype("float64")
    if case.quality:
        kernel = case.weight().astype("float64")
        certain = (case.reference - kernel.size // case.stride) * case.stride // case.down
        y = resample_poly(x, case.stride, case.down, axis=1, window=kernel / case.stride)
        return np.asarray(y[:, :certain])
    weight = case.weight().astype("float64")
    stride, kept = case.stride, x.shape[1]
    y = np.zeros((case.cout, kept * stride + case.taps))
    for k in range(case.taps):
        y[:, k : k + kept * stride : stride] += weight[..., k].T @ x
    certain = kept * stride if kept < case.length else (kept - 1) * stride + case.taps - case.padding
    return y[:, case.padding : certain]
