"""What a resampler does to sound, measured from outside: by an impulse, by tones, and by a constant.

All signals are periodic but the impulse, and long beside any kernel: in a period from the middle each tone
is one bin of the spectrum, and whatever stands in the others was added.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.oracles import Array

PERIOD, PERIODS = 9600, 5  # input samples
_MIDDLE = 2  # the period that is looked at
_TINY = 1e-30

Process = Callable[[Array], Array]  # (channels, n) -> (channels, stride*n)


@dataclass(frozen=True)
class Figures:
    """Levels in dB, frequencies in input Nyquist frequencies, times in output samples."""

    edge: float
    images: dict[float, float]
    rejection: float
    snr: dict[float, float]
    ripple: float
    error: float
    dc_image: float
    delay: float
    phase: float
    surplus: int


def measure(process: Process, stride: int, tones: tuple[float, ...]) -> Figures:
    """Send all signals through as channels of one, and take their figures."""
    length = PERIOD * PERIODS
    signals = [_impulse(length), _comb(0.95, step=7), _comb(0.9, step=1), np.full(length, 0.5)]
    signals += [_periodic({_bin(tone): 0.9}) for tone in tones]
    outputs = process(np.stack(signals))
    impulse, comb, dense, constant = outputs[:4]
    response = _response(impulse, stride)
    frequencies = np.arange(response.size) / (response.size - 1) * stride
    gain = np.abs(response)
    off = 20 * np.log10(np.maximum(gain, _TINY))
    below = np.abs(off) > 0.01
    band = frequencies <= 0.9
    return Figures(
        edge=float(frequencies[np.argmax(below)]),
        images={edge: _images(comb, stride, edge) for edge in (0.9, 0.95)},
        rejection=-float(off[frequencies >= 1].max()),
        snr={tone: _snr(outputs[4 + n], stride, _bin(tone)) for n, tone in enumerate(tones)},
        ripple=float(np.abs(off[frequencies <= 0.8]).max()),
        error=_error(dense, stride),
        dc_image=_dc_image(constant, stride),
        delay=_delay(impulse, stride),
        phase=float(np.degrees(np.abs(np.angle(response[band])).max())),
        surplus=outputs.shape[1] - stride * length,
    )


def _bin(tone: float) -> int:
    return round(tone * PERIOD / 2)


def _impulse(length: int) -> Array:
    signal = np.zeros(length)
    signal[length // 2] = 1.0
    return signal


def _amplitudes(edge: float, step: int) -> dict[int, float]:
    bins = range(5, _bin(edge) + 1, step)
    return dict.fromkeys(bins, 0.9 / math.sqrt(len(bins)) / 3)


def _phases(count: int) -> Array:
    return np.random.default_rng(count).uniform(0, 2 * np.pi, count)


def _comb(edge: float, step: int) -> Array:
    return _periodic(_amplitudes(edge, step))


def _periodic(amplitudes: dict[int, float], factor: int = 1) -> Array:
    """Tones at bins of the input's period, exact to rounding, `factor` samples for each."""
    spectrum = np.zeros(PERIOD * factor // 2 + 1, complex)
    phases = _phases(len(amplitudes))
    for (place, amplitude), phase in zip(amplitudes.items(), phases, strict=True):
        spectrum[place] = amplitude / 2 * np.exp(1j * phase)
    return np.tile(np.fft.irfft(spectrum * PERIOD * factor), PERIODS)


def _period(output: Array, stride: int) -> Array:
    return output[_MIDDLE * PERIOD * stride :][: PERIOD * stride]


def _spectrum(output: Array, stride: int) -> Array:
    """Amplitudes of the bins of a period."""
    return np.asarray(np.abs(np.fft.rfft(_period(output, stride))) / (PERIOD * stride / 2))


def _response(impulse: Array, stride: int) -> Array:
    """The frequency response, with the impulse's own time taken out; 1 is the gain of the input."""
    centre = impulse.size // 2 // stride * stride
    return np.asarray(np.fft.rfft(np.roll(impulse, -centre))) / stride


def _images(output: Array, stride: int, edge: float) -> float:
    """The loudest image of a tone up to `edge`, relative to the tone."""
    spectrum = _spectrum(output, stride)
    worst = _TINY
    for place in _amplitudes(0.95, 7):
        if place <= _bin(edge):
            images = [
                abs(multiple * PERIOD + sign * place) for multiple in range(1, stride) for sign in (-1, 1)
            ]
            images = [image for image in images if image <= PERIOD * stride // 2]
            worst = max(worst, *(spectrum[image] / spectrum[place] for image in images))
    return 20 * math.log10(worst)


def _snr(output: Array, stride: int, place: int) -> float:
    power = _spectrum(output, stride) ** 2
    return 10 * math.log10(power[place] / np.delete(power, place).sum())


def _error(output: Array, stride: int) -> float:
    """What is not the exact answer, relative to it."""
    exact = _period(_periodic(_amplitudes(0.9, 1), stride), stride)
    off = _period(output, stride) - exact
    return 10 * math.log10((off**2).mean() / (exact**2).mean() + _TINY)


def _dc_image(output: Array, stride: int) -> float:
    spectrum = _spectrum(output, stride)
    lines = spectrum[PERIOD::PERIOD]
    return 20 * math.log10(max(lines.max(), _TINY) / (spectrum[0] / 2))


def _delay(impulse: Array, stride: int) -> float:
    """How late the energy of the impulse is."""
    energy = impulse**2
    place = impulse.size // 2 // stride * stride
    return float((energy * (np.arange(impulse.size) - place)).sum() / energy.sum())
