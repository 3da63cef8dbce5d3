"""Headers: what is written is read again, by libsndfile too; what lies is refused, and nothing crashes."""

import io
import os
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st

import convt
from convt_cli.audio import headers, truncation
from convt_cli.audio.headers import Header, build
from convt_cli.audio.metadata import Metadata
from convt_cli.audio.reader import Reader, open_reader
from convt_cli.audio.source import Source
from convt_cli.errors import Failure
from convt_cli.samples.formats import Format
from tests.support.oracles import Array

Way = Literal["file", "pipe"]
WAYS: list[Way] = ["file", "pipe"]
MOST = 0xFFFFFFFF
GUID = bytes.fromhex("00001000800000aa00389b71")  # behind the four bytes of the code
WIDTHS = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def stored(data: bytes, way: Way) -> Iterator[Path]:
    """A name under which the bytes are read: a file's, or a pipe's that holds them all."""
    if way == "file":
        Path("x.bin").write_bytes(data)
        yield Path("x.bin")
        return
    assert len(data) <= 65_536
    reading, writing = os.pipe()
    try:
        os.write(writing, data)
        os.close(writing)
        yield Path(f"/dev/fd/{reading}")
    finally:
        os.close(reading)


@contextmanager
def opened(data: bytes, way: Way, *, truncated: bool = False) -> Iterator[Reader]:
    with stored(data, way) as path:
        reader = open_reader(path, "float64", raw=None, again=False, truncated=truncated)
        with closing(reader):
            yield reader


def parsed(data: bytes, way: Way = "file", *, behind: bool = False) -> Header | None:
    with stored(data, way) as path, closing(Source(path)) as source:
        header = headers.parse(source)
        if header and behind:
            headers.read_trailing_chunks(source, header)
        return header


def header_of(data: bytes, way: Way = "file", *, behind: bool = False) -> Header:
    header = parsed(data, way, behind=behind)
    assert header
    return header


def samples(data: bytes, way: Way = "file", *, truncated: bool = False) -> Array:
    with opened(data, way, truncated=truncated) as reader:
        blocks = list(reader.blocks(0, 1000))
        found = np.concatenate([np.empty((reader.channels, 0)), *blocks], axis=1)
        assert reader.frames in (None, found.shape[1]) or truncated
        return found


def chunk(name: bytes, body: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}4sI", name, len(body)) + body + bytes(len(body) % 2)


def fmt(
    code: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, frame: int = -1, order: str = "<"
) -> bytes:
    frame = channels * bits // 8 if frame < 0 else frame
    return struct.pack(f"{order}HHIIHH", code, channels, rate, rate * frame & MOST, frame, bits)


def extensible(code: int, bits: int = 16, mask: int = 3, guid: bytes = GUID) -> bytes:
    return fmt(0xFFFE, 2, bits=bits) + struct.pack("<HHII", 22, bits, mask, code) + guid


DATA = np.arange(-50, 50, dtype="<i2").tobytes()
MU_LAW = fmt(7, bits=8) + bytes(2)


def wav(
    data: bytes = DATA,
    *,
    before: bytes = b"",
    behind: bytes = b"",
    form: bytes | None = None,
    length: int | None = None,
    riff: int | None = None,
    magic: bytes = b"RIFF",
) -> bytes:
    """A WAV file, true unless `length` or `riff` say something else."""
    order = ">" if magic == b"RIFX" else "<"
    form = fmt(order=order) if form is None else form
    stated = len(data) if length is None else length
    body = b"WAVE" + before + chunk(b"fmt ", form, order) + struct.pack(f"{order}4sI", b"data", stated)
    body += data + (bytes(len(data) % 2) if length is None else b"") + behind
    return magic + struct.pack(f"{order}I", len(body) if riff is None else riff) + body


def ds64(length: int, riff: int = 0, frames: int = 0) -> bytes:
    return chunk(b"ds64", struct.pack("<QQQI", riff, length, frames, 0))


def au(
    data: bytes = DATA,
    *,
    length: int | None = None,
    code: int = 3,
    channels: int = 1,
    rate: int = 8000,
    note: bytes = b"",
    order: str = ">",
) -> bytes:
    magic = b".snd" if order == ">" else b"dns."
    stated = len(data) if length is None else length
    return magic + struct.pack(f"{order}5I", 24 + len(note), stated, code, rate, channels) + note + data


