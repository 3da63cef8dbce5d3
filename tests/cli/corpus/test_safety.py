"""Corpora replace no file of anybody else, and lose none of their own, whatever is damaged."""

import errno
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from convt_cli import corpus
from convt_cli.corpus import clips as clips_module
from convt_cli.corpus.corpus_plan import CorpusPlan
from convt_cli.errors import DiskFailure, Failure
from convt_cli.files.atomic_write import write_errors_as_failures
from convt_cli.run import pipeline
from tests.cli.corpus.commands import RESAMPLE, contents, gathered, run, write_clips, write_manifest
from tests.cli.corpus.test_tar_shards import samples, write_tar


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_an_input_is_never_replaced(options: list[str]) -> None:
    write_tar("in.tar", samples(1))
    before = Path("in.tar").read_bytes()
    said = run("resample", "in.tar", "-d", ".", "-r", "16k", *options, code=1).stderr
    assert "in.tar, is an input: name another -d" in said
    assert Path("in.tar").read_bytes() == before


def test_an_input_under_another_name_is_not_replaced() -> None:
    write_clips(1)
    Path("link").symlink_to("raw/speaker0")
    before = Path("raw/speaker0/clip0.wav").read_bytes()
    write_manifest([{"path": "raw/speaker0/clip0.wav"}])
    said = run(*RESAMPLE[:4], "link", *RESAMPLE[5:], "--overwrite", code=1).stderr
    assert "link/clip0.wav: is the same file as the input: name another -d" in said
    assert Path("raw/speaker0/clip0.wav").read_bytes() == before


def test_the_input_of_another_line_is_not_replaced() -> None:
    write_clips(1)
    clip = Path("raw/speaker0/clip0.wav").read_bytes()
    for folder in ("a", "a/a"):
        Path(folder).mkdir()
        Path(folder, "x.wav").write_bytes(clip)
    write_manifest([{"path": "a/x.wav"}, {"path": "a/a/x.wav"}])
    said = run(*RESAMPLE[:4], "a/a", *RESAMPLE[5:], "--overwrite", code=1).stderr
    assert "train.jsonl: the output of line 1, " in said
    assert "a/a/x.wav, is an input: name another -d" in said
    assert Path("a/a/x.wav").read_bytes() == clip


@pytest.mark.parametrize("place", ["out/failed.jsonl", "raw/../out/manifest.jsonl"])
def test_the_manifest_is_never_replaced(place: str) -> None:
    write_clips(1)
    Path("out").mkdir()
    line = json.dumps({"path": str(Path("raw/speaker0/clip0.wav").absolute())})
    Path(place).write_text(line)
    command = ["resample", "--manifest", place, "-d", "out", "-r", "16k", "--overwrite"]
    assert "convt writes a file of this name there: name another -d" in run(*command, code=1).stderr
    assert Path(place).read_text() == line


def test_a_linked_manifest_of_the_outputs_is_refused() -> None:
    write_clips(1)
    before = Path("train.jsonl").read_text()
    Path("out").mkdir()
    Path("out/manifest.jsonl").symlink_to("../train.jsonl")
    run(*RESAMPLE, code=1)
    run(*RESAMPLE, "--overwrite", code=1)
    assert Path("train.jsonl").read_text() == before


@pytest.mark.parametrize("name", ["manifest.jsonl", "failed.jsonl"])
def test_files_of_another_program_are_kept(name: str) -> None:
    write_clips(1)
    Path("out").mkdir()
    Path("out", name).write_text("mine")
    said = run(*RESAMPLE, code=1).stderr
    assert f"out/{name}: already exists, of no plan; name another -d, or use --overwrite" in said
    assert Path("out", name).read_text() == "mine"
    run(*RESAMPLE, "--overwrite")
    run(*RESAMPLE)  # they are of a plan now


def test_of_two_plans_that_begin_at_once_one_is_refused() -> None:
    write_clips(1)
    Path("train.jsonl").write_text(Path("train.jsonl").read_text() * 2000)

    def begin(rate: int) -> int | Failure:
        try:
            corpus.plan("train.jsonl", "out", rate=rate)
        except Failure as failure:
            return failure
        return rate

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(begin, [16_000, 8_000]))
    (begun,) = [result for result in results if isinstance(result, int)]
    (refused,) = [result for result in results if isinstance(result, Failure)]
    assert json.loads(Path("out/_convt/plan.json").read_text())["options"] == {"rate": str(begun)}
    assert "was begun in another way: --rate" in str(refused)


def test_folders_outside_are_neither_made_nor_written() -> None:
    write_clips(5)
    Path("else").mkdir()
    Path("out").mkdir()
    Path("out/speaker1").symlink_to("../else")
    write_manifest([{"path": "raw/speaker0/clip0.wav"}, {"path": "raw/speaker1/clip1.wav"}])
    said = run(*RESAMPLE, code=3).stderr
    assert "out/speaker1/clip1.wav: a link leads out of out: remove it" in said
    Path("linked").mkdir()
    Path("linked/_convt").symlink_to("../else")
    said = run(*RESAMPLE[:4], "linked", *RESAMPLE[5:], code=1).stderr
    assert "linked/_convt/plan.json: a link leads out of linked: remove it" in said
    assert not list(Path("else").iterdir())


def test_a_path_through_a_linked_folder_is_that_of_the_system() -> None:
    write_clips(2)
    Path("big/train").mkdir(parents=True)
    Path("raw/speaker0").rename("big/audio")
    Path("link").symlink_to("big/train")
    Path("big/train/m.jsonl").write_text('{"path": "../audio/clip0.wav"}')
    run("resample", "--manifest", "link/m.jsonl", "-d", "out", "-r", "16k")
    assert soundfile.info("out/clip0.wav").samplerate == 16_000


