"""The door: every bad array is refused with its name, what it is and what was wanted."""

from typing import Any

import numpy as np
import pytest

import convt

X, W = np.ones((4, 9)), np.ones((4, 3, 5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.ones(9)}, r"x must have shape \(C_in, L\) or \(N, C_in, L\), got \(9,\)"),
        ({"x": np.ones((1, 2, 4, 9))}, r"x must have shape .*, got \(1, 2, 4, 9\)"),
        ({"x": 3.0}, r"x must have shape .*, got \(\)"),
        ({"x": np.ones((3, 9))}, r"C_in = 4 channels, as weight \(4, 3, 5\) expects, got 3 in \(3, 9\)"),
        ({"x": np.ones((2, 5, 9))}, r"C_in = 4 channels.* got 5 in \(2, 5, 9\)"),
        ({"x": np.ones((4, 0))}, r"x must have at least 1 sample, got shape \(4, 0\)"),
        ({"x": [[1.0, 2.0], [3.0]]}, "x must be a rectangular array of numbers"),
        ({"weight": np.ones(5)}, r"weight must have shape \(C_in, C_out/groups, K\).* got \(5,\)"),
        ({"weight": np.ones((4, 5))}, r"weight must have shape .* got \(4, 5\)"),
        ({"weight": np.ones((4, 3, 0))}, r"none of them 0, got \(4, 3, 0\)"),
        ({"weight": np.ones((4, 0, 5))}, r"none of them 0, got \(4, 0, 5\)"),
        ({"weight": np.ones((0, 3, 5))}, r"none of them 0, got \(0, 3, 5\)"),
        ({"groups": 3}, "groups must divide C_in = 4, got 3"),
        ({"groups": 0}, "groups must be at least 1, got 0"),
        ({"bias": np.ones(4)}, r"bias must have shape \(C_out,\) = \(3,\), got \(4,\)"),
        ({"bias": np.ones(3), "groups": 2}, r"bias must have shape \(C_out,\) = \(6,\), got \(3,\)"),
        ({"bias": 1.0}, r"bias must have shape \(C_out,\) = \(3,\), got \(\)"),
        ({"bias": np.ones((3, 1))}, r"bias must have shape .* got \(3, 1\)"),
        ({"padding": 40}, "output must have at least 1 sample, got -67 for length=9"),
        ({"padding": "valid"}, "padding must be an int or one of full, center, same, causal, got 'valid'"),
    ],
)
def test_values(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(convt.ParameterError, match=message) as caught:
        convt.conv_transpose1d(**{"x": X, "weight": W, **arguments})
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, convt.ConvtError)


@pytest.mark.parametrize(
    ("weight", "arguments", "message"),
    [
        (np.ones(0), {}, r"weight must have shape \(K,\) with K at least 1, got \(0,\)"),
        (np.ones((4, 5)), {}, r"weight must have shape \(C_in, C_out/groups, K\)"),
        (np.ones(5), {"groups": 2}, r"groups must be 1 with a weight of shape \(K,\), got 2"),
        (
            np.ones(5),
            {"bias": np.ones((2, 1))},
            r"bias must be a number or have shape \(C,\), got \(2, 1\)",
        ),
        (np.ones(5), {"bias": []}, r"bias must be a number or have shape \(C,\), got \(0,\)"),
        ([[1], [1, 2]], {}, "weight must be a rectangular array of numbers"),
        (np.ones(5), {"bias": [[1], [1, 2]]}, "bias must be a rectangular array of numbers"),
        (np.ones(5), {"stride": 0}, "stride must be at least 1, got 0"),
    ],
)
def test_upsampler(weight: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(convt.ParameterError, match=message):
        convt.Upsampler(weight, **arguments)


def test_upsampler_takes_two_dimensions() -> None:
    with pytest.raises(convt.ParameterError, match=r"x must have shape \(C_in, L\), got \(1, 4, 9\)"):
        convt.Upsampler(W).process(X[np.newaxis])
    with pytest.raises(
        convt.ParameterError, match="bias must have one number or one for each of the 4 channels"
    ):
        convt.Upsampler(np.ones(5), np.ones(3)).process(X)
