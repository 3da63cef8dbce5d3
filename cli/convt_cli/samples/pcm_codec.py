"""Bytes of PCM and floating-point samples to arrays (channels, n) with full scale 1, and back.

Three-byte samples are read as overlapping four-byte ones, with the neighbour's byte masked out::

    bytes    . l m h l m h l m h         (. is a byte of padding)
    as <i4   [. l m h]
                   [h l m h]
                         [h l m h]       value in the upper 24 bits of each
"""

from typing import NamedTuple

import numpy as np

from convt_cli.samples.formats import Array, Format


class PcmCodec(NamedTuple):
    """The sample type in a file: `code` is numpy's name, ``i3`` for three bytes."""

    code: str
    order: str

    @classmethod
    def of(cls, chosen: Format) -> "PcmCodec":
        """Return the codec of a format whose subtype is one of `CODES`."""
        return cls(CODES[chosen.subtype], ">" if chosen.big_endian else "<")

    @property
    def width(self) -> int:
        """Bytes of a sample."""
        return int(self.code[1])

    def decode(self, data: Array, channels: int, dtype: np.dtype[np.floating]) -> Array:
        """Return bytes of whole frames as samples (channels, n)."""
        frames = len(data) // (self.width * channels)
        if self.code == "i3":
            return _decode_three(data, frames, channels, self.order, dtype)
        if self.code == "i2" and channels == 2:
            return _decode_pairs(data, self.order, dtype)
        samples = np.frombuffer(data, self.order + self.code).reshape(frames, channels).T
        if self.code[0] == "f":
            with np.errstate(over="ignore", invalid="ignore"):  # out of float32's range: infinite
                return samples.astype(dtype, order="C")
        result = np.empty((channels, frames), dtype)
        if self.code == "u1":
            np.subtract(samples, 128, out=result, dtype=dtype)
            samples = result
        np.multiply(samples, 2.0 ** (1 - 8 * self.width), out=result, dtype=dtype, casting="unsafe")
        return result

    def encode(self, samples: Array) -> Array:
        """Return samples (n, channels), in the machine's byte order, as the file's bytes."""
        if self.code == "i3":
            return _encode_three(samples, self.order)
        return samples.astype(self.order + self.code, copy=False)


CODES = {
    "PCM_U8": "u1",
    "PCM_S8": "i1",
    "PCM_16": "i2",
    "PCM_24": "i3",
    "PCM_32": "i4",
    "FLOAT": "f4",
    "DOUBLE": "f8",
}


def _decode_three(
    data: Array, frames: int, channels: int, order: str, dtype: np.dtype[np.floating]
) -> Array:
    padded = np.zeros(len(data) + 1, np.uint8)
    start = 1 if order == "<" else 0  # the padding is next to the lowest byte
    padded[start : start + len(data)] = data
    words = np.ndarray((channels, frames), f"{order}i4", padded, 0, (3, 3 * channels))
    result = np.empty((channels, frames), dtype)
    for channel, word in zip(result, words, strict=True):
        np.multiply(word & -256, 2.0**-31, out=channel, dtype=dtype, casting="unsafe")
    return result


def _decode_pairs(data: Array, order: str, dtype: np.dtype[np.floating]) -> Array:
    """Return 16-bit stereo, read as halves of 32-bit integers, which is faster."""
    words = np.frombuffer(data, f"{order}i4")
    result = np.empty((2, len(words)), dtype)
    lower, upper = result if order == "<" else result[::-1]
    lower[:], upper[:] = words << 16, words & -(1 << 16)
    result *= 2.0**-31
    return result


def _encode_three(samples: Array, order: str) -> Array:
    result = np.empty((samples.size, 3), np.uint8)
    parts = samples.astype("<i4", copy=False).reshape(-1, 1).view(np.uint8)
    for place in range(3):
        result[:, place] = parts[:, place if order == "<" else 2 - place]
    return result
