"""Containers and sample formats: what is kept, what a file name asks for, and how samples are rounded."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from convt_cli.errors import Unwritable

Array = NDArray[Any]

# Bits of what a format stores or, for a coder, takes; 16 for every coder that is not named here.
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "DPCM_8": 8, "DWVW_12": 12, "ALAC_20": 20}
_BITS |= {"PCM_24": 24, "ALAC_24": 24, "DWVW_24": 24, "PCM_32": 32, "ALAC_32": 32}
_BITS |= {"FLOAT": 32, "DOUBLE": 64}
_REAL_CODERS = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
_PORTABLE = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # what any container may be asked to hold
_NEAREST = {"PCM_32": "PCM_24", "FLOAT": "PCM_24", "DOUBLE": "PCM_24", "ALAC_32": "PCM_32"}
_NEAREST |= {"ALAC_20": "PCM_24", "ALAC_24": "PCM_24"}
_GARBLED = ("ALAC_20", "ALAC_24", "ALAC_32")  # libsndfile 1.2.2 spoils what these coders find hard
_UNFIT = {  # containers that are read, and not written
    "RAW": "a .raw file states neither rate nor format",
    "SD2": "an .sd2 file keeps its header in a second file",
    "PAF": "libsndfile 1.2.2 spoils the samples of some .paf files",
    "SDS": "libsndfile 1.2.2 spoils the end of .sds files",
}
_EXTENSIONS = {"AIF": "AIFF", "AIFC": "AIFF", "OGA": "OGG", "OPUS": "OGG", "SND": "AU"}
_EXTENSIONS |= {"IFF": "SVX", "SPH": "NIST"}
_WAV_LIMIT = 0xFFFFFFFF - 4096  # bytes of samples that surely leave room for the header
_MAX_RATE = 0x7FFFFFFF
_MAX_RATES = {"VORBIS": 200_000}  # beyond it libvorbis crashes


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
        return self.keeps_any or self.subtype in _REAL_CODERS

    @property
    def keeps_any(self) -> bool:
        """Whether the file keeps any number that it is given, beyond full scale or not finite."""
        return self.subtype in ("FLOAT", "DOUBLE")

    @property
    def bits(self) -> int:
        """Bits of a sample; for a coder, of the samples that it takes."""
        return _BITS.get(self.subtype, 16)

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
    container = _container(source, source_path, target)
    subtype = _subtype(container, source, target)
    rate, limit = source.rate * stride, _MAX_RATES.get(subtype, _MAX_RATE)
    if rate > limit:
        raise Unwritable(
            f"{source.rate} Hz times {stride} is {rate} Hz, and {container} {subtype} takes {limit} at most"
        )
    too_long = samples * _BITS.get(subtype, 16) // 8 > _WAV_LIMIT
    if container in ("WAV", "WAVEX") and too_long and soundfile.check_format("RF64", subtype):
        container = "RF64"
    endian = source.endian if soundfile.check_format(container, subtype, source.endian) else "FILE"
    return Format(container, subtype, endian, rate)


def named_container(target: Path) -> str | None:
    """Return the container that a name's extension stands for, if it stands for any."""
    extension = target.suffix.lstrip(".").upper()
    container = _EXTENSIONS.get(extension, extension)
    return container if container in soundfile.available_formats() else None


def _container(source: Format, source_path: Path, target: Path) -> str:
    same_name = target.suffix.lower() == source_path.suffix.lower()
    container = (None if same_name else named_container(target)) or source.container
    if container in _UNFIT:
        raise Unwritable(f"{_UNFIT[container]}; name another container with -o, such as .wav")
    return container


def _subtype(container: str, source: Format, target: Path) -> str:
    """Return the source's sample format if the container can hold it, else the nearest that it can."""
    if container == "OGG" and target.suffix.lower() == ".opus":
        return "OPUS"
    for subtype in (source.subtype, _NEAREST.get(source.subtype, "")):
        own = container == source.container or subtype.startswith(_PORTABLE)
        if own and subtype not in _GARBLED and soundfile.check_format(container, subtype):
            return subtype
    return str(soundfile.default_subtype(container))


class Quantiser:
    """Rounds samples for a format, and keeps count of those beyond full scale.

    Integers are rounded to the nearest, halves to even, and saturate. They are handed over in the upper
    bits of int32, of which libsndfile keeps as many as the format has; left to itself it would scale
    what is written by 2**15 - 1 and what is read by 2**15.
    """

    def __init__(self, target: Format) -> None:
        self._target = target
        self.overs = 0
        self.not_finite = 0
        self.peak = 0.0  # of what is finite
        self.peak_at = 0  # frames from the start
        self._frames = 0

    def __call__(self, samples: Array) -> Array:
        """Return samples (frames, channels) as the file takes them.

        Raises
        ------
        Unwritable
            A sample is not finite, and the format cannot keep that.
        """
        low, high = self._watch(samples)
        self._frames += len(samples)
        if self._target.is_real:
            if max(-low, high) > 1:
                self.overs += int(np.count_nonzero((np.abs(samples) > 1) & np.isfinite(samples)))
            return samples
        bits = self._target.bits
        scale = 2.0 ** (bits - 1)
        # float32 holds every integer of up to 24 bits; wider ones are made in float64.
        rounded = np.multiply(samples, scale, dtype=np.float64 if bits > 24 else None)
        np.rint(rounded, out=rounded)
        if round(low * scale) < -scale or round(high * scale) > scale - 1:
            self.overs += int(np.count_nonzero((rounded < -scale) | (rounded > scale - 1)))
            np.clip(rounded, -scale, scale - 1, out=rounded)
        return np.left_shift(rounded.astype(np.int32), 32 - bits)

    def _watch(self, samples: Array) -> tuple[float, float]:
        """Note the peak of what is finite, refuse the rest unless it can be kept, and return the range."""
        low, high = _range(samples)
        if not (math.isfinite(low) and math.isfinite(high)):
            if not self._target.keeps_any:
                raise Unwritable(self._not_finite(samples))
            finite = np.isfinite(samples)
            self.not_finite += int(np.count_nonzero(~finite))
            samples = np.where(finite, samples, 0)
            low, high = _range(samples)
        if max(-low, high) > self.peak:
            self.peak = max(-low, high)
            self.peak_at = self._frames + int(np.argmax(np.abs(samples).max(axis=1)))
        return low, high

    def _not_finite(self, samples: Array) -> str:
        frame = self._frames + int(np.argmin(np.isfinite(samples).all(axis=1)))
        return (
            f"output frame {frame} is not a finite number, which {self._target.subtype} samples cannot hold"
        )


def _range(samples: Array) -> tuple[float, float]:
    return float(samples.min(initial=0)), float(samples.max(initial=0))
