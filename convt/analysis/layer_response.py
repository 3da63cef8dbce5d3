"""The effect of a whole layer on a signal: power and images of its output, and tonal lines.

The input is modelled as a constant m[ci] plus noise of variance v[ci] in each channel, the noise white and
uncorrelated between channels. Phase r of output channel co then has, with the taps w[ci, co, r::s], the
mean and the variance::

    M[co, r] = sum_ci m[ci] * sum_q w[ci, co, q*s + r]          the constant: a pattern of s samples
    P[co, r] = sum_ci v[ci] * sum_q w[ci, co, q*s + r]**2       the noise: a power of s values

The pattern consists of tones at the multiples of the input rate, of power 2*|DFT(M)[k]/s|**2, or once that
at half the output rate (A. Odena, V. Dumoulin, C. Olah, "Deconvolution and checkerboard artifacts",
Distill, 2016). The noise has a power that repeats after s samples (a cyclostationary process: W. A.
Gardner, A. Napolitano, L. Paura, "Cyclostationarity: half a century of research", Signal Processing 86,
2006), which later nonlinear layers turn into the same tones. Its spectrum, averaged over the phases, is
sum_ci v[ci] * |W[ci, co](f)|**2 / s, and its integral over a band a sum over the taps' autocorrelation.

    P(f)  |-------+
          |        +---+---+       +---+        power of the noise by band of the output
          0        1   2   3       s-1  s       in input Nyquist frequencies: 0 to 1, then images
"""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from convt.analysis.response import energy_centre, phase_sums
from convt.arguments import Integer, as_index, as_integer
from convt.arrays import Array, Reals, as_numeric
from convt.errors import ParameterError, ParameterTypeError

_MOST = 1 << 16  # output samples per input sample


