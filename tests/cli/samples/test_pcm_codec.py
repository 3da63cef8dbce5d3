"""Samples as bytes, held against definitions of a few lines."""

import struct
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from convt_cli.samples.formats import Format
from convt_cli.samples.pcm_codec import CODES, PcmCodec
from tests.support.oracles import Array

WIDTHS = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
INTEGERS = [subtype for subtype in WIDTHS if subtype.startswith("PCM_")]
REALS = ["FLOAT", "DOUBLE"]
BOTH = [("LITTLE", "little"), ("BIG", "big")]


def codec(subtype: str, endian: str = "LITTLE") -> PcmCodec:
    return PcmCodec.of(Format("RAW", subtype, endian, 8000))


def integer(data: bytes, subtype: str, order: Any) -> int:
    """The number that stands in the bytes, between -2**(bits - 1) and 2**(bits - 1) - 1."""
    if subtype == "PCM_U8":
        return data[0] - 128
    return int.from_bytes(data, order, signed=True)


def in_bytes(number: int, subtype: str, order: Any) -> bytes:
    if subtype == "PCM_U8":
        return bytes([number + 128])
    return number.to_bytes(WIDTHS[subtype], order, signed=True)


def frames_of(data: bytes, width: int, channels: int) -> list[list[bytes]]:
    """The samples' bytes by channel."""
    samples = [data[at : at + width] for at in range(0, len(data), width)]
    return [samples[channel::channels] for channel in range(channels)]


def telling(subtype: str) -> list[int]:
    """Numbers at which something could go wrong: the ends, the middle, and every byte different."""
    top = 1 << (8 * WIDTHS[subtype] - 1)
    different = [0x01020304 % top, -(0x7A6B5C4D % top), 0x00FF00FF % top, -(0x00800080 % top)]
    return [-top, 1 - top, -1, 0, 1, top - 2, top - 1, 0x01, 0x7F, -0x80, *different]


def decoded(
    data: bytes, subtype: str, channels: int, *, dtype: str = "float64", endian: str = "LITTLE"
) -> Array:
    return codec(subtype, endian).decode(np.frombuffer(data, np.uint8), channels, np.dtype(dtype))


@pytest.mark.parametrize("channels", [1, 2, 7])
@pytest.mark.parametrize(("endian", "order"), BOTH)
@pytest.mark.parametrize("subtype", INTEGERS)
def test_integers_are_fractions_of_full_scale(subtype: str, endian: str, order: str, channels: int) -> None:
    data = b"".join(in_bytes(number, subtype, order) for number in telling(subtype))
    width = WIDTHS[subtype]
    result = decoded(data, subtype, channels, endian=endian)
    top = 2.0 ** (8 * width - 1)
    expected = [
        [integer(sample, subtype, order) / top for sample in samples]
        for samples in frames_of(data, width, channels)
    ]
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == np.float64
    assert result.flags.c_contiguous


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("endian", "order"), [("LITTLE", "<"), ("BIG", ">")])
@pytest.mark.parametrize(("subtype", "code"), [("FLOAT", "f"), ("DOUBLE", "d")])
def test_real_numbers_are_themselves(
    subtype: str, code: str, endian: str, order: str, channels: int
) -> None:
    numbers = [0.0, -0.0, 1.0, -1.5, 0.1, 1e-40, 3e38, np.inf, -np.inf, np.nan, 1 / 3, -(2.0**-126)]
    data = struct.pack(f"{order}{len(numbers)}{code}", *numbers)
    result = decoded(data, subtype, channels, endian=endian)
    width = struct.calcsize(code)
    expected = np.array(
        [
            [struct.unpack(order + code, sample)[0] for sample in samples]
            for samples in frames_of(data, width, channels)
        ]
    )
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


@pytest.mark.parametrize("subtype", list(WIDTHS))
def test_float32_is_the_rounded_float64(subtype: str) -> None:
    rng = np.random.default_rng(1)
    exact = rng.uniform(-1, 1, 500)
    data = exact.tobytes() if subtype == "DOUBLE" else rng.bytes(WIDTHS[subtype] * 500)
    if subtype == "FLOAT":
        data = exact.astype("<f4").tobytes()
    wide, narrow = (decoded(data, subtype, 2, dtype=dtype) for dtype in ("float64", "float32"))
    assert narrow.dtype == np.float32
    np.testing.assert_array_equal(narrow, wide.astype(np.float32))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bits", [b"\1\0\x80\x7f", b"\1\0\xa0\xff", b"\xff\xff\xbf\x7f"])
def test_a_signalling_nan_is_read_without_a_warning(bits: bytes, dtype: str) -> None:
    assert np.isnan(decoded(bits, "FLOAT", 1, dtype=dtype)).all()


@pytest.mark.filterwarnings("error")
def test_a_double_beyond_float32_is_infinite_and_a_signalling_nan_a_nan() -> None:
    data = struct.pack("<ddQ", 1e39, -1e300, 0x7FF0000000000001)
    np.testing.assert_array_equal(decoded(data, "DOUBLE", 1, dtype="float32"), [[np.inf, -np.inf, np.nan]])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("endian", "order"), BOTH)