def written(
    container: str, subtype: str, frames: int = 12, channels: int = 1, endian: str = "FILE"
) -> bytes:
    """A file as libsndfile writes it."""
    sound = np.random.default_rng(frames).uniform(-0.5, 0.5, (frames, channels))
    file = io.BytesIO()
    soundfile.write(file, sound, 8000, format=container, subtype=subtype, endian=endian)
    return file.getvalue()


def content(subtype: str, count: int, order: str) -> bytes:
    rng = np.random.default_rng(count)
    if subtype in ("FLOAT", "DOUBLE"):
        return rng.uniform(-1, 1, count).astype(f"{order}f{WIDTHS[subtype]}").tobytes()
    return rng.bytes(count * WIDTHS[subtype])


# What is written.

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


# What is read.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (b"", b""),
        (chunk(b"JUNK", bytes(28)), b""),
        (chunk(b"bext", bytes(602)), b""),
        (chunk(b"LIST", b"INFO" + chunk(b"INAM", b"odd")), b""),
        (chunk(b"odd ", b"1") + chunk(b"odd ", b"123"), b""),
        (chunk(b"none", b""), b""),
        (b"", chunk(b"LIST", b"INFO" + chunk(b"INAM", b"odd")) + chunk(b"cue ", bytes(4))),
    ],
)
@pytest.mark.parametrize("magic", [b"RIFF", b"RIFX"])
def test_chunks_around_the_samples(magic: bytes, before: bytes, behind: bytes, way: Way) -> None:
    if magic == b"RIFX":
        before = before and chunk(b"bext", bytes(601), ">")
        behind = behind and chunk(b"LIST", b"INFO", ">")
    whole = wav(before=before, behind=behind, magic=magic)
    header = header_of(whole, way, behind=True)
    assert (header.start, header.length) == (len(whole) - len(behind) - len(DATA), len(DATA))
    names = [name for name, _ in header.meta.chunks]
    assert (b"LIST" in names) == ((b"LIST" in before) or (way == "file" and b"LIST" in behind))
    expected = np.frombuffer(DATA, ">i2" if magic == b"RIFX" else "<i2") / 2.0**15
    np.testing.assert_array_equal(samples(whole, way), expected[None])


@pytest.mark.parametrize("size", [1, 3, 5, 201])
def test_what_follows_samples_of_an_odd_length_is_found(size: int) -> None:
    info = (b"LIST", b"INFO" + chunk(b"INAM", b"a name"))
    whole = wav(bytes(size), form=fmt(bits=8), behind=chunk(*info))
    assert header_of(whole, behind=True).meta.chunks[-1] == info


@pytest.mark.parametrize(
    ("behind", "names"),
    [
        (b"LIS", []),
        (b"LIST\4\0\0\0", []),
        (b"LIST\4\0\0\0INF", []),
        (b"LIST\3\0\0\0INF", [b"LIST"]),  # the byte of padding that is missing at the very end
        (b"LIST\4\0\0\0INFOxxxx\xff\xff\xff\xff", [b"LIST"]),
        (b"LIST\4\0\0\0INFO" + bytes(7), [b"LIST"]),
    ],
)
def test_what_follows_the_samples_is_read_as_far_as_it_is_whole(behind: bytes, names: list[bytes]) -> None:
    header = header_of(wav(behind=behind), behind=True)
    assert [name for name, _ in header.meta.chunks] == [b"fmt ", *names]


@pytest.mark.parametrize("extra", [0, 1, 2, 3])
def test_on_a_pipe_chunks_are_found_behind_a_frame_that_is_not_whole(extra: int) -> None:
    tail = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"a name"))
    whole = wav(bytes(8 + extra), form=fmt(channels=2), behind=tail)
    reading, writing = os.pipe()
    os.write(writing, whole[: 44 + 8])
    reader = open_reader(Path(f"/dev/fd/{reading}"), None, raw=None, again=False, truncated=False)
    blocks = reader.blocks(0, 1000)
    assert next(blocks).shape == (2, 2)
    os.write(writing, whole[44 + 8 :])  # what comes late, and not with the frames before it
    os.close(writing)
    assert list(blocks) == []
    assert reader.late_chunks() == [(b"LIST", tail[8:])]
    reader.close()
    os.close(reading)


