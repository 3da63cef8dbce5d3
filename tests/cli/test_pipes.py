"""``convt upsample`` on a pipe gives what it gives on a file."""

import io
import os
import struct
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from convt_cli.audio import headers
from convt_cli.audio.writer import open_audio_writer
from convt_cli.metadata.metadata import Metadata
from convt_cli.samples.formats import Format
from tests.support.audio_bytes import MOST
from tests.support.command import UPSAMPLE, upsample
from tests.support.pipes import (
    KINDS,
    PATIENCE,
    SAME,
    data_of,
    endless,
    from_file,
    honest,
    piped,
    sound_bytes,
    through,
)

pytestmark = pytest.mark.usefixtures("copying_kernel")


@pytest.mark.parametrize(("name", "subtype"), KINDS)
def test_a_pipe_gives_what_a_file_gives(name: str, subtype: str) -> None:
    whole = sound_bytes(name, subtype)
    expected = from_file(name, "--format", "WAV", "--stride", "3")
    found, _ = piped("-", "-o", "-", "--stride", "3", data=whole)
    assert data_of(found) == data_of(expected)
    assert (honest(expected), honest(found)) == (True, True)


@pytest.mark.parametrize(("name", "subtype"), [KINDS[0], KINDS[3]])
def test_where_nobody_knows_the_length_the_header_says_so(name: str, subtype: str) -> None:
    whole = sound_bytes(name, subtype)
    expected = from_file(name, "--format", "WAV")
    found, _ = piped("-", data=endless(whole))
    assert data_of(found) == data_of(expected)
    assert struct.unpack_from("<4sI4s", found) == (b"RIFF", MOST, b"WAVE")
    assert struct.unpack_from("<I", found, found.index(b"data") + 4) == (MOST,)
    assert found.endswith(data_of(expected))


def test_samples_of_an_odd_length_are_padded_where_the_length_is_known() -> None:
    whole = sound_bytes("in.wav", "PCM_24", 33, 1)
    expected = from_file("in.wav", "--stride", "3")
    assert len(data_of(expected)) % 2 == 1
    found, _ = piped("-", "--stride", "3", data=whole)
    assert (honest(expected), honest(found)) == (True, True)
    assert data_of(found) == data_of(expected)
    found, _ = piped("-", "--stride", "3", data=endless(whole))
    assert found.endswith(data_of(expected))


