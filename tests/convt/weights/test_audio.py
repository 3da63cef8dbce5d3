"""Audio files as impulse responses."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

import convt
from tests.support.strategies import numbers


@pytest.mark.parametrize(
    ("subtype", "dtype"),
    [("PCM_16", "float32"), ("PCM_24", "float32"), ("PCM_32", "float64"), ("DOUBLE", "float64")],
)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", ["w.wav", "w.flac", "w.aiff"])
def test_sound_is_an_impulse_response(name: str, channels: int, subtype: str, dtype: str) -> None:
    if not soundfile.check_format(name[2:].upper(), subtype):
        return
    response = np.round(numbers(1, (channels, 50), "float64") * 1000) / 2**15
    soundfile.write(name, response.T, 48_000, subtype=subtype)
    weight = convt.load_weights(name).weight
    assert weight.shape == ((50,) if channels == 1 else (2, 50))
    assert weight.dtype == dtype
    np.testing.assert_array_equal(weight.reshape(response.shape), response)


def test_the_name_need_not_be_utf_8() -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    soundfile.write("w.wav", [0.5, 1, 0.5], 48_000, subtype="FLOAT")
    Path("w.wav").rename(name)
    assert convt.load_weights(name).weight.tolist() == [0.5, 1, 0.5]
