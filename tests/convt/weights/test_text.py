"""Taps as text."""

import re
from pathlib import Path

import numpy as np
import pytest

import convt


@pytest.mark.parametrize(
    "text",
    [
        "0.25\n-1e-3\n+3\n",
        "# a filter for sox\n0.25\n\n-1e-3\n3 # \n".replace(" # ", ""),
        "taps\n0.25\n-1e-3\n3",
        "% Discrete-Time FIR Filter (real)\n% Filter Length  : 3\nNumerator:\n 0.25\n-1e-3\n 3\n",
        "0.25, -1e-3, 3\n",
        "0.25,-1e-3,3,\n",
        "0.25;-1e-3;3",
        "\ufeff0.25\r\n-1e-3\r\n3\r\n",
        '"h"\n"0.25"\n"-1e-3"\n"3"\n',
        "0.25,\n-1e-3,\n3,\n",
        "  2.500000000000000000e-01 -1.000000000000000000e-03 3.000000000000000000e+00\n",
    ],
)
def test_taps_as_text(text: str) -> None:
    Path("w.txt").write_text(text, encoding="utf-8", newline="")
    weight = convt.load_weights("w.txt").weight
    assert weight.dtype == np.float64
    np.testing.assert_array_equal(weight, [0.25, -1e-3, 3])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "one\ntwo\nthree\n",
            "line 2: 'two' is not a number; taps as text must be one column or one row of",
        ),
        ("n, h\n0, 0.5\n1, 0.7\n", "line 3: several numbers per line on several lines"),
        (
            "0,5\n0,7\n",
            "line 1: is the comma a decimal comma or a separator? Write 0.5, and one number per line",
        ),
        ("0,5\n", "line 1: is the comma a decimal comma or a separator?"),
        ("0,1 0,2 0,3\n", "line 1: is the comma a decimal comma or a separator?"),
        ("0,1;0,2;0,3\n", "line 1: is the comma a decimal comma or a separator?"),
        ("\u22120.5\n0.5\n", "line 1: '\u22120.5' is not a number"),
        ("1.0D-3\n0.5\n", "line 1: '1.0D-3' is not a number"),
        ("[0.1\n0.2\n0.3]\n", "line 1: '[0.1' is not a number"),
        ("taps\nmore\n0.5\n", "line 2: 'more' is not a number"),
        ("0.5\n0.5 0.7\n", "line 2: several numbers per line on several lines"),
        ("1_000\n", "line 1: '1_000' is not a number"),
        ("0.5\n0.5+1j\n", "line 2: '0.5+1j' is not a number"),
        ("# nothing\n", "has no numbers"),
        ("0.5\n" + "x" * 1000 + "\n", "line 2: 'xxxxxxxxxxxxxxxxxxxx' is not a number"),
    ],
)
def test_text_that_is_no_taps(text: str, message: str) -> None:
    Path("w.csv").write_text(text)
    with pytest.raises(convt.WeightsError, match=re.escape(f"w.csv: {message}")):
        convt.load_weights("w.csv")
