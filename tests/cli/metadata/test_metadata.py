"""What a file holds beside its samples, from the bytes of one file to the bytes of another."""

import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mutagen.aiff
import mutagen.flac
import mutagen.wave
import numpy as np
import pytest
import soundfile

import convt
from tests.support.audio_bytes import chunk
from tests.support.command import CONVT, upsample

Chunk = tuple[bytes, bytes]
GUID_END = bytes.fromhex("800000aa00389b71")
FRAMES = 51  # odd, so that chunks behind mono samples of 8 or 24 bits are padded
FIVE_ONE, SIDES = 0x3F, 0x60F  # the usual 5.1, and that with side in place of back loudspeakers
LIBSNDFILE = " (libsndfile-1.2.2)"  # which it adds to what it writes as software
INSTALL = "to keep tags and cover art: pip install 'convt[tags]'"
TAGS = {
    "title": "Tïtle",
    "copyright": "© 2001",
    "software": "a tool",
    "artist": "An Artist",
    "comment": "said",
    "date": "2001-02-03",
    "album": "Albüm",
    "tracknumber": "7",
    "genre": "Speech",
}
NAMES = {
    "title": b"INAM",
    "copyright": b"ICOP",
    "software": b"ISFT",
    "artist": b"IART",
    "comment": b"ICMT",
    "date": b"ICRD",
    "album": b"IPRD",
    "tracknumber": b"ITRK",
    "genre": b"IGNR",
}


def wav(
    name: str,
    before: Iterable[Chunk] = (),
    after: Iterable[Chunk] = (),
    *,
    order: str = "<",
    channels: int = 1,
    mask: int | None = None,
    bits: int = 16,
    code: int = 1,
) -> None:
    """Write a WAV file of silence, byte by byte; with a mask it is a WAVEX one."""
    frame = channels * bits // 8
    kind = code if mask is None else 0xFFFE
    fmt = struct.pack(f"{order}HHIIHH", kind, channels, 8000, 8000 * frame, frame, bits)
    if mask is not None:
        fmt += struct.pack(f"{order}HHIIHH", 22, bits, mask, code, 0, 16) + GUID_END
    silence = {7: b"\xff", 6: b"\xd5"}.get(code, b"\x80" if bits == 8 else b"\0") * (FRAMES * frame)
    chunks = [(b"fmt ", fmt), *before, (b"data", silence), *after]
    body = b"WAVE" + b"".join(chunk(*each, order) for each in chunks)
    Path(name).write_bytes(chunk(b"RIFF" if order == "<" else b"RIFX", body, order))


