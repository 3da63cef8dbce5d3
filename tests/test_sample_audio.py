"""The sample files are what the README says, and what their script makes."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

import convt

FOLDER = Path(__file__).parents[1] / "sample_audio"


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("speech_8k.wav", 8000, 1, "PCM_16"),
        ("speech_16k.flac", 16_000, 1, "PCM_16"),
        ("music_22k.flac", 22_050, 2, "PCM_24"),
        ("sweep_16k.wav", 16_000, 1, "FLOAT"),
    ],
)
def test_formats(name: str, rate: int, channels: int, subtype: str) -> None:
    info = soundfile.info(FOLDER / name)
    assert (info.samplerate, info.channels, info.subtype) == (rate, channels, subtype)
    assert 2 < info.duration < 20


def test_together_they_are_small() -> None:
    files = [
        path
        for path in FOLDER.iterdir()
        if path.suffix in (".wav", ".flac", ".npy") and "_x2.wav" not in path.name
    ]
    assert sum(path.stat().st_size for path in files) < 1_500_000


@pytest.mark.parametrize(
    ("name", "signal", "step"), [("music_22k.flac", "music", 2**-22), ("sweep_16k.wav", "sweep", 1e-7)]
)
def test_the_script_makes_them(make: ModuleType, name: str, signal: str, step: float) -> None:
    held, _ = soundfile.read(FOLDER / name)
    np.testing.assert_allclose(getattr(make, signal)(), held, rtol=0, atol=step)


def test_the_designed_kernel_is_the_built_in_one() -> None:
    np.testing.assert_allclose(
        np.load(FOLDER / "designed_x2.npy"), convt.design_kernel(2), rtol=0, atol=1e-14
    )


def test_the_learned_kernel_is_learned_from_the_speech(make: ModuleType) -> None:
    speech, _ = soundfile.read(FOLDER / "speech_8k.wav")
    weight = np.load(FOLDER / "learned_x2.npy")
    assert (weight.shape, str(weight.dtype)) == ((1, 1, 16), "float32")
    np.testing.assert_allclose(weight, make.learned(speech), rtol=0, atol=1e-4)
    gains = weight[0, 0, 0::2].sum(), weight[0, 0, 1::2].sum()
    assert abs(gains[0] - gains[1]) > 0.05