@pytest.mark.parametrize("path", ["a\0b.wav", "\ud800.wav", "x" * 300 + ".wav", "/", "none.wav"])
def test_a_name_that_cannot_be_fails_alone(path: str) -> None:
    write_clips(1)
    write_manifest([{"path": "raw/speaker0/clip0.wav"}])
    Path("train.jsonl").write_text(json.dumps({"path": path}) + "\n" + Path("train.jsonl").read_text())
    run(*RESAMPLE, code=3)
    assert len(gathered()) == 1
    (failed,) = [json.loads(line) for line in Path("out/failed.jsonl").read_text().splitlines()]
    assert failed["path"] == path


def test_more_shards_than_batches() -> None:
    write_clips(2)
    for shard in range(1, 5):
        run(*RESAMPLE, "--shard", f"{shard}/4")
    run("gather", "out")
    assert len(gathered()) == 2


def test_a_shard_with_failures_ends_so_each_time() -> None:
    write_clips(4)
    Path("raw/speaker2/clip2.wav").write_bytes(b"RIFF")
    for _ in range(2):
        assert "1 of 2 files failed" in run(*RESAMPLE, "--shard", "1/2", code=3).stderr
    run(*RESAMPLE, "--shard", "2/2")


def test_a_full_disk_ends_the_run_and_no_clip_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    write_clips(6)
    plan = corpus.plan("train.jsonl", "out", rate=16_000)
    real, written = pipeline.run, list[Any]()

    def full(job: Any, *arguments: Any, **options: Any) -> Any:
        written.append(job)
        if len(written) == 3:
            raise DiskFailure("out: cannot be written: No space left on device")
        return real(job, *arguments, **options)

    monkeypatch.setattr(clips_module, "run", full)
    with pytest.raises(DiskFailure):
        plan.run(jobs=1)
    assert plan.undone() == [2, 3, 4, 5]
    plan.run(jobs=1)
    assert plan.gather().failed == 0


def test_a_disk_that_is_full_is_told_from_a_clip_that_is_bad() -> None:
    for code, kind in ((errno.ENOSPC, DiskFailure), (errno.EROFS, DiskFailure), (errno.EACCES, Failure)):
        with pytest.raises(Failure) as caught, write_errors_as_failures("x"):
            raise OSError(code, os.strerror(code))
        assert type(caught.value) is kind


@pytest.mark.parametrize("damage", [b"", b"\0\0\0", b'{"line": 0', b"[]\n", b'{"x": 1}\n'])
def test_a_damaged_record_is_as_none(damage: bytes) -> None:
    write_clips(3)
    run(*RESAMPLE)
    whole = contents("out")
    Path("out/_convt/parts/00000001.jsonl").write_bytes(damage)
    Path("out/_convt/parts/99999999.jsonl").touch()
    assert "00000001.jsonl: has no record of line 2: remove it" in run("gather", "out", code=1).stderr
    run(*RESAMPLE, "--retry-failed")
    assert contents("out") == whole


@pytest.mark.parametrize("left", [0, 100])
def test_an_output_that_is_cut_is_made_again(left: int) -> None:
    write_clips(2)
    run(*RESAMPLE)
    whole = contents("out")
    os.truncate("out/speaker1/clip1.wav", left)
    assert "outputs that are missing or changed: 1" in run("gather", "out", code=1).stderr
    run(*RESAMPLE, "--retry-failed")
    assert contents("out") == whole


def test_an_output_that_another_program_changed_is_kept() -> None:
    write_clips(2)
    run(*RESAMPLE)
    Path("out/speaker1/clip1.wav").write_bytes(b"mine")
    said = run(*RESAMPLE, "--retry-failed", code=3).stderr
    assert "out/speaker1/clip1.wav: already exists with other content" in said
    assert Path("out/speaker1/clip1.wav").read_bytes() == b"mine"


def test_warnings_that_are_many_are_counted() -> None:
    write_tar("in.tar", [(f"{number}.wav", loud()) for number in range(25)])
    said = run("resample", "in.tar", "-d", "out", "-r", "48k", "-q").stderr
    assert said.count("beyond full scale clipped") == 20
    assert "5 more warnings of this kind are in the records in out/_convt/parts" in said


def loud() -> bytes:
    """A square wave at full scale, which overshoots at a higher rate."""
    content = io.BytesIO()
    soundfile.write(content, np.repeat([0.999, -0.999] * 20, 20), 8000, format="WAV")
    return content.getvalue()


def test_a_dry_run_refuses_what_the_run_would() -> None:
    write_clips(1)
    run(*RESAMPLE)
    said = run(*RESAMPLE[:-1], "8k", "--dry-run", code=1).stderr
    assert "was begun in another way: --rate 8000, before 16000" in said


def test_a_pattern_of_no_files() -> None:
    said = run("resample", "x-{5..3}.tar", "-d", "out", "-r", "16k", code=2).stderr
    assert "x-{5..3}.tar: this pattern names no file: the first number is the larger" in said


def test_a_plan_without_its_folder_of_records() -> None:
    write_clips(1)
    corpus.plan("train.jsonl", "out", rate=16_000)
    Path("out/_convt/parts").rmdir()
    assert CorpusPlan.open(Path("out")).undone().tolist() == [0]
    assert "out: 1 of 1 batches are not done" in run("gather", "out", code=1).stderr
