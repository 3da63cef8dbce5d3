"""Weights replaced in a checkpoint: read back as they were given, and nothing else changed."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import convt
from tests.support.checkpoints import PAIRS, safetensors, tensor, write_decoder
from tests.support.strategies import numbers

SMALL = {"ups.0": (6, 4, 16, 8), "ups.1": (4, 2, 4, 2)}


@pytest.mark.parametrize("pair", PAIRS)
def test_weight_norm_is_redone_and_all_else_is_kept_to_the_byte(pair: str) -> None:
    write_decoder("model.safetensors", SMALL, pair)
    even = convt.balance_kernel(convt.load_weights("model.safetensors", "ups.0").weight, 8)
    convt.replace_weights("model.safetensors", "even.safetensors", {"ups.0": even})
    np.testing.assert_allclose(convt.load_weights("even.safetensors", "ups.0").weight, even, rtol=1e-6)
    before, after = (Path(f"{name}.safetensors").read_bytes() for name in ("model", "even"))
    assert len(before) == len(after)
    old, new = load_file("model.safetensors"), load_file("even.safetensors")
    changed = {name for name in old if old[name].tobytes() != new[name].tobytes()}
    assert changed == {f"ups.0.{part}" for part in PAIRS[pair]}
    length = 8 + int.from_bytes(before[:8], "little")
    assert before[:length] == after[:length]


@pytest.mark.parametrize("layout", ["torch", "keras", "jax", "mlx"])
@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_every_layout_and_file_type(layout: Any, suffix: str) -> None:
    arrays: dict[str, Any] = {"up.kernel": numbers(1, (2, 3, 4), "float32"), "rest": np.arange(5.0)}
    if suffix == "npz":
        np.savez_compressed("w.npz", **arrays)
    else:
        save_file(arrays, "w.safetensors", {"written": "by hand"})
    before = convt.load_weights(f"w.{suffix}", "up", layout=layout).weight
    convt.replace_weights(f"w.{suffix}", f"v.{suffix}", {"up": before + 1}, layout=layout)
    np.testing.assert_array_equal(convt.load_weights(f"v.{suffix}", "up", layout=layout).weight, before + 1)
    np.testing.assert_array_equal(convt.load_weights(f"v.{suffix}", "rest").weight, arrays["rest"])
    if suffix == "npz":
        with zipfile.ZipFile("w.npz") as old, zipfile.ZipFile("v.npz") as new:
            assert [each.filename for each in old.infolist()] == [each.filename for each in new.infolist()]
            assert {each.compress_type for each in new.infolist()} == {zipfile.ZIP_DEFLATED}
            assert old.read("rest.npy") == new.read("rest.npy")
    else:
        with safe_open("v.safetensors", framework="numpy") as file:
            assert file.metadata() == {"written": "by hand"}


def test_the_order_and_dtype_of_an_array_are_kept() -> None:
    np.savez("w.npz", w=np.asfortranarray(numbers(1, (2, 3, 4), "float32").astype(">f4")))
    convt.replace_weights("w.npz", "v.npz", {"w": np.full((2, 3, 4), 0.5)})
    with np.load("v.npz") as arrays:
        assert arrays["w"].dtype == ">f4"
        assert np.isfortran(arrays["w"])
        assert (arrays["w"] == 0.5).all()


def test_bfloat16_is_rounded_to_the_nearest() -> None:
    Path("w.safetensors").write_bytes(safetensors({"w": tensor("BF16", [1, 1, 4], 0, 8)}, bytes(8)))
    # 8 bits of precision: 1 + 1/256 is a tie, to even; 1 + 3/256 too; a little more goes up.
    given = np.array([1 + 1 / 256, 1 + 3 / 256, 1 + 1 / 256 + 1e-5, -1 / 3], "float32")
    convt.replace_weights("w.safetensors", "v.safetensors", {"w": given.reshape(1, 1, 4)})
    written = convt.load_weights("v.safetensors").weight.reshape(-1)
    np.testing.assert_array_equal(written[:3], [1, 1 + 4 / 256, 1 + 2 / 256])
    assert abs(written[3] + 1 / 3) <= 2**-10


def test_several_layers_at_once() -> None:
    write_decoder("model.safetensors", SMALL, "weight_norm")
    new = {name: numbers(3, shape[:3], "float32") for name, shape in SMALL.items()}
    convt.replace_weights("model.safetensors", "v.safetensors", new)
    for name, weight in new.items():
        np.testing.assert_allclose(convt.load_weights("v.safetensors", name).weight, weight, rtol=1e-5)


def test_errors_say_what_is_wrong() -> None:
    np.save("w.npy", np.ones(4))
    with pytest.raises(convt.WeightsError, match=r"replaced in \.safetensors and \.npz files only"):
        convt.replace_weights("w.npy", "v.npy", {"weight": np.ones(4)})
    np.savez("w.npz", a=np.ones((1, 1, 4)))
    with pytest.raises(
        convt.WeightsError, match=r"w.npz: a: has the shape \(1, 1, 4\), and the new weight \(4,\)"
    ):
        convt.replace_weights("w.npz", "v.npz", {"a": np.ones(4)})
    with pytest.raises(convt.WeightsError, match="there is no b"):
        convt.replace_weights("w.npz", "v.npz", {"b": np.ones((1, 1, 4))})
    assert not Path("v.npz").exists()


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_the_source_is_never_the_target(suffix: str) -> None:
    arrays: dict[str, Any] = {"up": np.ones((1, 1, 4), "float32")}
    np.savez("a.npz", **arrays)
    save_file(arrays, "a.safetensors")
    Path(f"link.{suffix}").symlink_to(f"a.{suffix}")
    before = Path(f"a.{suffix}").read_bytes()
    for target in (f"a.{suffix}", f"link.{suffix}"):
        with pytest.raises(convt.WeightsError, match="is both the file to read and the one to write"):
            convt.replace_weights(f"a.{suffix}", target, arrays)
    assert Path(f"a.{suffix}").read_bytes() == before
    with pytest.raises(FileNotFoundError, match="nowhere"):
        convt.replace_weights(f"a.{suffix}", f"nowhere/a.{suffix}", arrays)


def test_numbers_that_the_file_cannot_hold() -> None:
    arrays: dict[str, Any] = {
        "int": np.ones((1, 1, 4), "int8"),
        "up.weight": np.ones((1, 1, 4), "float32"),
    }
    np.savez("w.npz", **arrays)
    weight = np.ones((1, 1, 4))
    with pytest.raises(convt.WeightsError, match="int: holds int8, into which a weight would be rounded"):
        convt.replace_weights("w.npz", "v.npz", {"int": weight})
    with pytest.raises(convt.WeightsError, match="up: holds float32, and the new weight is complex"):
        convt.replace_weights("w.npz", "v.npz", {"up": weight * 1j})
    with pytest.raises(convt.WeightsError, match=r"up\.weight: is named twice"):
        convt.replace_weights("w.npz", "v.npz", {"up": weight, "up.weight": weight})
    Path("w.safetensors").write_bytes(safetensors({"w": tensor("F8_E4M3", [1, 1, 4], 0, 4)}, bytes(4)))
    with pytest.raises(convt.WeightsError, match="has the dtype F8_E4M3"):
        convt.replace_weights("w.safetensors", "v.safetensors", {"w": weight})
    assert not Path("v.safetensors").exists()
    Path("w.safetensors").write_bytes(safetensors({"w": tensor("BF16", [1, 1, 2], 0, 4)}, bytes(4)))
    nan = np.array([0x7FFFFFFF, 0x7F800001], "uint32").view("float32").reshape(1, 1, 2)
    convt.replace_weights("w.safetensors", "v.safetensors", {"w": nan})
    assert np.isnan(convt.load_weights("v.safetensors").weight).all()
