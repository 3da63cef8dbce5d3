"""Tar files of samples: audio has the bytes of a run on plain files, everything else passes to the byte."""

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.cli.corpus.commands import run

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
RATES = (44_100, 16_000, 22_050)
Members = list[tuple[str, bytes]]


def audio(seed: int, rate: int, kind: str = "WAV") -> bytes:
    content = io.BytesIO()
    rng = np.random.default_rng(seed)
    soundfile.write(content, 0.1 * rng.standard_normal(1000 + 100 * seed), rate, format=kind)
    return content.getvalue()


def samples(count: int, prefix: str = "") -> Members:
    """Samples of three members, with the audio in the middle."""
    members: Members = []
    for number in range(count):
        name, kind = f"{prefix}{number:04d}", "FLAC" if number % 2 else "WAV"
        members += [
            (f"{name}.json", json.dumps({"number": number}).encode()),
            (f"{name}.{kind.lower()}", audio(number, RATES[number % 3], kind)),
            (f"{name}.txt", "Wörter".encode()),
        ]
    return members


def write_tar(path: str, members: Members, kind: str = "gnu") -> None:
    with tarfile.open(path, "w", format=FORMATS[kind]) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(content), 1_700_000_000, "somebody"
            tar.addfile(info, io.BytesIO(content))


def read_tar(path: str) -> Members:
    with tarfile.open(path) as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]


