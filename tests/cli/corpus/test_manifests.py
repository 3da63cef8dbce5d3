"""A manifest resampled: whole, in shards, killed and resumed, with clips that fail."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from convt_cli import corpus
from convt_cli.files.atomic_write import atomic_write
from tests.cli.corpus.commands import RATES, RESAMPLE, contents, gathered, run, write_clips, write_manifest
from tests.support.command import CONVT
from tests.support.processes import until


def test_the_manifest_is_right_to_the_sample() -> None:
    before = write_clips(30)
    result = run(*RESAMPLE)
    assert result.stdout == "out/manifest.jsonl\n"
    after = gathered()
    assert [line["id"] for line in after] == [line["id"] for line in before]
    for old, new in zip(before, after, strict=True):
        assert list(new) == list(old)
        assert new["text"] == old["text"]
        info = soundfile.info(Path("out", new["audio_filepath"]))
        assert info.samplerate == 16_000
        assert new["duration"] == info.frames / 16_000
        assert new["audio_filepath"] == old["audio_filepath"].removeprefix("raw/")
    run("resample", "raw", "-d", "plain", "-r", "16k", "-q")
    assert contents("out") == contents("plain")
    assert not Path("out/failed.jsonl").exists()


def test_a_second_run_does_nothing_and_other_options_are_refused() -> None:
    lines = write_clips(3)
    run(*RESAMPLE)
    times = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.wav")}
    run(*RESAMPLE)
    assert times == {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.wav")}
    said = run(*RESAMPLE[:-1], "8k", "--quality", "best", code=1).stderr
    assert "out: was begun in another way: " in said
    assert "--rate 8000, before 16000" in said
    assert "--quality best, before not given" in said
    write_manifest(lines[:2])
    assert "was begun in another way: the content of the manifest" in run(*RESAMPLE, code=1).stderr


def test_shards_are_gathered_when_all_are_done() -> None:
    write_clips(25)
    run(*RESAMPLE, "--shard", "2/2")
    said = run("gather", "out", code=1).stderr
    assert "out: 13 of 25 batches are not done (1, 3, 5, 7, " in said
    assert "): run the same convt resample again, all shards of it, and then convt gather" in said
    assert not Path("out/manifest.jsonl").exists()
    result = run(*RESAMPLE, "--shard", "1/2")
    assert "shard 1 of 2 is done; when all are: convt gather out" in result.stderr
    assert run("gather", "out").stdout == "out/manifest.jsonl\n"
    run(*RESAMPLE[:4], "whole", *RESAMPLE[5:])
    assert contents("out") == contents("whole")
    assert gathered() == gathered("whole")


def test_a_run_that_is_killed_goes_on_where_it_was() -> None:
    write_clips(100)
    run(*RESAMPLE[:4], "whole", *RESAMPLE[5:])
    for made in (5, 30):
        process = subprocess.Popen(
            [*CONVT, *RESAMPLE, "-q"], start_new_session=True, stdout=subprocess.DEVNULL
        )
        until(lambda: len(list(Path("out").rglob("*.wav"))) >= made)  # noqa: B023  # called at once
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert len(list(Path("out").rglob("*.wav"))) < 100
    run(*RESAMPLE)
    assert contents("out") == contents("whole")
    assert gathered() == gathered("whole")
    assert not list(Path("out").rglob("*.part"))


def test_a_clip_that_fails_is_named_and_can_be_tried_again() -> None:
    lines = write_clips(5)
    good = Path("raw/speaker3/clip3.wav").read_bytes()
    Path("raw/speaker3/clip3.wav").write_bytes(b"RIFF")
    result = run(*RESAMPLE, code=3)
    assert "1 of 5 files failed" in result.stderr
    assert [line["id"] for line in gathered()] == [0, 1, 2, 4]
    (failed,) = [json.loads(line) for line in Path("out/failed.jsonl").read_text().splitlines()]
    assert failed | {"error": ""} == lines[3] | {"error": ""}
    assert "clip3.wav: truncated" in failed["error"]
    Path("raw/speaker3/clip3.wav").write_bytes(good)
    run(*RESAMPLE, code=3)  # a record says that it has failed
    run(*RESAMPLE, "--retry-failed")
    assert [line["id"] for line in gathered()] == [0, 1, 2, 3, 4]
    assert not Path("out/failed.jsonl").exists()


def test_an_output_that_is_gone_is_noticed_and_made_again() -> None:
    write_clips(3)
    run(*RESAMPLE)
    whole = contents("out")
    Path("out/speaker1/clip1.wav").unlink()
    said = run("gather", "out", code=1).stderr
    assert "outputs that are missing or changed: 1 (out/speaker1/clip1.wav)" in said
    run(*RESAMPLE, "--retry-failed")
    assert contents("out") == whole


def test_a_file_of_somebody_else_is_kept() -> None:
    write_clips(2)
    Path("out/speaker0").mkdir(parents=True)
    Path("out/speaker0/clip0.wav").write_bytes(b"mine")
    said = run(*RESAMPLE, code=3).stderr
    assert "out/speaker0/clip0.wav: already exists with other content; remove it, or use" in said
    assert Path("out/speaker0/clip0.wav").read_bytes() == b"mine"
    run(*RESAMPLE, "--retry-failed", "--overwrite")
    assert soundfile.info("out/speaker0/clip0.wav").samplerate == 16_000


def test_segments_share_a_file_that_is_made_once() -> None:
    clips = write_clips(2)
    rate = RATES[0]
    first = {"audio_filepath": clips[0]["audio_filepath"], "sampling_rate": rate}
    segments = [first | {"offset": n * 0.01, "duration": 0.01, "num_samples": 441} for n in range(70)]
    write_manifest([*segments, clips[1]])
    run(*RESAMPLE)
    assert len(contents("out")) == 2
    after = gathered()
    assert [line["offset"] for line in after[:70]] == [segment["offset"] for segment in segments]
    assert {(line["duration"], line["num_samples"], line["sampling_rate"]) for line in after[:70]} == {
        (0.01, 160, 16_000)
    }


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ({"path": "raw/speaker0/clip0.wav", "sample_rate": 1, "frames": 2}, ("path",)),
        ({"file_name": "raw/speaker0/clip0.wav"}, ("file_name",)),
        ({"audio": {"path": "raw/speaker0/clip0.wav"}}, ("audio", "path")),
        ({"path": 5, "audio": "raw/speaker0/clip0.wav"}, ("audio",)),
        ({"path": {"x": 1}, "file_name": "raw/speaker0/clip0.wav"}, ("file_name",)),
        (
            {
                "sources": [{"type": "file", "channels": [0], "source": "raw/speaker0/clip0.wav"}],
                "sampling_rate": 44_100,
                "num_samples": 9,
                "duration": 1.0,
            },
            ("sources", 0, "source"),
        ),
    ],
)
def test_the_fields_of_other_toolkits(line: dict[str, Any], path: tuple[Any, ...]) -> None:
    write_clips(1)
    write_manifest([line])
    run(*RESAMPLE)
    (new,) = gathered()
    found: Any = new
    for step in path:
        found = found[step]
    frames = soundfile.info(Path("out", found)).frames
    expected = {"sample_rate": 16_000, "sampling_rate": 16_000, "frames": frames, "num_samples": frames}
    expected |= {"duration": frames / 16_000}
    assert {name: new[name] for name in expected if name in line} == {
        name: value for name, value in expected.items() if name in line
    }


def test_comma_separated_values() -> None:
    write_clips(2)
    rows = [
        ["id", "path", "duration", "text"],
        ["a", "raw/speaker0/clip0.wav", "1", 'x, "y"'],
        ["b", "raw/speaker1/clip1.wav", "2", ""],
    ]
    with Path("train.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    run("resample", "--manifest", "train.csv", "-d", "out", "-r", "16k")
    with Path("out/manifest.csv").open(newline="") as file:
        made = list(csv.reader(file))
    assert [row[0] for row in made] == ["id", "a", "b"]
    assert made[1][3] == 'x, "y"'
    assert float(made[1][2]) == soundfile.info("out/speaker0/clip0.wav").duration


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,text,text\na.wav,1,2\n", "train.csv: the first line names the column text twice"),
        ("id\n1\n", "train.csv: the first line must name a column audio_filepath, path, "),
        ("path,text\na.wav\n", "train.csv: line 2 has 1 values, and the header 2"),
        ('path,text\na.wav,"hello\nb.wav,world"\n', "train.csv: line 2 is not comma-separated values: "),
        (f"path\n{'a' * 200_000}\n", "train.csv: line 2 is not comma-separated values: field larger"),
    ],
)
def test_comma_separated_values_that_are_wrong(text: str, said: str) -> None:
    Path("train.csv").write_text(text)
    assert said in run("resample", "--manifest", "train.csv", "-d", "out", "-r", "16k", code=1).stderr


def test_a_byte_order_mark_and_odd_texts() -> None:
    write_clips(1)
    odd = {"path": "raw/speaker0/clip0.wav", "text": "\ud800 \u2028 \x00", "sampling_rate": "8000"}
    Path("train.jsonl").write_text("\ufeff" + json.dumps(odd) + "\n\n")
    run(*RESAMPLE)
    assert gathered() == [{"path": "clip0.wav", "text": odd["text"], "sampling_rate": "16000"}]


def test_all_fields_with_the_path_are_replaced() -> None:
    write_clips(1)
    path = "raw/speaker0/clip0.wav"
    write_manifest([{"path": path, "file_name": "x", "audio": {"path": path, "sampling_rate": 44_100}}])
    run(*RESAMPLE)
    new = {"path": "clip0.wav", "sampling_rate": 16_000}
    assert gathered() == [{"path": "clip0.wav", "file_name": "x", "audio": new}]


@pytest.mark.parametrize("rate", [{}, {"sampling_rate": RATES[0]}, {"sampling_rate": 10**400}])
def test_segments_count_frames_at_the_new_rate(rate: dict[str, int]) -> None:
    write_clips(1)
    segment = {"path": "raw/speaker0/clip0.wav", "offset": 0, "duration": 0.01, "num_samples": 441}
    odd = segment | {"num_samples": float("nan")}
    write_manifest([segment | rate, odd])
    run(*RESAMPLE)
    first, second = gathered()
    assert (first["duration"], first["num_samples"]) == (0.01, 160)
    assert second["num_samples"] != second["num_samples"]  # unchanged


def test_two_lines_with_one_output_are_refused_before_any_work() -> None:
    write_clips(1)
    soundfile.write("raw/speaker0/clip0.flac", np.zeros(100), 8000)
    paths = ["raw/speaker0/clip0.wav", "raw/speaker0/clip0.flac"]
    write_manifest([{"path": path} for path in paths])
    said = run(*RESAMPLE, "--format", "wav", code=1).stderr
    assert (
        "train.jsonl: lines 1 and 2, raw/speaker0/clip0.wav and raw/speaker0/clip0.flac, would both become"
        in said
    )
    assert not Path("out").exists()


def test_nothing_is_written_outside_of_the_folder() -> None:
    write_clips(2)
    Path("deep/er").mkdir(parents=True)
    lines = [
        {"path": str(Path("raw/speaker0/clip0.wav").absolute())},
        {"path": "../../raw/speaker1/clip1.wav"},
    ]
    write_manifest(lines, "deep/er/train.jsonl")
    run("resample", "--manifest", "deep/er/train.jsonl", "-d", "out", "-r", "16k")
    assert set(contents("out")) == {"speaker0/clip0.wav", "speaker1/clip1.wav"}
    first, second = (line["path"] for line in gathered())
    assert first == str(Path("out/speaker0/clip0.wav").absolute())
    assert second == "speaker1/clip1.wav"
    Path("elsewhere").mkdir()
    Path("linked").mkdir()
    Path("linked/speaker0").symlink_to(Path("elsewhere").absolute())
    said = run("resample", "--manifest", "deep/er/train.jsonl", "-d", "linked", "-r", "16k", code=3).stderr
    assert "linked/speaker0/clip0.wav: a link leads out of linked: remove it" in said
    assert not list(Path("elsewhere").iterdir())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "train.jsonl: this manifest has no lines"),
        ("{\n", "train.jsonl: line 1 is not JSON: "),
        ("[1]\n", "train.jsonl: line 1 is not a JSON object"),
        ("\n\n{", "train.jsonl: line 3 is not JSON: "),
        ("[" * 100_000, "train.jsonl: line 1 is not JSON: maximum recursion depth exceeded"),
        (f'{{"path": {"9" * 5000}}}', "train.jsonl: line 1 is not JSON: Exceeds the limit"),
        ('{"sources": [{"source": "a"}, {"source": "b"}]}', "train.jsonl: line 1 has 2 sources: "),
        (
            '{"sources": [{"type": "command", "source": "cat"}]}',
            "train.jsonl: line 1 has a source that is not a file",
        ),
        ('{"recording": {}}', "train.jsonl: line 1 is a cut: give the manifest of its recordings"),
        ('{"path": "a.tar"}', "train.jsonl: line 1 names a tar file"),
        ('{"text": "a"}\n', "train.jsonl: line 1 names no audio: it needs a field audio_filepath, path,"),
        ("\xff\n", "train.jsonl: line 1 is not UTF-8 text"),
    ],
)
def test_manifests_that_are_none(text: str, said: str) -> None:
    Path("train.jsonl").write_bytes(text.encode("latin-1"))
    assert said in run(*RESAMPLE, code=1).stderr
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-r", "16k", "--manifest", "train.jsonl"], "--manifest needs -d DIR"),
        ([*RESAMPLE[1:], "raw"], "--manifest names the inputs: leave out IN and --files-from"),
        (["raw", "-r", "16k", "-d", "out", "--shard", "1/2"], "--shard is for the clips of a manifest"),
        (
            ["raw", "-r", "16k", "-d", "out", "--retry-failed"],
            "--retry-failed is for the clips of a manifest",
        ),
        ([*RESAMPLE[1:], "--shard", "0/2"], "--shard must be K/N, such as 1/64 to 64/64; got 0/2"),
        (["raw", "-r", "16k", "-d", "out", "--cluster", "tcp://a:1"], "--cluster is for the clips of a"),
        ([*RESAMPLE[1:], "--cluster", "tcp://a:1", "-j", "2"], "-j is for this machine: leave it out with"),
        ([*RESAMPLE[1:], "--cluster", "a"], "--cluster must be tcp://host:8786, tls://host:8786 or a"),
        ([*RESAMPLE[1:], "--skip-existing"], "--skip-existing does not go with --manifest"),
    ],
)
def test_misuse(arguments: list[str], said: str) -> None:
    write_clips(1)
    assert said in run("resample", *arguments, code=2).stderr


def test_a_folder_without_a_plan_and_a_missing_manifest() -> None:
    assert "none: holds no corpus: begin one with convt resample" in run("gather", "none", code=1).stderr
    assert "train.jsonl: cannot be read: No such file" in run(*RESAMPLE, code=1).stderr


def test_a_dry_run_counts_and_writes_nothing() -> None:
    write_clips(70)
    assert "train.jsonl: 70 lines in 70 batches, to out" in run(*RESAMPLE, "--dry-run").stderr
    assert not Path("out").exists()


def test_lhotse_reads_the_result() -> None:
    lhotse = pytest.importorskip("lhotse")
    clips = write_clips(4)
    here = Path().absolute()
    recordings = [
        {
            "id": str(clip["id"]),
            "sources": [{"type": "file", "channels": [0], "source": f"{here}/{clip['audio_filepath']}"}],
            "sampling_rate": RATES[clip["id"]],
            "num_samples": round(clip["duration"] * RATES[clip["id"]]),
            "duration": clip["duration"],
            "channel_ids": [0],
        }
        for clip in clips
        if clip["id"] % 2 == 0  # of one channel
    ]
    lhotse.RecordingSet.from_dicts(recordings).to_file("train.jsonl")
    run(*RESAMPLE)
    after = list(lhotse.RecordingSet.from_file("out/manifest.jsonl"))
    assert [recording.id for recording in after] == ["0", "2"]
    for recording in after:
        assert recording.load_audio().shape == (1, recording.num_samples)  # it checks lengths itself, too


def test_datasets_reads_the_result() -> None:
    datasets = pytest.importorskip("datasets")
    clips = write_clips(4)
    write_manifest(
        [{"audio": clip["audio_filepath"], "text": clip["text"], "sampling_rate": 0} for clip in clips]
    )
    run(*RESAMPLE)
    loaded = datasets.load_dataset("json", data_files="out/manifest.jsonl", cache_dir="cache")["train"]
    assert loaded["text"] == [clip["text"] for clip in clips]
    for path, rate in zip(loaded["audio"], loaded["sampling_rate"], strict=True):
        assert soundfile.info(Path("out", path)).samplerate == rate == 16_000


def test_an_unfinished_file_of_a_killed_run_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)  # as on systems without unnamed files
    write_clips(1)
    plan = corpus.plan("train.jsonl", "out", rate=16_000)
    with atomic_write(Path("out/clip0.wav"), overwrite=False) as unfinished:
        left = unfinished
    Path("out/clip0.wav").unlink()
    other = Path("out/.convt-0.part")  # of another output, which another process may be writing
    for path in (left, other):
        path.touch()
    assert plan.do(0).errors == ()
    assert {path.name for path in Path("out").iterdir()} == {"_convt", other.name, "clip0.wav"}


def test_the_manifest_of_the_inputs_is_not_replaced() -> None:
    write_clips(1)
    Path("train.jsonl").rename("manifest.jsonl")
    said = run("resample", "--manifest", "manifest.jsonl", "-d", ".", "-r", "16k", code=1).stderr
    assert "manifest.jsonl: convt writes a file of this name there: name another -d" in said


def test_a_cluster_needs_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    write_clips(1)
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = run(*RESAMPLE, "--cluster", "tcp://127.0.0.1:1", code=1).stderr
    assert said == "convt: --cluster needs Dask: pip install 'convt[cluster]'\n"
