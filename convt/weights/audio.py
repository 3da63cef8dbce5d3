"""Audio files as impulse responses: one kernel, or one per channel."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from convt.arrays import Array
from convt.errors import WeightsError
from convt.weights.tensor import Tensor

_MOST_SAMPLES = 1 << 24
_UNKNOWN = 0x7FFFF000  # bytes: larger values are placeholders, which programs write into pipes
_EXACT_IN_FLOAT32 = frozenset(("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "FLOAT"))


def is_audio(head: bytes) -> bool:
    """Return whether a file begins like WAV (RIFF, RF64, RIFX, W64), AIFF, AU or FLAC does."""
    return head.startswith((b"RIFF", b"RF64", b"RIFX", b"riff", b"FORM", b".snd", b"fLaC"))


def read_audio(file: BinaryIO) -> list[Tensor]:
    """Return the samples of an audio file: (K,), or (C, K) if it has several channels.

    They are float32 if that is exact, else float64; integers are scaled to within +-1.

    Raises
    ------
    WeightsError
        The file is damaged.
    """
    from soundfile import LibsndfileError, SoundFile

    # Names need not be UTF-8, so pass their bytes; on Windows they are text.
    name = file.name if os.name == "nt" else os.fsencode(file.name)

    @contextmanager
    def opened() -> Iterator[SoundFile]:
        try:
            with SoundFile(name) as audio:  # by name: libsndfile handles seeks beyond the end itself
                yield audio
        except LibsndfileError:
            raise WeightsError("cannot be read as audio: it is damaged, or of an unknown type") from None

    def read() -> Array:
        with opened() as audio:
            samples: Array = audio.read(dtype=dtype, always_2d=True).T
        if samples.shape[1] < frames:
            raise WeightsError(f"ends after {samples.shape[1]} of {frames} samples")
        return samples.reshape(shape)

    _check_whole(file)
    with opened() as audio:
        frames, channels = audio.frames, audio.channels
        dtype = "float32" if audio.subtype in _EXACT_IN_FLOAT32 else "float64"
    shape = (frames,) if channels == 1 else (channels, frames)
    if frames * channels > _MOST_SAMPLES:
        raise WeightsError(
            f"has {frames} samples of {channels} channel(s): an impulse response may have at most"
            f" {_MOST_SAMPLES} in all"
        )
    return [Tensor("weight", shape, dtype, read, is_plain=True)]


def _check_whole(file: BinaryIO) -> None:
    """Check that a file is not shorter than its header says, which libsndfile would ignore."""
    file.seek(0)
    head = file.read(12)
    present = file.seek(0, io.SEEK_END)
    if head.startswith((b"RIFF", b"RIFX", b"FORM")):
        stated = 8 + int.from_bytes(head[4:8], "little" if head.startswith(b"RIFF") else "big")
    elif head.startswith(b".snd"):
        stated = int.from_bytes(head[4:8], "big") + int.from_bytes(head[8:12], "big")
    else:
        return
    if present < stated < _UNKNOWN:
        raise WeightsError(f"ends after {present} of {stated} bytes")
