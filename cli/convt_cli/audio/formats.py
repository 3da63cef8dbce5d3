"""Containers and sample formats: what is kept, what a file name asks for, and how samples are rounded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from convt_cli.errors import Unwritable

Array = NDArray[Any]

# Bits of what a format stores or, for a coder, takes; 16 for every coder that is not named here.
_INTEGER_BITS = {"PCM_S8": 8, "PCM_U8": 8, "DPCM_8": 8, "DWVW_12": 12, "ALAC_20": 20}
_INTEGER_BITS |= {"PCM_24": 24, "ALAC_24": 24, "DWVW_24": 24, "PCM_32": 32, "ALAC_32": 32}
_REAL_BITS = {"FLOAT": 32, "DOUBLE": 64, "VORBIS": 16, "OPUS": 16}
_REAL_BITS |= {"MPEG_LAYER_I": 16, "MPEG_LAYER_II": 16, "MPEG_LAYER_III": 16}
_NARROWER = {"PCM_32": "PCM_24", "FLOAT": "PCM_24", "DOUBLE": "PCM_24", "ALAC_32": "ALAC_24"}
_GARBLED = {"ALAC_32"}  # libsndfile 1.2.2 writes noise

_WAV_LIMIT = 0xFFFFFFFF - 4096  # bytes of samples that surely leave room for the header
_MAX_RATE = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Format:
    """A sound file's container, sample format, byte order and rate, in libsndfile's names."""

    container: str
    subtype: str
    endian: str
    rate: int

    @property
    def is_real(self) -> bool:
        """Whether the file takes real numbers rather than integers."""
        return self.subtype in _REAL_BITS

    @property
    def bits(self) -> int:
        """Bits of a sample; for a coder, of the samples that it takes."""
        return _bits(self.subtype)

    @property
    def precision(self) -> str:
        """Arithmetic that suits these samples: float32 carries 16 bits with room to spare."""
        return "float32" if self.bits <= 16 else "float64"


def output_format(source: Format, source_path: Path, target: Path, stride: int, samples: int) -> Format:
    """Return the format to write: the source's own, or what the target's extension asks for.

    Parameters
    ----------
    source, source_path
        The input's format and name.
    target : Path
        The output's name.
    stride : int
        Factor from the source's rate to the target's.
    samples : int
        Samples to be written, all channels counted.

    Raises
    ------
    Unwritable
        The rate is more than a sound file can state, or the container states none.
    """
    rate = source.rate * stride
    if rate > _MAX_RATE:
        raise Unwritable(f"{source.rate} Hz times {stride} is {rate} Hz, more than a file can state")
    container = _container(source, source_path, target)
    subtype = _subtype(container, source.subtype, target)
    if container in ("WAV", "WAVEX") and samples * _bits(subtype) // 8 > _WAV_LIMIT:
        container = "RF64"
    endian = source.endian if soundfile.check_format(container, subtype, source.endian) else "FILE"
    return Format(container, subtype, endian, rate)


def _container(source: Format, source_path: Path, target: Path) -> str:
    asked = target.suffix.lstrip(".").upper()
    asked = {"AIF": "AIFF", "AIFC": "AIFF", "OGA": "OGG", "OPUS": "OGG", "SND": "AU"}.get(asked, asked)
    if target.suffix.lower() == source_path.suffix.lower() or asked not in soundfile.available_formats():
        return source.container
    if asked == "RAW":
        raise Unwritable("a .raw file states neither rate nor format; name another container, such as .wav")
    return asked


def _subtype(container: str, wanted: str, target: Path) -> str:
    """Return the wanted sample format if the container can hold it, else the closest that it can."""
    if container == "OGG" and target.suffix.lower() == ".opus":
        return "OPUS"
    for subtype in (wanted, _NARROWER.get(wanted, wanted)):
        if subtype not in _GARBLED and soundfile.check_format(container, subtype):
            return subtype
    return str(soundfile.default_subtype(container))


def _bits(subtype: str) -> int:
    return (_INTEGER_BITS | _REAL_BITS).get(subtype, 16)


class Quantiser:
    """Rounds samples for a format, and keeps count of those beyond full scale.

    Integers are rounded to the nearest, halves to even, and saturate. They are handed over in the upper
    bits of int32, of which libsndfile keeps as many as the format has; left to itself it would scale
    what is written by 2**15 - 1 and what is read by 2**15.
    """

    def __init__(self, target: Format) -> None:
        self._real, self._bits = target.is_real, target.bits
        self.overs = 0
        self.peak = 0.0
        self.peak_at = 0  # frames from the start
        self._frames = 0

    def __call__(self, samples: Array) -> Array:
        """Return samples (frames, channels) as the file takes them.

        Raises
        ------
        Unwritable
            A sample is not finite, and the format has no number for that.
        """
        self._watch(samples)
        if self._real:
            return samples
        scale = 2.0 ** (self._bits - 1)
        rounded = np.rint(np.multiply(samples, scale, dtype=np.float64))
        self.overs += int(np.count_nonzero((rounded < -scale) | (rounded > scale - 1)))
        clipped = np.clip(rounded, -scale, scale - 1)
        return (clipped * 2.0 ** (32 - self._bits)).astype(np.int32)

    def _watch(self, samples: Array) -> None:
        magnitude = np.abs(samples)
        if self._real:
            self.overs += int(np.count_nonzero(magnitude > 1))
        elif not np.isfinite(magnitude).all():
            frame = self._frames + int(np.argmax(~np.isfinite(magnitude).all(axis=1)))
            raise Unwritable(
                f"output frame {frame} is not a finite number, and integer samples have none such"
            )
        if magnitude.size and magnitude.max() > self.peak:
            self.peak = float(magnitude.max())
            self.peak_at = self._frames + int(np.argmax(magnitude.max(axis=1)))
        self._frames += len(samples)
