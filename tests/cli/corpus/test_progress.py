"""The progress of a corpus: in a line every minute where there is no terminal."""

import re
from pathlib import Path

import pytest

from convt_cli.corpus import run as run_module
from convt_cli.text.progress import Bar
from tests.cli.corpus.commands import RESAMPLE, run, write_clips


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "_MINUTE", 0.0)


@pytest.mark.usefixtures("hasty")
def test_a_line_says_clips_hours_speed_time_left_and_failures() -> None:
    write_clips(8)
    Path("raw/speaker2/clip2.wav").write_bytes(b"RIFF")
    lines = [line for line in run(*RESAMPLE, code=3).stderr.splitlines() if "min left" in line]
    assert len(lines) == 8
    pattern = r"(\d) of 8 clips, [\d.e-]+ h of audio(, 1 failed)?, [\d.e+]+ clips/s, \d+ min left"
    found = [re.fullmatch(pattern, line) for line in lines]
    assert [match and match[1] for match in found] == list("12345678")
    assert [bool(match and match[2]) for match in found] == [False] * 2 + [True] * 6


@pytest.mark.usefixtures("hasty")
def test_a_quiet_run_says_nothing() -> None:
    write_clips(3)
    assert run(*RESAMPLE, "-q").stderr == ""


def test_there_are_no_lines_before_a_minute_is_over() -> None:
    write_clips(3)
    assert "min left" not in run(*RESAMPLE).stderr


@pytest.mark.usefixtures("hasty")
def test_a_terminal_has_a_bar_in_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = list[str]()

    def note(self: Bar, done: float, total: float, *, more: str) -> None:
        self.is_possible = True
        shown.append(f"{done} of {total}{more}")

    monkeypatch.setattr(Bar, "__call__", note)
    write_clips(3)
    assert "min left" not in run(*RESAMPLE).stderr
    assert len(shown) == 3
    assert re.fullmatch(r"3 of 3, [\d.e-]+ h of audio", shown[-1])