@pytest.mark.parametrize("subtype", INTEGERS)
def test_integers_are_written_byte_by_byte(subtype: str, endian: str, order: str, channels: int) -> None:
    # The quantiser hands over unsigned bytes as they stand in the file, and three bytes as int32.
    shift = 128 if subtype == "PCM_U8" else 0
    dtype = {"PCM_U8": "u1", "PCM_S8": "i1", "PCM_16": "i2"}.get(subtype, "i4")
    numbers = telling(subtype)
    samples = np.array([number + shift for number in numbers], dtype).reshape(-1, channels)
    expected = b"".join(in_bytes(number, subtype, order) for number in numbers)
    assert codec(subtype, endian).encode(samples).tobytes() == expected


@pytest.mark.parametrize(("endian", "order"), [("LITTLE", "<"), ("BIG", ">")])
@pytest.mark.parametrize(("subtype", "code"), [("FLOAT", "f"), ("DOUBLE", "d")])
def test_real_numbers_are_written_as_struct_does(subtype: str, code: str, endian: str, order: str) -> None:
    numbers = [0.0, -0.0, 1.0, -1.5, 0.125, 1e38, np.inf, -np.inf]
    samples = np.array(numbers, f"f{WIDTHS[subtype]}").reshape(4, 2)
    expected = struct.pack(f"{order}8{code}", *numbers)
    assert codec(subtype, endian).encode(samples).tobytes() == expected


@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
def test_frames_that_are_not_contiguous_are_written_in_their_order(endian: str) -> None:
    for subtype in ("PCM_16", "PCM_24", "FLOAT"):
        dtype = "i2" if subtype == "PCM_16" else "f4" if subtype == "FLOAT" else "i4"
        samples = np.arange(24).astype(dtype).reshape(2, 12).T[::2]
        expected = codec(subtype, endian).encode(samples.copy())
        assert codec(subtype, endian).encode(samples).tobytes() == expected.tobytes()


@given(data=st.binary(max_size=96), channels=st.integers(1, 4), subtype=st.sampled_from(INTEGERS))
def test_what_is_read_and_written_again_is_the_same(data: bytes, channels: int, subtype: str) -> None:
    unit = WIDTHS[subtype] * channels
    data = data[: len(data) // unit * unit]
    for endian in ("LITTLE", "BIG"):
        values = decoded(data, subtype, channels, endian=endian)
        whole = values * 2.0 ** (8 * WIDTHS[subtype] - 1) + (128 if subtype == "PCM_U8" else 0)
        dtype = {"PCM_U8": "u1", "PCM_S8": "i1", "PCM_16": "i2"}.get(subtype, "i4")
        assert codec(subtype, endian).encode(whole.T.astype(dtype)).tobytes() == data


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
@pytest.mark.parametrize("subtype", list(WIDTHS))
def test_it_reads_what_libsndfile_reads(tmp_path: Any, subtype: str, endian: str, channels: int) -> None:
    rng = np.random.default_rng(2)
    data = rng.bytes(WIDTHS[subtype] * channels * 40)
    if subtype in REALS:
        order = "<" if endian == "LITTLE" else ">"
        data = rng.uniform(-1, 1, channels * 40).astype(f"{order}f{WIDTHS[subtype]}").tobytes()
    (tmp_path / "x.raw").write_bytes(data)
    how = {"format": "RAW", "subtype": subtype, "samplerate": 8000, "channels": channels, "endian": endian}
    expected, _ = soundfile.read(tmp_path / "x.raw", always_2d=True, **how)
    np.testing.assert_array_equal(decoded(data, subtype, channels, endian=endian), expected.T)


def test_no_samples_are_no_samples() -> None:
    for subtype in CODES:
        assert decoded(b"", subtype, 3).shape == (3, 0)
        dtype = {"PCM_U8": "u1", "PCM_S8": "i1", "PCM_16": "i2", "FLOAT": "f4", "DOUBLE": "f8"}
        nothing = np.empty((0, 3), dtype.get(subtype, "i4"))
        assert codec(subtype).encode(nothing).tobytes() == b""


def test_bytes_that_are_not_aligned_are_read() -> None:
    numbers = np.arange(-5.0, 5.0).astype("<f8")
    data = np.frombuffer(b"x" + numbers.tobytes(), np.uint8)[1:]
    result = codec("DOUBLE").decode(data, 2, np.dtype("float64"))
    np.testing.assert_array_equal(result, numbers.reshape(5, 2).T)


@pytest.mark.parametrize(("subtype", "width"), list(WIDTHS.items()))
def test_widths(subtype: str, width: int) -> None:
    assert codec(subtype).width == width


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "VORBIS", "ALAC_16", "IMA_ADPCM", "DPCM_8", "PCM_20"])
def test_coded_samples_have_no_pcm_codec(subtype: str) -> None:
    assert subtype not in CODES
    with pytest.raises(KeyError, match=subtype):
        PcmCodec.of(Format("WAV", subtype, "FILE", 8000))


@pytest.mark.parametrize(
    ("container", "endian", "order"),
    [
        ("WAV", "FILE", "<"),
        ("WAV", "LITTLE", "<"),
        ("WAV", "BIG", ">"),
        ("AU", "FILE", ">"),
        ("AU", "LITTLE", "<"),
        ("RAW", "FILE", "<"),
        ("RAW", "BIG", ">"),
    ],
)
def test_a_containers_own_byte_order(container: str, endian: str, order: str) -> None:
    found = PcmCodec.of(Format(container, "PCM_16", endian, 8000))
    assert found == PcmCodec("i2", order)
