"""``--dry-run``: it foretells the run, refuses what the run would refuse, and writes nothing."""

import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from convt_cli.audio import headers
from tests.support.command import CONVT, all_facts, facts, parsed, run, tree, upsample
from tests.support.sounds import noise_file


def dry(*arguments: str) -> dict[str, Any]:
    before = tree()
    document = facts(*arguments, "--dry-run")
    assert tree() == before
    return document


@pytest.mark.parametrize("stride", ["2", "3"])
@pytest.mark.parametrize(
    ("name", "channels", "subtype", "options"),
    [
        ("in.wav", 1, "PCM_U8", {}),
        ("in.wav", 1, "PCM_16", {}),
        ("in.wav", 2, "PCM_16", {"endian": "BIG"}),
        ("in.wav", 3, "PCM_24", {}),
        ("in.wav", 1, "PCM_32", {}),
        ("in.wav", 2, "FLOAT", {}),
        ("in.wav", 1, "DOUBLE", {}),
        ("in.wav", 2, "PCM_16", {"format": "WAVEX"}),
        ("in.rf64", 2, "PCM_24", {}),
        ("in.au", 1, "PCM_24", {}),
        ("in.au", 1, "PCM_S8", {}),
    ],
)
def test_a_dry_run_knows_the_size_to_the_byte(
    name: str, channels: int, subtype: str, options: dict[str, str], stride: str
) -> None:
    noise_file(name, channels, 1001, subtype, **options)
    foretold = dry(name, "--stride", stride)
    made = facts(name, "--stride", stride)
    del made["input"]["sha256"], made["output"]["sha256"]  # which a dry run does not read for
    assert (foretold["input"].pop("sha256"), foretold["output"].pop("sha256")) == (None, None)
    assert made["output"]["bytes"] == Path(made["output"]["path"]).stat().st_size
    for same in ("input", "output", "geometry", "kernel", "computed"):
        assert foretold[same] == made[same]


def test_a_dry_run_knows_the_size_where_a_header_has_room_to_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "WAV_LIMIT", 4200)
    noise_file("in.wav")
    assert dry("in.wav")["output"] == facts("in.wav")["output"] | {"sha256": None}


def test_a_dry_run_says_length_delay_size_and_memory() -> None:
    noise_file("in.wav", frames=1001)
    np.save("w.npy", np.ones(5))
    result = upsample("in.wav", "--weights", "w.npy", "--dry-run")
    assert result.stdout == ""
    assert "kernel w.npy, 2 samples late" in result.stderr
    assert re.search(r"in_x2\.wav: 2005 samples, 4054 bytes; about \d+ MB of memory\n", result.stderr)
    assert tree() == ["in.wav", "w.npy"]
    assert upsample("in.wav", "--dry-run", "-q").stderr == ""


def test_a_dry_run_says_what_it_does_not_know() -> None:
    noise_file("in.wav")
    assert dry("in.wav", "-o", "out.flac")["output"]["bytes"] is None
    said = upsample("in.wav", "-o", "out.flac", "--dry-run").stderr
    assert "out.flac: 2000 samples, unknown size; about" in said
    np.save("x.npy", np.ones((2, 50)))
    size = dry("x.npy")["output"]["bytes"]
    assert size in (None, facts("x.npy")["output"]["bytes"])


@pytest.mark.parametrize("target", ["out.wav", "out.flac"])
def test_a_dry_run_names_the_metadata_that_would_be_lost(target: str) -> None:
    noise_file("in.wav")
    data = Path("in.wav").read_bytes() + b"cart\x04\0\0\0<a/>"
    Path("in.wav").write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    foretold = dry("in.wav", "-o", target)["warnings"]
    assert (
        foretold == facts("in.wav", "-o", target)["warnings"] == [f"{target}: not copied from in.wav: cart"]
    )


