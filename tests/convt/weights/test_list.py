"""Which weights of a file are listed, and how they are described."""

import numpy as np
from safetensors.numpy import save_file

import convt
from tests.support.checkpoints import ones, save_npz


def test_numbers_in_names_are_in_order() -> None:
    save_file({f"ups.{n}.weight": ones(1, 1, 3) for n in (10, 9, 1)}, "w.safetensors")
    names = [entry.name for entry in convt.list_weights("w.safetensors").entries]
    assert names == ["ups.1", "ups.9", "ups.10"]


def test_groups_are_those_that_the_bias_allows() -> None:
    save_npz({"a.weight": ones(4, 1, 3), "a.bias": ones(4), "b.weight": ones(4, 2, 3)})
    assert [entry.groups for entry in convt.list_weights("w.npz").entries] == [4, 1]


def test_vectors_are_kernels_only_where_nothing_else_is() -> None:
    np.savez("w.npz", h=ones(5), g=ones(2, 5), words=np.array(["a"]))
    entries = convt.list_weights("w.npz")
    assert [entry.name for entry in entries.entries] == ["g", "h"]
    assert entries.other_tensors == ("words",)


def test_the_list_knows_layouts() -> None:
    save_npz({"up.kernel": ones(16, 3, 5), "up.bias": ones(3)})
    (entry,) = convt.list_weights("w.npz", layout="keras").entries
    assert (entry.channels, entry.taps, entry.shape) == ((5, 3), 16, (16, 3, 5))


def test_a_list_of_a_file_without_names() -> None:
    np.save("w.npy", ones(5))
    (entry,) = convt.list_weights("w.npy").entries
    assert (entry.name, entry.taps) == ("weight", 5)
    assert convt.load_weights("w.npy", entry.name).weight.shape == (5,)