class LayerResponse:
    """The response of a layer with many channels to inputs that are uncorrelated between channels.

    Levels are in dB relative to :attr:`power`, the power of the output for the varying part of the input,
    averaged over phases and output channels: a line of -20 dB has a hundredth of it.

    Without `inputs`, every input channel has a variance of 1, and a constant whose expected square is 1 and
    whose sign is random. With `inputs` their own means and variances are used.

    Parameters
    ----------
    weight : array_like, (C_in, C_out/groups, K) or (K,)
        Real taps, finite, as in :func:`conv_transpose1d`.
    stride : int
        Output samples per input sample, at least 1.
    groups : int
        Number of runs of channels that do not mix.
    inputs : array_like, (N, C_in, L) or (C_in, L), optional
        Signals that the layer receives.

    Attributes
    ----------
    stride, groups : int
        Same as the arguments.

    Raises
    ------
    ParameterTypeError, ParameterError
        An argument has a type, shape or value that cannot be used, or the taps or the inputs are complex or
        not finite.

    See Also
    --------
    Response : Each kernel of a layer by itself.

    Notes
    -----
    Real features are neither white nor uncorrelated, so that levels of real outputs differ by some dB; the
    lines of a constant input are exact, with its means. A nonlinear layer that follows makes lines of the
    ripple of the power, and mixes the lines of all earlier layers.

    Examples
    --------
    Linear interpolation keeps a constant, and every second output of noise has half the power:

    >>> linear = LayerResponse([0.5, 1.0, 0.5], 2)
    >>> linear.phase_powers, float(linear.lines.max()) < -200
    (array([[0.5, 1. ]]), True)

    >>> hold = LayerResponse([1.0, 1.0], 2)
    >>> hold.images.round(1)  # of white noise; a tone at low frequencies has less
    array([-7.4])
    """

    def __init__(
        self, weight: ArrayLike, stride: Integer, groups: int = 1, *, inputs: ArrayLike | None = None
    ) -> None:
        self.stride, self.groups = as_integer("stride", stride, 1), as_index("groups", groups, 1)
        if self.stride > _MOST:
            raise ParameterError(f"stride must be at most {_MOST}, got {self.stride}")
        taps = _reals("weight", weight)
        if taps.ndim not in (1, 3) or taps.size == 0:
            raise ParameterError(
                f"weight must have shape (K,) or (C_in, C_out/groups, K), got {taps.shape}"
            )
        taps = taps.reshape(-1, *taps.shape[-2:]) if taps.ndim == 3 else taps.reshape(1, 1, -1)
        if taps.shape[0] % self.groups:
            raise ParameterError(f"groups must divide C_in = {taps.shape[0]}, got {self.groups}")
        means, variances = _statistics(taps.shape[0], inputs)
        self._has_means = means is not None
        # (groups, C_in/groups, C_out/groups, K), each scaled by the deviation of its input channel.
        scaled = taps if variances is None else taps * np.sqrt(variances)[:, np.newaxis, np.newaxis]
        self._noise = scaled.reshape(self.groups, -1, *taps.shape[1:])
        sums = phase_sums(taps, self.stride)
        steady = sums if means is None else sums * means[:, np.newaxis, np.newaxis]
        self._steady = steady.reshape(self.groups, -1, *steady.shape[1:])

    @cached_property
    def phase_powers(self) -> Reals:
        """Mean power of each phase of each output channel, (C_out, stride), for the noise."""
        powers: Reals = phase_sums(self._energy, self.stride)
        return powers

    @cached_property
    def _energy(self) -> Reals:
        """Energy of the taps for the noise, (C_out, K)."""
        energy = np.einsum("giok,giok->gok", self._noise, self._noise).astype(np.float64)
        by_channel: Reals = energy.reshape(-1, energy.shape[-1])
        return by_channel

    @cached_property
    def power(self) -> float:
        """Mean power of the output for the noise, over phases and output channels."""
        return float(self.phase_powers.mean())

    @cached_property
    def gain(self) -> float:
        """Level in dB of :attr:`power`, relative to an input channel of variance 1."""
        return float(self._level(np.array(self.power), 1.0))

    @cached_property
    def lines(self) -> Reals:
        """Levels in dB, (stride//2,), of the tones at multiples of the input rate, for the constant.

        The level of a tone is its power, averaged over the output channels, relative to :attr:`power`.
        """
        spectrum = np.fft.rfft(self._steady.sum(1) if self._has_means else self._steady)
        powers = np.abs(spectrum / self.stride) ** 2  # (groups, C_out/groups, n), or each input by itself
        total = powers.mean((0, 1)) if self._has_means else powers.sum(1).mean((0, 1))
        return self._levels_of_tones(total)

    @cached_property
    def power_ripple(self) -> Reals:
        """Levels in dB, (stride//2,), of the ripple of the noise's power, at multiples of the input rate.

        The power is :attr:`phase_powers`; the level is the RMS amplitude of its harmonics over the output
        channels, relative to :attr:`power`.
        """
        spectrum = np.abs(np.fft.rfft(self.phase_powers)) / self.stride
        return self._levels_of_tones(np.sqrt((spectrum**2).mean(0)))

    @cached_property
    def images(self) -> Reals:
        """Levels in dB, (stride - 1,), of the images of the noise, band by band.

        Number k, from 1, is the power from k to k + 1 input Nyquist frequencies.
        """
        edges = np.arange(self.stride + 1)
        kernels = self._noise.reshape(-1, self._noise.shape[-1])
        gram = (kernels.T @ kernels).astype(np.float64)
        lags = np.arange(1, len(gram))
        autocorrelation = np.array([np.trace(gram, lag) for lag in range(len(gram))])
        angles = np.pi * np.outer(edges, lags) / self.stride
        # The integral of r[0] + 2*sum r[lag]*cos(pi*f*lag/s) from 0 to each edge, over that to s.
        integrals = edges * autocorrelation[0] + 2 * self.stride / np.pi * (
            np.sin(angles) / lags @ autocorrelation[1:]
        )
        shares = np.diff(integrals)[1:] / (self.stride * autocorrelation[0] or 1.0)
        return self._level(np.maximum(shares, 0.0), 1.0)

    @cached_property
    def delay(self) -> float:
        """Centre of the taps' energy in output samples: :attr:`convt.Upsampler.delay` with padding 0."""
        return float(energy_centre(self._energy.sum(0)))

    def _levels_of_tones(self, powers: Reals) -> Reals:
        """Return the levels of tones with coefficients of these sizes, up to half the output rate."""
        multiples = np.arange(1, self.stride // 2 + 1)
        return self._level(powers[1:] * np.where(2 * multiples < self.stride, 2, 1))

    def _level(self, powers: Reals, reference: float | None = None) -> Reals:
        """Return powers in dB relative to the layer's own; -3,000 dB and less are none."""
        own = (self.power if reference is None else reference) or 1.0
        return 10 * np.log10(np.maximum(powers / own, 1e-300))


def _reals(name: str, value: ArrayLike) -> Reals:
    """Return finite real numbers in float32 or float64."""
    array = as_numeric(name, value)
    if array.dtype.kind == "c":
        raise ParameterTypeError(f"{name} must be real, got {array.dtype}")
    numbers: Array = array.astype(np.promote_types(array.dtype.newbyteorder("="), np.float32), copy=False)
    if not np.isfinite(numbers).all():
        raise ParameterError(f"{name} must be finite, got NaN or infinite numbers")
    return numbers


def _statistics(channels: int, inputs: ArrayLike | None) -> tuple[Reals | None, Reals | None]:
    """Return the mean and the variance of each input channel; None without inputs."""
    if inputs is None:
        return None, None
    signals = _reals("inputs", inputs).astype(np.float64)
    if signals.ndim not in (2, 3) or signals.shape[-2] != channels or signals.size == 0:
        raise ParameterError(
            f"inputs must have shape ({channels}, L) or (N, {channels}, L), got {signals.shape}"
            f"{': use inputs.mT' if channels == signals.shape[-1] else ''}"
        )
    axes = tuple(axis for axis in range(signals.ndim) if axis != signals.ndim - 2)
    variances = signals.var(axes)
    if not variances.any():
        raise ParameterError("inputs must vary over time, got a constant in every channel")
    return signals.mean(axes), variances