PLACEHOLDERS = [0x7FFFFFFF, 0x7FFFF000, 0x7FFFF000 - 4, 0x7FFFFFFF - 36, 0x80000000, MOST, MOST - 36]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [0, *PLACEHOLDERS])
@pytest.mark.parametrize("riff", [0, 36, MOST, 0x7FFFFFFF, None])
def test_a_length_that_was_never_filled_in_is_none(length: int, riff: int | None, way: Way) -> None:
    if riff is None:
        riff = (length + 36) & MOST
    whole = wav(length=length, riff=riff)
    assert header_of(whole, way).length is None
    np.testing.assert_array_equal(samples(whole, way), np.frombuffer(DATA, "<i2")[None] / 2**15)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [0, *PLACEHOLDERS])
@pytest.mark.parametrize("note", [b"", b"odd", bytes(1000)])
def test_an_au_file_that_knows_no_length(length: int, note: bytes, way: Way) -> None:
    data = np.arange(-50, 50, dtype=">i2").tobytes()
    whole = au(data, length=length, note=note)
    header = header_of(whole, way)
    assert (header.length, header.start) == (None, 24 + len(note))
    np.testing.assert_array_equal(samples(whole, way), np.arange(-50, 50)[None] / 2**15)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [0, 1 << 62, (1 << 63) - 1, (1 << 64) - 1])
def test_an_rf64_file_that_knows_no_length(length: int, way: Way) -> None:
    whole = wav(before=ds64(length), length=MOST, riff=MOST, magic=b"RF64")
    assert header_of(whole, way).length is None
    assert samples(whole, way).shape == (1, 100)


@pytest.mark.parametrize("way", WAYS)
def test_an_rf64_file_states_its_length_before_its_format(way: Way) -> None:
    whole = wav(before=ds64(200, riff=300), length=MOST, riff=MOST, magic=b"RF64", behind=bytes(6))
    assert header_of(whole, way).length == 200
    narrow = wav(before=ds64(1 << 40), length=200, magic=b"RF64")  # which holds only where 32 bits do not
    assert header_of(narrow, way).length == 200
    none = wav(length=MOST, riff=MOST, magic=b"RF64")
    assert header_of(none, way).length is None


@pytest.mark.parametrize("way", WAYS)
def test_a_file_with_no_samples_has_none(way: Way) -> None:
    assert samples(wav(b""), way).shape == (1, 0)
    assert samples(au(b""), way).shape == (1, 0)
    behind = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"a name"))
    whole = wav(b"", behind=behind)
    assert header_of(whole, way).length == 0
    assert samples(whole, way).shape == (1, 0)


def test_a_length_that_looks_like_none_is_taken_where_the_file_is_so_long() -> None:
    with Path("x.wav").open("wb") as file:
        file.write(wav(b"", length=0x7FFFF000, riff=0x7FFFF024))
        file.truncate(44 + 0x7FFFF000 + 100)
    with closing(Source(Path("x.wav"))) as source:
        header = headers.parse(source)
    assert header
    assert header.length == 0x7FFFF000


