"""File types and sample formats: the input's, and those requested by options or file names."""

import difflib
import sys
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convt_cli.errors import Misuse, Unwritable

Array = NDArray[Any]

# Bits of a stored sample or, for a codec, of its input; 16 for codecs that are not listed.
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "DPCM_8": 8, "DWVW_12": 12, "ALAC_20": 20}
_BITS |= {"PCM_24": 24, "ALAC_24": 24, "DWVW_24": 24, "PCM_32": 32, "ALAC_32": 32}
_BITS |= {"FLOAT": 32, "DOUBLE": 64}
_REAL_CODERS = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
_PORTABLE = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # for any container
_NEAREST = {"PCM_32": "PCM_24", "FLOAT": "PCM_24", "DOUBLE": "PCM_24", "ALAC_32": "PCM_32"}
_NEAREST |= {"ALAC_20": "PCM_24", "ALAC_24": "PCM_24"}
_OF_WAV = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
_GARBLED = ("ALAC_20", "ALAC_24", "ALAC_32")  # libsndfile 1.2.2 damages some samples of these codecs
_OLD_MPEG = ("MPEG_LAYER_I", "MPEG_LAYER_II")
_UNFIT = {  # file types that convt reads but does not write
    "SD2": "convt writes no .sd2 files: they keep the header in a second file",
    "PAF": "convt writes no .paf files: libsndfile 1.2.2 damages the samples of some",
    "SDS": "convt writes no .sds files: libsndfile 1.2.2 damages the last samples",
}
_EXTENSIONS = {"AIF": "AIFF", "AIFC": "AIFF", "OGA": "OGG", "OPUS": "OGG", "SND": "AU"}
_EXTENSIONS |= {"IFF": "SVX", "SPH": "NIST"}
_MAX_RATE = 0x7FFFFFFF
_MAX_RATES = {"VORBIS": 200_000}  # above it libvorbis crashes
_OPUS_RATES = (8000, 12_000, 16_000, 24_000, 48_000)
_RATES = {"OPUS": [*_OPUS_RATES], "MPEG_LAYER_III": sorted({*_OPUS_RATES, 11_025, 22_050, 32_000, 44_100})}


_CHANGE = "choose another rate with --rate, or another file type with -o, such as .wav"


class Format(NamedTuple):
    """An audio file's container, sample format, byte order and rate, under libsndfile's names."""

    container: str
    subtype: str
    endian: str
    rate: int

    @property
    def is_real(self) -> bool:
        """Whether the file takes real numbers rather than integers."""
        return self.is_float or self.subtype in _REAL_CODERS

    @property
    def is_float(self) -> bool:
        """Whether the file keeps every number, even NaN, infinity and values beyond full scale."""
        return self.subtype in ("FLOAT", "DOUBLE")

    @property
    def bits(self) -> int:
        """Bits of a sample; for a codec, of its input."""
        return _BITS.get(self.subtype, 16)

    @property
    def precision(self) -> str:
        """Arithmetic for these samples: float32 is enough for up to 16 bits."""
        return "float32" if self.bits <= 16 else "float64"

    @property
    def needs_dither(self) -> bool:
        """Whether rounding to these samples needs dither: uniform steps of 2**-15 or more."""
        return self.bits <= 16 and self.subtype.startswith(("PCM_", "ALAC_"))

    @property
    def big_endian(self) -> bool:
        """Whether the highest byte of a sample comes first."""
        if self.endian == "FILE":
            return self.container in ("AIFF", "AU")
        return self.endian == "BIG" or (self.endian == "CPU" and sys.byteorder == "big")


class FormatRequest(NamedTuple):
    """The container and the sample format requested by options; None if not given."""

    container: str | None = None
    subtype: str | None = None


def precise(dtype: np.dtype[Any], precision: str) -> np.dtype[Any]:
    """Return the real or complex dtype of a precision, float32 or float64."""
    return np.result_type(precision, np.complex64) if dtype.kind == "c" else np.dtype(precision)


