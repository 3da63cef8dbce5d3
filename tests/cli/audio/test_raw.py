"""Samples without a header, in and out."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.command import upsample
from tests.support.pipes import SAME, data_of, piped, sound_bytes, through

pytestmark = pytest.mark.usefixtures("copying_kernel")

PLAIN = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


@pytest.mark.parametrize("subtype", list(PLAIN))
def test_without_a_header_in_and_out(subtype: str) -> None:
    width = PLAIN[subtype]
    data = np.random.default_rng(1).bytes(3 * width * 50)
    if subtype in ("FLOAT", "DOUBLE"):
        data = np.random.default_rng(1).uniform(-1, 1, 150).astype(f"<f{width}").tobytes()
    raw = ["--raw", "--rate-in", "8k", "--channels", "3", "--subtype", subtype, *SAME]
    Path("in.raw").write_bytes(data)
    upsample("in.raw", *raw)
    assert Path("in_x1.raw").read_bytes() == data
    through(data, *raw, "-o", "out.raw")
    assert Path("out.raw").read_bytes() == data
    if subtype != "PCM_S8":
        through(data, *raw, "-o", "out.wav")
        with soundfile.SoundFile("out.wav") as file:
            assert (file.subtype, file.samplerate, file.channels) == (subtype, 8000, 3)
        assert data_of(Path("out.wav").read_bytes()) == data
        upsample("out.wav", *SAME, "--format", "RAW", "-o", "again.raw")
        assert Path("again.raw").read_bytes() == data


def test_bytes_after_the_last_whole_frame_are_named() -> None:
    raw = ["--raw", "--rate-in", "8k", "--channels", "2", *SAME]
    Path("in.raw").write_bytes(bytes(403))
    for done in (upsample("in.raw", *raw, "-o", "a.raw"), through(bytes(403), *raw, "-o", "b.raw")):
        assert ": the last 3 byte(s) are no whole frame of 4 bytes; left out" in done.stderr
    assert Path("a.raw").read_bytes() == Path("b.raw").read_bytes() == bytes(400)


def test_without_a_header_from_standard_input_to_standard_output() -> None:
    data = np.random.default_rng(2).bytes(700)
    assert piped("-", "--raw", "--rate", "8000", "--channels", "1", *SAME, data=data)[0] == data
    through(data, "--raw", "--rate", "96000", "--channels", "2", *SAME, "-o", "out.wav")
    assert data_of(Path("out.wav").read_bytes()) == data
    info = soundfile.info("out.wav")
    assert (info.channels, info.samplerate, info.subtype) == (2, 96_000, "PCM_16")


@pytest.mark.parametrize(("name", "magic", "order"), [("x.wav", b"RIFX", ">"), ("x.au", b".snd", ">")])
def test_what_has_no_header_is_little_endian_wherever_it_comes_from(
    name: str, magic: bytes, order: str
) -> None:
    whole = sound_bytes(name, endian="BIG")
    assert whole.startswith(magic)
    upsample(name, *SAME, "--format", "RAW", "-o", "out.raw")
    samples = np.frombuffer(data_of(whole), f"{order}i2")
    np.testing.assert_array_equal(np.frombuffer(Path("out.raw").read_bytes(), "<i2"), samples)


@pytest.mark.parametrize(
    ("container", "beginning"), [("AU", b".snd"), ("AIFF", b"FORM"), ("WAV", b"RIFF"), ("CAF", b"caff")]
)
def test_from_no_header_a_container_gets_its_own_byte_order(container: str, beginning: bytes) -> None:
    data = np.arange(100, dtype="<i2").tobytes()
    raw = ["--raw", "--rate", "8000", "--channels", "1"]
    through(data, *raw, *SAME, "--format", container, "-o", "out.x")
    whole = Path("out.x").read_bytes()
    assert whole.startswith(beginning)
    assert b"sowt" not in whole
    np.testing.assert_array_equal(soundfile.read("out.x", dtype="int16")[0], np.arange(100))


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--raw"], 2, "--raw needs the input's --rate and --channels"),
        (["--raw", "--rate", "8000"], 2, "--raw needs the input's --rate and --channels"),
        (["--channels", "1"], 2, "--channels is only for --raw input"),
        (["--raw", "--rate", "8000", "--channels", "1", "--subtype", "ULAW"], 2, "ULAW"),
        (["--raw", "--rate", "8000", "--channels", "1", "--subtype", "VORBIS"], 2, "VORBIS"),
        (
            ["--raw", "--rate", "8000", "--channels", "1", "--subtype", "PCM_20"],
            2,
            "--subtype: unknown format: PCM_20",
        ),
        (
            ["--raw", "--rate", "2000000000", "--channels", "1"],
            1,
            "RAW goes up to 2147483647 Hz; the output is at 4000000000 Hz",
        ),
        (
            ["--raw", "--rate", "8000", "--channels", "1000000000"],
            2,
            "--channels must be a whole number, 1 to 65535, got 1000000000",
        ),
    ],
)
def test_what_cannot_be_raw(options: list[str], code: int, message: str) -> None:
    result = through(bytes(100), *options, "-o", "out.raw", code=code)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("out.raw").exists()
