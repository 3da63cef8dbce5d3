"""Damaged files: whatever their bytes, they are read or refused in one line, and take little memory."""

import struct
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convt_cli.audio import headers
from convt_cli.audio.reader import open_reader
from convt_cli.errors import Failure
from tests.support.audio_bytes import (
    MOST,
    WAYS,
    WHOLE,
    Way,
    aiff,
    au,
    chunk,
    ds64,
    extensible,
    fmt,
    opened,
    parsed_header,
    samples,
    wav,
)
from tests.support.damage import FEW_EXAMPLES, HUGE, damaged, frugally, misdescribed, shaped


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

    def tell(self) -> int:
        return 0

    def seek(self, position: int) -> None:
        """Stay: every body is read."""


def test_endless_zeros_are_no_header() -> None:
    source: Any = Zeros(wav(b"")[:36])
    with pytest.raises(Failure, match="damaged"):
        headers.parse(source)


def test_endless_zeros_behind_the_samples_are_no_chunks() -> None:
    source: Any = Zeros(chunk(b"LIST", b"INFO"))
    assert headers.parse_trailing_chunks(source, "<")[:1] == [(b"LIST", b"INFO")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "data",
    [
        wav(before=struct.pack("<4sI", b"bext", 1 << 26)),
        b".snd" + struct.pack(">5I", 1 << 26, 4, 3, 8000, 1),
    ],
)
def test_a_short_file_that_claims_much_takes_little_memory(data: bytes, way: Way) -> None:
    with frugally(), pytest.raises(Failure, match="truncated"):
        parsed_header(data, way)


SEEDS = [
    *WHOLE.values(),
    wav(before=chunk(b"bext", bytes(602)), behind=chunk(b"LIST", b"INFO" + chunk(b"INAM", b"odd"))),
    wav(before=ds64(200), length=MOST, riff=MOST, magic=b"RF64"),
    wav(form=extensible(1)),
    au(note=b"a note", length=MOST),
    aiff(0x7F000050, 0x3F800000, 0x7F000008),
]
ARBITRARY = st.tuples(
    st.sampled_from([b"RIFF", b"RIFX", b"RF64", b".snd", b"dns.", b"RIFF\0\0\0\0WAVE", b"FORM", b""]),
    st.binary(max_size=80),
).map(b"".join)


@FEW_EXAMPLES
@given(data=ARBITRARY | damaged(SEEDS), way=st.sampled_from(WAYS))
@example(data=wav(before=ds64((1 << 62) - 1), length=MOST, magic=b"RF64"), way="file")
@example(data=wav(before=ds64(1 << 61), length=MOST, magic=b"RF64"), way="file")
@example(data=wav(before=struct.pack("<4sI", b"bext", 1 << 26)), way="file")
@example(data=b"RIFF" + bytes(4) + b"WAVE" + bytes(8 * 200), way="pipe")
def test_any_header_is_read_or_refused_and_takes_little_memory(data: bytes, way: Way) -> None:
    with frugally():
        try:
            parsed_header(data, way, behind=True)
        except Failure as failure:
            assert "\n" not in str(failure)  # noqa: PT017  # that it is one is no error


@FEW_EXAMPLES
@given(data=damaged(SEEDS), way=st.sampled_from(WAYS), truncated=st.booleans())
@example(data=WHOLE["FLAC"][:100], way="file", truncated=False)
@example(data=WHOLE["FLAC"][:100], way="pipe", truncated=True)
@example(data=b"caff\0\1\0\0desc\x7f" + WHOLE["CAF"][13:], way="file", truncated=True)
@example(data=wav(b"\1\0\x80\x7f", form=fmt(3, bits=32)), way="file", truncated=False)
def test_any_audio_file_is_read_or_refused(data: bytes, way: Way, truncated: bool) -> None:
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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as they are where no tests run
@FEW_EXAMPLES
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