@pytest.mark.parametrize(
    ("length", "placeholder"),
    [
        (0, False),
        (1 << 20, False),
        (0x7EFFFFFF - 0x1000, False),
        (0x7F000000, True),
        (0x7FFFF000, True),
        (0x7FFFFFFF, True),
        (0x80000024, True),
        (0x90000000, False),
        (0xFFFFFFFF, True),
        (0xFFFFFFFF + 60, True),
        (1 << 33, False),
        (1 << 62, True),
        ((1 << 64) - 1, True),
    ],
)
def test_lengths_that_mean_nothing(length: int, placeholder: bool) -> None:
    assert truncation.is_placeholder(length) == placeholder


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("form", "subtype"),
    [
        (extensible(1), "PCM_16"),
        (extensible(1, bits=24), "PCM_24"),
        (extensible(3, bits=32), "FLOAT"),
        (fmt(3, 2, bits=64) + bytes(2), "DOUBLE"),
        (fmt(1, 2, bits=32) + bytes(100), "PCM_32"),
    ],
)
def test_formats_of_every_length(form: bytes, subtype: str, way: Way) -> None:
    width = WIDTHS[subtype]
    header = header_of(wav(bytes(4 * width), form=form), way)
    container = "WAVEX" if form.startswith(b"\xfe\xff") else "WAV"
    assert header.format == Format(container, subtype, "FILE", 8000)
    assert header.meta.mask == (3 if container == "WAVEX" else 0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "form",
    [
        fmt(6, bits=8),  # A-law
        fmt(7, bits=8),  # mu-law
        fmt(2, bits=4, frame=256),
        fmt(0x55, bits=0, frame=1),
        fmt(1, bits=12, frame=2),
        fmt(1, bits=20, frame=3),
        fmt(3, bits=16),
        extensible(7, bits=8),
        extensible(1, guid=bytes(12)),
        extensible(1)[:30],
    ],
)
def test_what_is_not_plain_numbers_is_left_to_libsndfile(form: bytes, way: Way) -> None:
    assert header_of(wav(form=form), way).format is None
    assert header_of(au(code=1), way).format is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "data", [b"", b"R", b"hiss", b"fLaC....", b"FORM\0\0\0\0AIFF", b"RIFF\0\0\0\0AVI ", b"riff" + bytes(90)]
)
def test_other_kinds_of_files_are_left_alone(data: bytes, way: Way) -> None:
    with stored(data, way) as path, closing(Source(path)) as source:
        assert headers.parse(source) is None
        assert source.read(len(data) + 1) == data


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (wav(form=fmt(channels=0, frame=2)), "is damaged: it states 0 channels at 8000 Hz"),
        (wav(form=fmt(rate=0)), "is damaged: it states 1 channels at 0 Hz"),
        (
            wav(form=fmt(channels=65_535, frame=2)),
            "is damaged: 65535 channel.* take 131070 bytes, and it states 2",
        ),
        (wav(form=fmt(frame=4)), "is damaged: 1 channel.* of 16 bits take 2 bytes, and it states 4"),
        (wav(form=fmt(frame=0)), "is damaged: 1 channel.* of 16 bits take 2 bytes, and it states 0"),
        (wav(form=fmt()[:4]), "is damaged: its format takes 4 bytes, not 16 or more"),
        (wav(form=b""), "is damaged: its format takes 0 bytes"),
        (wav().replace(b"fmt ", b"tmf "), "is damaged: its samples come before their format"),
        (
            b"RIFF\0\0\0\0WAVEdata\4\0\0\0\0\0\0\0" + chunk(b"fmt ", fmt()),
            "is damaged: its samples come before their format",
        ),
        (
            wav(before=b"JUNK\xff\xff\xff\xff"),
            "is damaged: it has a chunk .*JUNK.* of 4294967295 bytes before its samples",
        ),
        (wav()[:3] + b"F", "is cut short: it ends within its header"),
        (wav()[:11], "is cut short: it ends within its header"),
        (wav()[:12], "is cut short: it ends within its header"),
        (wav()[:43], "is cut short: it ends within its header"),
        (wav(before=b"JUNK\0\1\0\0")[:60], "is cut short: it ends within its header"),
        (au()[:23], "is cut short: it ends within its header"),
        (au(note=bytes(50))[:60], "is cut short: it ends within its header"),
        (au(channels=0), "is damaged: it states 0 channels at 8000 Hz from byte 24"),
        (au(rate=0), "is damaged: it states 1 channels at 0 Hz"),
        (b".snd" + struct.pack(">5I", 23, 4, 3, 8000, 1), "is damaged: .* from byte 23 on"),
        (b".snd" + struct.pack(">5I", MOST, 4, 3, 8000, 1), "is damaged: .* from byte 4294967295 on"),
    ],
)
def test_headers_that_lie_are_refused_in_one_line(data: bytes, message: str, way: Way) -> None:
    with pytest.raises(Failure, match=message) as caught:
        parsed(data, way)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        wav(length=202),
        wav(length=1 << 30),
        wav(length=1 << 30, before=chunk(b"bext", bytes(602))),
        wav(before=ds64(1 << 50, riff=1 << 51), length=MOST, riff=MOST, magic=b"RF64"),
        wav(before=ds64(1 << 61), length=MOST, riff=MOST, magic=b"RF64"),
        wav(before=ds64((1 << 62) - 1), length=MOST, riff=MOST, magic=b"RF64"),
        au(length=201 * 2),
        au(length=1 << 30, order="<"),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_more_samples_stated_than_there_are_is_a_file_cut_short(data: bytes, way: Way) -> None:
    with pytest.raises(Failure, match=r"is cut short: it ends after 100 of \d+ frames; --allow-truncated"):
        samples(data, way)
    assert samples(data, way, truncated=True).shape == (1, 100)


