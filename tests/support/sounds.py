"""Audio files of a few samples, no two seeds alike."""

from typing import Any

import numpy as np
import soundfile

from tests.support.oracles import Array
from tests.support.strategies import numbers


def sound(name: str, seed: int = 1, shape: tuple[int, ...] = (500,), **options: Any) -> None:
    soundfile.write(name, 0.2 * np.tanh(numbers(seed, shape, "float64")), 8000, **options)


def silence(name: str, frames: int) -> None:
    soundfile.write(name, np.zeros(frames, "int16"), 8000)


def noise_file(
    name: str, channels: int = 1, frames: int = 1000, subtype: str = "PCM_16", **options: Any
) -> Array:
    """Write noise (channels, frames), and return it."""
    x = 0.1 * np.tanh(numbers(1, (channels, frames), "float64"))
    soundfile.write(name, x.T, 8000, subtype=subtype, **options)
    return x