def resampled(members: Members, *options: str) -> dict[str, bytes]:
    """The audio of members, resampled as plain files."""
    for name, content in members:
        path = Path("plain", name.lstrip("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    run("resample", "plain", "-d", "made", "-r", "16k", "-q", *options)
    paths = [path for path in Path("made").rglob("*.*") if path.is_file()]
    return {str(path.relative_to("made")): path.read_bytes() for path in paths}


def is_audio(name: str) -> bool:
    return name.endswith((".wav", ".flac"))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("prefix", ["", "speaker 1/ä.b/", "long" * 40 + "/"])
def test_audio_changes_and_everything_else_passes(kind: str, prefix: str) -> None:
    if kind == "ustar" and len(prefix) > 100:
        prefix = "long" * 20 + "/" + "name" * 10
    members = samples(4, prefix)
    write_tar("in.tar", members, kind)
    run("resample", "in.tar", "-d", "out", "-r", "16k")
    wanted = resampled(members)
    after = read_tar("out/in.tar")
    assert [name for name, _ in after] == [name for name, _ in members]
    for (name, content), (_, before) in zip(after, members, strict=True):
        assert content == (wanted[name] if is_audio(name) else before)
    with tarfile.open("out/in.tar") as tar:
        assert {(info.mtime, info.uname) for info in tar} == {(1_700_000_000, "somebody")}
    assert Path("out/in.tar").stat().st_size % tarfile.RECORDSIZE == 0


def test_the_headers_of_other_members_are_not_written_anew() -> None:
    write_tar("in.tar", samples(1), "pax")
    with tarfile.open("in.tar") as tar:
        first, _, last = (range(info.offset, info.offset_data + info.size) for info in tar)
    run("resample", "in.tar", "-d", "out", "-r", "16k")
    before, after = Path("in.tar").read_bytes(), Path("out/in.tar").read_bytes()
    assert after[: first.stop] == before[: first.stop]
    assert before[last.start : last.stop] in after


def test_headers_for_all_members_links_and_folders_pass() -> None:
    with tarfile.open("in.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "of all"}) as tar:
        for kind, name in ((tarfile.DIRTYPE, "a"), (tarfile.SYMTYPE, "a/link.wav")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "0.wav" if kind == tarfile.SYMTYPE else ""
            tar.addfile(info)
        content = audio(0, 44_100)
        info = tarfile.TarInfo("a/0.wav")
        info.size, info.pax_headers = (
            len(content),
            {"mtime": "1700000000.25", "LIBARCHIVE.xattr.user.x": "y"},
        )
        tar.addfile(info, io.BytesIO(content))
    run("resample", "in.tar", "-d", "out", "-r", "16k")
    with tarfile.open("out/in.tar") as tar:
        folder, link, file = tar
        assert tar.pax_headers == {"comment": "of all"}
        assert (folder.type, link.type, link.linkname) == (tarfile.DIRTYPE, tarfile.SYMTYPE, "0.wav")
        assert file.mtime == 1_700_000_000.25
        assert file.pax_headers["LIBARCHIVE.xattr.user.x"] == "y"
        assert soundfile.info(tar.extractfile(file)).samplerate == 16_000


def test_several_shards_by_a_pattern_and_their_manifest() -> None:
    for number in range(11):
        write_tar(f"shard-{number:02d}.tar", samples(2, f"{number}/"))
    run("resample", "shard-{00..10}.tar", "-d", "out", "-r", "16k", "--shard", "2/2")
    assert "out: 6 of 11 batches are not done" in run("gather", "out", code=1).stderr
    run("resample", "shard-{00..10}.tar", "-d", "out", "-r", "16k", "--shard", "1/2")
    assert run("gather", "out").stdout == "out/manifest.jsonl\n"
    lines = [json.loads(line) for line in Path("out/manifest.jsonl").read_text().splitlines()]
    assert len(lines) == 22
    for line in lines:
        info = soundfile.info(io.BytesIO(dict(read_tar(f"out/{line['path']}"))[line["member"]]))
        assert (line["sampling_rate"], line["num_samples"]) == (info.samplerate, info.frames)
        assert line["duration"] == info.duration


@pytest.mark.parametrize("at", [0, 1])
def test_a_sample_that_fails_is_dropped_as_a_whole(at: int) -> None:
    members = samples(3)
    members[1 + 3 * at] = (members[1 + 3 * at][0], b"RIFF")
    write_tar("in.tar", members)
    said = run("resample", "in.tar", "-d", "out", "-r", "16k", code=3).stderr
    assert f"in.tar/{members[1 + 3 * at][0]}: " in said
    assert [name for name, _ in read_tar("out/in.tar")] == [
        name for number, (name, _) in enumerate(members) if number // 3 != at
    ]
    (failed,) = [json.loads(line) for line in Path("out/failed.jsonl").read_text().splitlines()]
    assert failed["member"] == members[1 + 3 * at][0]
    assert failed["error"] in said
    members[1 + 3 * at] = (members[1 + 3 * at][0], audio(at, 8000, "WAV"))
    write_tar("in.tar", members)
    run("resample", "in.tar", "-d", "out", "-r", "16k", "--retry-failed")
    assert len(read_tar("out/in.tar")) == 9
    assert not Path("out/failed.jsonl").exists()


def test_a_sample_that_fails_can_fail_its_tar_file() -> None:
    write_tar("good.tar", samples(1))
    write_tar("bad.tar", [*samples(1), ("x.wav", b"RIFF")])
    shards = ["good.tar", "bad.tar", "-d", "out", "-r", "16k", "--on-error", "fail"]
    assert "bad.tar/x.wav: " in run("resample", *shards, code=3).stderr
    assert sorted(os.listdir("out")) == ["_convt", "failed.jsonl", "good.tar", "manifest.jsonl"]  # noqa: PTH208


def test_another_file_type_changes_the_names() -> None:
    members = samples(2)
    write_tar("in.tar", members)
    run("resample", "in.tar", "-d", "out", "-r", "16k", "--format", "flac")
    after = read_tar("out/in.tar")
    assert [name for name, _ in after if is_audio(name)] == ["0000.flac", "0001.flac"]
    assert dict(after)["0000.flac"] == resampled(members, "--format", "flac")["0000.flac"]


def test_two_members_that_would_be_one_are_refused() -> None:
    write_tar("in.tar", [("a.wav", audio(0, 8000)), ("a.flac", audio(1, 8000, "FLAC")), *samples(1)])
    said = run("resample", "in.tar", "-d", "out", "-r", "16k", "--format", "wav", code=3).stderr
    assert "in.tar: a.flac and a.wav would both become a.wav: leave out --format" in said
    assert [name for name, _ in read_tar("out/in.tar")] == ["0000.json", "0000.wav", "0000.txt"]


def test_names_that_lead_elsewhere_are_only_names() -> None:
    members = [("/tmp/absolute.wav", audio(0, 8000)), ("../../up.wav", audio(1, 8000))]  # noqa: S108
    write_tar("in.tar", members)
    Path("deep/er").mkdir(parents=True)
    run("resample", "in.tar", "-d", "deep/er/out", "-r", "16k")
    assert [name for name, _ in read_tar("deep/er/out/in.tar")] == [name for name, _ in members]
    assert not list(Path().rglob("*.wav"))


def test_a_tar_file_that_is_cut_is_refused_wherever_it_is_cut() -> None:
    write_tar("in.tar", samples(2))
    whole = Path("in.tar").read_bytes()
    with tarfile.open("in.tar") as tar:
        *_, last = tar
        end = last.offset_data + 512
        starts = [info.offset for info in tar.getmembers()]
    cuts = [*starts[1:], starts[0] + 512, starts[3] + 512, starts[1] + 1000, end, end + 512]
    for number, cut in enumerate(cuts):
        Path("in.tar").write_bytes(whole[:cut])
        said = run("resample", "in.tar", "-d", f"out{number}", "-r", "16k", code=1).stderr
        assert "in.tar: ends in the middle of" in said or "in.tar: its end is missing" in said
        assert not Path(f"out{number}/in.tar").exists()
    Path("in.tar").write_bytes(whole[: end + 1024])
    run("resample", "in.tar", "-d", "out", "-r", "16k")


def test_the_whole_members_of_a_cut_tar_file_can_be_kept() -> None:
    members = samples(2)
    write_tar("in.tar", members)
    with tarfile.open("in.tar") as tar:
        last = tar.getmembers()[5]
    Path("in.tar").write_bytes(Path("in.tar").read_bytes()[: last.offset_data + 3])
    said = run("resample", "in.tar", "-d", "out", "-r", "16k", "--allow-truncated", "-q").stderr
    assert "warning: " in said
    assert "in.tar: ends in the middle of 0001.txt" in said
    assert [name for name, _ in read_tar("out/in.tar")] == [name for name, _ in members[:5]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "in.tar: not a tar file, or damaged at byte 0"),
        (b"RIFF" * 1000, "in.tar: not a tar file, or damaged at byte 0"),
    ],
)
def test_files_that_are_no_tar_files(content: bytes, said: str) -> None:
    Path("in.tar").write_bytes(content)
    assert said in run("resample", "in.tar", "-d", "out", "-r", "16k", code=1).stderr


def test_a_damaged_header_is_found() -> None:
    write_tar("in.tar", samples(2))
    whole = bytearray(Path("in.tar").read_bytes())
    with tarfile.open("in.tar") as tar:
        third = tar.getmembers()[3].offset
    whole[third + 5] ^= 1
    Path("in.tar").write_bytes(whole)
    said = run("resample", "in.tar", "-d", "out", "-r", "16k", code=1).stderr
    assert f"in.tar: damaged at byte {third}: there is no header of a member" in said


def test_tar_files_without_audio_or_without_members_pass() -> None:
    write_tar("text.tar", [("a.txt", b"a")])
    write_tar("empty.tar", [])
    said = run("resample", "text.tar", "empty.tar", "-d", "out", "-r", "16k").stderr
    assert "text.tar: no member of this tar file is audio" in said
    for name in ("text.tar", "empty.tar"):
        assert Path("out", name).read_bytes() == Path(name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in.tar", "-r", "16k"], "tar files need -d DIR"),
        (["in.tar", "a.wav", "-r", "16k", "-d", "out"], "a.wav: is no tar file as the others are"),
        (["in.tar", "-r", "16k", "-d", "out", "--skip-existing"], "--skip-existing does not go with"),
        (["a.wav", "-r", "16k", "--on-error", "fail"], "--on-error is for the clips of a manifest"),
    ],
)
def test_misuse(arguments: list[str], said: str) -> None:
    assert said in run("resample", *arguments, code=2).stderr


def test_another_list_of_tar_files_is_refused() -> None:
    for name in ("a.tar", "b.tar"):
        write_tar(name, samples(1))
    run("resample", "a.tar", "-d", "out", "-r", "16k")
    said = run("resample", "a.tar", "b.tar", "-d", "out", "-r", "16k", code=1).stderr
    assert "out: was begun in another way: the list of tar files" in said


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it closes no file
def test_webdataset_reads_the_result() -> None:
    webdataset = pytest.importorskip("webdataset")
    members = samples(4)
    write_tar("in.tar", members)
    run("resample", "in.tar", "-d", "out", "-r", "16k", "--format", "flac")
    read: list[Any] = list(webdataset.WebDataset("out/in.tar", shardshuffle=False, empty_check=False))
    assert [sample["__key__"] for sample in read] == ["0000", "0001", "0002", "0003"]
    assert [sample["json"] for sample in read] == [content for name, content in members if "json" in name]
    assert {soundfile.info(io.BytesIO(sample["flac"])).samplerate for sample in read} == {16_000}


def test_names_keep_their_form() -> None:
    members = [("./a.json", b"{}"), ("./a.wav", audio(0, 8000)), (".//b.wav", audio(1, 8000))]
    write_tar("in.tar", members)
    run("resample", "in.tar", "-d", "out", "-r", "16k")
    assert [name for name, _ in read_tar("out/in.tar")] == [name for name, _ in members]
    run("resample", "in.tar", "-d", "flac", "-r", "16k", "--format", "flac")
    assert [name for name, _ in read_tar("flac/in.tar")] == ["./a.json", "./a.flac", ".//b.flac"]


def test_a_name_twice_passes() -> None:
    members = [("a.wav", audio(0, 8000)), ("a.wav", audio(1, 8000)), ("a.json", b"{}")]
    write_tar("in.tar", members)
    run("resample", "in.tar", "-d", "out", "-r", "16k")
    assert [name for name, _ in read_tar("out/in.tar")] == ["a.wav", "a.wav", "a.json"]


def test_a_dot_in_a_folder_begins_no_sample() -> None:
    write_tar("in.tar", [("a.b/c", b"c"), ("a.wav", b"RIFF"), ("a.b/d", b"d")])
    run("resample", "in.tar", "-d", "out", "-r", "16k", code=1)
    assert [name for name, _ in read_tar("out/in.tar")] == ["a.b/c", "a.b/d"]


def test_all_audio_of_a_sample_that_is_left_out_is_listed() -> None:
    members = [(f"a.{number}.wav", audio(number, 8000)) for number in range(3)]
    write_tar("in.tar", [members[0], ("a.1.wav", b"RIFF"), members[2], ("b.wav", audio(3, 8000))])
    said = run("resample", "in.tar", "-d", "out", "-r", "16k", code=3).stderr
    assert "3 of 4 files failed" in said
    failed = [json.loads(line) for line in Path("out/failed.jsonl").read_text().splitlines()]
    assert [line["member"] for line in failed] == ["a.0.wav", "a.1.wav", "a.2.wav"]
    assert failed[0]["error"] == failed[2]["error"] == "left out with a.1.wav, which failed"


def write_links(target: bytes) -> None:
    with tarfile.open("in.tar", "w") as tar:
        info = tarfile.TarInfo("a.wav")
        info.size = len(target)
        tar.addfile(info, io.BytesIO(target))
        for number, kind in enumerate((tarfile.LNKTYPE, tarfile.SYMTYPE)):
            link = tarfile.TarInfo(f"link{number}.wav")
            link.type, link.linkname = kind, "a.wav"
            tar.addfile(link)


def test_links_lead_to_the_new_name() -> None:
    write_links(audio(0, 8000))
    run("resample", "in.tar", "-d", "out", "-r", "16k", "--format", "flac")
    with tarfile.open("out/in.tar") as tar:
        assert [(info.name, info.linkname) for info in tar] == [
            ("a.flac", ""),
            ("link0.flac", "a.flac"),
            ("link1.flac", "a.flac"),
        ]
        assert soundfile.info(tar.extractfile("link0.flac")).samplerate == 16_000


def test_a_link_to_a_member_that_was_left_out_is_left_out() -> None:
    write_links(b"RIFF")
    said = run("resample", "in.tar", "-d", "out", "-r", "16k", code=1).stderr
    assert "in.tar/link0.wav: is a link to a.wav, which was left out" in said
    with tarfile.open("out/in.tar") as tar:
        assert tar.getnames() == ["link1.wav"]


@pytest.mark.parametrize("after", [b"junk", None])
def test_content_after_the_end_is_refused(after: bytes | None) -> None:
    write_tar("in.tar", samples(1))
    whole = Path("in.tar").read_bytes()
    Path("in.tar").write_bytes(whole + (after or whole))
    said = run("resample", "in.tar", "-d", "out", "-r", "16k", code=1).stderr
    assert "in.tar: has more content after its end, perhaps another tar file" in said
    run("resample", "in.tar", "-d", "kept", "-r", "16k", "--allow-truncated")
    assert len(read_tar("kept/in.tar")) == 3


def test_names_that_are_not_utf_8_pass() -> None:
    content = audio(0, 8000)
    with tarfile.open("in.tar", "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as tar:
        info = tarfile.TarInfo("caf\xe9.wav")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    run("resample", "in.tar", "-d", "out", "-r", "16k")
    with tarfile.open("out/in.tar", encoding="latin-1") as tar:
        assert tar.getnames() == ["caf\xe9.wav"]
    (line,) = [json.loads(line) for line in Path("out/manifest.jsonl").read_text().splitlines()]
    assert line["member"] == "caf\udce9.wav"
