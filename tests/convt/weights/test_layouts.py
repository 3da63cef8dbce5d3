"""The axes of each framework's weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import convt
from tests.support.strategies import numbers


@pytest.mark.parametrize(
    ("layout", "axes"), [("keras", (2, 1, 0)), ("mlx", (1, 2, 0)), ("jax", (2, 0, 1)), ("onnx", (0, 1, 2))]
)
def test_the_axes_of_each_framework(layout: Any, axes: tuple[int, int, int]) -> None:
    weight = numbers(1, (4, 3, 5), "float32")
    own = weight[..., ::-1] if layout == "jax" else weight
    np.save("w.npy", own.transpose(axes))
    np.testing.assert_array_equal(convt.load_weights("w.npy", layout=layout).weight, weight)


def test_taps_that_no_framework_wrote_are_in_their_order() -> None:
    soundfile.write("w.wav", np.array([0.25, 0.5, 0.75]), 8000, subtype="FLOAT")
    Path("w.txt").write_text("0.25 0.5 0.75")
    for name in ("w.wav", "w.txt"):
        np.testing.assert_array_equal(convt.load_weights(name, layout="jax").weight, [0.25, 0.5, 0.75])


def test_layouts_that_there_are_not() -> None:
    misspelt: Any = "caffe"
    for load in (convt.load_weights, convt.list_weights):
        with pytest.raises(
            convt.ParameterError, match=r"layout must be one of torch, keras, .*, got 'caffe'"
        ):
            load("w.npy", layout=misspelt)