def chunks_of(name: str) -> tuple[bytes, dict[bytes, list[bytes]]]:
    """The first four letters of a WAV file, and its chunks by name; the file is whole, to the byte."""
    data = Path(name).read_bytes()
    order = ">" if data.startswith(b"RIFX") else "<"
    (length,) = struct.unpack(f"{order}I", data[4:8])
    assert data.startswith(b"RF64") or length == len(data) - 8
    at, found = 12, dict[bytes, list[bytes]]()
    while at < len(data):
        chunk, size = struct.unpack(f"{order}4sI", data[at : at + 8])
        if chunk == b"data" and size == 0xFFFFFFFF:
            (size,) = struct.unpack("<8xQ", found[b"ds64"][0][:16])
        found.setdefault(chunk, []).append(data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    assert at == len(data)
    return data[:4], found


def only(name: str, chunk: bytes) -> bytes:
    [body] = chunks_of(name)[1][chunk]
    return body


def mask_of(name: str) -> int | None:
    """The mask in a file's format, None if that states none."""
    magic, chunks = chunks_of(name)
    [fmt] = chunks[b"fmt "]
    order = ">" if magic == b"RIFX" else "<"
    if struct.unpack(f"{order}H", fmt[:2]) != (0xFFFE,):
        return None
    mask: int = struct.unpack(f"{order}I", fmt[20:24])[0]
    return mask


def info(tags: dict[str, str], order: str = "<") -> Chunk:
    texts = (chunk(NAMES[name], text.encode() + b"\0", order) for name, text in tags.items())
    return b"LIST", b"INFO" + b"".join(texts)


def bext(reference: int, order: str = "<", *, steps: str = "") -> Chunk:
    """Version 2, with texts and a coding history, to which `steps` are added."""
    body = b"A scene".ljust(256, b"\0") + b"me".ljust(32, b"\0") + b"ref".ljust(32, b"\0")
    body += b"2001-02-0304:05:06" + struct.pack(f"{order}IIH", reference & 0xFFFFFFFF, reference >> 32, 2)
    body += bytes(range(64)) + struct.pack(f"{order}5h", -2300, 500, -100, -1800, -1900) + bytes(180)
    return b"bext", body + b"A=PCM,F=8000,W=16,M=mono\r\n" + steps.encode()


def step(rate: int, bits: int = 16) -> str:
    """What the command adds to a coding history of mono files."""
    return f"A=PCM,F={rate},W={bits},M=mono,T=convt {convt.__version__}\r\n"


def reference_of(body: bytes, order: str = "<") -> int:
    low, high = struct.unpack(f"{order}II", body[338:346])
    return int(low) | int(high) << 32


def cue(positions: list[int], order: str = "<") -> Chunk:
    points = (
        struct.pack(f"{order}II4sIII", name, position, b"data", 0, 0, position)
        for name, position in enumerate(positions, 1)
    )
    return b"cue ", struct.pack(f"{order}I", len(positions)) + b"".join(points)


def cue_of(body: bytes, order: str = "<") -> list[tuple[int, int]]:
    (count,) = struct.unpack(f"{order}I", body[:4])
    assert len(body) == 4 + 24 * count
    points = [struct.unpack(f"{order}II4sIII", body[at : at + 24]) for at in range(4, len(body), 24)]
    return [(point[1], point[5]) for point in points]


def smpl(loops: list[tuple[int, int]], order: str = "<") -> Chunk:
    body = struct.pack(f"{order}9I", 1, 2, 125_000, 60, 0, 25, 0, len(loops), 0)
    return b"smpl", body + b"".join(
        struct.pack(f"{order}6I", name, 0, first, last, 0, 0) for name, (first, last) in enumerate(loops)
    )


def smpl_of(body: bytes, order: str = "<") -> tuple[int, list[tuple[int, int]]]:
    numbers = struct.unpack(f"{order}{len(body) // 4}I", body)
    return numbers[2], [(numbers[at + 2], numbers[at + 3]) for at in range(9, len(numbers), 6)]


def adtl(length: int, order: str = "<") -> Chunk:
    label = chunk(b"labl", struct.pack(f"{order}I", 1) + b"verse\0", order)
    note = chunk(b"note", struct.pack(f"{order}I", 1) + b"loud\0", order)
    text = struct.pack(f"{order}II4s4H", 2, length, b"rgn ", 0, 0, 0, 0)
    return b"LIST", b"adtl" + label + note + chunk(b"ltxt", text, order)


def tags_of(name: str) -> dict[str, str]:
    with soundfile.SoundFile(name) as file:
        tags: dict[str, str] = file.copy_metadata()
    return tags


def tagged(name: str, tags: dict[str, str] | None = None, **options: Any) -> None:
    """Write a sound file with tags by libsndfile."""
    with soundfile.SoundFile(name, "w", 8000, 1, **options) as file:
        for tag, text in (TAGS if tags is None else tags).items():
            setattr(file, tag, text)
        file.write(np.zeros(4000))


def lost(result: Any, name: str) -> list[str]:
    """What one warning, or none, says is not kept."""
    found = [line for line in result.stderr.splitlines() if f"{name}: not copied from " in line]
    assert len(found) <= 1
    return found[0].removesuffix(f"; {INSTALL}").rpartition(": ")[2].split(", ") if found else []


@pytest.fixture(params=[False, True], ids=["mutagen", "no mutagen"])
def without_mutagen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param:
        monkeypatch.setitem(sys.modules, "mutagen", None)
        monkeypatch.delitem(sys.modules, "convt_cli.metadata.tags", raising=False)
    return bool(request.param)


# --- WAV to WAV ---


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("bits", "stride"), [(16, 2), (24, 3)])
def test_times_are_multiplied_and_texts_kept(order: str, behind: bool, bits: int, stride: int) -> None:
    chunks = [
        info(TAGS, order),
        bext(3 << 32 | 5, order),
        cue([0, 7, FRAMES], order),
        smpl([(3, 9), (0, FRAMES - 1)], order),
        adtl(11, order),
        (b"inst", b"\x3c\x00\xfe\x01\x7f\x00\x7f"),
    ]
    wav("in.wav", *([], chunks) if behind else (chunks, []), order=order, bits=bits)
    result = upsample("in.wav", "--stride", str(stride))
    magic, made = chunks_of(f"in_x{stride}.wav")
    assert magic == {"<": b"RIFF", ">": b"RIFX"}[order]
    assert len(made[b"data"][0]) == FRAMES * stride * bits // 8
    assert made[b"LIST"] == [chunks[0][1], adtl(11 * stride, order)[1]]
    steps = step(8000 * stride, bits)
    assert made[b"bext"] == [bext((3 << 32 | 5) * stride, order, steps=steps)[1]]
    assert reference_of(made[b"bext"][0], order) == (3 << 32 | 5) * stride
    assert cue_of(made[b"cue "][0], order) == [(p * stride, p * stride) for p in (0, 7, FRAMES)]
    period, loops = smpl_of(made[b"smpl"][0], order)
    assert period == round(125_000 / stride)
    assert loops == [(3 * stride, 10 * stride - 1), (0, FRAMES * stride - 1)]
    assert made[b"inst"] == [chunks[5][1]]
    assert "warning" not in result.stderr
    if order == "<":  # libsndfile finds nothing that follows a big-endian "cue "
        assert tags_of(f"in_x{stride}.wav") == TAGS


