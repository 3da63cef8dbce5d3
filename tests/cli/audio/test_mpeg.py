"""MP3 files: complete or not, with and without a stated length, and with other bytes around them."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from convt_cli.errors import Unwritable
from convt_cli.samples.formats import Format, FormatRequest, output_format
from tests.support.command import CONVT, facts, upsample
from tests.support.mpeg import decoded, unstated
from tests.support.pipes import noise, piped

RATES = [8000, 11025, 16000, 22050, 44100, 48000]


def mp3(rate: int = 22050, seconds: float = 1.0, channels: int = 1) -> bytes:
    """An MP3 file that states its length, as libsndfile writes it."""
    soundfile.write("made.mp3", noise(int(rate * seconds), channels), rate)
    return Path("made.mp3").read_bytes()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", RATES)
def test_a_complete_file_that_does_not_state_its_length_is_read_to_its_end(
    rate: int, channels: int
) -> None:
    data = unstated(mp3(rate, 2, channels))
    Path("in.mp3").write_bytes(data)
    found = facts("in.mp3", "-o", "out.wav")
    assert found["input"]["frames"] == decoded(data)
    assert found["output"]["frames"] == soundfile.info("out.wav").frames == 2 * decoded(data)
    assert facts("in.mp3", "-o", "out.wav", "--overwrite", "--dry-run")["input"]["frames"] == decoded(data)


def test_a_file_that_states_its_length_keeps_to_it() -> None:
    Path("in.mp3").write_bytes(mp3(22050, 1))
    assert facts("in.mp3", "-o", "out.wav", "--dry-run")["input"]["frames"] == 22050
    assert facts("in.mp3", "-o", "out.wav")["input"]["frames"] == 22050


def test_a_pipe_is_read_as_the_file_is() -> None:
    data = unstated(mp3())
    out, _ = piped("-", data=data)
    Path("in.mp3").write_bytes(data)
    upsample("in.mp3", "-o", "out.wav")
    assert out[-1000:] == Path("out.wav").read_bytes()[-1000:]


def test_in_wav_it_is_read_as_by_itself_and_written_as_numbers() -> None:
    data = unstated(mp3(8000))
    chunks = b"fmt " + (30).to_bytes(4, "little") + (85).to_bytes(2, "little") + (1).to_bytes(2, "little")
    chunks += (8000).to_bytes(4, "little") + (1000).to_bytes(4, "little") + b"\1\0\0\0\x0c\0"
    chunks += b"\1\0\2\0\0\0\x20\1\1\0\x71\5" + b"data" + len(data).to_bytes(4, "little") + data
    chunks += bytes(len(data) % 2)
    Path("in.wav").write_bytes(b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WAVE" + chunks)
    assert soundfile.info("in.wav").subtype == "MPEG_LAYER_III"
    found = facts("in.wav", "-d", "out")
    assert found["input"]["frames"] == decoded(data)
    assert found["output"]["subtype"] == "PCM_16"
    assert "out/in.wav: written as 16-bit WAV: WAV cannot hold MPEG_LAYER_III" in found["warnings"]


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), bytes(1000)])
@pytest.mark.parametrize("stated", [True, False])
def test_what_follows_the_last_frame_is_no_audio(tag: bytes, stated: bool) -> None:
    data = mp3() if stated else unstated(mp3())
    Path("in.mp3").write_bytes(data + tag)
    count = 22050 if stated else decoded(data)
    assert facts("in.mp3", "-o", "out.wav")["input"]["frames"] == count


@pytest.mark.parametrize("stated", [True, False])
def test_zeros_before_the_first_frame_are_passed_over(stated: bool) -> None:
    """libsndfile knows such a file by its extension alone."""
    data = mp3() if stated else unstated(mp3())
    Path("in.mp3").write_bytes(bytes(1000) + data)
    count = 22050 if stated else decoded(data)
    assert facts("in.mp3", "-o", "out.wav", "--overs", "guard")["input"]["frames"] == count


def test_the_samples_are_those_of_the_file_that_states_its_length() -> None:
    """But for the 529 of the decoder and the 576 of the encoder, which it is known to leave out then."""
    whole = mp3()
    np.save("one", np.ones(1, "f4"))
    for name, data in (("a", whole), ("b", unstated(whole))):
        Path(f"{name}.mp3").write_bytes(data)
        options = ["--weights", "one.npy", "--stride", "1", "--subtype", "FLOAT"]
        upsample(f"{name}.mp3", "-o", f"{name}.wav", *options)
    known, found = soundfile.read("a.wav")[0], soundfile.read("b.wav")[0]
    np.testing.assert_allclose(found[1105 : 1105 + known.size], known, atol=1e-6)


@pytest.mark.parametrize("stated", [True, False])
def test_a_damaged_stretch_that_ends_the_decoding_is_no_end(stated: bool) -> None:
    data = bytearray(mp3(22050, 3) if stated else unstated(mp3(22050, 3)))
    data[len(data) // 3 : len(data) // 3 + 700] = np.random.default_rng(1).bytes(700)
    Path("in.mp3").write_bytes(data)
    said = upsample("in.mp3", "-o", "out.wav", code=1).stderr
    assert said.startswith("convt: in.mp3: truncated: ")
    assert not Path("out.wav").exists()
    upsample("in.mp3", "-o", "out.wav", "--allow-truncated")


@pytest.mark.parametrize("options", [["-q"], ["--json"], []])
def test_the_decoders_own_lines_are_not_printed(options: list[str]) -> None:
    """As of a file that states more than it holds."""
    whole = mp3(22050, 3)
    Path("in.mp3").write_bytes(whole[: len(whole) // 2])
    command = [*CONVT, "upsample", "in.mp3", "-o", "out.wav", *options]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    said = result.stdout if "--json" in options else result.stderr
    assert result.returncode == 1
    assert said.count("\n") == 1
    assert "in.mp3: truncated: ends after " in said
    assert (result.stdout + result.stderr) == said


def test_layer_two_is_written_as_what_is_asked_for_and_else_refused() -> None:
    source = Format("MP3", "MPEG_LAYER_II", "FILE", 16_000)
    with pytest.raises(Unwritable, match=r"no \.mp2 files; use --format MP3 or --format FLAC"):
        output_format(source, Path("a.mp2"), Path("d/a.mp2"), 32_000, FormatRequest())
    made = [
        output_format(source, Path("a.mp2"), Path(name), 32_000, FormatRequest(container))
        for name, container in (("a.mp3", None), ("d/a.mp3", "MP3"), ("a.wav", None), ("a.flac", "FLAC"))
    ]
    assert [(each.container, each.subtype) for each in made] == [
        ("MP3", "MPEG_LAYER_III"),
        ("MP3", "MPEG_LAYER_III"),
        ("WAV", "PCM_16"),
        ("FLAC", "PCM_16"),
    ]
