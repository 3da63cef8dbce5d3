"""``convt upsample`` between other programs: what flows through it, and how it ends."""

import fcntl
import io
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from convt_cli.audio.metadata import Metadata
from convt_cli.audio.source import Source
from convt_cli.audio.writer import open_audio_writer
from convt_cli.samples.formats import Format
from tests.support.command import upsample
from tests.support.oracles import Array

CONVT = [sys.executable, "-c", "from convt_cli.entry import main; main()", "upsample"]
MOST = 0xFFFFFFFF
PATIENCE = 60  # seconds; nothing here takes more than a few tenths
# With this kernel what comes out is what went in.
SAME = ["--weights", "one.npy", "--stride", "1", "--dither", "none"]
PLAIN = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("one.npy", np.ones(1))


def noise(frames: int, channels: int = 2) -> Array:
    return np.random.default_rng(frames).uniform(-0.5, 0.5, (frames, channels))


def sound(name: str, subtype: str = "PCM_16", frames: int = 2501, channels: int = 2, **more: str) -> bytes:
    """Write a sound file, and return its bytes."""
    soundfile.write(name, noise(frames, channels), 8000, subtype=subtype, **more)
    return Path(name).read_bytes()


def run(*arguments: str, data: bytes = b"", code: int = 0, **options: Any) -> tuple[bytes, str]:
    """Run the command on standard input; return what it wrote, and what it said."""
    given = {} if "stdin" in options else {"input": data}
    how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given, **options}
    result = subprocess.run([*CONVT, *arguments], check=False, timeout=PATIENCE, **how)
    said = result.stderr.decode()
    assert result.returncode == code, said
    assert "Traceback" not in said
    return result.stdout or b"", said


@contextmanager
def pipe_of(data: bytes) -> Iterator[str]:
    """A name under which a pipe is read that holds all of these bytes."""
    assert len(data) <= 65_536
    reading, writing = os.pipe()
    try:
        os.write(writing, data)
        os.close(writing)
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)


def through(data: bytes, *arguments: str, code: int = 0) -> Any:
    """Run the command, in this process, on a pipe."""
    with pipe_of(data) as name:
        return upsample(name, *arguments, code=code)


def chunk(name: bytes, body: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}4sI", name, len(body)) + body + bytes(len(body) % 2)


