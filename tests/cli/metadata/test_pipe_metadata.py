"""Metadata that comes through a pipe, or goes into one."""

import struct
from pathlib import Path

import pytest
import soundfile

from tests.support.audio_bytes import chunk
from tests.support.pipes import SAME, chunks, data_of, from_file, honest, piped, sound_bytes, through

pytestmark = pytest.mark.usefixtures("copying_kernel")

CUE = chunk(b"cue ", struct.pack("<III4sIII", 1, 1, 100, b"data", 0, 0, 100))
NAME = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"a name\0"))
BEXT = chunk(b"bext", bytes(338) + struct.pack("<Q", 1000) + bytes(300))


def with_chunks(whole: bytes, before: bytes, behind: bytes) -> bytes:
    """A WAV file with chunks put before the format and behind the samples."""
    body = b"WAVE" + before + whole[12:] + bytes(len(whole) % 2) + behind
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(("subtype", "channels", "frames"), [("PCM_16", 2, 500), ("PCM_24", 1, 501)])
def test_chunks_that_follow_the_samples_of_a_pipe_are_kept_in_a_file(
    subtype: str, channels: int, frames: int
) -> None:
    whole = with_chunks(sound_bytes("in.wav", subtype, frames, channels), BEXT, NAME + CUE)
    Path("in.wav").write_bytes(whole)
    expected = from_file("in.wav", "--stride", "3")
    said = through(whole, "--stride", "3", "-o", "out.wav").stderr
    found = Path("out.wav").read_bytes()
    assert "does not keep" not in said
    assert (honest(found), honest(expected)) == (True, True)
    assert chunks(found) == chunks(expected)
    assert struct.unpack_from("<I", chunks(found)[b"cue "], 8) == (300,)
    assert struct.unpack_from("<Q", chunks(found)[b"bext"], 338) == (3000,)
    with soundfile.SoundFile("out.wav") as file:
        assert (file.title, file.frames) == ("a name", 3 * frames)


def test_to_a_pipe_chunks_go_that_are_known_in_time_and_the_others_are_named() -> None:
    whole = with_chunks(sound_bytes("in.wav", frames=500), BEXT, NAME + CUE)
    Path("in.wav").write_bytes(whole)
    found, said = piped("in.wav", "-o", "-")
    assert {b"bext", b"LIST", b"cue "} <= set(chunks(found))
    assert honest(found)
    assert "does not keep" not in said
    found, said = piped("-", data=whole)
    assert b"bext" in chunks(found)
    assert honest(found)
    assert "convt: warning: standard output: not copied from standard input: LIST INFO, cue" in said


def test_a_lie_about_the_end_of_the_file_loses_no_samples() -> None:
    # The length of the samples was never filled in, and that of the file is the most there can be.
    whole = sound_bytes("in.wav", frames=500)
    lying = whole[:4] + b"\xff" * 4 + whole[8:40] + bytes(4) + whole[44:]
    for _ in range(2):
        through(lying, *SAME, "-o", "out.wav", "--overwrite")
        assert data_of(Path("out.wav").read_bytes()) == data_of(whole)


@pytest.mark.parametrize("behind", [b"", NAME])
def test_a_wav_file_without_samples(behind: bytes) -> None:
    empty = with_chunks(sound_bytes("in.wav", frames=0), b"", behind)
    Path("in.wav").write_bytes(empty)
    assert data_of(from_file("in.wav")) == b""
    said = through(empty, "-o", "out.wav").stderr
    assert data_of(Path("out.wav").read_bytes()) == b""
    assert "has no samples, so out.wav" in said
