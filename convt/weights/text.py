"""Read taps as text: a column or a row of numbers, as filter design programs write them.

# sox fir, MATLAB, Octave, numpy.savetxt, spreadsheets      comment lines: # % // ;
taps                                                        one line of words: a title
-1.25e-3
0.5
"""

import io
import re
from itertools import islice
from typing import BinaryIO

import numpy as np

from convt.errors import WeightsError
from convt.weights.tensor import Tensor

_LONGEST = 1 << 25  # bytes
_MOST = 1 << 20  # taps, and lines
_COMMENT = ("#", "%", "//", ";")
_SHOWN = 20  # letters of a wrong word in a message
_WORD = re.compile(r'[^\s,;"]+')
_COMMA, _OTHER = re.compile(r"\d,\d"), re.compile(r";|\d\s+[-+.\d]")
_WANTED = "taps as text must be one column or one row of numbers"


def read_text(file: BinaryIO) -> list[Tensor]:
    """Return the taps of a text file.

    Raises
    ------
    WeightsError
        The file is not text, or holds anything but a column or a row of numbers.
    """
    taps = np.array(_numbers(_text(file)))
    return [Tensor("weight", taps.shape, taps.dtype.name, lambda: taps, is_plain=True)]


def _text(file: BinaryIO) -> str:
    if (size := file.seek(0, io.SEEK_END)) > _LONGEST:
        raise WeightsError(f"is too long for taps as text: {size} bytes, more than {_LONGEST}")
    file.seek(0)
    content = file.read(size)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if text.count("\n") > _MOST:
        raise WeightsError(f"is too long for taps as text: more than {_MOST} lines")
    if "\0" in text:
        raise WeightsError("is not a weight file: .npy, .npz, .safetensors, audio, or taps as text")
    return text


def _numbers(text: str) -> list[float]:
    numbers, rows, titled = list[float](), 0, False
    for count, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(_COMMENT):
            continue
        words = _words(line, count)
        if not (rows or titled) and _is_title(words):
            titled = True
            continue
        if wrong := next((word for word in words if not _is_number(word)), None):
            raise WeightsError(f"line {count}: {wrong[:_SHOWN]!r} is not a number; {_WANTED}")
        numbers += map(float, words)
        rows += bool(words)
        if rows > 1 and len(numbers) > rows:
            raise WeightsError(f"line {count}: several numbers per line on several lines; {_WANTED}")
    if not numbers:
        raise WeightsError(f"has no numbers; {_WANTED}")
    return numbers


def _words(line: str, count: int) -> list[str]:
    """Return the words of a line, separated by commas, semicolons or white space."""
    if _COMMA.search(line) and (_OTHER.search(line) or line.count(",") == 1):
        raise WeightsError(
            f"line {count}: is the comma a decimal comma or a separator? Write 0.5, and one number per line"
        )
    words = [found[0] for found in islice(_WORD.finditer(line), _MOST + 1)]
    if len(words) > _MOST:
        raise WeightsError(f"line {count}: more than {_MOST} taps")
    return words


def _is_title(words: list[str]) -> bool:
    return all(word[0].isalpha() for word in words[:1]) and not any(map(_is_number, words))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return "_" not in word