WHOLE = {
    "WAV": written("WAV", "PCM_16"),
    "WAV float": written("WAV", "FLOAT"),
    "RIFX": written("WAV", "PCM_24", endian="BIG"),
    "WAVEX": written("WAVEX", "PCM_32"),
    "RF64": written("RF64", "PCM_16"),
    "AU": written("AU", "PCM_16"),
    "AU little": written("AU", "FLOAT", endian="LITTLE"),
    "WAV mu-law": written("WAV", "ULAW"),
    "WAV ADPCM": written("WAV", "IMA_ADPCM"),
    "RF64 mu-law": written("RF64", "ULAW"),
    "AU mu-law": written("AU", "ULAW"),
    "AU mu-law little": written("AU", "ULAW", endian="LITTLE"),
    "AIFF": written("AIFF", "PCM_16"),
    "AIFF little": written("AIFF", "PCM_16", endian="LITTLE"),
    "AIFF mu-law": written("AIFF", "ULAW"),
    "W64": written("W64", "PCM_16"),
    "W64 float": written("W64", "DOUBLE"),
    "CAF": written("CAF", "PCM_16"),
    "CAF float": written("CAF", "FLOAT", endian="LITTLE"),
    "FLAC": written("FLAC", "PCM_16", 5000),
}


@pytest.mark.parametrize("kind", list(WHOLE))
def test_a_file_cut_anywhere_is_refused(kind: str) -> None:
    whole = WHOLE[kind]
    count = samples(whole).shape[1]
    step = 1 if len(whole) < 400 else len(whole) // 150
    taken = []
    for size in [*range(1, len(whole) - 1, step), len(whole) - 1]:
        try:
            taken.append((size, samples(whole[:size]).shape[1]))
        except Failure as failure:
            assert "\n" not in str(failure)  # noqa: PT017  # that it is one is no error
    assert taken == []
    assert count == samples(whole, truncated=True).shape[1]


@pytest.mark.parametrize("kind", [kind for kind in WHOLE if "ADPCM" not in kind and kind != "FLAC"])
def test_of_a_file_that_is_cut_what_is_there_can_be_taken(kind: str) -> None:
    whole = WHOLE[kind]
    found = samples(whole[:-5], truncated=True)
    assert 0 < found.shape[1] < 12
    np.testing.assert_array_equal(found, samples(whole)[:, : found.shape[1]])


@pytest.mark.parametrize("size", [120, 4000, 8000])
def test_of_a_flac_file_that_is_cut_what_is_there_can_be_taken(size: int) -> None:
    whole = WHOLE["FLAC"]
    found = samples(whole[:size], truncated=True)
    assert found.shape[1] < 5000
    np.testing.assert_array_equal(found, samples(whole)[:, : found.shape[1]])


@pytest.mark.parametrize("way", WAYS)
def test_a_flac_stream_of_unknown_length_is_read_to_its_end(way: Way) -> None:
    # So sox and ffmpeg write it to a pipe: 36 bits that count the samples, and the checksum, are zero.
    whole = bytearray(written("FLAC", "PCM_16", 5000, 2))
    expected = samples(bytes(whole))
    whole[21] &= 0xF0
    whole[22:42] = bytes(20)
    with opened(bytes(whole), way) as reader:
        assert reader.frames is None
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(0, 999)), axis=1), expected)


