"""Files that are damaged: what Hypothesis draws, and what reading them may cost."""

import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from tests.support.arrays import npy
from tests.support.audio_bytes import MOST


@contextmanager
def frugally(limit: int = 4 << 20) -> Iterator[None]:
    """See that what is done takes no more memory than so much at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


NUMBERS = [0, 1, 2, 0x7FFF, 0xFFFF, 1 << 26, (1 << 26) + 1, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, MOST]
LONG_NUMBERS = [*NUMBERS, 1 << 53, 1 << 61, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A file with some of its bytes changed, put in, left out, or cut off."""
    data = bytearray(draw(st.sampled_from(seeds))[:6000])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(len(data), 160)))
        kind = draw(st.sampled_from(["bit", "byte", "number", "long", "cut", "drop", "add", "name"]))
        if kind == "bit" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif kind == "number":
            number = draw(st.sampled_from(NUMBERS))
            data[at : at + 4] = struct.pack(draw(st.sampled_from("<>")) + "I", number)
        elif kind == "long":
            number = draw(st.sampled_from(LONG_NUMBERS))
            data[at : at + 8] = struct.pack(draw(st.sampled_from("<>")) + "Q", number)
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 30))]
        elif kind == "add":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        else:
            data[at : at + 4] = draw(
                st.sampled_from([b"data", b"fmt ", b"ds64", b"RIFX", b"RF64", b".snd"])
            )
    return bytes(data)


FEW_EXAMPLES = settings(max_examples=150)


def described(words: str, body: bytes = bytes(80), version: int = 1) -> bytes:
    head = words.encode().ljust(117) + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(head))
    return b"\x93NUMPY" + bytes([version, 0]) + size + head + body


def shaped(shape: str, descr: str = "<f4", **more: Any) -> bytes:
    return described(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}", **more)


ARRAYS = [
    npy(np.ones(5)),
    npy(np.ones((2, 3), "f4")),
    npy(np.asfortranarray(np.ones((2, 3, 4), ">i2"))),
    npy(np.ones((1, 2, 3), "c8")),
    npy(np.ones((2, 0))),
]
WORDS = [
    "True",
    "None",
    "L",
    "'",
    '"',
    "(",
    ")",
    ",",
    "\\",
    "{",
    "}",
    "-1",
    "1e9",
    "99999999999",
    "(((((",
    "O",
    "<M8",
    "V",
    "<f16",
    "|S0",
    "#",
    "j",
    "b1",
    "f2",
    ".",
]


@st.composite
def misdescribed(draw: st.DrawFn) -> bytes:
    """An array whose header, a Python literal, is damaged."""
    data = bytearray(draw(damaged(ARRAYS)))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(min(8, len(data)), min(len(data), 130)))
        word = draw(st.sampled_from(WORDS)).encode()
        data[at : at + draw(st.sampled_from([0, len(word)]))] = word
    return bytes(data)


HUGE = [
    shaped("(10000000000,)"),
    shaped("(999999999999, 3)"),
    shaped("(10" + 30 * "0" + ", 1, 0)"),
    shaped("(0, 2, 1" + 30 * "0" + ")"),
    b"\x93NUMPY\2\0\xff\xff\xff\xff{'descr'",
]
