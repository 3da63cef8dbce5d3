"""A file of the corpus: its bytes, and what is known of its samples before convt reads them."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile

from tests.support.oracles import Array

RATE = 24_000
BITS = {"PCM_S8": 8, "PCM_U8": 8, "DWVW_12": 12, "PCM_24": 24, "DWVW_24": 24, "PCM_32": 32}
BITS |= {"PCM_16": 16, "DWVW_16": 16, "ALAC_16": 16, "DPCM_16": 16}


@dataclass(frozen=True)
class Made:
    """A file of the corpus.

    Attributes
    ----------
    kind : str
        Its row of the table.
    name : str
        Its name, without a folder.
    data : bytes
        Its bytes.
    truth : ndarray, (channels, n), or None
        Its samples, all or, from sample `at` on, some of them; None if it cannot be read.
    rate : int
        Its rate in Hz.
    within : float
        How far samples may be from the truth: of one number in float32, unless something is said.
    frames : int or None
        How many samples it has, if the truth holds some of them only.
    real : int or None
        How many of them are signal, if the truth ends with padding to whole blocks, which need not be read.
    refusal : str
        A part of the message with which it has to be refused; else it has to be read.
    unwritten : str
        The same of an output of the same kind; else that has to be written.
    """

    kind: str
    name: str
    data: bytes
    truth: Array | None = None
    rate: int = RATE
    within: float = 2.0**-22
    at: int = 0
    frames: int | None = None
    real: int | None = None
    refusal: str = ""
    unwritten: str = ""


def tones(frames: int = 3000, channels: int = 1) -> Array:
    """Two tones in each channel, no two channels alike: (channels, frames)."""
    t = np.arange(frames) / frames
    return np.stack(
        [
            0.3 * np.sin(2 * np.pi * (60 + 11 * channel) * t)
            + 0.1 * np.cos(2 * np.pi * (149 + channel) * t)
            for channel in range(channels)
        ]
    )


def steps(x: Array, bits: int) -> Array:
    """The nearest integers of so many bits."""
    return np.rint(x * 2.0 ** (bits - 1)).astype(np.int64)


def encoded(x: Array, rate: int, container: str, subtype: str, endian: str = "FILE", **more: Any) -> bytes:
    """A file as libsndfile writes it, of integers where the samples are: its floats are scaled by 32767."""
    file = io.BytesIO()
    data = x.T
    if bits := BITS.get(subtype):
        data = (steps(x, bits) << (32 - bits)).astype(np.int32).T
    soundfile.write(file, data, rate, format=container, subtype=subtype, endian=endian, **more)
    return file.getvalue()


def held(x: Array, subtype: str) -> Array | None:
    """What a file of these samples holds, if it keeps them; None of those that are coded with a loss."""
    if bits := BITS.get(subtype):
        return steps(x, bits) / 2.0 ** (bits - 1)
    if subtype in ("FLOAT", "DOUBLE"):
        return x.astype(np.float32 if subtype == "FLOAT" else np.float64).astype(np.float64)
    return None


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # without types
    def seekable(self) -> bool:
        return False  # libsndfile cannot seek in every format


def decoded(data: bytes) -> Array:
    """The samples as libsndfile decodes them in one call."""
    with _Forward(io.BytesIO(data)) as file:
        samples: Array = file.read(file.frames, "float64", always_2d=True)
    return np.ascontiguousarray(samples.T)


def resembles(x: Array, y: Array, decibels: float) -> bool:
    """Whether y is x with an error of so many dB below it: x may be followed by padding."""
    n = x.shape[1]
    if y.shape[0] != x.shape[0] or y.shape[1] < n:
        return False
    error = np.sum((y[:, :n] - x) ** 2, axis=1)
    return bool((error <= 10 ** (-decibels / 10) * np.sum(x**2, axis=1)).all())