def aiff(form: int, frames: int, ssnd: int, *, before: bytes = b"", data: bytes = DATA) -> bytes:
    """An AIFF file of 8 kHz, mono, 16 bits; `data` has the highest byte first."""
    common = struct.pack(">hIh", 1, frames, 16) + bytes.fromhex("400bfa00000000000000")
    sound = struct.pack(">4sIII", b"SSND", ssnd, 0, 0) + data
    return struct.pack(">4sI4s", b"FORM", form, b"AIFF") + before + chunk(b"COMM", common, ">") + sound


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("data", "lost"),
    [
        (aiff(54 - 8 + 200, 100, 208), []),
        (aiff(0x7F000050, 0x3F800000, 0x7F000008, before=chunk(b"COMT", bytes(26), ">")), ["COMT"]),  # sox
        (aiff(0, 0, 0), []),  # ffmpeg
        (aiff(0, 0, 0, data=b"\0\x3c\0\0" * 50), []),
    ],
)
def test_an_aiff_stream_with_lengths_that_were_never_filled_in(
    data: bytes, lost: list[str], way: Way
) -> None:
    expected = np.frombuffer(data[-200:], ">i2")[None] / 2**15
    with opened(data, way) as reader:
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(0, 999)), axis=1), expected)
        assert reader.meta.lost == lost


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("length", "note"), [(MOST, 0), (MOST, 300), (MOST, 5000), (0x7FFFF000, 0), (0x7FFFF000, 300)]
)
def test_coded_streams_that_know_no_length_are_read_to_their_end(length: int, note: int, way: Way) -> None:
    data = bytes(range(200))
    whole = wav(data, before=chunk(b"JUNK", bytes(note)), form=MU_LAW, length=length, riff=length)
    assert samples(whole, way).shape == (1, 200)
    assert samples(au(data, code=1, length=length, note=bytes(note)), way).shape == (1, 200)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [0, 0x7FFFFFFF])
@pytest.mark.parametrize("container", ["WAV", "AU"])
def test_of_coded_streams_no_sample_is_left_out_silently(container: str, length: int, way: Way) -> None:
    # libsndfile takes these lengths for none at all.
    data = bytes(range(200))
    whole = au(data, code=1, length=length)
    if container == "WAV":
        whole = wav(data, form=MU_LAW, length=length, riff=length)
    with suppress(Failure):
        assert samples(whole, way).shape == (1, 200)


@pytest.mark.parametrize("way", WAYS)
def test_a_w64_stream_as_ffmpeg_writes_it(way: Way) -> None:
    whole = bytearray(written("W64", "PCM_16", 100))
    at = whole.index(b"data") + 16
    whole[16:24], whole[at : at + 8] = b"\xff" * 8, b"\xff" * 7 + b"\x7f"
    assert samples(bytes(whole), way).shape == (1, 100)


@pytest.mark.parametrize(
    ("container", "subtype"), [("AU", "G721_32"), ("WAV", "GSM610"), ("XI", "DPCM_16"), ("W64", "GSM610")]
)
def test_codings_that_libsndfile_reads_but_once(container: str, subtype: str) -> None:
    whole = written(container, subtype, 640)
    expected, _ = soundfile.read(io.BytesIO(whole))
    np.testing.assert_array_equal(samples(whole), expected[None])


@pytest.mark.parametrize("kind", ["caff", "riff", "FORM"])
@pytest.mark.parametrize("length", [b"\x7f" + b"\xff" * 7, b"\x40" + bytes(7), b"\x3f" + b"\xff" * 7])
def test_chunks_of_absurd_lengths_are_refused_or_passed_over(kind: str, length: bytes) -> None:
    whole = {
        "caff": b"caff\0\1\0\0desc" + length + WHOLE["CAF"][20:],
        "riff": WHOLE["W64"][:16] + length[::-1] + WHOLE["W64"][24:],
        "FORM": WHOLE["AIFF"][:4] + length[:4] + WHOLE["AIFF"][8:],
    }
    with suppress(Failure):
        assert samples(whole[kind]).shape == (1, 12)


def test_a_caf_stream_as_sox_leaves_it_on_a_pipe_is_refused() -> None:
    # sox, which cannot go back, writes what belongs at the beginning once more behind the samples.
    data = WHOLE["CAF"]
    torn = data[:60] + bytes(4000) + b"caff\0\1\0\0desc\0\0\0\0\0\0\0 \x40\xbf\x40\0" + bytes(4) + data[24:]
    with pytest.raises(Failure):
        samples(torn)


class Zeros:
    """A source that begins as it should and goes on with zeros, for ever."""

    name, size = "zeros", None

    def __init__(self, beginning: bytes) -> None:
        self._beginning, self.reads = beginning, 0

    def read(self, count: int) -> bytes:
        self.reads += 1
        assert self.reads < 100_000
        data, self._beginning = self._beginning[:count], self._beginning[count:]
        return data + bytes(count - len(data))