def test_a_stride_of_one_copies_every_chunk_that_is_kept() -> None:
    chunks = [info(TAGS), bext(12_345), cue([3]), smpl([(1, 4)]), adtl(2)]
    wav("in.wav", chunks)
    upsample("in.wav", "--stride", "1")
    _, made = chunks_of("in_x1.wav")
    chunks[1] = bext(12_345, steps=step(8000))
    for name, body in chunks:
        assert body in made[name]


def test_everything_that_is_lost_is_named_in_one_warning() -> None:
    chunks = [(b"plst", bytes(4)), (b"cart", bytes(64)), bext(2**63), (b"LIST", b"wxyz"), info(TAGS)]
    wav("in.wav", chunks[:2], [*chunks[2:], (b"what", b"ever"), (b"what", b"more")])
    result = upsample("in.wav")
    assert lost(result, "in_x2.wav") == ["plst", "cart", "bext", "LIST wxyz", "what"]
    assert "convt: warning: in_x2.wav: not copied from in.wav: plst, cart" in result.stderr
    assert set(chunks_of("in_x2.wav")[1]) == {b"fmt ", b"LIST", b"data"}


def test_nothing_is_said_of_what_only_fills_space() -> None:
    wav("in.wav", [(b"JUNK", bytes(28)), (b"fact", bytes(4)), (b"PEAK", bytes(16))], [(b"PAD ", bytes(9))])
    result = upsample("in.wav")
    assert lost(result, "in_x2.wav") == []
    assert set(chunks_of("in_x2.wav")[1]) == {b"fmt ", b"data"}


@pytest.mark.parametrize("behind", [False, True])
def test_a_pipe_keeps_what_a_file_keeps(behind: bool) -> None:
    chunks = [info(TAGS), bext(77), cue([9]), (b"cart", b"of radio")]
    wav("in.wav", *([], chunks) if behind else (chunks, []), bits=24)
    command = [*CONVT, "upsample", "-", "-o", "out.wav"]
    with subprocess.Popen(["cat", "in.wav"], stdout=subprocess.PIPE) as cat:  # noqa: S607
        result = subprocess.run(command, stdin=cat.stdout, capture_output=True, text=True, check=True)
    assert lost(result, "out.wav") == ["cart"]
    assert only("out.wav", b"LIST") == chunks[0][1]
    assert reference_of(only("out.wav", b"bext")) == 154
    assert cue_of(only("out.wav", b"cue ")) == [(18, 18)]


