"""What a resampler does to sound, measured from outside: by impulses, by tones, and by a constant.

All signals are periodic but the impulses, and long beside any kernel: in a period from the middle each
tone is one bin of the spectrum, and whatever stands in the others was added. At a ratio of rates L/M an
impulse shows every M-th tap of the kernel that such a resampler amounts to; M of them, each a sample later
in the period of the ratio, show all.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.signal import freqz

from tests.support.oracles import Array

PERIODS = 5
_LEAST = 9600  # input samples of a period
_MIDDLE = 2  # the period that is looked at
_APART = 4000  # input samples from one impulse to the next, at least
_TINY = 1e-30

Process = Callable[[Array], Array]  # (channels, n) -> (channels, ceil(n*ratio))


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


def measure(process: Process, ratio: Fraction | int, tones: tuple[float, ...]) -> Figures:
    """Send all signals through, and take their figures."""
    at = _Ratio(*Fraction(ratio).as_integer_ratio())
    combs = {edge: at.comb(edge) for edge in (0.9, 0.95)}
    dense = dict.fromkeys(range(5, at.bin(0.9) + 1), 0.3 / math.sqrt(at.bin(0.9)))
    signals = [at.periodic(amplitudes) for amplitudes in (*combs.values(), dense)]
    signals += [np.full(at.period * PERIODS, 0.5), *(at.periodic({at.bin(tone): 0.9}) for tone in tones)]
    outputs = process(np.stack(signals))
    kernel = at.kernel(process)
    response = np.fft.rfft(np.fft.ifftshift(kernel)) / at.up
    frequencies = np.arange(response.size) * 2 * at.up / kernel.size
    off = 20 * np.log10(np.maximum(np.abs(response), _TINY))
    times = np.arange(kernel.size) - kernel.size // 2
    return Figures(
        edge=float(frequencies[np.argmax(np.abs(off) > 0.01)]),
        images={edge: at.images(outputs[n], comb) for n, (edge, comb) in enumerate(combs.items())},
        rejection=-float(off[frequencies >= 1].max()),
        snr={tone: at.snr(outputs[4 + n], at.bin(tone)) for n, tone in enumerate(tones)},
        ripple=float(np.abs(off[frequencies <= 0.8]).max()),
        error=at.error(outputs[2], dense),
        dc_image=at.dc_image(outputs[3]),
        delay=float((kernel**2 * times).sum() / (kernel**2).sum()) / at.down,
        phase=float(np.degrees(np.abs(np.angle(response[frequencies <= 0.9])).max())),
        surplus=outputs.shape[1] - PERIODS * at.period_out,
    )


class _Ratio:
    """Signals whose periods are whole at both rates, and what is seen of their outputs."""

    def __init__(self, up: int, down: int) -> None:
        self.up, self.down = up, down
        self.lines = 2 * -(-_LEAST // (2 * down))  # bins from one image of a constant to the next
        self.period, self.period_out = self.lines * down, self.lines * up

    def bin(self, tone: float) -> int:
        return round(tone * self.period / 2)

    def comb(self, edge: float) -> dict[int, float]:
        """Tones up to the edge, of which none is where another's image is."""
        bins = np.random.default_rng(1).permutation(np.arange(5, self.bin(edge), 7)).tolist()
        chosen: dict[int, int] = {}  # by where their images are, within the lines
        for place in [self.bin(edge), *bins]:
            chosen.setdefault(min(place % self.lines, -place % self.lines), place)
        return dict.fromkeys(chosen.values(), 0.3 / math.sqrt(len(chosen)))

    def periodic(self, amplitudes: dict[int, float], *, out: bool = False) -> Array:
        """Tones at bins of the period, exact to rounding, at the input's rate or the output's."""
        period = self.period_out if out else self.period
        spectrum = np.zeros(period // 2 + 1, complex)
        phases = np.random.default_rng(len(amplitudes)).uniform(0, 2 * np.pi, len(amplitudes))
        spectrum[list(amplitudes)] = np.array(list(amplitudes.values())) / 2 * np.exp(1j * phases)
        return np.tile(np.fft.irfft(spectrum * period, period), PERIODS)

    def middle(self, output: Array) -> Array:
        return output[_MIDDLE * self.period_out :][: self.period_out]

    def spectrum(self, output: Array) -> Array:
        """Amplitudes of the bins of a period."""
        return np.asarray(np.abs(np.fft.rfft(self.middle(output))) / (self.period_out / 2))

    def images(self, output: Array, amplitudes: dict[int, float]) -> float:
        """The loudest image of a tone, relative to the tone."""
        spectrum, bins = self.spectrum(output), np.arange(self.period_out // 2 + 1)
        levels = []
        for place in amplitudes:
            own = (bins % self.lines == place % self.lines) | (bins % self.lines == -place % self.lines)
            levels.append(spectrum[own & (bins != place)].max(initial=_TINY) / spectrum[place])
        return 20 * math.log10(max(levels))

    def snr(self, output: Array, place: int) -> float:
        power = self.spectrum(output) ** 2
        return 10 * math.log10(power[place] / np.delete(power, place).sum())

    def error(self, output: Array, amplitudes: dict[int, float]) -> float:
        """What is not the exact answer, relative to it."""
        exact = self.middle(self.periodic(amplitudes, out=True))
        off = self.middle(output) - exact
        return 10 * math.log10((off**2).mean() / (exact**2).mean() + _TINY)

    def dc_image(self, output: Array) -> float:
        spectrum = self.spectrum(output)
        return 20 * math.log10(max(spectrum[self.lines :: self.lines].max(), _TINY) / (spectrum[0] / 2))

    def kernel(self, process: Process) -> Array:
        """What an impulse becomes, `up` samples for each of the input, its own time in the middle."""
        apart = -(-_APART // self.down) * self.down + 1
        half = apart // 2 // self.down * self.down
        signal = np.zeros((1, (self.down + 1) * apart))
        starts = [half + n * apart for n in range(self.down)]
        signal[0, starts] = 1.0
        output = process(signal)[0]
        kernel = np.zeros(2 * half * self.up)
        for start in starts:
            # Output j is at j*down, the impulse at start*up, and the kernel's middle at half*up.
            first = -(-(start - half) * self.up // self.down)
            place = first * self.down - (start - half) * self.up
            taps = kernel[place :: self.down]
            taps[:] = output[first : first + taps.size]
        return kernel


def meets(kernel: Array, stride: int, passband: float, rejection: float) -> bool:
    """Measure in input Nyquist frequencies, 100 points and more a sidelobe, relative to a gain of 1."""
    points = stride << math.ceil(math.log2(50 * kernel.size / stride + 1000))
    # One more, with the Nyquist frequency: the transform is of twice as many as there were, which is fast.
    angles, response = freqz(kernel, worN=points + 1, include_nyquist=True)
    frequencies, level = angles * stride / np.pi, 20 * np.log10(np.abs(response) / stride + 1e-300)
    inside = np.abs(level[frequencies <= passband]).max()
    beyond = level[frequencies >= 1 - 1e-9].max()
    return bool(inside <= 0.01001 and beyond <= -rejection)