def test_endless_zeros_are_no_header() -> None:
    source: Any = Zeros(wav(b"")[:36])
    with pytest.raises(Failure, match="damaged"):
        headers.parse(source)


def test_endless_zeros_behind_the_samples_are_no_chunks() -> None:
    source: Any = Zeros(chunk(b"LIST", b"INFO"))
    assert headers.parse_trailing_chunks(source, "<")[:1] == [(b"LIST", b"INFO")]


@contextmanager
def frugally(limit: int = 4 << 20) -> Iterator[None]:
    """See that what is done takes no more memory than so much at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "data",
    [
        wav(before=struct.pack("<4sI", b"bext", 1 << 26)),
        b".snd" + struct.pack(">5I", 1 << 26, 4, 3, 8000, 1),
    ],
)
def test_a_short_file_that_claims_much_takes_little_memory(data: bytes, way: Way) -> None:
    with frugally(), pytest.raises(Failure, match="is cut short"):
        parsed(data, way)


# Whatever the bytes.

SEEDS = [
    *WHOLE.values(),
    wav(before=chunk(b"bext", bytes(602)), behind=chunk(b"LIST", b"INFO" + chunk(b"INAM", b"odd"))),
    wav(before=ds64(200), length=MOST, riff=MOST, magic=b"RF64"),
    wav(form=extensible(1)),
    au(note=b"a note", length=MOST),
    aiff(0x7F000050, 0x3F800000, 0x7F000008),
]
NUMBERS = [0, 1, 2, 0x7FFF, 0xFFFF, 1 << 26, (1 << 26) + 1, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, MOST]
LONG_NUMBERS = [*NUMBERS, 1 << 53, 1 << 61, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A file with some of its bytes changed, put in, left out, or cut off."""
    data = bytearray(draw(st.sampled_from(seeds))[:6000])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(data), 160)))
        kind = draw(st.sampled_from(["bit", "byte", "number", "long", "cut", "drop", "add", "name"]))
        if kind == "bit" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif kind == "number":
            number = draw(st.sampled_from(NUMBERS))
            data[at : at + 4] = struct.pack(draw(st.sampled_from("<>")) + "I", number)
        elif kind == "long":
            number = draw(st.sampled_from(LONG_NUMBERS))
            data[at : at + 8] = struct.pack(draw(st.sampled_from("<>")) + "Q", number)
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 30))]
        elif kind == "add":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        else:
            data[at : at + 4] = draw(
                st.sampled_from([b"data", b"fmt ", b"ds64", b"RIFX", b"RF64", b".snd"])
            )
    return bytes(data)


ARBITRARY = st.tuples(
    st.sampled_from([b"RIFF", b"RIFX", b"RF64", b".snd", b"dns.", b"RIFF\0\0\0\0WAVE", b"FORM", b""]),
    st.binary(max_size=80),
).map(b"".join)
QUICK = settings(max_examples=150)


@QUICK
@given(data=ARBITRARY | damaged(SEEDS), way=st.sampled_from(WAYS))
@example(data=wav(before=ds64((1 << 62) - 1), length=MOST, magic=b"RF64"), way="file")
@example(data=wav(before=ds64(1 << 61), length=MOST, magic=b"RF64"), way="file")
@example(data=wav(before=struct.pack("<4sI", b"bext", 1 << 26)), way="file")
@example(data=b"RIFF" + bytes(4) + b"WAVE" + bytes(8 * 200), way="pipe")
def test_any_header_is_read_or_refused_and_takes_little_memory(data: bytes, way: Way) -> None:
    with frugally():
        try:
            parsed(data, way, behind=True)
        except Failure as failure:
            assert "\n" not in str(failure)  # noqa: PT017  # that it is one is no error


