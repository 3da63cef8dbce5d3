"""Figures that other projects publish for their own implementations, each with its source and licence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convt

VECTORS = json.loads((Path(__file__).parent / "published.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_agrees_with_published_figures(vector: dict[str, Any], dtype: str) -> None:
    x, weight = (np.array(vector[name], dtype) for name in ("x", "weight"))
    bias = None if vector["bias"] is None else np.array(vector["bias"], dtype)
    geometry = {
        name: vector[name] for name in ("stride", "padding", "output_padding", "groups", "dilation")
    }
    y = convt.conv_transpose1d(x, weight, bias, **geometry)
    expected = np.array(vector["y"], dtype)
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=0, atol=vector["tolerance"])
