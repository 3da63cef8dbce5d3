"""Taps as text: a column or a row of numbers, as filter design programs write them.

# sox fir, MATLAB, Octave, numpy.savetxt, spreadsheets      lines of comment: # % // ;
taps                                                        one line of words: a title
-1.25e-3
0.5
"""

import re
from typing import BinaryIO

import numpy as np

from convt.errors import WeightsError
from convt.weightfiles.contract import Tensor

_LONGEST = 1 << 26  # bytes: some two million taps
_COMMENT = ("#", "%", "//", ";")
_SHOWN = 20  # letters of what is no number
_WANTED = "taps as text are one column, or one row, of numbers"


def read_text(file: BinaryIO) -> list[Tensor]:
    """Return the taps of a text file.

    Raises
    ------
    WeightsError
        It is no text, or holds other things than a column or a row of numbers.
    """
    taps = np.array(_numbers(_text(file)))
    return [Tensor("weight", taps.shape, taps.dtype.name, lambda: taps)]


def _text(file: BinaryIO) -> str:
    file.seek(0)
    content = file.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise WeightsError(f"as text it is too long: more than {_LONGEST} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise WeightsError("is no file of weights: .npy, .npz, .safetensors, sound, or taps as text")
    return text


def _numbers(text: str) -> list[float]:
    rows = list[list[float]]()
    titled = False
    for count, line in enumerate(text.splitlines(), 1):
        words = re.findall(r"[^\s,;\"]+", line)
        if not words or line.lstrip().startswith(_COMMENT):
            continue
        if not rows and not titled and not any(map(_is_number, words)):
            titled = True
            continue
        if wrong := [word for word in words if not _is_number(word)]:
            raise WeightsError(f"line {count}: {wrong[0][:_SHOWN]!r} is no number; {_WANTED}")
        rows.append([float(word) for word in words])
        if len(rows) > 1 and len(rows[0]) + len(rows[-1]) > 2:
            raise WeightsError(f"line {count}: several numbers a line, and several lines; {_WANTED}")
    if not rows:
        raise WeightsError(f"there is no number in it; {_WANTED}")
    return [number for row in rows for number in row]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return "_" not in word
