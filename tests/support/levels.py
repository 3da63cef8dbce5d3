"""The level of a signal in a few lines of numpy."""

from typing import Any

import numpy as np
import soundfile

from tests.support.command import without_advice
from tests.support.oracles import Array
from tests.support.strategies import numbers

TAPS = (0.25, 0.5, 1.0, 0.5, 0.25)
LONG = 150_001  # frames of which stereo makes several blocks
LONG_AT = 140_000  # in the last of them
BITS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}


def sound(name: str, samples: Array, subtype: str = "DOUBLE") -> Array:
    """Write samples (channels, frames) and return what the file really holds."""
    soundfile.write(name, samples.T, 8000, subtype=subtype)
    return read(name)


def read(name: str) -> Array:
    samples, _ = soundfile.read(name, dtype="float64", always_2d=True)
    return np.ascontiguousarray(samples.T)


def kernel(*taps: float) -> list[str]:
    """The options that name a kernel."""
    name = f"w{'_'.join(map(str, taps))}.npy"
    np.save(name, np.array(taps))
    return ["--weights", name]


def exact(x: Array, taps: tuple[float, ...] = TAPS, stride: int = 2, gain: float = 0.0) -> Array:
    """Zeros between the samples, a convolution, a gain in dB."""
    stuffed = np.zeros((len(x), (x.shape[1] - 1) * stride + 1))
    stuffed[:, ::stride] = x
    return 10 ** (gain / 20) * np.stack([np.convolve(row, taps) for row in stuffed])


def integers(y: Array, bits: int) -> Array:
    """The nearest steps, and the last ones beyond full scale."""
    top = 1 << (bits - 1)
    steps: Array = np.clip(np.rint(y * top), -top, top - 1)
    return steps / top


def overs(y: Array, subtype: str) -> int:
    """How many samples are beyond full scale: of integers, those that round to no step."""
    if subtype not in BITS:
        return int(np.count_nonzero(np.abs(y) > 1))
    top = 1 << (BITS[subtype] - 1)
    steps: Array = np.rint(y * top)
    return int(np.count_nonzero((steps < -top) | (steps >= top)))


def loud(frames: int = 3000, channels: int = 2) -> Array:
    return np.tanh(numbers(11, (channels, frames), "float64"))


def warnings(result: Any) -> list[str]:
    head = "convt: warning: "
    lines = without_advice(result.stderr).splitlines()
    return [line[len(head) :] for line in lines if line.startswith(head)]