@pytest.mark.parametrize(("container", "known"), [("WAV", True), ("AU", False)])
def test_one_command_after_another(container: str, known: bool) -> None:
    whole = sound_bytes("in.wav", "PCM_24", 601)
    from_file("in.wav", "--stride", "3", result="first.wav")
    expected = from_file("first.wav", "--format", container, result="second.wav")
    options = ["--format", container, "-q"]
    with (
        subprocess.Popen(
            [*UPSAMPLE, "-", "--stride", "3", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as first,
        subprocess.Popen([*UPSAMPLE, "-", *options], stdin=first.stdout, stdout=subprocess.PIPE) as second,
    ):
        assert first.stdin
        assert first.stdout
        first.stdout.close()
        first.stdin.write(whole if known else endless(whole))
        first.stdin.close()
        found, _ = second.communicate(timeout=PATIENCE)
        assert (first.wait(PATIENCE), second.returncode) == (0, 0)
    assert data_of(found) == data_of(expected)
    assert honest(found) == known


@pytest.mark.parametrize("container", ["FLAC", "AIFF"])
def test_containers_that_state_their_length_first_go_to_a_pipe_too(container: str) -> None:
    whole = sound_bytes("in.wav", "PCM_16", 700)
    expected = from_file("in.wav", "--format", container)
    found, _ = piped("-", "--format", container, data=endless(whole))
    for attribute in ("format", "subtype", "frames", "samplerate", "channels"):
        is_, was = (soundfile.info(io.BytesIO(file)) for file in (found, expected))
        assert getattr(is_, attribute) == getattr(was, attribute)
    for one, other in zip(
        soundfile.read(io.BytesIO(found)), soundfile.read(io.BytesIO(expected)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("FLAC", "PCM_24"), ("OGG", "VORBIS"), ("AIFF", "PCM_24"), ("W64", "FLOAT"), ("CAF", "ALAC_16")],
)
def test_containers_that_cannot_be_read_as_they_come_are_read_from_a_pipe(
    container: str, subtype: str
) -> None:
    whole = sound_bytes("in.x", subtype, 700, format=container)
    expected = from_file("in.x", "--format", "WAV")
    through(whole, "-o", "out.wav")
    assert data_of(Path("out.wav").read_bytes()) == data_of(expected)


def test_flac_from_standard_input() -> None:
    whole = sound_bytes("in.flac", "PCM_16", 700)
    found, said = piped("-", "--format", "FLAC", data=whole)
    np.testing.assert_array_equal(
        soundfile.read(io.BytesIO(found))[0], soundfile.read(io.BytesIO(from_file("in.flac")))[0]
    )
    assert said.startswith("standard input -> standard output: 8 -> 16 kHz, 16-bit FLAC")


def test_a_flac_stream_of_unknown_length() -> None:
    # As flac, sox and ffmpeg write it to a pipe: no count of samples, and no checksum.
    whole = bytearray(sound_bytes("in.flac", "PCM_16", 700))
    expected = from_file("in.flac", "--format", "WAV")
    whole[21] &= 0xF0
    whole[22:42] = bytes(20)
    through(bytes(whole), "-o", "out.wav")
    assert data_of(Path("out.wav").read_bytes()) == data_of(expected)


@pytest.mark.parametrize("options", [["--overs", "guard", "--gain", "12"], ["--overs", "clip"]])
def test_what_is_read_twice_may_come_from_a_pipe(options: list[str]) -> None:
    whole = sound_bytes("in.wav", "FLOAT")
    expected = from_file("in.wav", *options)
    for data in (whole, endless(whole)):
        through(data, *options, "-o", "out.wav", "--overwrite")
        assert data_of(Path("out.wav").read_bytes()) == data_of(expected)


@pytest.mark.parametrize(("channels", "subtype"), [(32_768, "PCM_16"), (65_536, "PCM_U8")])
def test_more_channels_than_a_header_can_state_are_refused_in_words(channels: int, subtype: str) -> None:
    sound_bytes("in.wav", subtype, 20, 1)
    np.save("wide.npy", np.ones((1, channels, 1), "float32"))
    result = upsample("in.wav", "--weights", "wide.npy", "-o", "out.wav", code=1)
    assert result.stderr.startswith(f"convt: out.wav: WAV cannot hold {channels} channel")
    assert result.stderr.count("\n") == 1
    assert not Path("out.wav").exists()


@pytest.mark.filterwarnings("error")
def test_a_gain_beyond_what_float32_holds_gives_infinities_and_no_warning_of_numpy() -> None:
    soundfile.write("in.wav", np.full(30, 3e38), 8000, subtype="FLOAT")
    gain = ["--gain", "20", "--precision", "float32"]
    through(Path("in.wav").read_bytes(), *SAME[:-2], *gain, "-o", "out.wav")
    np.testing.assert_array_equal(soundfile.read("out.wav")[0], np.full(30, np.inf))


def test_a_pipe_without_sound_is_told_in_one_line() -> None:
    said = through(b"hiss\n" * 100, "-o", "out.wav", code=1).stderr
    assert ": not recognised as audio; if ffmpeg can read it, try: ffmpeg -i IN -f wav - " in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("endian", ["FILE", "BIG"])
def test_a_stream_that_turns_out_long_is_not_called_what_its_header_is_not(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], endian: str
) -> None:
    chosen = Format("WAV", "PCM_16", endian, 8000)
    writer = open_audio_writer(None, chosen, (1, None), Metadata(), gain=1.0, dither="none", overs="clip")
    monkeypatch.setattr(headers, "WAV_LIMIT", 1000)
    writer.write(0, np.zeros((1, 1000)))
    assert writer.finish([]) == []
    assert not writer.is_rf64
    assert struct.unpack_from("4s4x4s", capfdbinary.readouterr().out) == (
        b"RIFX" if endian == "BIG" else b"RIFF",
        b"WAVE",
    )


def test_an_array_needs_a_length_and_a_file() -> None:
    whole = sound_bytes("in.wav", frames=100)
    said = through(endless(whole), "-o", "out.npy", code=1).stderr
    assert said.startswith("convt: out.npy: .npy needs the length in advance")
    through(whole, "-o", "out.npy")
    assert np.load("out.npy").shape == (2, 200)
    os.mkfifo("x.npy")
    writer = threading.Thread(target=lambda: Path("x.npy").write_bytes(b""))
    writer.start()
    assert "x.npy: an .npy signal must be a file, not a pipe" in upsample("x.npy", code=1).stderr
    writer.join()
