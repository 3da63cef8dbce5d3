"""Pairs of signals for fits."""

from pathlib import Path
from typing import Any

import numpy as np

import convt
from tests.support.oracles import Array

SPEECH = Path(__file__).parents[2] / "sample_audio" / "speech_16k.flac"
_NOISE = np.random.default_rng(7)


def noise(*shape: int) -> Array:
    return _NOISE.standard_normal(shape)


def made(low: Array, weight: Array, stride: int, padding: Any = "center") -> Array:
    return convt.conv_transpose1d(low, weight, stride=stride, padding=padding)


def warnings(*arguments: Any, **options: Any) -> str:
    return "; ".join(convt.fit(*arguments, **options).warnings)
