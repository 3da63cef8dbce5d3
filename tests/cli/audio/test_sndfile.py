"""Audio files by libsndfile: what it reads, refuses, and must not be asked for."""

import struct
import threading
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from convt_cli.audio.reader import open_reader
from tests.support.audio_bytes import extensible
from tests.support.command import facts, refused, upsample
from tests.support.pipes import noise
from tests.support.sounds import sound

pytestmark = pytest.mark.usefixtures("copying_kernel")


def test_a_file_is_not_closed_while_another_thread_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an interruption may have it: libsndfile would read what has been freed."""
    sound("in.flac")
    reader = open_reader(Path("in.flac"), None, raw=None, again=False, truncated=False)
    reads, goes_on = threading.Event(), threading.Event()
    read, closed_meanwhile = soundfile.SoundFile.read, list[bool]()

    def slow(self: soundfile.SoundFile, *how: Any, **more: Any) -> Any:
        reads.set()
        goes_on.wait(20)
        closed_meanwhile.append(self.closed)
        return read(self, *how, **more)

    monkeypatch.setattr(soundfile.SoundFile, "read", slow)
    reading = threading.Thread(target=lambda: next(reader.blocks(0, 100)))
    closing = threading.Thread(target=reader.close)
    reading.start()
    reads.wait(20)
    closing.start()
    closing.join(0.2)  # it has had the time to do it
    goes_on.set()
    reading.join(20)
    closing.join(20)
    assert closed_meanwhile == [False]
    assert not closing.is_alive()


@pytest.mark.parametrize("tail", [b"TAG" + bytes(125), bytes(5000), b"ID3\4\0\0\0\0\0\5hello"])
def test_what_follows_the_last_flac_frame_is_no_audio(tail: bytes) -> None:
    sound("in.flac", shape=(44_100,))
    whole, _ = soundfile.read("in.flac")
    with Path("in.flac").open("ab") as file:
        file.write(tail)
    upsample("in.flac", "-o", "out.flac", "--stride", "1", "--weights", "one.npy")
    np.testing.assert_array_equal(soundfile.read("out.flac")[0], whole)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypM4A ", "MPEG-4 audio, such as AAC or ALAC"),
        (b"\xff\xf1\x5c\x40", "AAC"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media audio"),
        (b"DSD \x1c", "DSD audio"),
        (b"ajkg\2", "Shorten audio"),
        (b"wvpk", "WavPack audio"),
        (
            b"NIST_1A\n   1024\nsample_coding -s26 pcm,embedded-shorten-v2.00\n",
            "SPHERE audio packed with Shorten",
        ),
    ],
)
def test_what_libsndfile_does_not_read_is_named_with_a_way_to_decode_it(head: bytes, kind: str) -> None:
    Path("an input.x").write_bytes(head + bytes(2000))
    assert refused("upsample", "an input.x", "-o", "out.wav", code=1) == (
        f"convt: an input.x: {kind}, which convt does not read; if ffmpeg can read it, try:"
        " ffmpeg -i 'an input.x' -f wav - | convt resample - -r HZ -o OUT.wav\n"
    )


@pytest.mark.parametrize("name", ["in.flac", "in.ogg", "in.mp3", "in.caf", "in.aiff", "in.w64"])
@pytest.mark.parametrize("keep", [20, 60, 200])
def test_a_damaged_file_is_told_of_in_plain_words(name: str, keep: int) -> None:
    sound(name, shape=(3000,))
    Path(name).write_bytes(Path(name).read_bytes()[:keep] + bytes(100))
    message = refused("upsample", name, "-o", "out.wav", code=1)
    assert message.startswith(f"convt: {name}: ")
    for words in ("possibly a pipe", "Unspecified", "unknown error"):
        assert words not in message


def coded(name: str, subtype: str, fact: int | None = None) -> None:
    """Write a file of 8,000 samples in blocks; a WAV file states how many there are."""
    soundfile.write(name, 0.5 * np.sin(0.1 * np.arange(8000)), 8000, subtype, format=name[-3:].upper())
    data = bytearray(Path(name).read_bytes())
    if fact is not None:
        at = data.index(b"fact") + 8
        data[at : at + 4] = struct.pack("<I", fact)
    Path(name).write_bytes(data)


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32", "NMS_ADPCM_16"])
def test_samples_that_fill_a_block_do_not_count(subtype: str) -> None:
    coded("in.wav", subtype, 7990)
    document = facts("in.wav", "--padding", "same")
    assert (document["input"]["frames"], document["output"]["frames"]) == (7990, 15_980)
    held = Path("in_x2.wav").read_bytes()
    assert struct.unpack_from("<I", held, held.index(b"fact") + 8) == (15_980,)
    more = soundfile.info("in_x2.wav").frames - 15_980
    said = f"in_x2.wav: {subtype} is coded in blocks: {more} padding samples at the end"
    assert document["warnings"] == [f"{said}; the header marks them"] * bool(more)
    assert facts("in_x2.wav", "--weights", "one.npy")["input"]["frames"] == 15_980


@pytest.mark.parametrize("fact", [0, 1, 4000, 16_000, 0xFFFFFFFF])
def test_a_length_that_is_not_within_the_last_block_is_ignored(fact: int) -> None:
    coded("in.wav", "MS_ADPCM", fact)
    assert facts("in.wav", "--weights", "one.npy")["input"]["frames"] == soundfile.info("in.wav").frames


@pytest.mark.parametrize("frames", [500, 2041, 3000, 4082])
def test_a_length_that_libsndfile_states_too_short_is_ignored(frames: int) -> None:
    """That of stereo IMA ADPCM is divided by the channels."""
    soundfile.write("in.wav", np.zeros((frames, 2)), 44_100, "IMA_ADPCM")
    held = Path("in.wav").read_bytes()
    (stated,) = struct.unpack_from("<I", held, held.index(b"fact") + 8)
    there = soundfile.info("in.wav").frames
    assert stated < there
    assert facts("in.wav", "--weights", "one.npy")["input"]["frames"] == there


def test_blocks_of_a_file_that_cannot_state_what_counts_are_named() -> None:
    coded("in.w64", "MS_ADPCM")
    warnings = facts("in.w64", "--padding", "same", "-o", "out.w64")["warnings"]
    more = soundfile.info("out.w64").frames - 16_000
    assert warnings == [
        f"out.w64: MS_ADPCM is coded in blocks: {more} padding samples at the end; the header cannot mark"
        " them"
    ]


@pytest.mark.parametrize("name", ["in.ogg", "in.opus"])
def test_ogg_streams_in_a_row_are_refused(name: str) -> None:
    """libsndfile reads the first, and nothing says that there are more."""
    subtype = "OPUS" if name == "in.opus" else "VORBIS"
    sound(name, shape=(30_000,), format="OGG", subtype=subtype)
    whole = Path(name).read_bytes()
    for count in (2, 3):
        Path(name).write_bytes(count * whole)
        message = refused("upsample", name, "-o", "out.wav", code=1)
        assert message.startswith(f"convt: {name}: Ogg file of {count} consecutive streams, of which")
    Path(name).write_bytes(whole)
    assert facts(name, "-o", "out.wav")["input"]["frames"] == 30_000


@pytest.mark.parametrize("bits", [32, 64])
def test_floats_of_a_w64_file_that_describes_them_at_length_are_no_integers(bits: int) -> None:
    """As ffmpeg writes them; libsndfile takes them for PCM_32."""
    x = noise(500)
    data = x.astype(f"<f{bits // 8}").tobytes()
    guid = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    parts = ((b"fmt ", extensible(3, bits)), (b"data", data))
    body = b"".join(name + guid + struct.pack("<Q", 24 + len(part)) + part for name, part in parts)
    head = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")
    Path("in.w64").write_bytes(head + struct.pack("<Q", 40 + len(body)) + b"wave" + guid + body)
    found = facts("in.w64", "-o", "out.w64", "--stride", "1", "--weights", "one.npy")
    assert found["input"]["subtype"] == ("FLOAT" if bits == 32 else "DOUBLE")
    np.testing.assert_array_equal(
        soundfile.read("out.w64")[0], np.frombuffer(data, f"<f{bits // 8}").reshape(-1, 2)
    )


def voc(*blocks: bytes) -> bytes:
    return b"Creative Voice File\x1a\x1a\0\x14\1\x1f\x11" + b"".join(blocks) + b"\0"


def block(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3, "little") + body


def test_a_voc_file_of_several_blocks_is_refused_and_of_one_is_read() -> None:
    """libsndfile takes what is between the blocks for samples."""
    first = block(9, struct.pack("<IBBHI", 8000, 16, 1, 4, 0) + np.arange(50, dtype="<i2").tobytes())
    for others in ([block(2, bytes(100))], [block(3, b"\x10\0\x83"), block(2, bytes(100))]):
        Path("in.voc").write_bytes(voc(first, *others))
        message = refused("upsample", "in.voc", "-o", "out.wav", code=1)
        assert (
            f"in.voc: VOC file of {len(others) + 1} blocks, which libsndfile reads as one; if ffmpeg"
            in message
        )
    Path("in.voc").write_bytes(voc(block(5, b"a text\0"), first))
    upsample("in.voc", "-o", "out.wav", "--stride", "1", "--weights", "one.npy", "--dither", "none")
    np.testing.assert_array_equal(soundfile.read("out.wav", dtype="int16")[0], np.arange(50))


@pytest.mark.parametrize("frames", [1, 100, 101])
@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        *product(["AIFF"], ["PCM_S8", "PCM_U8", "ULAW", "ALAW"]),
        *product(["VOC"], ["PCM_U8", "ULAW", "ALAW"]),
    ],
)
def test_no_padding_is_counted_as_a_sample(container: str, subtype: str, frames: int) -> None:
    """libsndfile counts the byte that makes a chunk even, and the one that ends a list of blocks."""
    soundfile.write("in.wav", np.full(frames, 0.25), 8000)
    options = ["--format", container, "--subtype", subtype, "--dither", "none", "--stride", "1"]
    upsample("in.wav", "-o", "out.x", "--weights", "one.npy", *options)
    np.testing.assert_allclose(soundfile.read("out.x")[0], np.full(frames, 0.25), atol=0.01)
    if container == "AIFF":
        data = Path("out.x").read_bytes()
        at = data.index(b"SSND")
        assert int.from_bytes(data[at + 4 : at + 8], "big") == 8 + frames
        assert len(data) == at + 8 + 8 + frames + frames % 2 == 8 + int.from_bytes(data[4:8], "big")