@QUICK
@given(data=damaged(SEEDS), way=st.sampled_from(WAYS), truncated=st.booleans())
@example(data=WHOLE["FLAC"][:100], way="file", truncated=False)
@example(data=WHOLE["FLAC"][:100], way="pipe", truncated=True)
@example(data=b"caff\0\1\0\0desc\x7f" + WHOLE["CAF"][13:], way="file", truncated=True)
@example(data=wav(b"\1\0\x80\x7f", form=fmt(3, bits=32)), way="file", truncated=False)
def test_any_sound_is_read_or_refused(data: bytes, way: Way, truncated: bool) -> None:
    try:
        with opened(data, way, truncated=truncated) as reader:
            if reader.channels > 1000 or (reader.frames or 0) > 1 << 20:
                return
            count = 0
            for block in reader.blocks(0, 500):
                assert block.shape[0] == reader.channels
                count += block.shape[1]
            assert truncated or reader.frames in (None, count)
            reader.late_chunks()
    except Failure as failure:
        assert "\n" not in str(failure)  # noqa: PT017  # that it is one is no error


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(compressed: bool, **arrays: Any) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def described(words: str, body: bytes = bytes(80), version: int = 1) -> bytes:
    head = words.encode().ljust(117) + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(head))
    return b"\x93NUMPY" + bytes([version, 0]) + size + head + body


def shaped(shape: str, descr: str = "<f4", **more: Any) -> bytes:
    return described(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}", **more)


ARRAYS = [
    npy(np.ones(5)),
    npy(np.ones((2, 3), "f4")),
    npy(np.asfortranarray(np.ones((2, 3, 4), ">i2"))),
    npy(np.ones((1, 2, 3), "c8")),
    npy(np.ones((2, 0))),
]
ARCHIVES = [npz(packed, weight=np.ones((1, 2, 30)), bias=np.ones(2)) for packed in (False, True)]
WORDS = [
    "True",
    "None",
    "L",
    "'",
    '"',
    "(",
    ")",
    ",",
    "\\",
    "{",
    "}",
    "-1",
    "1e9",
    "99999999999",
    "(((((",
    "O",
    "<M8",
    "V",
    "<f16",
    "|S0",
    "#",
    "j",
    "b1",
    "f2",
    ".",
]


@st.composite
def misdescribed(draw: st.DrawFn) -> bytes:
    """An array whose header, a Python literal, is damaged."""
    data = bytearray(draw(damaged(ARRAYS)))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(min(8, len(data)), min(len(data), 130)))
        word = draw(st.sampled_from(WORDS)).encode()
        data[at : at + draw(st.sampled_from([0, len(word)]))] = word
    return bytes(data)


HUGE = [
    shaped("(10000000000,)"),
    shaped("(999999999999, 3)"),
    shaped("(10" + 30 * "0" + ", 1, 0)"),
    shaped("(0, 2, 1" + 30 * "0" + ")"),
    b"\x93NUMPY\2\0\xff\xff\xff\xff{'descr'",
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as they are where no tests run
@QUICK
@given(data=misdescribed())
@example(data=HUGE[0])
@example(data=HUGE[1])
@example(data=HUGE[2])
@example(data=HUGE[3])
@example(data=HUGE[4])
@example(data=shaped("(5L,)"))
@example(data=shaped("(5,)", "\\\\d"))
@example(data=shaped("(0, 5)"))
@example(data=shaped("(5,)", "(2,)<f4"))
def test_any_npy_signal_is_read_or_refused_and_takes_little_memory(data: bytes) -> None:
    Path("x.npy").write_bytes(data)
    with frugally():
        try:
            reader = open_reader(Path("x.npy"), None, raw=None, again=False, truncated=False)
        except Failure as failure:
            assert "\n" not in str(failure)  # noqa: PT017  # that it is one is no error
            return
        with closing(reader):
            assert reader.signals * reader.channels * (reader.frames or 1) <= 1 << 16
            for signal in range(reader.signals):
                for block in reader.blocks(signal, 100):
                    assert block.shape[0] == reader.channels


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as they are where no tests run
@QUICK
@given(data=misdescribed() | damaged(ARCHIVES))
@example(data=HUGE[0])
@example(data=HUGE[1])
@example(data=HUGE[2])
@example(data=HUGE[4])
@example(data=shaped("(5L,)"))
@example(data=shaped("(5,)", "\\\\d"))
def test_any_weights_are_read_or_refused_and_take_little_memory(data: bytes) -> None:
    Path("w.npy").write_bytes(data)
    with frugally():
        try:
            weights = convt.load_weights("w.npy")
        except convt.WeightsError as error:
            assert "\n" not in str(error)  # noqa: PT017  # that it is one is no error
        else:
            assert weights.weight.size
