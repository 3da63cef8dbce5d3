"""Bit rates of MP3, Vorbis and Opus in bits per second: measured on inputs, and set for encoders.

libsndfile controls its encoders with one number, from 0 (best) to 1. For constant-rate MP3 and for Opus
the bit rate is linear in it. For Vorbis it is 1 minus the quality, and the header states the nominal rate.
"""

from bisect import bisect_left
from functools import lru_cache
from io import BytesIO
from typing import Any

from convt_cli.audio import mpeg
from convt_cli.errors import Misuse
from convt_cli.files.source import Source
from convt_cli.metadata.unread import ogg_comments
from convt_cli.samples.formats import Format

LOSSY = ("MPEG_LAYER_III", "VORBIS", "OPUS")
_STEPS = 64  # of Vorbis' quality
_MOST_VORBIS = 50_000  # Hz: above it Vorbis has qualities but no bit rates
_OPUS_LEAST, _OPUS_MOST = 6000, 256_000  # of all channels together; of each
_AS_GOOD = 0.99  # a bit rate this fraction of another counts as equal
_STATING = 192  # bytes of an MP3 frame that can state the length: LAME omits it from shorter frames
# MP3 bit rates in kb/s, by the lowest sample rate they apply to; libsndfile refuses the lowest bit rate.
_MPEG = {32_000: mpeg.RATES[1, 3], 16_000: mpeg.RATES[2, 3], 0: mpeg.RATES[2, 3][:8]}


def bitrate_of_input(source: Source, chosen: Format, frames: int | None) -> float | None:
    """Return a lossy input's bit rate, tags not counted; None if it is lossless or of unknown length."""
    if chosen.subtype not in LOSSY or not frames or not source.size:
        return None
    at = source.tell()  # libsndfile reads from the same position
    source.seek(0)
    tags = len(ogg_comments(source)) if chosen.container == "OGG" else mpeg.after_id3(source, 0)
    source.seek(at)
    return average_bitrate(source.size - tags, chosen, frames)


def average_bitrate(length: int, chosen: Format, frames: int) -> float:
    """Return the bit rate of `length` bytes, allowing for the frames that encoders add to every MP3."""
    if chosen.subtype == "MPEG_LAYER_III":
        # One frame states the length; 1 or 2 more hold delay and padding.
        frames += 2880 if chosen.rate >= 32_000 else 1440
    return 8 * length * chosen.rate / frames


def is_lower(bitrate: float, than: float) -> bool:
    """Return whether one bit rate is lower than another by more than headers account for."""
    return bitrate < _AS_GOOD * than


def encoder_settings(chosen: Format, channels: int, bitrate: float | None) -> dict[str, Any]:
    """Return soundfile's arguments for at least this bit rate, up to the encoder's limit.

    None asks for the best quality. Lossless formats have no settings.
    """
    if chosen.subtype not in LOSSY:
        return {}
    if not _has_bitrates(chosen):
        return {"compression_level": 0.0}
    low, high = _bitrates(chosen, channels)
    wanted = high if bitrate is None else min(max(_AS_GOOD * bitrate, low), high)
    if chosen.subtype == "VORBIS":
        steps = range(_STEPS)
        step = bisect_left(steps, wanted, key=lambda step: _nominal(step, chosen.rate, channels))
        return {"compression_level": 1 - step / _STEPS}
    if chosen.subtype == "OPUS":
        return {"compression_level": (high - wanted) / (high - low)}
    least, *rates = _mpeg_bitrates(chosen)
    rate = next(rate for rate in rates if rate >= wanted)
    frame = (144 if chosen.rate >= 32_000 else 72) * rate / chosen.rate  # bytes
    mode = "CONSTANT" if frame >= _STATING else "AVERAGE"
    return {"compression_level": (high - rate) / (high - least), "bitrate_mode": mode}


def check_bitrate(chosen: Format | None, channels: int, bitrate: int) -> None:
    """Refuse a bit rate that the format does not have."""
    if chosen is None or chosen.subtype not in LOSSY:
        name = f"{chosen.container} {chosen.subtype}" if chosen else "an array"
        raise Misuse(f"--bitrate applies only to MP3, Ogg Vorbis and Opus; the output is {name}")
    what = f"--bitrate {bitrate / 1000:g}k: {chosen.container} {chosen.subtype}"
    if not _has_bitrates(chosen):
        raise Misuse(
            f"{what} has no bit rates above {_MOST_VORBIS} Hz; leave out --bitrate for the best quality"
        )
    low, high = _bitrates(chosen, channels)
    if not low <= bitrate <= high:
        limits = f"{low / 1000:.0f}k to {high / 1000:.0f}k"
        raise Misuse(f"{what} with {channels} channel(s) at {chosen.rate} Hz allows {limits}")


def higher_bitrate(chosen: Format, channels: int, asked: float, wanted: float, made: float) -> float | None:
    """Return a higher bit rate to request from an encoder that fell short of `wanted`.

    None if it did not fall short, or cannot go higher.
    """
    if not _has_bitrates(chosen) or not is_lower(made, wanted):
        return None
    _, high = _bitrates(chosen, channels)
    return min(high, asked * max(wanted / made, 1.05)) if asked < high else None


def _has_bitrates(chosen: Format) -> bool:
    return chosen.subtype != "VORBIS" or chosen.rate <= _MOST_VORBIS


def _bitrates(chosen: Format, channels: int) -> tuple[float, float]:
    """Return the lowest and the highest bit rate of a lossy format."""
    if chosen.subtype == "VORBIS":
        return _nominal(0, chosen.rate, channels), _nominal(_STEPS, chosen.rate, channels)
    if chosen.subtype == "OPUS":
        return _OPUS_LEAST, _OPUS_MOST * channels
    rates = _mpeg_bitrates(chosen)
    return rates[1], rates[-1]


def _mpeg_bitrates(chosen: Format) -> list[int]:
    return [1000 * rate for rate in next(_MPEG[least] for least in _MPEG if chosen.rate >= least)]


@lru_cache(maxsize=256)
def _nominal(step: int, rate: int, channels: int) -> int:
    """Return the nominal bit rate that Vorbis' encoder states at a quality step (Vorbis I, 4.2.2)."""
    import soundfile

    file, level = BytesIO(), 1 - step / _STEPS
    soundfile.SoundFile(file, "w", rate, channels, "VORBIS", format="OGG", compression_level=level).close()
    data = file.getvalue()
    at = data.index(b"\1vorbis") + 20
    return int.from_bytes(data[at : at + 4], "little")
