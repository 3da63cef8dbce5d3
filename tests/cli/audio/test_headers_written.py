"""Headers that are written: libsndfile reads them too, and every length is right to the byte."""

import io
import struct
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile

from convt_cli.audio.headers import build
from convt_cli.audio.reader import open_reader
from convt_cli.metadata.metadata import Metadata
from convt_cli.samples.formats import Format
from tests.support.audio_bytes import DATA, MOST, WAYS, WIDTHS, header_of, samples, written


def content(subtype: str, count: int, order: str) -> bytes:
    rng = np.random.default_rng(count)
    if subtype in ("FLOAT", "DOUBLE"):
        return rng.uniform(-1, 1, count).astype(f"{order}f{WIDTHS[subtype]}").tobytes()
    return rng.bytes(count * WIDTHS[subtype])


WRITTEN = [
    (container, subtype, endian)
    for container, subtypes, endians in (
        ("WAV", "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE", ("FILE", "BIG")),
        ("WAVEX", "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE", ("FILE",)),
        ("RF64", "PCM_U8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE", ("FILE",)),
        ("AU", "PCM_S8 PCM_16 PCM_24 PCM_32 FLOAT DOUBLE", ("FILE", "LITTLE")),
    )
    for subtype in subtypes.split()
    for endian in endians
]


@pytest.mark.parametrize(("container", "subtype", "endian"), WRITTEN)
@pytest.mark.parametrize(("channels", "rate"), [(1, 1), (2, 44_100), (6, 384_000), (3, 0x7FFFFFFF)])
def test_what_is_written_is_read_again_by_libsndfile_too(
    container: str, subtype: str, endian: str, channels: int, rate: int
) -> None:
    chosen = Format(container, subtype, endian, rate)
    data = content(subtype, 7 * channels, ">" if chosen.big_endian else "<")
    whole = build(chosen, channels, Metadata(), len(data)) + data + bytes(len(data) % 2)
    with soundfile.SoundFile(io.BytesIO(whole)) as file:
        assert (file.format, file.subtype) == (container, subtype)
        assert (file.channels, file.samplerate, file.frames) == (channels, rate, 7)
        expected = file.read(always_2d=True).T
    for way in WAYS:
        header = header_of(whole, way)
        assert (header.format, header.channels, header.length) == (chosen, channels, len(data))
        assert header.start == len(whole) - len(data) - len(data) % 2
    np.testing.assert_array_equal(samples(whole), expected)


@pytest.mark.parametrize(("container", "subtype", "endian"), WRITTEN)
def test_what_libsndfile_writes_is_read_as_libsndfile_reads_it(
    container: str, subtype: str, endian: str
) -> None:
    whole = written(container, subtype, 9, 2, endian)
    for way in WAYS:
        header = header_of(whole, way)
        assert header.format == Format(container, subtype, endian, 8000)
        assert (header.channels, header.length) == (2, 18 * WIDTHS[subtype])
        expected, _ = soundfile.read(io.BytesIO(whole))
        np.testing.assert_array_equal(samples(whole, way), expected.T)


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("mask", [0, 1, 3, 0x60F, 0x3FFFF, 0x80000000, MOST])
def test_a_channel_mask_is_kept_bit_by_bit(container: str, mask: int) -> None:
    whole = build(Format(container, "PCM_16", "FILE", 8000), 2, Metadata(mask=mask), 4) + bytes(4)
    assert header_of(whole).meta.mask == mask
    if mask or container == "WAVEX":
        at = whole.index(b"fmt ") + 8
        assert struct.unpack_from("<H", whole, at) == (0xFFFE,)
        assert struct.unpack_from("<HHIH", whole, at + 16) == (22, 16, mask, 1)
    assert soundfile.info(io.BytesIO(whole)).channels == 2


@pytest.mark.parametrize("name", [b"bext", b"LIST"])
@pytest.mark.parametrize("size", [0, 1, 602, 603])
@pytest.mark.parametrize("endian", ["FILE", "BIG"])
def test_chunks_stand_before_the_samples_and_are_padded(name: bytes, size: int, endian: str) -> None:
    chunks = [(name, (bytes(range(1, 251)) * 3)[:size]), (b"abcd", b"!")]
    order: Literal["<", ">"] = ">" if endian == "BIG" else "<"
    whole = (
        build(Format("WAV", "PCM_16", endian, 8000), 1, Metadata(chunks=chunks, order=order), 200) + DATA
    )
    header = header_of(whole)
    assert [found for found in header.meta.chunks if found[0] != b"fmt "] == chunks
    assert header.meta.order == order
    assert struct.unpack_from(f"{order}I", whole, 4) == (len(whole) - 8,)
    assert soundfile.info(io.BytesIO(whole)).frames == 100