def chunks(whole: bytes) -> dict[bytes, bytes]:
    """The chunks of a WAV file; of the samples, what is there."""
    assert whole[8:12] == b"WAVE"
    order = ">" if whole.startswith(b"RIFX") else "<"
    found, at = {}, 12
    while at + 8 <= len(whole):
        name, length = struct.unpack_from(f"{order}4sI", whole, at)
        found[name] = whole[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return found


def data_of(whole: bytes) -> bytes:
    """The samples of a WAV or AU file, as bytes."""
    if whole.startswith(b".snd"):
        return whole[int.from_bytes(whole[4:8], "big") :]
    return chunks(whole)[b"data"]


def honest(whole: bytes) -> bool:
    """Whether a header's lengths are those of the file, to the byte."""
    if whole.startswith(b".snd"):
        start, length = struct.unpack_from(">II", whole, 4)
        return bool(len(whole) == start + length)
    order = ">" if whole.startswith(b"RIFX") else "<"
    (riff,) = struct.unpack_from(f"{order}I", whole, 4)
    at = 12
    while at < len(whole):
        (length,) = struct.unpack_from(f"{order}I", whole, at + 4)
        at += 8 + length + length % 2
    return bool(riff == len(whole) - 8 and at == len(whole))


def endless(whole: bytes) -> bytes:
    """The same stream as a program writes it that does not know its length."""
    if whole.startswith(b".snd"):
        return whole[:8] + b"\xff" * 4 + whole[12:]
    at = whole.index(b"data") + 4
    length = int.from_bytes(whole[at : at + 4], "little")
    return whole[:4] + b"\xff" * 4 + whole[8:at] + b"\xff" * 4 + whole[at + 4 : at + 4 + length]


def from_file(name: str, *arguments: str, result: str = "reference.wav") -> bytes:
    upsample(name, "-o", result, "--overwrite", *arguments)
    return Path(result).read_bytes()


# What flows through.

KINDS = [("in.wav", "PCM_16"), ("in.wav", "PCM_24"), ("in.wav", "FLOAT"), ("in.au", "PCM_16")]


@pytest.mark.parametrize(("name", "subtype"), KINDS)
def test_a_pipe_gives_what_a_file_gives(name: str, subtype: str) -> None:
    whole = sound(name, subtype)
    expected = from_file(name, "--format", "WAV", "--stride", "3")
    found, _ = run("-", "-o", "-", "--stride", "3", data=whole)
    assert data_of(found) == data_of(expected)
    assert (honest(expected), honest(found)) == (True, True)


@pytest.mark.parametrize(("name", "subtype"), [KINDS[0], KINDS[3]])
def test_where_nobody_knows_the_length_the_header_says_so(name: str, subtype: str) -> None:
    whole = sound(name, subtype)
    expected = from_file(name, "--format", "WAV")
    found, _ = run("-", data=endless(whole))
    assert data_of(found) == data_of(expected)
    assert struct.unpack_from("<4sI4s", found) == (b"RIFF", MOST, b"WAVE")
    assert struct.unpack_from("<I", found, found.index(b"data") + 4) == (MOST,)
    assert found.endswith(data_of(expected))


def test_samples_of_an_odd_length_are_padded_where_the_length_is_known() -> None:
    whole = sound("in.wav", "PCM_24", 33, 1)
    expected = from_file("in.wav", "--stride", "3")
    assert len(data_of(expected)) % 2 == 1
    found, _ = run("-", "--stride", "3", data=whole)
    assert (honest(expected), honest(found)) == (True, True)
    assert data_of(found) == data_of(expected)
    found, _ = run("-", "--stride", "3", data=endless(whole))
    assert found.endswith(data_of(expected))


def pieces(data: bytes, sizes: tuple[int, ...] = (1, 3, 39, 2, 997, 1501, 7, 2999)) -> Iterator[bytes]:
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        yield data[at : at + size]
        at, turn = at + size, turn + 1


def feed(write: Callable[[bytes], Any], data: bytes) -> None:
    """Write in pieces of odd sizes, each some time after the one before."""
    for piece in pieces(data):
        write(piece)
        time.sleep(0.002)


@pytest.mark.parametrize(("name", "subtype"), KINDS)
@pytest.mark.parametrize("known", [True, False])
def test_a_named_pipe_that_is_written_slowly_gives_the_same(name: str, subtype: str, known: bool) -> None:
    whole = sound(name, subtype)
    expected = from_file(name, result=f"reference.{name}")
    os.mkfifo(f"pipe.{name}")

    def write() -> None:
        with Path(f"pipe.{name}").open("wb", buffering=0) as pipe:
            feed(pipe.write, whole if known else endless(whole))

    writer = threading.Thread(target=write)
    writer.start()
    upsample(f"pipe.{name}", "-o", f"out.{name}")
    writer.join()
    found = Path(f"out.{name}").read_bytes()
    assert honest(found)
    assert data_of(found) == data_of(expected)
    if known:
        assert found == expected


def test_standard_input_that_is_written_slowly_gives_the_same() -> None:
    whole = sound("in.wav", "PCM_16")
    expected = from_file("in.wav")
    process = subprocess.Popen(
        [*CONVT, "-", "-o", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin
    feed(lambda piece: os.write(process.stdin.fileno(), piece), whole)  # type: ignore[union-attr]
    found, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert found == expected


@pytest.mark.parametrize(("container", "known"), [("WAV", True), ("AU", False)])
def test_one_command_after_another(container: str, known: bool) -> None:
    whole = sound("in.wav", "PCM_24", 601)
    from_file("in.wav", "--stride", "3", result="first.wav")
    expected = from_file("first.wav", "--format", container, result="second.wav")
    options = ["--format", container, "-q"]
    with (
        subprocess.Popen(
            [*CONVT, "-", "--stride", "3", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as first,
        subprocess.Popen([*CONVT, "-", *options], stdin=first.stdout, stdout=subprocess.PIPE) as second,
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
    whole = sound("in.wav", "PCM_16", 700)
    expected = from_file("in.wav", "--format", container)
    found, _ = run("-", "--format", container, data=endless(whole))
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
    whole = sound("in.x", subtype, 700, format=container)
    expected = from_file("in.x", "--format", "WAV")
    through(whole, "-o", "out.wav")
    assert data_of(Path("out.wav").read_bytes()) == data_of(expected)


def test_flac_from_standard_input() -> None:
    whole = sound("in.flac", "PCM_16", 700)
    found, said = run("-", "--format", "FLAC", data=whole)
    np.testing.assert_array_equal(
        soundfile.read(io.BytesIO(found))[0], soundfile.read(io.BytesIO(from_file("in.flac")))[0]
    )
    assert said.startswith("standard input -> standard output: 8000 -> 16000 Hz, 700 -> 1400 samples, FLAC")


def test_a_flac_stream_of_unknown_length() -> None:
    # As flac, sox and ffmpeg write it to a pipe: no count of samples, and no checksum.
    whole = bytearray(sound("in.flac", "PCM_16", 700))
    expected = from_file("in.flac", "--format", "WAV")
    whole[21] &= 0xF0
    whole[22:42] = bytes(20)
    through(bytes(whole), "-o", "out.wav")
    assert data_of(Path("out.wav").read_bytes()) == data_of(expected)


@pytest.mark.parametrize("options", [["--overs", "guard", "--gain", "12"], ["--overs", "clip"]])
def test_what_is_read_twice_may_come_from_a_pipe(options: list[str]) -> None:
    whole = sound("in.wav", "FLOAT")
    expected = from_file("in.wav", *options)
    for data in (whole, endless(whole)):
        through(data, *options, "-o", "out.wav", "--overwrite")
        assert data_of(Path("out.wav").read_bytes()) == data_of(expected)


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


def test_without_a_header_from_standard_input_to_standard_output() -> None:
    data = np.random.default_rng(2).bytes(700)
    assert run("-", "--raw", "--rate", "8000", "--channels", "1", *SAME, data=data)[0] == data
    through(data, "--raw", "--rate", "96000", "--channels", "2", *SAME, "-o", "out.wav")
    assert data_of(Path("out.wav").read_bytes()) == data
    info = soundfile.info("out.wav")
    assert (info.channels, info.samplerate, info.subtype) == (2, 96_000, "PCM_16")


@pytest.mark.parametrize(("name", "magic", "order"), [("x.wav", b"RIFX", ">"), ("x.au", b".snd", ">")])
def test_what_has_no_header_is_little_endian_wherever_it_comes_from(
    name: str, magic: bytes, order: str
) -> None:
    whole = sound(name, endian="BIG")
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
        (["--raw"], 2, "--raw needs --rate and --channels"),
        (["--raw", "--rate", "8000"], 2, "--raw needs --rate and --channels"),
        (["--channels", "1"], 2, "--channels tells what a --raw input holds"),
        (["--raw", "--rate", "8000", "--channels", "1", "--subtype", "ULAW"], 2, "ULAW"),
        (["--raw", "--rate", "8000", "--channels", "1", "--subtype", "VORBIS"], 2, "VORBIS"),
        (["--raw", "--rate", "8000", "--channels", "1", "--subtype", "PCM_20"], 2, "--subtype PCM_20"),
        (["--raw", "--rate", "2000000000", "--channels", "1"], 1, "the rate would be 4000000000 Hz"),
        (["--raw", "--rate", "8000", "--channels", "1000000000"], 2, "1000000000 is not in the range"),
    ],
)
def test_what_cannot_be_raw(options: list[str], code: int, message: str) -> None:
    result = through(bytes(100), *options, "-o", "out.raw", code=code)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("out.raw").exists()


@pytest.mark.parametrize(("channels", "subtype"), [(32_768, "PCM_16"), (65_536, "PCM_U8")])
def test_more_channels_than_a_header_can_state_are_refused_in_words(channels: int, subtype: str) -> None:
    sound("in.wav", subtype, 20, 1)
    np.save("wide.npy", np.ones((1, channels, 1), "float32"))
    result = upsample("in.wav", "--weights", "wide.npy", "-o", "out.wav", code=1)
    assert result.stderr.startswith(f"convt: out.wav: WAV cannot hold {channels} channel")
    assert result.stderr.count("\n") == 1
    assert not Path("out.wav").exists()


# Chunks around the samples.

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
    whole = with_chunks(sound("in.wav", subtype, frames, channels), BEXT, NAME + CUE)
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
    whole = with_chunks(sound("in.wav", frames=500), BEXT, NAME + CUE)
    Path("in.wav").write_bytes(whole)
    found, said = run("in.wav", "-o", "-")
    assert {b"bext", b"LIST", b"cue "} <= set(chunks(found))
    assert honest(found)
    assert "does not keep" not in said
    found, said = run("-", data=whole)
    assert b"bext" in chunks(found)
    assert honest(found)
    assert "convt: warning: standard output: does not keep of standard input: LIST INFO, cue" in said


def test_a_lie_about_the_end_of_the_file_loses_no_samples() -> None:
    # The length of the samples was never filled in, and that of the file is the most there can be.
    whole = sound("in.wav", frames=500)
    lying = whole[:4] + b"\xff" * 4 + whole[8:40] + bytes(4) + whole[44:]
    for _ in range(2):
        through(lying, *SAME, "-o", "out.wav", "--overwrite")
        assert data_of(Path("out.wav").read_bytes()) == data_of(whole)


@pytest.mark.parametrize("behind", [b"", NAME])
def test_a_wav_file_without_samples(behind: bytes) -> None:
    empty = with_chunks(sound("in.wav", frames=0), b"", behind)
    Path("in.wav").write_bytes(empty)
    assert data_of(from_file("in.wav")) == b""
    said = through(empty, "-o", "out.wav").stderr
    assert data_of(Path("out.wav").read_bytes()) == b""
    assert "has no samples, and so has out.wav" in said


# How it ends.


def live(reading: int, *arguments: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [*CONVT, "-", "-o", "-", *arguments],
        stdin=reading,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    os.close(reading)
    return process


def until(process: "subprocess.Popen[bytes]", count: int) -> bytes:
    """Read so many bytes as they come, and no longer than patience lasts."""
    assert process.stdout
    found = b""
    while len(found) < count:
        assert select.select([process.stdout], [], [], PATIENCE)[0], (
            f"after {len(found)} bytes nothing came"
        )
        more = os.read(process.stdout.fileno(), 1 << 16)
        assert more, f"after {len(found)} bytes it ended"
        found += more
    return found


@pytest.mark.parametrize("blocking", [True, False])
def test_a_live_source_flows(blocking: bool) -> None:
    whole = endless(sound("in.wav", "PCM_16", 3200, 1))
    expected = from_file("in.wav", "--latency", "160")
    reading, writing = os.pipe()
    os.set_blocking(reading, blocking)  # as programs leave it that share a pipe, and wait for several
    process = live(reading, "--latency", "160")
    first = 44 + 10 * 160 * 2
    os.write(writing, whole[:first])
    found = until(process, 44 + 2 * 1000 * 2)  # the kernel looks some 500 samples ahead
    os.write(writing, whole[first:])
    os.close(writing)
    rest, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, b"Traceback" in said) == (0, False), said
    assert data_of(found + rest) == data_of(expected)


def wait_until_full(reading: int) -> None:
    """Wait until a pipe takes hardly any more."""
    deadline, held = time.monotonic() + PATIENCE, bytearray(4)
    while int.from_bytes(held, sys.byteorder) < fcntl.fcntl(reading, fcntl.F_GETPIPE_SZ) - 2 * 4096:
        fcntl.ioctl(reading, termios.FIONREAD, held)
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.skipif(not hasattr(fcntl, "F_GETPIPE_SZ"), reason="asks a pipe for its size, as on Linux")
@pytest.mark.parametrize("container", ["WAV", "AIFF"])
def test_a_reader_that_takes_its_time_gets_everything(container: str) -> None:
    sound("in.wav", "PCM_16", 50_000, 1)
    expected = from_file("in.wav", "--format", container)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = subprocess.Popen(
        [*CONVT, "in.wav", "-o", "-", "--format", container], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    wait_until_full(reading)
    with os.fdopen(reading, "rb") as pipe:
        found = pipe.read()
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert len(found) == len(expected)
    np.testing.assert_array_equal(
        soundfile.read(io.BytesIO(found))[0], soundfile.read(io.BytesIO(expected))[0]
    )


@pytest.mark.parametrize("options", [["--latency", "160"], ["--format", "AU"]])
def test_a_reader_that_has_enough_ends_it_quietly(options: list[str]) -> None:
    header = endless(sound("in.wav", frames=0))
    forever = f"import os\nos.write(1, {header!r})\nwhile True: os.write(1, bytes(65536))"
    with (
        subprocess.Popen(
            [sys.executable, "-c", forever], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as source,
        subprocess.Popen(
            [*CONVT, "-", "-o", "-", *options],
            stdin=source.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        ) as process,
    ):
        assert source.stdout
        assert process.stdout
        assert process.stderr
        source.stdout.close()
        assert len(until(process, 100)) >= 100
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == b""
        assert source.wait(PATIENCE) != 0  # nobody reads from it any more


@pytest.mark.parametrize("options", [["--json"], ["--format", "FLAC"], ["--skip-existing"]])
def test_a_reader_that_has_gone_is_no_failure(options: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    _, said = run("-", "-o", "-", *options, data=sound("in.wav"), stdout=writing)
    os.close(writing)
    assert said == ""


@pytest.mark.parametrize(
    ("number", "code", "target"), [(signal.SIGINT, 130, "-"), (signal.SIGTERM, 143, "out.wav")]
)
def test_a_signal_ends_it_while_it_waits(number: signal.Signals, code: int, target: str) -> None:
    whole = endless(sound("in.wav", frames=100))
    reading, writing = os.pipe()
    process = live(reading, "-o", target)
    os.write(writing, whole)
    deadline = time.monotonic() + PATIENCE
    if target == "-":
        until(process, 44)
    else:
        while not any(part.stat().st_size for part in Path().glob(".convt-*.part")):
            assert time.monotonic() < deadline
            time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    os.close(writing)
    assert (process.returncode, b"Traceback" in said) == (code, False), said
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "one.npy"]


@pytest.mark.filterwarnings("error")
def test_a_gain_beyond_what_float32_holds_gives_infinities_and_no_warning_of_numpy() -> None:
    soundfile.write("in.wav", np.full(30, 3e38), 8000, subtype="FLOAT")
    gain = ["--gain", "20", "--precision", "float32"]
    through(Path("in.wav").read_bytes(), *SAME[:-2], *gain, "-o", "out.wav")
    np.testing.assert_array_equal(soundfile.read("out.wav")[0], np.full(30, np.inf))


def test_nothing_on_standard_input_is_told_in_one_line() -> None:
    assert run("-", code=1) == (b"", "convt: standard input: is empty\n")
    assert through(b"", "-o", "out.wav", code=1).stderr.endswith(": is empty\n")
    assert not Path("out.wav").exists()


def test_a_pipe_without_sound_is_told_in_one_line() -> None:
    said = through(b"hiss\n" * 100, "-o", "out.wav", code=1).stderr
    assert ": cannot be read as sound: " in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("which", ["input", "output"])
def test_a_terminal_is_refused_with_a_hint(which: str) -> None:
    leader, terminal = pty.openpty()
    whole = sound("in.wav")
    try:
        if which == "input":
            found, said = run("-", stdin=terminal, code=2)
        else:
            found, said = run("-", data=whole, stdout=terminal, code=2)
    finally:
        os.close(leader)
        os.close(terminal)
    hints = {"input": "pipe a sound file into the command", "output": "name a file with -o"}
    assert said.startswith(f"convt: standard {which} is a terminal: ")
    assert hints[which] in said
    assert (found, said.count("\n")) == (b"", 1)


def shell(command: str, *arguments: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    """Run the command, "$@", in a line of the shell."""
    return subprocess.run(
        ["bash", "-c", command, "bash", *CONVT, *arguments],  # noqa: S607
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        **options,
    )


@pytest.mark.parametrize(
    ("command", "arguments", "stream"),
    [
        ('"$@" <&-', ["-", "-o", "out.wav"], "input"),
        ('"$@" >&-', ["in.wav", "-o", "-"], "output"),
        ('"$@" <&- >&-', ["in.wav", "-o", "-"], "output"),
    ],
)
def test_a_closed_stream_is_refused(command: str, arguments: list[str], stream: str) -> None:
    whole = sound("in.wav")
    result = shell(command, *arguments, input=whole)
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.startswith(f"convt: standard {stream} is closed: ".encode())
    assert result.stderr.count(b"\n") == 1
    assert not Path("out.wav").exists()


@pytest.mark.parametrize("streams", ["2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_and_not_needed_are_not_missed(streams: str) -> None:
    sound("in.wav")
    result = shell(f'"$@" {streams}', "in.wav", "-o", "out.wav")
    assert result.returncode == 0, result.stderr
    assert soundfile.info("out.wav").frames == 5002


def test_a_standard_input_that_cannot_be_read_is_named() -> None:
    with Path("sink").open("wb") as sink:
        _, said = run("-", stdin=sink, code=1)
    assert said == "convt: standard input: cannot be read: Bad file descriptor\n"


def test_a_standard_output_without_room_is_named() -> None:
    whole = sound("in.wav")
    for container in ("WAV", "FLAC"):
        with Path("/dev/full").open("wb") as full:
            _, said = run("-", "--format", container, data=whole, stdout=full, code=1)
        assert said == "convt: standard output: cannot be written: No space left on device\n"


@pytest.mark.parametrize("name", ["in.wav", "in.flac"])
def test_standard_input_is_read_from_where_it_stands(name: str) -> None:
    # As in: { read line; convt upsample - -o out.wav; } < file
    whole = sound(name)
    expected = from_file(name, "--format", "WAV")
    Path("preceded").write_bytes(b"a line\n" + whole)
    with Path("preceded").open("rb", buffering=0) as file:
        file.seek(7)
        found, _ = run("-", stdin=file)
    assert data_of(found) == data_of(expected)


def test_the_file_on_standard_input_is_not_overwritten() -> None:
    whole = sound("in.wav")
    Path("link.wav").symlink_to("in.wav")
    for target in ("in.wav", "link.wav"):
        with Path("in.wav").open("rb") as file:
            _, said = run("-", "-o", target, "--overwrite", stdin=file, code=1)
        assert said.startswith(f"convt: {target}: is the same file as the input standard input; ")
        assert Path("in.wav").read_bytes() == whole


@pytest.mark.parametrize("endian", ["FILE", "BIG"])
def test_a_stream_that_turns_out_long_is_not_called_what_its_header_is_not(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], endian: str
) -> None:
    chosen = Format("WAV", "PCM_16", endian, 8000)
    writer = open_audio_writer(None, chosen, (1, None), Metadata(), gain=1.0, dither="none", overs="clip")
    monkeypatch.setattr(writer, "_length", 5 << 30)
    assert writer.finish([]) == []
    assert not writer.is_rf64
    assert struct.unpack_from("4s4x4s", capfdbinary.readouterr().out) == (
        b"RIFX" if endian == "BIG" else b"RIFF",
        b"WAVE",
    )


def test_json_does_not_mix_with_the_samples() -> None:
    whole = sound("in.wav")
    expected = from_file("in.wav")
    for more in ([], ["--skip-existing"]):
        found, said = run("-", "-o", "-", "--json", *more, data=endless(whole))
        facts = json.loads(said)
        facts = facts["files"][0] if "files" in facts else facts
        assert data_of(found) == data_of(expected)
        assert found.endswith(data_of(expected))
        assert (facts["input"]["path"], facts["input"]["frames"]) == ("standard input", 2501)
        assert (facts["output"]["path"], facts["output"]["frames"]) == ("standard output", 5002)
    found, said = run("-", "-o", "-", "--json", code=1)
    assert (found, json.loads(said)) == (b"", {"error": "standard input: is empty", "exit_code": 1})


def test_an_array_needs_a_length_and_a_file() -> None:
    whole = sound("in.wav", frames=100)
    said = through(endless(whole), "-o", "out.npy", code=1).stderr
    assert said.startswith("convt: out.npy: an .npy file states its length first")
    through(whole, "-o", "out.npy")
    assert np.load("out.npy").shape == (2, 200)
    os.mkfifo("x.npy")
    writer = threading.Thread(target=lambda: Path("x.npy").write_bytes(b""))
    writer.start()
    assert "x.npy: an .npy signal is a file, not a pipe" in upsample("x.npy", code=1).stderr
    writer.join()


@pytest.mark.parametrize("broken", ["tempfile.TemporaryFile", "convt_cli.audio.source.write_all"])
def test_where_a_pipe_cannot_be_kept_that_is_said(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    whole = sound("in.flac", frames=100)
    monkeypatch.setattr(broken, refuse)
    said = through(whole, "-o", "out.wav", code=1).stderr
    assert "cannot be kept in " in said
    assert said.endswith("No space left on device; set TMPDIR\n")
    assert not Path("out.wav").exists()


# What breaks off, and what changes.

CUT: list[tuple[str, str, int]] = [
    ("WAV", "PCM_16", 400),
    ("WAV", "PCM_24", 1),
    ("AU", "PCM_16", 400),
    ("AIFF", "PCM_16", 400),
    ("W64", "PCM_16", 400),
    ("CAF", "PCM_16", 400),
    ("FLAC", "PCM_16", 400),
]


@pytest.mark.parametrize(("container", "subtype", "missing"), CUT)
@pytest.mark.parametrize("piped", [False, True])
def test_what_breaks_off_is_refused_unless_it_is_allowed(
    container: str, subtype: str, missing: int, piped: bool
) -> None:
    frames = 9000 if container == "FLAC" else 700  # blocks of 4096 frames are found whole, or not at all
    cut = sound("in.x", subtype, frames, format=container)[:-missing]
    Path("in.x").write_bytes(cut)
    before = sorted(Path().iterdir())

    def command(*arguments: str, code: int) -> str:
        arguments = (*SAME, "-o", "out.wav", *arguments)
        result = through(cut, *arguments, code=code) if piped else upsample("in.x", *arguments, code=code)
        return str(result.stderr)

    said = command(code=1)
    assert "is cut short: " in said
    assert said.endswith("--allow-truncated takes what is there\n")
    assert said.count("\n") == 1
    assert sorted(Path().iterdir()) == before
    said = command("--allow-truncated", code=0)
    assert "convt: warning: " in said
    assert "is cut short: " in said
    whole = Path("out.wav").read_bytes()
    found = soundfile.read("out.wav")[0]
    sound("in.x", subtype, frames, format=container)
    expected = soundfile.read("in.x")[0]
    assert honest(whole)
    assert frames // 3 < len(found) < frames
    np.testing.assert_array_equal(found, expected[: len(found)])


def test_what_breaks_off_between_pipes() -> None:
    cut = sound("in.wav", frames=700)[:-200]
    found, said = run("-", *SAME, data=cut, code=1)
    assert said.startswith("convt: standard input: is cut short: it ends after 650 of 700 frames")
    assert data_of(cut).startswith(data_of(found))
    found, said = run("-", *SAME, "--allow-truncated", data=cut)
    assert "convt: warning: standard input is cut short: it ends after 650 of 700 frames\n" in said
    assert data_of(found) == data_of(cut)


def change(kind: str) -> None:
    if kind == "grows":
        with Path("in.x").open("ab") as file:
            file.write(b"more")
    elif kind == "shrinks":
        os.truncate("in.x", Path("in.x").stat().st_size - 1000)
    elif kind == "is written again":
        os.utime("in.x", (1, 1))


@pytest.mark.parametrize("kind", ["grows", "shrinks", "is written again"])
@pytest.mark.parametrize("container", ["WAV", "AU", "RAW", "NPY", "FLAC"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, container: str, kind: str
) -> None:
    name, output = ("in.npy", "out.npy") if container == "NPY" else ("in.x", "out.wav")
    options = ["--raw", "--rate", "8000", "--channels", "1"] if container == "RAW" else []
    if container == "NPY":
        np.save("in.npy", noise(300_000, 1).T)
        Path("in.npy").rename("in.x")
        Path("in.npy").symlink_to("in.x")
    else:
        more = {"endian": "LITTLE"} if container == "RAW" else {}
        soundfile.write("in.x", noise(300_000, 1), 8000, subtype="PCM_16", format=container, **more)
    changed = list[bool]()

    def once(read: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            result = read(*arguments, **named)
            if not changed:
                changed.append(True)
                change(kind)
            return result

        return wrapped

    if container == "FLAC":
        monkeypatch.setattr(soundfile.SoundFile, "read", once(soundfile.SoundFile.read))
    else:
        monkeypatch.setattr(Source, "fill", once(Source.fill))
    options += [] if container == "NPY" else ["--format", "WAV"]
    said = upsample(name, "-o", output, *options, code=1).stderr
    assert "changed while it was read" in said or (
        (container, kind) == ("FLAC", "shrinks") and "is cut short" in said
    )
    assert said.count("\n") == 1
    assert not Path(output).exists()
    assert not list(Path().glob(".convt-*"))