@pytest.mark.parametrize("behind", [False, True])
def test_standard_output_has_what_came_before_the_samples_and_names_the_rest(behind: bool) -> None:
    chunks = [info(TAGS), bext(77)]
    wav("in.wav", *([], chunks) if behind else (chunks, []))
    with subprocess.Popen(["cat", "in.wav"], stdout=subprocess.PIPE) as cat:  # noqa: S607
        result = subprocess.run(
            [*CONVT, "upsample", "-"], stdin=cat.stdout, capture_output=True, check=True
        )
    Path("out.wav").write_bytes(result.stdout)
    _, made = chunks_of("out.wav")
    told = lost(subprocess.CompletedProcess([], 0, stderr=result.stderr.decode()), "standard output")
    if behind:
        assert told == ["LIST INFO", "bext"]
        assert set(made) == {b"fmt ", b"data"}
    else:
        assert told == []
        assert made[b"LIST"] == [info(TAGS)[1]]
        assert made[b"bext"] == [bext(154, steps=step(16_000))[1]]


@pytest.mark.parametrize(("code", "name"), [(7, "ULAW"), (6, "ALAW")])
def test_samples_that_libsndfile_writes_lose_nothing_unsaid(code: int, name: str) -> None:
    wav("in.wav", [info(TAGS), bext(5)], bits=8, code=code)
    result = upsample("in.wav")
    assert soundfile.info("in_x2.wav").subtype == name
    told = lost(result, "in_x2.wav")
    assert tags_of("in_x2.wav") or set(TAGS) <= set(told) or "LIST INFO" in told
    assert b"bext" in chunks_of("in_x2.wav")[1] or "bext" in told


# --- loudspeakers ---


@pytest.mark.parametrize("mask", [FIVE_ONE, SIDES, 0])
@pytest.mark.parametrize("bits", [16, 24])
def test_the_channel_mask_is_kept(mask: int, bits: int) -> None:
    wav("in.wav", channels=6, mask=mask, bits=bits)
    result = upsample("in.wav")
    assert mask_of("in_x2.wav") == mask
    assert soundfile.info("in_x2.wav").channels == 6
    assert lost(result, "in_x2.wav") == []


@pytest.mark.parametrize(("shape", "channels"), [((6, 2, 1), 2), ((6, 1, 1), 1)])
def test_the_mask_is_dropped_and_named_when_channels_change(shape: tuple[int, ...], channels: int) -> None:
    wav("in.wav", channels=6, mask=FIVE_ONE)
    np.save("mix.npy", np.ones(shape))
    result = upsample("in.wav", "--weights", "mix.npy")
    assert soundfile.info("in_x2.wav").channels == channels
    assert not mask_of("in_x2.wav")
    assert lost(result, "in_x2.wav") == ["channel mask"]


def test_a_mask_that_a_container_implies_is_not_lost() -> None:
    wav("usual.wav", channels=6, mask=FIVE_ONE)
    wav("sides.wav", channels=6, mask=SIDES)
    assert lost(upsample("usual.wav", "-o", "usual.flac"), "usual.flac") == []
    assert lost(upsample("sides.wav", "-o", "sides.flac"), "sides.flac") == ["channel mask"]


def test_big_endian_files_keep_mask_and_texts() -> None:
    wav("in.wav", [info(TAGS, ">"), bext(5, ">")], channels=6, mask=SIDES, order=">")
    result = upsample("in.wav")
    assert lost(result, "in_x2.wav") == []
    magic, made = chunks_of("in_x2.wav")
    assert mask_of("in_x2.wav") == SIDES
    assert tags_of("in_x2.wav") == TAGS
    order = ">" if magic == b"RIFX" else "<"
    assert reference_of(made[b"bext"][0], order) == 10


@pytest.mark.parametrize("container", ["RF64", "WAVEX"])
def test_big_endian_texts_in_a_little_endian_container(container: str) -> None:
    wav("in.wav", [info(TAGS, ">"), bext(5, ">"), adtl(3, ">")], channels=6, mask=SIDES, order=">")
    result = upsample("in.wav", "--format", container, "-o", "out.wav")
    told = lost(result, "out.wav")
    _, made = chunks_of("out.wav")
    assert tags_of("out.wav") == TAGS or "LIST INFO" in told or set(TAGS) <= set(told)
    assert b"bext" in made or "bext" in told
    assert any(body.startswith(b"adtl") for body in made.get(b"LIST", [])) or "LIST adtl" in told
    assert mask_of("out.wav") == SIDES or "channel mask" in told


