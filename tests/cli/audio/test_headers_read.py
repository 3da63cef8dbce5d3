"""Headers that are read: what programs write is understood, and what lies is refused in one line."""

import io
import os
import struct
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from convt_cli.audio import headers
from convt_cli.audio.reader import open_reader
from convt_cli.errors import Failure
from convt_cli.files.source import Source
from convt_cli.samples.formats import Format
from tests.support.audio_bytes import (
    DATA,
    MOST,
    WAYS,
    WIDTHS,
    Way,
    au,
    chunk,
    ds64,
    extensible,
    fmt,
    header_of,
    parsed_header,
    samples,
    stored,
    wav,
    written,
)


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
        (wav(form=fmt(channels=0, frame=2)), "damaged: the header states 0 channels at 8000 Hz"),
        (wav(form=fmt(rate=0)), "damaged: the header states 1 channels at 0 Hz"),
        (
            wav(form=fmt(channels=65_535, frame=2)),
            "damaged: a frame of 65535 channel.* has 131070 bytes; the header states 2",
        ),
        (
            wav(form=fmt(frame=4)),
            "damaged: a frame of 1 channel.* at 16 bits has 2 bytes; the header states 4",
        ),
        (
            wav(form=fmt(frame=0)),
            "damaged: a frame of 1 channel.* at 16 bits has 2 bytes; the header states 0",
        ),
        (wav(form=fmt()[:4]), "damaged: the fmt chunk has 4 bytes, fewer than 16"),
        (wav(form=b""), "damaged: the fmt chunk has 0 bytes"),
        (wav().replace(b"fmt ", b"tmf "), "damaged: the data chunk comes before the fmt chunk"),
        (
            b"RIFF\0\0\0\0WAVEdata\4\0\0\0\0\0\0\0" + chunk(b"fmt ", fmt()),
            "damaged: the data chunk comes before the fmt chunk",
        ),
        (
            wav(before=b"JUNK\xff\xff\xff\xff"),
            "damaged: a chunk .*JUNK.* of 4294967295 bytes before the samples",
        ),
        (wav()[:3] + b"F", "truncated: it ends within its header"),
        (wav()[:11], "truncated: it ends within its header"),
        (wav()[:12], "truncated: it ends within its header"),
        (wav()[:43], "truncated: it ends within its header"),
        (wav(before=b"JUNK\0\1\0\0")[:60], "truncated: it ends within its header"),
        (au()[:23], "truncated: it ends within its header"),
        (au(note=bytes(50))[:60], "truncated: it ends within its header"),
        (au(channels=0), "damaged: the header states 0 channels at 8000 Hz from byte 24"),
        (au(rate=0), "damaged: the header states 1 channels at 0 Hz"),
        (b".snd" + struct.pack(">5I", 23, 4, 3, 8000, 1), "damaged: .* from byte 23$"),
        (b".snd" + struct.pack(">5I", MOST, 4, 3, 8000, 1), "damaged: .* from byte 4294967295$"),
    ],
)
def test_headers_that_lie_are_refused_in_one_line(data: bytes, message: str, way: Way) -> None:
    with pytest.raises(Failure, match=message) as caught:
        parsed_header(data, way)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("container", "subtype"), [("AU", "G721_32"), ("WAV", "GSM610"), ("XI", "DPCM_16"), ("W64", "GSM610")]
)
def test_codings_that_libsndfile_reads_but_once(container: str, subtype: str) -> None:
    whole = written(container, subtype, 640)
    expected, _ = soundfile.read(io.BytesIO(whole))
    np.testing.assert_array_equal(samples(whole), expected[None])
