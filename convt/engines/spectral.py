"""Spectral: overlap-save with one transform forth and one back for each phase, for long kernels.

``Y_r = H_r X``, with ``h_r[q] = h[q*s + r]``: frames of input that overlap by the lag are transformed
once, multiplied with the spectrum of each of the s phases of the kernel, and transformed back; what is
left of each frame, less the lag that wrapped around, are true samples of that phase (T. Stockham,
"High-speed convolution and correlation", AFIPS Spring Joint Computer Conference, 1966). Two frames of
real samples travel as the real and the imaginary part of one, since the taps are real::

    frame 2j    | lag |  hop  |                    |  wrapped  |  hop samples of phase r of frame 2j |
              + i*                  ->  s times                                + i*
    frame 2j + 1      | lag |  hop  |                          |  those of frame 2j + 1              |

The cost hardly grows with the kernel.
"""

import numpy as np

from convt.engines.contract import Array
from convt.engines.memory import Scratch, by_phase, windows
from convt.engines.transforms import transforms
from convt.geometry import Geometry

_PHASES_ELEMENTS = 1 << 18  # elements of all phases that are transformed back at a time


class Spectral:
    """The engine, prepared for one kernel and one size of transforms; ``contract.py`` has the contract."""

    def __init__(
        self, weight: Array, geometry: Geometry, scratch: Scratch, *, hop: int, points: int
    ) -> None:
        """Prepare for transforms of `points` >= lag + hop every `hop` samples, which divide any block."""
        self._forth, self._back = transforms()
        self._groups, self._cin, self._cout, _ = weight.shape
        self._lag, self._stride, self._hop, self._points = geometry.lag, geometry.stride, hop, points
        phases = by_phase(weight, geometry).transpose(1, 0, 2, 4, 3)
        # Once, and so with care: what they are off by shows in every output.
        wide = np.float64 if weight.dtype.name in ("float32", "complex64") else np.longdouble
        exact = np.fft.fft(phases.astype(np.result_type(weight.dtype, wide)), points)
        # (C_in, groups, C_out, stride, 1, points)
        self._spectra = exact.astype(np.result_type(weight.dtype, np.complex64))[..., np.newaxis, :]
        self._scratch = scratch
        self._real = weight.dtype.kind == "f"

    def __call__(self, frames: Array, bias: Array, out: Array) -> None:
        """Write what the frames make into `out`."""
        signals, blocks, _, length = frames.shape
        rows = (length - self._lag) // self._hop
        view = windows(frames, self._lag + self._hop, self._hop, rows)
        by_phase = out.reshape(signals, blocks, self._groups, self._cout, rows, self._hop, self._stride)
        by_phase = np.moveaxis(by_phase, -1, 4)
        offsets = np.broadcast_to(bias, (signals, *bias.shape[1:]))
        for n in range(signals):
            offset = offsets[n].reshape(self._groups, self._cout, 1, 1, 1)
            for block in range(blocks):
                self._block(view[n, block], offset, by_phase[n, block])

    def _block(self, frames: Array, bias: Array, out: Array) -> None:
        """Map frames (C_in, rows, lag + hop) to out (groups, C_out, stride, rows, hop)."""
        spectra = self._forth(self._packed(frames))
        spectra = spectra.reshape(self._groups, self._cin, 1, 1, -1, self._points)
        lanes = spectra.shape[-2]
        step = max(1, _PHASES_ELEMENTS // (self._groups * self._cout * lanes * self._points))
        for first in range(0, self._stride, step):
            phases = slice(first, min(first + step, self._stride))
            shape = (self._groups, self._cout, phases.stop - first, lanes, self._points)
            filtered = self._scratch("filtered", spectra.dtype, *shape)
            np.multiply(spectra[:, 0], self._spectra[0, :, :, phases], out=filtered)
            for channel in range(1, self._cin):
                product = self._scratch("product", spectra.dtype, *shape)
                np.multiply(spectra[:, channel], self._spectra[channel, :, :, phases], out=product)
                filtered += product
            samples = self._back(filtered)
            self._unpack(samples[..., self._lag : self._lag + self._hop], bias, out[:, :, phases])

    def _packed(self, frames: Array) -> Array:
        """Return frames (C_in, rows, n) as complex ones, two in one if they are real, zeros after them."""
        channels, rows, length = frames.shape
        lanes = -(-rows // 2) if self._real else rows
        packed = self._scratch("packed", self._spectra.dtype, channels, lanes, self._points)
        packed[..., length:] = 0
        if not self._real:
            packed[..., :length] = frames
            return packed
        packed.real[..., :length] = frames[:, 0::2]
        packed.imag[:, : rows // 2, :length] = frames[:, 1::2]
        packed.imag[:, rows // 2 :, :length] = 0
        return packed

    def _unpack(self, samples: Array, bias: Array, out: Array) -> None:
        """Write samples, frames as they were packed, and the bias into out (..., rows, hop)."""
        if not self._real:
            np.add(samples, bias, out=out)
            return
        odd = out[..., 1::2, :]
        np.add(samples.real, bias, out=out[..., 0::2, :])
        np.add(samples.imag[..., : odd.shape[-2], :], bias, out=odd)
