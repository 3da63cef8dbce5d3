"""Measurements of each kernel in a weight file."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

import convt
from convt_cli.errors import Failure
from convt_cli.samples.formats import Array

Frequency = TypeVar("Frequency", float, Array)

TOLERANCES = (0.01, 0.1, 1.0, 3.0)  # dB, of the reported passbands
# Highest input frequencies of the reported images, and of the ripple; 1 is the input's Nyquist frequency.
TONES = (0.5, 0.8, 0.9, 0.95, 1.0)
RIPPLE_EDGE = 0.8
_AT_ONCE = 1024  # kernels whose responses are in memory at a time


@dataclass(frozen=True, slots=True)
class KernelMeasurements:
    """The n kernels of a weight and their measurements; frequency 1 is the input's Nyquist frequency.

    Attributes
    ----------
    source : str
        The weight's name.
    weight : ndarray, (K,), (C, K) or (C_in, C_out/groups, K)
        The taps.
    stride, down : int
        The stride of the kernels, and the step at which its outputs are kept.
    figures : dict of ndarray
        The measurements, with one row per kernel; NaN if there is no value.
    """

    source: str
    weight: Array
    stride: int
    down: int
    figures: dict[str, Array]

    @classmethod
    def of(cls, source: str, weight: Array, stride: int, down: int) -> "KernelMeasurements":
        """Measure the kernels of a weight."""
        kernels = weight.reshape(-1, weight.shape[-1])
        try:
            parts = [
                _figures(convt.Response(kernels[first : first + _AT_ONCE], stride), down)
                for first in range(0, len(kernels), _AT_ONCE)
            ]
        except (convt.ParameterError, convt.ParameterTypeError) as error:
            raise Failure(f"{source}: {error}") from None
        figures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return cls(source, weight, stride, down, figures)

    @property
    def low(self) -> float:
        """The lower of the Nyquist frequencies of input and output."""
        return min(1.0, self.stride / self.down)

    @property
    def taps(self) -> int:
        """Taps of each kernel."""
        return int(self.weight.shape[-1])

    @property
    def ratio(self) -> str:
        """The stride or ratio of the kernels, in words."""
        return f"stride {self.stride}" if self.down == 1 else f"ratio {self.stride}/{self.down}"

    def fold_frequency(self, frequency: float) -> float:
        """Return the frequency at which one is heard in the output, folded into its band."""
        return fold_frequency(frequency, self.stride / self.down)

    @property
    def count(self) -> int:
        """Number of kernels."""
        return len(self.figures["delay"])

    def name(self, kernel: int) -> str:
        """Return the name of a kernel, made of its channels."""
        places = np.unravel_index(kernel, self.weight.shape[:-1])
        return " -> ".join(map(str, places)) if len(places) == 2 else "".join(map(str, places))

    def padding(self, kernel: int) -> tuple[int, str, float]:
        """Return the padding that time-aligns a kernel, its name if it has one, and the remaining delay.

        A linear-phase kernel is aligned by its middle, another one by its delay at low frequencies. The
        remaining delay is in output samples, while padding counts samples at the stride's rate. At most
        the whole kernel is cropped.
        """
        linear, figures = self.figures["linear_phase"][kernel], self.figures
        delay = float(figures["delay" if linear else "delay_at_0"][kernel])
        if not np.isfinite(delay):
            return 0, "full", 0.0
        padding = int(np.clip(np.ceil(delay - 0.5), 0, self.taps - 1))
        named = {
            0: "causal",
            max(0, -((self.stride - self.taps) // 2)): "same",
            (self.taps - 1) // 2: "center",
        }
        return padding, named.get(padding, ""), (delay - padding) / self.down


def fold_frequency(frequency: Frequency, band: float) -> Frequency:
    """Return the frequency from 0 to `band` at which one is heard after sampling at twice `band`."""
    return band - abs(band - frequency % (2 * band))


def _figures(response: convt.Response, down: int) -> dict[str, Array]:
    """Return the reported measurements of kernels (n, K)."""
    low = min(1.0, response.stride / down)
    images = [response.worst_image(edge) for edge in TONES]
    band = response.passband_edge(3.0)
    return {
        "dc_gain": response.dc_gain,
        "reference": response.reference,
        "phase_gains": response.phase_gains,
        "tonal_lines": response.tonal_lines,
        "edges": np.stack([response.passband_edge(tolerance) for tolerance in TOLERANCES], -1),
        "ripple": response.ripple(RIPPLE_EDGE * low),
        "images": np.stack([image.level for image in images], -1),
        "images_at": np.stack([image.frequency for image in images], -1),
        "delay": response.delay,
        "delay_at_0": response.group_delay[..., 0].copy(),  # a view would keep the whole array
        "group_delay": _range(response, band),
        "linear_phase": response.is_linear_phase,
        "peak": response.peak.level,
        "peak_at": response.peak.frequency,
        "worst_over": response.max_overshoot,
        **(_aliases(response, low) if low < 1 else {}),
    }


def _aliases(response: convt.Response, band: float) -> dict[str, Array]:
    """Return the loudest aliases up to each of TONES of a band, and the frequencies they come from."""
    above = response.frequencies > band
    frequencies, levels = response.frequencies[above], response.level(response.gains[..., above])
    heard = fold_frequency(frequencies, band)
    loudest = [np.where(heard <= tone * band, levels, -np.inf) for tone in TONES]
    return {
        "aliases": np.stack([level.max(-1) for level in loudest], -1),
        "aliases_from": np.stack([frequencies[level.argmax(-1)] for level in loudest], -1),
    }


def _range(response: convt.Response, band: Array) -> Array:
    """Return the minimum and the maximum group delay in the band of each kernel, (n, 2)."""
    inside = response.frequencies <= np.maximum(band, response.frequencies[1])[..., np.newaxis]
    delays = np.where(inside & np.isfinite(response.group_delay), response.group_delay, np.nan)
    delays[np.isnan(delays).all(-1)] = 0
    return np.stack([np.nanmin(delays, -1), np.nanmax(delays, -1)], -1)