def cast(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return an array in another dtype; values out of its range become infinite."""
    with np.errstate(over="ignore"):
        return array.astype(dtype)


def output_format(
    source: Format, source_path: Path, target: Path, rate: int, wanted: FormatRequest
) -> Format:
    """Return the format to write: as requested, else by the extension, else the source's own.

    Parameters
    ----------
    source, source_path
        The input's format and name.
    target : Path
        The output's name, or ``-`` for a WAV stream (raw samples if the source has no header).
    rate : int
        The output's rate in Hz.
    wanted : FormatRequest
        The formats requested by options.

    Raises
    ------
    Misuse
        The container cannot hold the sample format, or the extension is unknown.
    Unwritable
        The format cannot store the rate, or convt does not write the container.
    """
    if not wanted.container:
        _check_extension(source_path, target)
    container = wanted.container or _container(source, source_path, target)
    if container in _UNFIT:
        raise Unwritable(f"{_UNFIT[container]}; choose another file type with -o, such as .wav")
    is_mp3 = wanted.container or target.suffix.lower() == ".mp3"
    if source.subtype in _OLD_MPEG and container == "MP3" and not is_mp3:
        raise Unwritable(f"convt writes no {target.suffix} files; use --format MP3 or --format FLAC")
    subtype = wanted.subtype or _subtype(container, source, target)
    if not _can_write(container, subtype):
        import soundfile

        able = ", ".join(s for s in soundfile.available_subtypes(container) if s not in _GARBLED)
        raise Misuse(f"{container} cannot hold {subtype} samples; it can hold {able}")
    _check_rate(container, subtype, rate)
    return Format(container, subtype, _endian(container, subtype, source), rate)


_USUAL_CONTAINERS = ("WAV", "FLAC", "AIFF", "OGG", "MP3")
_USUAL_SUBTYPES = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
_FOREIGN = frozenset(("AAC", "M4A", "MP4", "WMA", "ALAC", "WV", "APE", "AC3", "DTS", "MKA", "WEBM"))


def format_request(container: str | None, subtype: str | None) -> FormatRequest:
    """Return the formats requested by options, under libsndfile's names.

    Raises
    ------
    Misuse
        libsndfile does not know the name.
    """
    container = container and _EXTENSIONS.get(container.upper(), container.upper())
    subtype = subtype and subtype.upper()
    for name, known, option, usual in (
        (container, _containers, "--format", _USUAL_CONTAINERS),
        (subtype, _subtypes, "--subtype", _USUAL_SUBTYPES),
    ):
        if name and (name not in known() or name in _GARBLED):
            close = difflib.get_close_matches(name, [*usual, *sorted(known() - set(_GARBLED))], 1)
            guess = f" Did you mean {close[0]}?" if close else ""
            cannot = f"{name} cannot be written." if name in _FOREIGN else f"unknown format: {name}."
            raise Misuse(f"{option}: {cannot}{guess} Usual are {', '.join(usual)}")
    return FormatRequest(container, subtype)


def container_of_name(target: Path) -> str | None:
    """Return the container of a file name's extension; None if the extension is unknown."""
    extension = target.suffix.lstrip(".").upper()
    container = _EXTENSIONS.get(extension, extension)
    return container if container == "WAV" or container in _containers() else None


def _check_extension(source_path: Path, target: Path) -> None:
    """Refuse a name whose extension contradicts the file type that would be written."""
    extension = target.suffix.lower()
    if extension in ("", source_path.suffix.lower()) or container_of_name(target):
        return
    raise Misuse(
        f"{target}: convt cannot write {extension} files; use .wav, .flac, .aiff, .ogg, .opus, .mp3 or"
        " .caf, or --format WAV to write WAV under this name"
    )


def _check_rate(container: str, subtype: str, rate: int) -> None:
    name = {"OPUS": "Opus", "VORBIS": "Ogg Vorbis"}.get(subtype, container)
    limit = max(_RATES.get(subtype, [_MAX_RATES.get(subtype, _MAX_RATE)]))
    if rate > limit:
        raise Unwritable(f"{name} goes up to {limit} Hz; the output is at {rate} Hz; {_CHANGE}")
    if rate not in _RATES.get(subtype, [rate]):
        able = ", ".join(map(str, _RATES[subtype]))
        raise Unwritable(f"{name} allows {able} Hz; the output is at {rate} Hz; {_CHANGE}")


def _endian(container: str, subtype: str, source: Format) -> str:
    """Return the byte order: the source's if there is a choice; raw samples have a fixed one."""
    if "RAW" in (container, source.container):
        return "LITTLE" if container == "RAW" else "FILE"
    return source.endian if _can_write(container, subtype, source.endian) else "FILE"


@cache
def _containers() -> frozenset[str]:
    import soundfile

    return frozenset(soundfile.available_formats())


@cache
def _subtypes() -> frozenset[str]:
    import soundfile

    return frozenset(soundfile.available_subtypes())


@lru_cache(maxsize=256)
def _can_write(container: str, subtype: str, endian: str = "FILE") -> bool:
    """Return whether libsndfile writes this format; cached, since the check is slow."""
    if container == "WAV" and endian in ("FILE", "LITTLE") and subtype in _OF_WAV:
        return True  # without libsndfile, which takes time to load
    if subtype.startswith("MPEG") and (container, subtype) != ("MP3", "MPEG_LAYER_III"):
        return False  # libsndfile's check accepts these, but it cannot open them for writing
    import soundfile

    return bool(soundfile.check_format(container, subtype, endian))


def _container(source: Format, source_path: Path, target: Path) -> str:
    if str(target) == "-":
        return "RAW" if source.container == "RAW" else "WAV"
    same_name = target.suffix.lower() == source_path.suffix.lower()
    return (None if same_name else container_of_name(target)) or source.container


def _subtype(container: str, source: Format, target: Path) -> str:
    """Return the source's sample format if the container can hold it, else the nearest one."""
    if container == "OGG" and target.suffix.lower() == ".opus":
        return "OPUS"
    for subtype in (source.subtype, _NEAREST.get(source.subtype, "")):
        own = container == source.container or subtype.startswith(_PORTABLE)
        if own and subtype not in _GARBLED and _can_write(container, subtype):
            return subtype
    import soundfile

    return str(soundfile.default_subtype(container))
