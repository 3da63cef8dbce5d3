"""Audio files that are cut short, or whose lengths were never filled in."""

from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from convt_cli.audio import stated_lengths
from convt_cli.audio.pcm import PcmReader
from convt_cli.audio.reader import open_reader
from convt_cli.errors import Failure
from tests.support.audio_bytes import (
    DATA,
    MOST,
    MU_LAW,
    WAYS,
    WHOLE,
    Way,
    aiff,
    au,
    chunk,
    ds64,
    header_of,
    opened,
    samples,
    wav,
    written,
)
from tests.support.command import upsample
from tests.support.pipes import SAME, data_of, honest, piped, sound_bytes, through

CHUNK = chunk(b"LIST", b"INFOINAM\x02\0\0\0a\0")
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


@pytest.mark.parametrize(
    ("stated", "samples", "after", "read", "ignored"),
    [
        (1000, 1000, b"", 1000, 0),
        (1001, 1001, b"", 1001, 0),  # the byte that makes it even may be missing
        (1000, 1000, CHUNK, 1000, 0),
        (1000, 1000, b"TAG" + bytes(125), 1000, 128),  # as in MP3 files
        (1000, 1000, CHUNK + b"junk", 1000, 4),
        (0, 1000, b"", None, 0),
        (0, 0, CHUNK, 0, 0),
        (MOST, 5_000_000_000, b"", None, 0),
        (MOST, 5_000_000_000, bytes(100), None, 0),
        (MOST, MOST, CHUNK, MOST, 0),
        (0x7FFFF000, 3_000_000_000, b"", None, 0),  # as sox writes into pipes
        (0x7FFFF000, 0x7FFFF000, b"", 0x7FFFF000, 0),
        (0x7FFFF000, 0x7FFFF000, CHUNK, 0x7FFFF000, 0),
        (4_400_000_000 % 2**32, 4_400_000_000, b"", 4_400_000_000, 0),
        (4_400_000_000 % 2**32, 4_400_000_000, CHUNK, 4_400_000_000, 0),
        (9_400_000_000 % 2**32, 9_400_000_000, CHUNK, 9_400_000_000, 0),
        (1000, 5_000_000_000, b"", 1000, 4_999_999_000),
    ],
)
def test_the_length_of_a_file_is_what_it_states_modulo_32_bits_or_all_there_is(
    stated: int, samples: int, after: bytes, read: int | None, ignored: int
) -> None:
    with Path("x.wav").open("wb") as file:
        file.write(wav(b"", length=stated, riff=min(stated + 36, MOST)))
        file.truncate(44 + samples)
        file.seek(44 + samples + (samples % 2 if after else 0))
        file.write(after)
    with closing(open_reader(Path("x.wav"), None, raw=None, again=False, truncated=False)) as reader:
        assert isinstance(reader, PcmReader)
        assert reader.frames == (samples + len(after) if read is None else read) // 2
        told = f"x.wav: {ignored} bytes after the samples are not chunks; ignored"
        assert reader.warnings == ([told] if ignored else [])


@pytest.mark.parametrize("after", [bytes(9), b"TAG", CHUNK + b"T", CHUNK[:-3], CHUNK, b""])
def test_what_follows_the_samples_in_a_pipe_and_is_no_chunk_is_told(after: bytes) -> None:
    said = through(wav(DATA) + after, "-o", "x.wav").stderr
    assert (": bytes after the samples are not chunks; ignored" in said) == (after not in (CHUNK, b""))
    Path("in.wav").write_bytes(wav(DATA) + after)
    said = upsample("in.wav", "-o", "y.wav").stderr
    assert ("bytes after the samples are not chunks; ignored" in said) == (after not in (CHUNK, b""))
    assert data_of(Path("x.wav").read_bytes()) == data_of(Path("y.wav").read_bytes())


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
    assert stated_lengths.is_placeholder(length) == placeholder


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
    with pytest.raises(Failure, match=r"truncated: ends after 100 of \d+ frames; use --allow-truncated"):
        samples(data, way)
    assert samples(data, way, truncated=True).shape == (1, 100)


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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("data", "others"),
    [
        (aiff(54 - 8 + 200, 100, 208), []),
        (aiff(0x7F000050, 0x3F800000, 0x7F000008, before=chunk(b"APPL", bytes(26), ">")), [b"APPL"]),  # sox
        (aiff(0, 0, 0), []),  # ffmpeg
        (aiff(0, 0, 0, data=b"\0\x3c\0\0" * 50), []),
    ],
)
def test_an_aiff_stream_with_lengths_that_were_never_filled_in(
    data: bytes, others: list[bytes], way: Way
) -> None:
    expected = np.frombuffer(data[-200:], ">i2")[None] / 2**15
    with opened(data, way) as reader:
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(0, 999)), axis=1), expected)
        assert [name for name, _ in reader.meta.chunks] == others


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