# --- from container to container ---


@pytest.mark.parametrize("container", ["flac", "ogg", "opus", "caf"])
@pytest.mark.parametrize("behind", [False, True])
def test_wav_texts_go_elsewhere_as_tags(container: str, behind: bool) -> None:
    chunks = [info(TAGS), bext(5), cue([1])]
    wav("in.wav", *([], chunks) if behind else (chunks, []))
    result = upsample("in.wav", "-o", f"out.{container}")
    assert tags_of(f"out.{container}") == TAGS | {"software": TAGS["software"] + LIBSNDFILE}
    assert lost(result, f"out.{container}") == ["bext", "cue"]


def test_texts_that_no_tag_stands_for_keep_their_names(without_mutagen: bool) -> None:
    texts = (chunk(name, b"text\0") for name in (b"INAM", b"IENG", b"ISBJ"))
    wav("in.wav", [(b"LIST", b"INFO" + b"".join(texts))])
    told = lost(upsample("in.wav", "-o", "out.flac"), "out.flac")
    assert tags_of("out.flac") == {"title": "text"}
    if without_mutagen:
        assert told == ["INFO IENG", "INFO ISBJ"]
    else:
        assert told == []
        held = mutagen.flac.FLAC("out.flac")
        assert (held["IENG"], held["ISBJ"]) == (["text"], ["text"])


def test_texts_that_came_late_in_a_pipe_reach_a_flac_file_or_are_named() -> None:
    wav("in.wav", (), [info(TAGS), bext(5)])
    command = [*CONVT, "upsample", "-", "-o", "out.flac"]
    with subprocess.Popen(["cat", "in.wav"], stdout=subprocess.PIPE) as cat:  # noqa: S607
        result = subprocess.run(command, stdin=cat.stdout, capture_output=True, text=True, check=True)
    told = lost(result, "out.flac")
    assert "bext" in told
    assert tags_of("out.flac").get("title") == TAGS["title"] or {"LIST INFO", "title"} & set(told)


@pytest.mark.parametrize("source", ["in.flac", "in.ogg", "in.caf"])
@pytest.mark.parametrize("target", ["out.wav", "out.flac", "out.ogg"])
def test_tags_go_from_each_container_to_each(source: str, target: str) -> None:
    tagged(source)
    written = tags_of(source)
    result = upsample(source, "-o", target)
    assert tags_of(target) == written
    assert written == TAGS | {"software": TAGS["software"] + LIBSNDFILE}
    assert lost(result, target) == []


def test_a_license_has_a_place_in_the_id3_tag_of_a_wav_file(without_mutagen: bool) -> None:
    tagged("in.ogg", {"title": "T", "license": "CC0"})
    assert lost(upsample("in.ogg", "-o", "out.flac"), "out.flac") == []
    assert tags_of("out.flac") == {"title": "T", "license": "CC0"}
    result = upsample("in.ogg", "-o", "out.wav")
    assert lost(result, "out.wav") == ["license"] * without_mutagen
    assert tags_of("out.wav") == {"title": "T"}
    if not without_mutagen:
        assert mutagen.wave.WAVE("out.wav").tags["WCOP"].url == "CC0"


def test_aiff_texts_become_wav_texts() -> None:
    held = {name: TAGS[name] for name in ("title", "artist", "comment")} | {"copyright": "2001"}
    tagged("in.aiff", held)
    assert tags_of("in.aiff") == held
    result = upsample("in.aiff", "-o", "out.wav")
    assert tags_of("out.wav") == held
    assert lost(result, "out.wav") == []


