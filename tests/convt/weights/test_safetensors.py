"""Checkpoints: their dtypes, and what is damaged in them."""

import os
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import convt
from tests.support.checkpoints import ones, safetensors, tensor, write_mixed_layers


@pytest.mark.parametrize(
    ("bits", "number"),
    [
        (0x3F80, 1.0),
        (0xC049, -3.140625),
        (0x0001, 2.0**-133),
        (0x7F7F, (2 - 2**-7) * 2.0**127),
        (0x8000, -0.0),
    ],
)
def test_bfloat16_is_exact(bits: int, number: float) -> None:
    described = {"w": tensor("BF16", [1, 1, 1], 0, 2)}
    Path("w.safetensors").write_bytes(safetensors(described, struct.pack("<H", bits)))
    weight = convt.load_weights("w.safetensors").weight
    assert weight.dtype == np.float32
    assert (float(weight[0, 0, 0]), np.signbit(weight[0, 0, 0])) == (number, np.signbit(number))
    assert convt.list_weights("w.safetensors").entries[0].dtype == "bfloat16"


def test_float16_stays_what_it_is() -> None:
    every = np.arange(2**16, dtype="uint16").view("float16")
    save_file({"w": every[np.isfinite(every)].reshape(1, 1, -1)}, "w.safetensors")
    weight = convt.load_weights("w.safetensors").weight
    assert weight.dtype == np.float16
    np.testing.assert_array_equal(weight.ravel(), every[np.isfinite(every)])


def test_dtypes_that_are_no_numbers_here() -> None:
    described = {"w": tensor("F8_E4M3", [1, 1, 4], 0, 4)}
    Path("w.safetensors").write_bytes(safetensors(described, bytes(4)))
    (entry,) = convt.list_weights("w.safetensors").entries
    assert entry.problem == "has the dtype F8_E4M3, which numpy does not have"
    with pytest.raises(convt.WeightsError, match=r"w\.safetensors: w: has the dtype F8_E4M3, which"):
        convt.load_weights("w.safetensors", "w")


GOOD = tensor("F32", [1, 1, 4], 0, 16)

# The library's messages differ between versions, and are not passed on.
DAMAGED = "not a complete .safetensors file: it is damaged or cut short$"

BROKEN = {
    "overlapping": (safetensors({"a": GOOD, "b": tensor("F32", [4], 8, 24)}, bytes(24)), DAMAGED),
    "out of range": (safetensors({"a": tensor("F32", [1, 1, 4], 0, 1 << 40)}, bytes(16)), DAMAGED),
    "backwards": (safetensors({"a": tensor("F32", [1, 1, 4], 16, 0)}, bytes(16)), DAMAGED),
    "vast": (safetensors({"a": tensor("F32", [1 << 60], 0, 16)}, bytes(16)), DAMAGED),
    "vast header": (safetensors({}, length=1 << 60), "not a complete"),
    "long header": (safetensors({}, length=1 << 26), "not a complete"),
    "no JSON": (struct.pack("<Q", 9) + b"{'a': 1}}", DAMAGED),
    "words": (safetensors({"a": "hello"}, bytes(16)), DAMAGED),
    "truncated": (safetensors({"a": GOOD}, bytes(12)), DAMAGED),
    "empty": (b"", DAMAGED),
    "deep": (struct.pack("<Q", 100_000) + b"[" * 100_000, DAMAGED),
    "twice": (
        struct.pack("<Q", 116)
        + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'.ljust(58)
        + b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(58)
        + bytes(4),
        "",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_checkpoints(kind: str) -> None:
    content, message = BROKEN[kind]
    Path("w.safetensors").write_bytes(content)
    for load in (convt.load_weights, convt.list_weights):
        if message:
            with pytest.raises(convt.WeightsError, match=rf"^w\.safetensors: {message}") as caught:
                load("w.safetensors")
            assert "\n" not in str(caught.value)


def test_a_file_that_shrinks_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from convt.weights import safetensors

    save_file({"a": ones(1, 1, 100_000)}, "w.safetensors")  # longer than is read ahead
    whole = safetensors._tensor

    def cutting(*arguments: Any) -> Any:
        os.truncate("w.safetensors", 500)
        return whole(*arguments)

    monkeypatch.setattr(safetensors, "_tensor", cutting)
    with pytest.raises(convt.WeightsError, match=r"w\.safetensors: a: it became shorter while it was read"):
        convt.load_weights("w.safetensors")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    write_mixed_layers()
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(convt.WeightsError, match=r"pip install 'convt\[safetensors\]'"):
        convt.list_weights("model.safetensors")