def test_a_dry_run_of_a_pipe_takes_its_headers_word() -> None:
    noise_file("in.wav")
    with subprocess.Popen(["cat", "in.wav"], stdout=subprocess.PIPE) as cat:  # noqa: S607
        result = run("upsample", "-", "-o", "out.wav", "--dry-run", "--json", stdin=cat.stdout)
    assert result.returncode == 0
    assert parsed(result.stdout)["output"]["frames"] == 2000
    assert parsed(result.stdout)["output"]["bytes"] == 4044
    assert tree() == ["in.wav"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["none.wav"], 1),
        (["in.wav", "-o", "old.wav"], 1),
        (["in.wav", "-o", "in.wav", "--overwrite"], 1),
        (["in.wav", "-o", "nowhere/out.wav"], 1),
        (["in.wav", "--weights", "none.npy"], 1),
        (["in.wav", "--padding", "5000"], 1),
        (["in.wav", "--overs", "keep"], 2),
        (["in.wav", "--format", "FLAC", "--subtype", "DOUBLE"], 2),
        (["in.wav", "-o", "out.sd2"], 1),
        (["in.wav", "-o", "out.ogg", "--stride", "30"], 1),
        (["in.wav", "-o", "out.mp3", "--stride", "9"], 1),
        (["fast.wav", "-o", "out.flac"], 1),
        (["in.wav", "-o", "out.svx", "--stride", "9"], 1),
        (["nine.wav", "-o", "out.flac"], 1),
        (["no.wav", "-o", "out.flac"], 1),
        (["cut.wav"], 1),
        (["x.npy", "-o", "out.wav"], 1),
        (["in.wav", "-o", "out.npy", "--overs", "guard"], 2),
    ],
)
def test_a_dry_run_refuses_what_the_run_would_refuse(arguments: list[str], code: int) -> None:
    noise_file("in.wav")
    noise_file("nine.wav", 9)
    soundfile.write("fast.wav", np.zeros(9), 400_000)
    noise_file("no.wav", frames=0)
    Path("cut.wav").write_bytes(Path("in.wav").read_bytes()[:-9])
    Path("old.wav").write_bytes(b"old")
    np.save("x.npy", np.ones(9))
    before = tree()
    real = upsample(*arguments, code=code)
    foretold = upsample(*arguments, "--dry-run", code=code)
    assert foretold.stderr == real.stderr
    assert tree() == before


def test_a_dry_run_of_many_makes_no_folder_and_needs_none() -> None:
    Path("tree/deep").mkdir(parents=True)
    for name in ("a.wav", "tree/b.wav", "tree/deep/c.wav"):
        noise_file(name)
    before = tree()
    documents = all_facts("a.wav", "tree", "-d", "new/out", "--dry-run")
    assert tree() == before
    assert [document["output"]["path"] for document in documents] == [
        "new/out/a.wav",
        "new/out/b.wav",
        "new/out/deep/c.wav",
    ]


LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts in KiB")
@pytest.mark.parametrize(
    ("name", "channels", "frames", "subtype"),
    [
        ("in.wav", 1, 44_100 * 60, "PCM_16"),
        ("in.wav", 8, 400_000, "PCM_24"),
        ("in.flac", 2, 400_000, "PCM_16"),
    ],
)
def test_memory_is_foretold_within_a_factor_of_two(
    name: str, channels: int, frames: int, subtype: str
) -> None:
    second = np.tile(noise_file("second.wav", channels, 10_000), 40 if frames < 1_000_000 else 265)
    soundfile.write(name, second.T[:frames], 44_100, subtype)
    foretold = dry(name)["computed"]["memory"]
    command = [
        sys.executable,
        "-c",
        LAUNCHER,
        *CONVT,
        "upsample",
        name,
        "-q",
    ]  # which forgets the tests' own
    took = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert took / 2 < foretold < took * 2


def test_a_dry_run_of_many_files_is_a_table() -> None:
    noise_file("a.wav", frames=1000)
    noise_file("longer_name.wav", frames=500)
    upsample("longer_name.wav", "--rate", "16k", "-o", "16k.wav", "-q")
    result = upsample("a.wav", "longer_name.wav", "16k.wav", "-d", "out", "--rate", "16k", "--dry-run")
    head, *rows, last = result.stderr.splitlines()
    assert head.split() == ["input", "output", "rate", "format", "samples", "bytes"]
    columns = [head.index(word) for word in ("output", "rate", "format")]
    cells = [[row[at:].split("  ")[0].strip() for at in (0, *columns)] for row in rows]
    assert cells == [
        ["a.wav", "out/a.wav", "8 -> 16 kHz", "16-bit WAV"],
        ["longer_name.wav", "out/longer_name.wav", "8 -> 16 kHz", "16-bit WAV"],
        ["16k.wav", "out/16k.wav", "16 -> 16 kHz", "copy"],
    ]
    assert [row.split()[-2:] for row in rows] == [["2000", "4044"], ["1000", "2044"], ["1000", "2044"]]
    assert last == "3 of 3 files done (1 copied), 0 skipped, 0 failed"
    assert tree() == ["16k.wav", "a.wav", "longer_name.wav"]
