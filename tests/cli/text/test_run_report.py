"""What is said of a run: its line, ``--verbose`` and ``--quiet``."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.command import run, upsample
from tests.support.sounds import noise_file


@pytest.mark.usefixtures("silent_input")
def test_stdout_carries_the_name_and_stderr_the_rest() -> None:
    result = run("upsample", "in.wav")
    assert (result.returncode, result.stdout) == (0, "in_x2.wav\n")
    assert result.stderr == (
        "in.wav -> in_x2.wav: 8 -> 16 kHz, 16-bit WAV (dithered), filter high (flat to 3.84 kHz,"
        " images < -195 dB), aligned\n"
    )


@pytest.mark.usefixtures("silent_input")
def test_verbose_tells_the_plan() -> None:
    result = run("upsample", "in.wav", "--verbose")
    assert re.search(
        r"^(toeplitz|spectral) engine, blocks of \d+ -> \d+ samples, (1 thread|up to \d+ threads)$",
        result.stderr,
        flags=re.MULTILINE,
    )
    assert "engine" not in run("upsample", "in.wav", "--overwrite").stderr
    both = run("upsample", "in.wav", "--quiet", "--verbose").stderr
    assert both == "convt: --verbose and --quiet contradict each other: use one of them\n"


@pytest.mark.usefixtures("silent_input")
def test_quiet_leaves_the_name_alone() -> None:
    result = run("upsample", "in.wav", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "in_x2.wav\n", "")
    soundfile.write("empty.wav", np.zeros((0, 1)), 8000)
    assert run("upsample", "empty.wav", "-q").stderr == ""


def test_several_files_tell_their_story_only_when_asked() -> None:
    for name in ("a.wav", "b.wav"):
        noise_file(name, frames=500)
    said = upsample("a.wav", "b.wav", "-d", ".")
    assert said.stdout == "a_x2.wav\nb_x2.wav\n"
    assert said.stderr == "2 of 2 files done, 0 skipped, 0 failed\n"
    said = upsample("a.wav", "b.wav", "-d", ".", "--verbose", "--overwrite")
    for name in ("a", "b"):
        assert f"{name}.wav -> {name}_x2.wav: 8 -> 16 kHz, 16-bit WAV (dithered), filter" in said.stderr
    assert len(re.findall(r"^\w+ engine, blocks of \d+ -> \d+ samples", said.stderr, re.MULTILINE)) == 2


def test_what_a_truncated_file_lacks_is_told() -> None:
    noise_file("in.wav")
    Path("in.wav").write_bytes(Path("in.wav").read_bytes()[:1044])
    warned = upsample("in.wav", "--allow-truncated").stderr
    assert "convt: warning: in.wav: truncated: ends after 500 of 1000 frames\n" in warned