@pytest.mark.parametrize(
    "name", ["out.aiff", "out.mp3", "out.au", "out.w64", "out.voc", "out.raw", "out.nist"]
)
def test_a_container_that_takes_few_texts_or_none_loses_none_unsaid(
    name: str, without_mutagen: bool
) -> None:
    tags = {tag: text for tag, text in TAGS.items() if tag != "software"}
    wav("in.wav", [info(tags), bext(5), cue([1])])
    result = upsample("in.wav", "-o", name)
    told = lost(result, name)
    held = {} if name.endswith(".raw") else tags_of(name)
    if name == "out.aiff" and not without_mutagen:  # libsndfile does not read its ID3 tag
        frames = mutagen.aiff.AIFF(name).tags
        held |= {"album": str(frames["TALB"]), "date": str(frames["TDRC"])}
        held["copyright"] = str(frames["TCOP"])
        held |= {"tracknumber": str(frames["TRCK"]), "genre": str(frames["TCON"])}
    for tag, text in tags.items():
        assert (held.get(tag) == text) != (tag in told), tag
    assert {"bext", "cue"} <= set(told)


def test_what_libsndfile_does_not_hand_over_of_a_flac_file_is_kept_or_named(without_mutagen: bool) -> None:
    tagged("plain.flac", {"title": "T"})
    data = Path("plain.flac").read_bytes()
    assert data.startswith(b"fLaC\0\0\0\x22")  # then comes the STREAMINFO block of 34 bytes
    picture = struct.pack(">II", 3, 9) + b"image/png" + bytes(24)
    block = b"\x06" + len(picture).to_bytes(3, "big") + picture
    Path("in.flac").write_bytes(data[:42] + block + data[42:])
    for name in ("out.flac", "out.wav"):
        result = upsample("in.flac", "-o", name)
        assert lost(result, name) == ["cover art"] * without_mutagen
        assert (INSTALL in result.stderr) == without_mutagen
        assert tags_of(name) == {"title": "T"}
        if not without_mutagen:
            held = mutagen.File(name)
            [found] = held.pictures if name == "out.flac" else held.tags.getall("APIC")
            assert (found.mime, found.type, found.data) == ("image/png", 3, b"")


def test_chunks_of_an_aiff_file_are_kept_in_one_and_else_named() -> None:
    tagged("plain.aiff", {"title": "T"})
    data = Path("plain.aiff").read_bytes()
    mark = chunk(b"MARK", struct.pack(">HHI", 1, 1, 10) + b"\x03one", ">")
    Path("in.aiff").write_bytes(data[:4] + struct.pack(">I", len(data) - 8 + len(mark)) + data[8:] + mark)
    result = upsample("in.aiff", "-o", "out.wav")
    assert lost(result, "out.wav") == ["MARK"]
    assert tags_of("out.wav") == {"title": "T"}
    assert lost(upsample("in.aiff", "-o", "out.aiff", "--stride", "3"), "out.aiff") == []
    made = Path("out.aiff").read_bytes()
    assert int.from_bytes(made[4:8], "big") == len(made) - 8
    assert made.endswith(chunk(b"MARK", struct.pack(">HHI", 1, 1, 30) + b"\x03one", ">"))
    assert tags_of("out.aiff") == {"title": "T"}
    assert soundfile.info("out.aiff").frames == 12_000


# --- what is said of RF64 ---


def test_an_rf64_file_that_was_asked_for_needs_no_excuse() -> None:
    wav("in.wav", [info(TAGS), bext(5)])
    result = upsample("in.wav", "--format", "RF64", "-o", "out.wav")
    magic, made = chunks_of("out.wav")
    assert magic == b"RF64"
    assert made[b"LIST"] == [info(TAGS)[1]]
    assert made[b"bext"] == [bext(10, steps=step(16_000))[1] + bytes(1)]  # of an even length
    assert "4 GB" not in result.stderr


def test_texts_do_not_disturb_the_samples_of_any_stride() -> None:
    soundfile.write("plain.wav", 0.1 * np.sin(np.arange(3001)), 8000, "PCM_24")
    data = Path("plain.wav").read_bytes()
    extra = chunk(*info({"title": "odd"})) + chunk(*bext(1))
    Path("in.wav").write_bytes(data[:4] + struct.pack("<I", len(data) - 8 + len(extra)) + data[8:] + extra)
    for stride in (2, 3):
        upsample("plain.wav", "-o", "a.wav", "--stride", str(stride), "--overwrite")
        upsample("in.wav", "-o", "b.wav", "--stride", str(stride), "--overwrite")
        assert only("a.wav", b"data") == only("b.wav", b"data")