def test_a_caf_stream_as_sox_leaves_it_on_a_pipe_is_refused() -> None:
    # sox, which cannot go back, writes what belongs at the beginning once more behind the samples.
    data = WHOLE["CAF"]
    torn = data[:60] + bytes(4000) + b"caff\0\1\0\0desc\0\0\0\0\0\0\0 \x40\xbf\x40\0" + bytes(4) + data[24:]
    with pytest.raises(Failure):
        samples(torn)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("kept", [0.6, 0.8, 0.99])
def test_an_ogg_file_that_ends_within_a_page_is_cut_short(subtype: str, kept: float, way: Way) -> None:
    whole = written("OGG", subtype, 30_000)
    cut = whole[: int(kept * len(whole))]
    with pytest.raises(Failure, match=r"truncated: \d+ bytes are missing at the end"):
        samples(cut, way)
    with opened(cut, way, truncated=True) as reader:
        assert reader.warnings


@pytest.mark.parametrize("tail", [b"", b"TAG" + bytes(125), b"OggS"])
def test_an_ogg_file_whose_last_page_is_missing_may_be_cut_short(tail: bytes) -> None:
    whole = written("OGG", "VORBIS", 30_000)
    last = whole.rindex(b"OggS")
    with opened(whole + tail, "file") as reader:
        assert reader.warnings == []
    with opened(whole[:last], "file") as reader:
        assert reader.warnings == ["x.bin: may be truncated: its last Ogg page is not marked as last"]


CUT: list[tuple[str, str, int]] = [
    ("WAV", "PCM_16", 400),
    ("WAV", "PCM_24", 1),
    ("AU", "PCM_16", 400),
    ("AIFF", "PCM_16", 400),
    ("W64", "PCM_16", 400),
    ("CAF", "PCM_16", 400),
    ("FLAC", "PCM_16", 400),
]


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize(("container", "subtype", "missing"), CUT)
@pytest.mark.parametrize("piped", [False, True])
def test_what_breaks_off_is_refused_unless_it_is_allowed(
    container: str, subtype: str, missing: int, piped: bool
) -> None:
    frames = 9000 if container == "FLAC" else 700  # blocks of 4096 frames are found whole, or not at all
    cut = sound_bytes("in.x", subtype, frames, format=container)[:-missing]
    Path("in.x").write_bytes(cut)
    before = sorted(Path().iterdir())

    def command(*arguments: str, code: int) -> str:
        arguments = (*SAME, "-o", "out.wav", *arguments)
        result = through(cut, *arguments, code=code) if piped else upsample("in.x", *arguments, code=code)
        return str(result.stderr)

    said = command(code=1)
    assert "truncated: " in said
    assert said.endswith("use --allow-truncated to accept it\n")
    assert said.count("\n") == 1
    assert sorted(Path().iterdir()) == before
    said = command("--allow-truncated", code=0)
    assert "convt: warning: " in said
    assert "truncated: " in said
    whole = Path("out.wav").read_bytes()
    found = soundfile.read("out.wav")[0]
    sound_bytes("in.x", subtype, frames, format=container)
    expected = soundfile.read("in.x")[0]
    assert honest(whole)
    assert frames // 3 < len(found) < frames
    np.testing.assert_array_equal(found, expected[: len(found)])


@pytest.mark.usefixtures("copying_kernel")
def test_what_breaks_off_between_pipes() -> None:
    cut = sound_bytes("in.wav", frames=700)[:-200]
    found, said = piped("-", *SAME, data=cut, code=1)
    assert said.startswith("convt: standard input: truncated: ends after 650 of 700 frames")
    assert data_of(cut).startswith(data_of(found))
    found, said = piped("-", *SAME, "--allow-truncated", data=cut)
    assert "convt: warning: standard input: truncated: ends after 650 of 700 frames\n" in said
    assert data_of(found) == data_of(cut)
