"""Sound as impulse responses: one kernel, or one a channel."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np

from convt.engines.contract import Array
from convt.errors import WeightsError
from convt.weightfiles.contract import Tensor, checked_volume

_EXACT_IN_FLOAT32 = frozenset(("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "FLOAT"))


def is_sound(head: bytes) -> bool:
    """Tell whether a file begins as WAV (RIFF, RF64, RIFX, W64), AIFF, AU or FLAC does."""
    return head.startswith((b"RIFF", b"RF64", b"RIFX", b"riff", b"FORM", b".snd", b"fLaC"))


def read_sound(file: BinaryIO) -> list[Tensor]:
    """Return the samples of a sound file: (K,), or (C, K) if it has several channels.

    They are float32 where that holds them exactly, else float64; integers are scaled to within 1.

    Raises
    ------
    WeightsError
        The file is damaged.
    """
    from soundfile import LibsndfileError, SoundFile

    @contextmanager
    def opened() -> Iterator[SoundFile]:
        file.seek(0)
        try:
            with SoundFile(file) as sound:
                yield sound
        except LibsndfileError as error:
            raise WeightsError(f"cannot be read as sound: {error.error_string}") from None

    def read() -> Array:
        with opened() as sound:
            samples: Array = sound.read(dtype=dtype, always_2d=True).T
        if samples.shape[1] < frames:
            raise WeightsError(f"breaks off after {samples.shape[1]} of {frames} samples")
        return samples.reshape(shape)

    with opened() as sound:
        frames, channels = sound.frames, sound.channels
        dtype = "float32" if sound.subtype in _EXACT_IN_FLOAT32 else "float64"
    shape = (frames,) if channels == 1 else (channels, frames)
    checked_volume(shape, np.dtype(dtype).itemsize)
    return [Tensor("weight", shape, dtype, read)]
