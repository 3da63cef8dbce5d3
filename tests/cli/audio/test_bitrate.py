"""Bit rates of lossy files, counted from their bytes."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.command import facts, refused, upsample
from tests.support.oracles import Array

pytestmark = pytest.mark.usefixtures("copying_kernel")

FORMATS = {"mp3": ("MP3", "MPEG_LAYER_III"), "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}
SECONDS = 3


def noise(rate: int, level: float = 0.1) -> Array:
    return np.random.default_rng(1).normal(0, level, (SECONDS * rate, 2))


def encoded(name: str, rate: int, level: float, samples: Array | None = None) -> None:
    container, subtype = FORMATS[name.rpartition(".")[2]]
    mode = "CONSTANT" if container == "MP3" else None
    samples = noise(rate) if samples is None else samples
    how = {"format": container, "compression_level": level, "bitrate_mode": mode}
    soundfile.write(name, samples, rate, subtype, **how)


def kilobits(name: str) -> float:
    """Bits in a millisecond."""
    return 8 * Path(name).stat().st_size / (1000 * SECONDS)


@pytest.mark.parametrize(
    ("source", "level"),
    [("in.mp3", 0.5), ("in.ogg", 0.2), ("in.ogg", 0.9), ("in.opus", 0.8)],
)
@pytest.mark.parametrize("target", ["out.mp3", "out.ogg", "out.opus"])
def test_a_lossy_output_has_no_lower_bit_rate_than_its_input(
    source: str, level: float, target: str
) -> None:
    encoded(source, 24_000, level)
    document = facts(source, "-o", target)
    before, after = kilobits(source), kilobits(target)
    limit = {"out.mp3": 320, "out.ogg": 500, "out.opus": 512}[target]
    assert after > min(limit, 0.97 * before)
    assert after < max(1.6 * before, 80)  # and is not the best there is
    assert document["input"]["bitrate"] == pytest.approx(1000 * before, rel=0.06)
    assert document["output"]["bitrate"] == pytest.approx(1000 * after, rel=0.06)


def test_a_constant_bit_rate_stays_as_it_is() -> None:
    encoded("in.mp3", 44_100, (320 - 192) / 288)
    said = upsample("in.mp3", "--rate", "48k", "-o", "out.mp3").stderr
    found = re.search(r"MP3 (\d+) kb/s,", said)
    assert found
    assert int(found[1]) == pytest.approx(192, abs=2)
    # The bit rate of the second frame; the first states the length (ISO/IEC 11172-3, 2.4.2.3).
    data = Path("out.mp3").read_bytes()
    at = data.index(b"\xff\xfb", 100)
    assert data[at + 2] >> 4 == 11


def test_an_encoder_that_makes_less_of_softer_samples_is_asked_for_more() -> None:
    """Vorbis states what it makes of usual music, and of a voice that pauses it makes far less."""
    samples = noise(48_000)
    samples[48_000:] *= 1e-3
    encoded("in.mp3", 48_000, (320 - 96) / 288, samples)
    upsample("in.mp3", "--weights", "one.npy", "--stride", "1", "-o", "out.ogg")
    assert kilobits("out.ogg") > 0.97 * kilobits("in.mp3")


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])  # one of each version of MPEG
@pytest.mark.parametrize("asked", ["16k", "40k"])
def test_mp3_files_of_low_bit_rates_state_their_length(rate: int, asked: str) -> None:
    if rate == 44_100 and asked == "16k":
        asked = "48k"
    soundfile.write("in.wav", noise(rate), rate)
    done = facts("in.wav", "--weights", "one.npy", "--stride", "1", "-o", "out.mp3", "--bitrate", asked)
    assert soundfile.info("out.mp3").frames == SECONDS * rate == done["output"]["frames"]
    assert kilobits("out.mp3") == pytest.approx(int(asked[:-1]), rel=0.3)


def test_lossless_inputs_get_the_best_of_the_encoder() -> None:
    soundfile.write("in.wav", noise(24_000), 24_000)
    upsample("in.wav", "-o", "out.mp3")
    assert kilobits("out.mp3") == pytest.approx(320, rel=0.06)


@pytest.mark.parametrize(("name", "asked"), [("out.mp3", 192), ("out.ogg", 160), ("out.opus", 96)])
def test_a_bit_rate_that_is_asked_for_is_made(name: str, asked: int) -> None:
    soundfile.write("in.wav", noise(24_000), 24_000)
    upsample("in.wav", "-o", name, "--bitrate", f"{asked}k")
    assert kilobits(name) == pytest.approx(asked, rel=0.25)
    assert "no more" not in upsample("in.wav", "-o", name, "--bitrate", f"{asked}000", "--overwrite").stderr


def test_a_lower_quality_is_named() -> None:
    encoded("loud.ogg", 48_000, 0)
    result = upsample("loud.ogg", "--weights", "one.npy", "--stride", "1", "-o", "out.mp3", "-q")
    before, after = kilobits("loud.ogg"), kilobits("out.mp3")
    found = re.search(r"warning: out.mp3: (\d+) kb/s, loud.ogg has (\d+): this encoder", result.stderr)
    assert found
    assert [int(number) for number in found.groups()] == pytest.approx([after, before], rel=0.03)
    assert before > 330


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "out.mp3", "--bitrate", "192"], "192 bits per second are too few. Did you mean 192k?"),
        (["-o", "out.mp3", "--bitrate", "fast"], "--bitrate must be a bit rate, such as 192k; got fast"),
        (
            ["-o", "out.mp3", "--bitrate", "400k"],
            "MP3 MPEG_LAYER_III with 2 channel(s) at 48000 Hz allows 40k to 320k",
        ),
        (["-o", "out.opus", "--bitrate", "1k"], "OGG OPUS with 2 channel(s) at 48000 Hz allows 6k to 512k"),
        (
            ["-o", "out.wav", "--bitrate", "192k"],
            "applies only to MP3, Ogg Vorbis and Opus; the output is WAV PCM_16",
        ),
        (["-o", "out.npy", "--bitrate", "192k"], "; the output is an array"),
        (
            ["-o", "out.ogg", "--bitrate", "96k", "--stride", "4"],
            "OGG VORBIS has no bit rates above 50000 Hz",
        ),
    ],
)
def test_bit_rates_that_cannot_be_are_refused(options: list[str], message: str) -> None:
    soundfile.write("in.wav", noise(24_000), 24_000)
    assert message in refused("upsample", "in.wav", *options, code=2)


@pytest.mark.parametrize(
    ("name", "rate", "message"),
    [
        (
            "out.mp3",
            "88.2k",
            "out.mp3: MP3 goes up to 48000 Hz; the output is at 88200 Hz; choose another rate",
        ),
        (
            "out.opus",
            "96k",
            "out.opus: Opus goes up to 48000 Hz; the output is at 96000 Hz; choose another rate",
        ),
        ("out.opus", "44.1k", "Opus allows 8000, 12000, 16000, 24000, 48000 Hz; the output is at 44100 Hz"),
        ("out.mp3", "30k", "MP3 allows 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000 Hz"),
        ("out.ogg", "250k", "Ogg Vorbis goes up to 200000 Hz; the output is at 250000 Hz"),
    ],
)
def test_limits_of_rates_are_named(name: str, rate: str, message: str) -> None:
    soundfile.write("in.wav", noise(24_000), 24_000)
    assert message in refused("upsample", "in.wav", "-o", name, "--rate", rate, code=1)