@pytest.mark.parametrize("name", [b"bext", b"LIST"])
def test_an_rf64_file_with_a_chunk_of_an_odd_length_is_read_by_libsndfile(name: bytes) -> None:
    # libsndfile 1.2.2 does not expect the byte of padding there, and finds no samples behind it.
    meta = Metadata(chunks=[(name, b"INFO" + bytes(599))])
    whole = build(Format("RF64", "PCM_16", "FILE", 8000), 1, meta, len(DATA)) + DATA
    assert header_of(whole).length == len(DATA)
    assert soundfile.info(io.BytesIO(whole)).frames == 100


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("frames", [0, 1, 2, 3])
@pytest.mark.parametrize("after", [0, 12])
def test_lengths_are_right_to_the_byte(subtype: str, frames: int, after: int) -> None:
    length = frames * WIDTHS[subtype]
    header = build(Format("WAV", subtype, "FILE", 8000), 1, Metadata(), length, after=after)
    assert struct.unpack("<4sI", header[-8:]) == (b"data", length)
    assert struct.unpack("<4sI", header[:8]) == (b"RIFF", len(header) - 8 + length + length % 2 + after)
    if subtype == "FLOAT":
        at = header.index(b"fact")
        assert struct.unpack_from("<II", header, at + 4) == (4, frames)


@pytest.mark.parametrize("endian", ["FILE", "BIG"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_length_that_nobody_knows_is_the_most_there_can_be(subtype: str, endian: str) -> None:
    order = ">" if endian == "BIG" else "<"
    header = build(Format("WAV", subtype, endian, 8000), 2, Metadata(), None)
    assert struct.unpack_from(f"{order}I", header, 4) == (MOST,)
    assert struct.unpack(f"{order}4sI", header[-8:]) == (b"data", MOST)
    header = build(Format("AU", subtype, "FILE", 8000), 2, Metadata(), None)
    assert struct.unpack_from(">I", header, 8) == (MOST,)


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_with_room_a_header_takes_as_many_bytes_whatever_the_length(container: str, subtype: str) -> None:
    chosen, meta = (
        Format(container, subtype, "FILE", 8000),
        Metadata(mask=3, chunks=[(b"bext", bytes(602))]),
    )
    known = [build(chosen, 2, meta, length, room=True) for length in (0, 8, 1 << 31, 1 << 32, 1 << 40)]
    sizes = {len(header) for header in [*known, build(chosen, 2, meta, None, room=True)]}
    assert len(sizes) == 1
    assert soundfile.info(io.BytesIO(known[1] + bytes(8))).frames == 8 // (2 * WIDTHS[subtype])


@pytest.mark.parametrize(("room", "after"), [(False, 0), (True, 0), (True, 10)])
@pytest.mark.parametrize(
    ("subtype", "length"),
    [("PCM_16", 1 << 32), ("PCM_24", (1 << 32) + 3), ("PCM_U8", (1 << 33) + 1), ("DOUBLE", 1 << 40)],
)
def test_more_than_4_gb_is_rf64(subtype: str, length: int, room: bool, after: int) -> None:
    header = build(Format("WAV", subtype, "FILE", 8000), 1, Metadata(), length, room=room, after=after)
    assert struct.unpack("<4sI4s", header[:12]) == (b"RF64", MOST, b"WAVE")
    name, size, riff, data, frames, table = struct.unpack("<4sIQQQI", header[12:48])
    assert (name, size, table) == (b"ds64", 28, 0)
    assert riff == len(header) + length + length % 2 + after - 8
    assert (data, frames) == (length, length // WIDTHS[subtype])
    assert struct.unpack("<4sI", header[-8:]) == (b"data", MOST)
    found = header_of(header, "pipe")
    assert (found.length, found.start) == (length, len(header))
    assert found.format == Format("RF64", subtype, "FILE", 8000)


@pytest.mark.parametrize("length", [0xFFFFFFFF - 36 - 4, 0xFFFFFFFF - 36 - 3, 0xFFFFFFFF])
def test_near_4_gb_no_length_is_cut_off(length: int) -> None:
    header = build(Format("WAV", "PCM_U8", "FILE", 8000), 1, Metadata(), length)
    if header.startswith(b"RIFF"):
        assert struct.unpack_from("<I", header, 4) == (len(header) - 8 + length + length % 2,)
        assert struct.unpack("<I", header[-4:]) == (length,)
    else:
        assert struct.unpack_from("<QQ", header, 20) == (len(header) - 8 + length + length % 2, length)


def test_an_rf64_file_of_5_gb_is_found_to_be_whole() -> None:
    length = 5 << 30
    header = build(Format("WAV", "PCM_16", "FILE", 8000), 1, Metadata(), length)
    with Path("x.wav").open("wb") as file:
        file.write(header)
        file.truncate(len(header) + length)  # a hole: no disk is used
    assert soundfile.info("x.wav").frames == length // 2
    reader = open_reader(Path("x.wav"), None, raw=None, again=False, truncated=False)
    assert (reader.frames, reader.warnings) == (length // 2, [])
    reader.close()


def test_an_au_file_of_more_than_4_gb_states_no_length() -> None:
    header = build(Format("AU", "PCM_16", "FILE", 8000), 1, Metadata(), 1 << 33)
    assert struct.unpack_from(">I", header, 8) == (MOST,)
    assert header_of(header, "pipe").length is None


def test_what_has_no_header_has_none() -> None:
    assert build(Format("RAW", "PCM_16", "FILE", 8000), 2, Metadata(), 100) == b""
