"""Warnings about a kernel of the user's own, checked against closed forms."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.signal import firwin

import convt
from tests.support.command import facts, upsample
from tests.support.oracles import Array
from tests.support.sounds import noise_file


def advice(taps: Any, *options: str) -> list[str]:
    np.save("w.npy", taps)
    noise_file("in.wav", frames=3000)
    said = upsample("in.wav", "--weights", "w.npy", "--overwrite", *options).stderr
    return re.findall(r"^convt: warning: w\.npy: (.*)$", said, re.MULTILINE)


def good() -> Array:
    return convt.design_kernel(2, passband=0.8, rejection=80)


def test_a_designed_kernel_in_the_middle_is_fine() -> None:
    assert advice(good(), "--padding", "center") == []
    assert advice(good(), "--padding", "causal") == []  # late, as is asked for


def test_a_filter_from_scipy_loses_half_the_level_and_comes_late() -> None:
    level, late = advice(firwin(64, 0.5))
    assert level == "changes the level by -6.02 dB: multiply the taps by 2, or add --normalize"
    assert late == "the output is 31.5 samples late; --padding center aligns it"
    assert advice(2 * firwin(64, 0.5), "--padding", "center") == []


@pytest.mark.parametrize(("padding", "word"), [("0", "late"), ("64", "early")])
def test_outputs_that_are_late_or_early(padding: str, word: str) -> None:
    [line] = advice(2 * firwin(64, 0.5), "--padding", padding)
    assert re.fullmatch(rf"the output is 3[12]\.5 samples {word}; --padding center aligns it", line)


def test_normalize_keeps_the_level() -> None:
    np.save("w.npy", firwin(64, 0.5))
    soundfile.write("in.wav", np.full(2000, 0.25), 8000, "FLOAT")
    upsample("in.wav", "--weights", "w.npy", "--normalize", "--padding", "center", "--overwrite")
    assert soundfile.read("in_x2.wav")[0][2000] == pytest.approx(0.25, abs=1e-3)
    assert advice(firwin(64, 0.5), "--normalize", "--padding", "center") == []
    np.save("w.npy", np.array([1.0, -1.0]))
    assert "whose taps sum to 0" in upsample("in.wav", "--weights", "w.npy", "--normalize", code=1).stderr
    assert "--normalize scales the kernel of --weights" in upsample("in.wav", "--normalize", code=2).stderr
    np.save("w.npy", np.ones((2, 3, 4)))
    np.save("x.npy", np.ones((2, 50)))
    said = upsample("x.npy", "--weights", "w.npy", "--normalize", code=1).stderr
    assert "--normalize is for one kernel per channel, not for shape (2, 3, 4)" in said


def test_images_of_an_interpolator() -> None:
    """Linear interpolation weights a tone at 0.8 by cos(0.2*pi)**2, its image at 1.2 by sin(0.2*pi)**2."""
    [line] = advice([0.5, 1.0, 0.5], "--padding", "1")
    expected = 20 * np.log10(np.sin(0.2 * np.pi) ** 2)
    assert line == f"leaves images of {expected:.0f} dB (a designed filter: -195 dB)"


def test_phases_that_differ_in_gain() -> None:
    lines = advice(good() * np.resize([1.1, 0.9], good().size), "--padding", "center")
    assert lines[0].startswith("its phases differ in gain by up to 10 %, which adds tones")


def test_a_stride_that_the_kernel_is_not_for() -> None:
    assert advice(firwin(64, 0.5), "--rate", "44100", "--padding", "center") == [
        "64 taps leave 377 of 441 phases empty: use at least 441 taps"
    ]


def test_layers_are_not_judged_and_json_has_the_warnings() -> None:
    np.save("layer.npy", np.random.default_rng(1).standard_normal((2, 3, 4)))
    np.save("x.npy", np.ones((2, 50)))
    assert "warning" not in upsample("x.npy", "--weights", "layer.npy").stderr
    noise_file("in.wav", frames=300)
    np.save("w.npy", firwin(64, 0.5))
    assert len(facts("in.wav", "--weights", "w.npy")["warnings"]) == 2


def test_of_many_files_the_kernel_is_judged_once() -> None:
    np.save("w.npy", firwin(64, 0.5))
    for name in ("a.wav", "b.wav", "c.wav"):
        noise_file(name, frames=300)
    said = upsample("a.wav", "b.wav", "c.wav", "-d", "out", "--weights", "w.npy").stderr
    assert said.count("changes the level") == said.count("samples late") == 1
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.wav", "b.wav", "c.wav"]


def test_a_kernel_for_another_stride_is_recognised_by_its_sum() -> None:
    kernel = convt.design_kernel(3, passband=0.8, rejection=80)
    [line] = advice(kernel, "--padding", "center")
    assert line == "its taps sum to 3, as those for --stride 3 do, and not to 2"
