"""Which kind of file it is: detected from the content."""

import json
import re
import shlex
import struct
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convt
from tests.support.checkpoints import ones, save_npz, tensor


def test_pytorch_files_are_recognised_and_told_how_to_convert(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.ConvTranspose1d(2, 3, 4)
    nested = {"generator": {"ups.0": module.state_dict()}, "steps": 5, "optim": [torch.zeros(3)]}
    torch.save(module.weight.detach(), "bare.pt")
    torch.save(nested, "old name's.pth", _use_new_zipfile_serialization=False)
    torch.save(nested, "new.pt")
    with warnings.catch_warnings(action="ignore"):  # it is deprecated
        torch.jit.script(module).save("script.pt")
    prefixes = {"old name's": "generator.ups.0", "new": "generator.ups.0", "script": None, "bare": None}
    for name in ("old name's.pth", "new.pt", "script.pt", "bare.pt"):
        with pytest.raises(
            convt.WeightsError, match="is a PyTorch file, a pickle, which can run"
        ) as caught:
            convt.load_weights(name)
        command = str(caught.value).partition("convert it with: ")[2]
        assert command.startswith("python -c ")
        subprocess.run([sys.executable, *shlex.split(command)[1:]], check=True, cwd=tmp_path)
        stem = name.rpartition(".")[0]
        weights = convt.load_weights(f"{stem}.safetensors", prefixes[stem])
        np.testing.assert_array_equal(weights.weight, module.weight.detach().numpy())


def test_pytorch_archives_are_recognised_by_their_names() -> None:
    for names, load in (
        (
            ["model/data.pkl", "model/data/0"],
            'torch.load("model.pt", map_location="cpu", weights_only=True)',
        ),
        (["m/data.pkl", "m/constants.pkl"], 'torch.jit.load("model.pt", map_location="cpu").state_dict()'),
    ):
        with zipfile.ZipFile("model.pt", "w") as archive:
            for name in names:
                archive.writestr(name, b"\x80\x02.")
        with pytest.raises(convt.WeightsError, match=re.escape(load)):
            convt.load_weights("model.pt")


def test_a_checkpoint_is_not_taken_for_what_its_length_looks_like() -> None:
    """The first of its bytes count the header's: 0x0380 of them look like a pickle, say."""
    described = json.dumps({"w": tensor("F32", [1, 1, 1], 0, 4)}).encode()
    for length in (0x0380, 0x4B50, len(described)):
        header = struct.pack("<Q", length) + described.ljust(length)
        Path("w.bin").write_bytes(header + struct.pack("<f", 7))
        assert convt.load_weights("w.bin").weight == 7


def test_pickles_are_recognised_by_their_first_bytes() -> None:
    import pickle

    Path("model.pth").write_bytes(pickle.dumps({"weight": [1.0]}))
    with pytest.raises(
        convt.WeightsError, match=r"model\.pth: is a PyTorch file.*model\.safetensors"
    ) as caught:
        convt.load_weights("model.pth")
    assert "\n" not in str(caught.value)


def test_an_npz_with_another_programs_pickle_is_not_pytorchs() -> None:
    with zipfile.ZipFile("w.npz", "w") as archive:
        archive.writestr("notes/data.pkl", b"")
        with archive.open("w.npy", "w") as member:
            np.save(member, ones(3))
    assert convt.load_weights("w.npz").weight.shape == (3,)


def test_what_else_is_in_an_archive_does_not_matter() -> None:
    save_npz({"weight": ones(2, 1, 4), "notes": np.array([{}], object), "words": np.array(["a"])})
    assert convt.load_weights("w.npz").weight.shape == (2, 1, 4)
    with pytest.raises(
        convt.WeightsError, match=r"pickled data is never loaded\): notes: an array \(1,\) of obj"
    ):
        convt.load_weights("w.npz", "notes")


def test_names_that_cannot_be() -> None:
    no_such = "no file can have this name"
    for name, reason in (("a\0b", no_such), ("a\ud800", no_such), ("x" * 300, "File name too long")):
        with pytest.raises(convt.WeightsError, match=f"cannot be read: {reason}$"):
            convt.load_weights(name)


def test_paths_of_bytes() -> None:
    np.save("w.npy", ones(3))
    path: Any = b"w.npy"
    assert convt.load_weights(path).source == "w.npy"
