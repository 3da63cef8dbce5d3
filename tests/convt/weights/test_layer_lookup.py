"""Which layer a name means, and which bias belongs to it."""

import re
import warnings
import zipfile
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import convt
from tests.support.checkpoints import UNPRINTABLE, ones, write_mixed_layers


@pytest.mark.parametrize(
    ("wanted", "shape"),
    [
        ("dec.ups.1", (4, 2, 4)),
        ("dec.ups.1.weight", (4, 2, 4)),
        ("up", (6, 2, 5)),
        ("norm.weight", (9,)),
        ("lin", (4, 9)),
        ("only", (2, 2, 3)),
        ("only.deep", (2, 2, 3)),
        ("flax/Conv_0", (3, 1, 2)),
    ],
)
def test_a_name_a_layer_or_what_holds_one(wanted: str, shape: tuple[int, ...]) -> None:
    write_mixed_layers(
        **{
            "up": ones(6, 2, 5),
            "only.deep.convtr.weight": ones(2, 2, 3),
            "flax/Conv_0/kernel": ones(3, 1, 2),
        }
    )
    assert convt.load_weights("model.safetensors", wanted).weight.shape == shape


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (None, "which of its weights is meant? It has dec.ups.0, dec.ups.1, dec.ups.2; name one"),
        (
            "dec",
            "which of dec is meant? It has dec.ups.0, dec.ups.1, dec.ups.2; name one with tensor=",
        ),
        ("dec.ups.3", "there is no dec.ups.3; did you mean dec.ups."),
        ("dec.up", "there is no dec.up; names that contain it: dec.ups.0, dec.ups.1, dec.ups.2"),
        ("ups", "there is no ups; names that contain it: dec.ups.0, dec.ups.1, dec.ups.2"),
        ("dec.Ups.1.weight", "there is no dec.Ups.1.weight; did you mean dec.ups.1.weight"),
        ("xyzzy", "there is no xyzzy; it has dec.conv_post, dec.ups.0,"),
        ("dec.ups.0.bias", "dec.ups.0.bias is a bias; name its weight instead"),
        (
            "dec.conv_post",
            "dec.conv_post: looks like an ordinary convolution, with a weight of shape (3, 7, 5)",
        ),
        ("", "there is no "),
    ],
)
def test_names_that_do_not_name_one(wanted: str | None, message: str) -> None:
    write_mixed_layers()
    with pytest.raises(convt.WeightsError, match=re.escape(f"model.safetensors: {message}")):
        convt.load_weights("model.safetensors", wanted)


def test_a_weight_of_no_name_is_the_one_that_is_meant() -> None:
    np.savez("w.npz", weight=ones(2, 1, 4), bias=ones(1), other=ones(3, 1, 4))
    weights = convt.load_weights("w.npz")
    assert (weights.weight.shape, weights.tensors) == ((2, 1, 4), ("weight", "bias"))
    np.savez("one.npz", anything=ones(3, 1, 4))
    assert convt.load_weights("one.npz").weight.shape == (3, 1, 4)


@pytest.mark.parametrize("bias", [(4,), (2,), ()])
def test_biases_that_fit(bias: tuple[int, ...]) -> None:
    save_file({"a.weight": ones(4, 2, 3), "a.bias": np.ones(bias)}, "w.safetensors")
    weights = convt.load_weights("w.safetensors", "a")
    assert weights.bias is not None
    assert weights.bias.shape == bias
    assert weights.source == "w.safetensors: a"


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        (["a.weight_orig", "b.weight"], None, "which of its weights is meant? It has a, b; name one"),
        (["d.a.weight_v", "d.b.weight"], "d", "which of d is meant? It has d.a, d.b; name one"),
        (["d.a.weight_v"], "d", "d.a: has d.a.weight_v: neither a single weight"),
        (["u.kernel", "u.weight"], "u", "u: has u.kernel, u.weight: neither a single weight"),
    ],
)
def test_none_is_taken_for_another_that_cannot_be_read(names: list[str], wanted: Any, message: str) -> None:
    save_file(dict.fromkeys(names, ones(2, 2, 3)), "w.safetensors")
    with pytest.raises(convt.WeightsError, match=re.escape(f"w.safetensors: {message}")):
        convt.load_weights("w.safetensors", wanted)


def test_a_tensors_name_comes_before_a_layers() -> None:
    save_file({"up": ones(2, 3, 4), "up.weight": ones(2, 3, 5), "up.bias": ones(3)}, "w.safetensors")
    assert convt.load_weights("w.safetensors", "up").tensors == ("up",)
    assert convt.load_weights("w.safetensors", "up.weight").tensors == ("up.weight", "up.bias")


def test_no_two_weights_have_one_title() -> None:
    save_file({"up": ones(2, 3, 4), "up.weight": ones(2, 3, 5), "up.bias": ones(3)}, "w.safetensors")
    assert [entry.name for entry in convt.list_weights("w.safetensors").entries] == ["up", "up.weight"]


def test_the_bias_of_a_convolution_that_runs_forwards() -> None:
    for bias in ((5,), (2, 2)):
        save_file({"a.weight": ones(4, 3, 2), "a.bias": ones(*bias)}, "w.safetensors")
        with pytest.raises(convt.WeightsError, match=r"bias must have 3 numbers|bias must have shape"):
            convt.load_weights("w.safetensors", "a")
    save_file({"a.weight": ones(5, 16, 2), "a.bias": ones(7)}, "w.safetensors")
    fits = r"a: bias must have 5 numbers, .* shape \(5, 16, 2\) in the layout of mlx, got shape \(7,\)"
    with pytest.raises(convt.WeightsError, match=fits):
        convt.load_weights("w.safetensors", "a", layout="mlx")


def test_two_tensors_of_one_name_are_refused() -> None:
    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile("w.npz", "w") as archive,
    ):  # it warns, too
        for number in (1.0, 2.0):
            with archive.open("a.npy", "w") as member:
                np.save(member, np.full((1, 1, 2), number))
    with pytest.raises(convt.WeightsError, match=r"w\.npz: has two tensors named a"):
        convt.load_weights("w.npz")


def test_digits_without_end_in_a_name_are_a_name() -> None:
    save_file({"a." + "1" * 5000 + ".weight": ones(1, 1, 2)}, "w.safetensors")
    assert convt.load_weights("w.safetensors").weight.shape == (1, 1, 2)


def test_names_cannot_end_a_line_or_tell_a_terminal_what_to_do() -> None:
    save_file(dict.fromkeys(UNPRINTABLE, ones(1, 1, 2)), "w.safetensors")
    with pytest.raises(convt.WeightsError, match="which of its weights") as caught:
        convt.load_weights("w.safetensors")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize("wanted", [3, b"a", ["a"]])
def test_a_tensor_is_named_by_a_word(wanted: Any) -> None:
    np.save("w.npy", ones(3))
    with pytest.raises(convt.ParameterTypeError, match="tensor must be a str or None, got"):
        convt.load_weights("w.npy", wanted)
