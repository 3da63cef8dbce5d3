"""Corpora from Python: batches in any order, process and number, and options as on the command line."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from convt_cli import corpus
from convt_cli.corpus import scan
from convt_cli.errors import Failure, Misuse
from tests.cli.corpus.commands import RESAMPLE, contents, gathered, run, write_clips, write_manifest


def test_batches_may_be_done_in_any_order_and_again() -> None:
    write_clips(9)
    run(*RESAMPLE[:4], "whole", *RESAMPLE[5:])
    plan = corpus.plan("train.jsonl", "out", rate=16_000)
    assert plan.undone() == list(range(plan.batches)) == list(range(9))
    for batch in (7, 3, 3, 7):
        outcome = plan.do(batch)
        assert (outcome.clips, outcome.failed) == (1, 0)
    assert plan.undone() == [0, 1, 2, 4, 5, 6, 8]
    with pytest.raises(Failure, match=r"/out: 7 of 9 batches are not done \(1, 2, 3, 5, 6, 7, 9\)"):
        plan.gather()
    assert plan.run(jobs=2).clips == 7
    made = plan.gather()
    assert (made.manifest, made.clips, made.failed) == (Path("out/manifest.jsonl").absolute(), 9, 0)
    assert made.seconds == pytest.approx(sum(line["duration"] for line in gathered()))
    assert contents("out") == contents("whole")
    assert gathered() == gathered("whole")
    run(*RESAMPLE)  # the command goes on with the same plan


def test_threads_share_no_filter() -> None:
    write_clips(60)
    run(*RESAMPLE[:4], "whole", *RESAMPLE[5:])
    plan = corpus.plan("train.jsonl", "out", rate=16_000)
    with ThreadPoolExecutor(4) as pool:
        assert sum(outcome.clips for outcome in pool.map(plan.do, range(plan.batches))) == 60
    assert contents("out") == contents("whole")


def test_a_plan_can_be_sent_to_another_process() -> None:
    write_clips(2)
    plan = corpus.plan("train.jsonl", Path("out").absolute(), rate="16k")
    with get_context("spawn").Pool(1) as pool:
        assert [outcome.clips for outcome in pool.map(plan.do, [0, 1])] == [1, 1]
    assert pickle.loads(pickle.dumps(plan)).undone() == []  # noqa: S301
    assert plan.gather().clips == 2


def test_the_same_batch_at_the_same_time_is_made_once() -> None:
    lines = write_clips(1)
    plan = corpus.plan("train.jsonl", "out", rate=16_000)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(plan.do, [0] * 8))
    assert {(outcome.clips, outcome.failed) for outcome in outcomes} == {(1, 0)}
    assert plan.gather().clips == len(lines)


def test_options_are_those_of_the_command() -> None:
    write_clips(3)
    options: dict[str, Any] = {
        "rate": "8k",
        "quality": "best",
        "subtype": "pcm24",
        "gain": -1,
        "sync": False,
    }
    corpus.plan("train.jsonl", "out", **options).run()
    command = ["-r", "8k", "--quality", "best", "--subtype", "pcm24", "--gain", "-1", "--no-sync"]
    run(*RESAMPLE[:4], "whole", *command)
    assert contents("out") == contents("whole")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({}, Misuse, "--rate is missing"),
        ({"rate": "fast"}, Misuse, "rate must be a whole number of Hz"),
        ({"rate": 8000, "quality": "worst"}, Misuse, "quality must be fast or high or best; got 'worst'"),
        ({"rate": 8000, "overwrite": 1}, Misuse, "overwrite must be .*bool.*; got 1"),
        ({"rate": 8000, "sync": "no"}, Misuse, "sync must be .*; got 'no'"),
        ({"rate": 8000, "subtype": "PCM_99"}, Misuse, "PCM_99"),
        ({"rate": 8000, "dry_run": True}, TypeError, "dry_run is no option of a plan"),
        ({"rate": 8000, "weights": "w.npy"}, TypeError, "weights is no option of convt resample"),
        ({"rate": 8000, "held_source": "x"}, TypeError, "held_source is no option of convt resample"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], said: str) -> None:
    write_clips(1)
    with pytest.raises(error, match=said):
        corpus.plan("train.jsonl", "out", **options)
    assert not Path("out").exists()


def test_a_manifest_of_many_lines_has_larger_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_MOST", 10)
    write_manifest([{"path": f"{number}.wav"} for number in range(1001)])
    assert corpus.plan("train.jsonl", "out", rate=8000).batches == 10  # of 101 lines, but the last


@pytest.mark.parametrize(("lines", "batches"), [(1, 1), (100, 100), (640, 64), (6400, 100), (6401, 101)])
def test_the_number_of_batches(lines: int, batches: int) -> None:
    write_manifest([{"path": f"{number}.wav"} for number in range(lines)])
    assert corpus.plan("train.jsonl", "out", rate=8000).batches == batches


def test_inputs_batches_and_jobs_that_are_wrong() -> None:
    write_clips(2)
    for wrong in ([], ["train.jsonl"], ["a.tar", "b.wav"]):
        with pytest.raises(Misuse, match="must be one manifest, or tar files"):
            corpus.plan(wrong, "out", rate=8000)
    plan = corpus.plan("train.jsonl", "out", rate=8000, format="flac")
    for batch in (-1, 2):
        with pytest.raises(IndexError, match=f"batch must be 0 to 1; got {batch}"):
            plan.do(batch)
    for jobs in (0, -1):
        with pytest.raises(Misuse, match=f"jobs must be at least 1; got {jobs}"):
            plan.run(jobs=jobs)
    assert plan.do(0).failed == 0
    assert Path("out/speaker0/clip0.flac").exists()


def test_a_plan_is_of_its_folder_wherever_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    write_clips(1)
    plan = corpus.plan("train.jsonl", "out", rate=8000)
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert pickle.loads(pickle.dumps(plan)).do(0).failed == 0  # noqa: S301
    assert Path("../out/clip0.wav").exists()
