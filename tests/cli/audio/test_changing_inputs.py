"""Inputs that change while they are read, or cannot be read to their end."""

import contextlib
import io
import itertools
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from convt_cli.files import atomic_write, source
from tests.support.command import facts, refused, upsample
from tests.support.pipes import noise
from tests.support.processes import names
from tests.support.sounds import silence, sound


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("name", ["in.wav", "in.flac", "in.npy"])
def test_an_input_that_cannot_be_read_on_is_what_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails: it is not the output that is at fault."""
    if name == "in.npy":
        np.save("in", np.ones(600_000))
    else:
        sound(name, shape=(600_000,))
    times = itertools.count()

    def fail(self: io.FileIO, *arguments: Any) -> Any:
        if next(times) > 1:
            raise OSError(5, "Input/output error")
        return readinto(self, *arguments)

    readinto = io.FileIO.readinto

    class Failing(io.FileIO):
        readinto = fail

    monkeypatch.setattr(io, "FileIO", Failing)
    if name == "in.flac":  # which libsndfile reads
        read = soundfile.SoundFile.read

        def break_off(self: Any, *arguments: Any, **options: Any) -> Any:
            if next(times) > 1:
                raise soundfile.LibsndfileError(2, "System error.")
            return read(self, *arguments, **options)

        monkeypatch.setattr(soundfile.SoundFile, "read", break_off)
    message = refused("upsample", name, "-o", f"out{Path(name).suffix}", "--weights", "w.npy", code=1)
    assert message.startswith(f"convt: {name}: ")
    assert "cannot be read" in message


def long_input(name: str) -> None:
    """Make an input that is not read at once, ahead of the computation."""
    if name.endswith(".npy"):
        np.save(name, np.zeros((2, 1_500_000), "float32"))
    else:
        silence(name, 3_000_000)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(1000))


def touch(path: Path) -> None:
    os.utime(path, ns=(1, 1))


@pytest.mark.usefixtures("short_kernel")
@pytest.mark.parametrize("change", [truncate, grow, touch])
@pytest.mark.parametrize("name", ["in.wav", "in.flac", "in.npy"])
@pytest.mark.parametrize("folder", [False, True])
def test_an_input_that_changes_is_refused(
    name: str, change: Callable[[Path], None], folder: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_input(name)
    process = convt.Upsampler.process
    done = Path("done")

    def meanwhile(self: convt.Upsampler, x: Any) -> Any:
        if x.size and not done.exists():
            done.touch()
            change(Path(name))
        return process(self, x)

    monkeypatch.setattr(convt.Upsampler, "process", meanwhile)
    others = ["w.npy", "-d", "out", "-j", "1"] if folder else ["-o", f"o{Path(name).suffix}"]
    result = upsample(name, *others, "-q", "--weights", "w.npy", code=3 if folder else 1)
    first = result.stderr.splitlines()[0]
    assert first.startswith(f"convt: {name}: ")
    assert "changed while being read" in first or (change is truncate and "cut short" in first)
    assert names("out" if folder else ".") - {name, "done"} == {"w.npy"}


@pytest.mark.usefixtures("short_kernel")
def test_a_long_file_that_is_replaced_is_read_to_its_end_or_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Processes that divide it must not have one part from each."""
    soundfile.write("in.wav", np.full(20_000_000, 100, "int16"), 8000)
    soundfile.write("new.wav", np.full(20_000_000, -100, "int16"), 8000)
    np.save("one", np.ones(2))
    process, done = convt.Upsampler.process, Path("done")

    def meanwhile(self: convt.Upsampler, x: Any) -> Any:
        if x.size:
            with contextlib.suppress(FileExistsError):  # one process alone does it
                done.touch(exist_ok=False)
                Path("new.wav").rename("in.wav")
        return process(self, x)

    monkeypatch.setattr(convt.Upsampler, "process", meanwhile)
    command = ["in.wav", "-o", "out.wav", "-q", "--weights", "one.npy", "--dither", "none"]
    result = CliRunner().invoke(app, ["upsample", *command])
    if result.exit_code:
        assert result.stderr == "convt: in.wav: changed while being read\n"
        assert not Path("out.wav").exists()
    else:
        values, _ = soundfile.read("out.wav", dtype="int16")
        assert len(np.unique(values)) == 1


def change(kind: str) -> None:
    if kind == "grows":
        with Path("in.x").open("ab") as file:
            file.write(b"more")
    elif kind == "shrinks":
        os.truncate("in.x", Path("in.x").stat().st_size - 1000)
    elif kind == "is written again":
        os.utime("in.x", (1, 1))


@pytest.mark.usefixtures("copying_kernel")
@pytest.mark.parametrize("kind", ["grows", "shrinks", "is written again"])
@pytest.mark.parametrize("container", ["WAV", "AU", "RAW", "NPY", "FLAC"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, container: str, kind: str
) -> None:
    name, output = ("in.npy", "out.npy") if container == "NPY" else ("in.x", "out.wav")
    options = ["--raw", "--rate", "8000", "--channels", "1"] if container == "RAW" else []
    if container == "NPY":
        np.save("in.npy", noise(300_000, 1).T)
        Path("in.npy").rename("in.x")
        Path("in.npy").symlink_to("in.x")
    else:
        more = {"endian": "LITTLE"} if container == "RAW" else {}
        soundfile.write("in.x", noise(300_000, 1), 8000, subtype="PCM_16", format=container, **more)
    times = itertools.count()

    def changing(read: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            result = read(*arguments, **named)
            if next(times) == 0:
                change(kind)
            return result

        return wrapped

    if container == "FLAC":
        monkeypatch.setattr(soundfile.SoundFile, "read", changing(soundfile.SoundFile.read))
    else:

        class Changing(io.FileIO):
            readinto = changing(io.FileIO.readinto)

        monkeypatch.setattr(io, "FileIO", Changing)
    options += [] if container == "NPY" else ["--format", "WAV"]
    said = upsample(name, "-o", output, *options, code=1).stderr
    assert "changed while being read" in said or (
        (container, kind) == ("FLAC", "shrinks") and "truncated" in said
    )
    assert said.count("\n") == 1
    assert not Path(output).exists()
    assert not list(Path().glob(".convt-*"))


@pytest.mark.parametrize("kind", ["grows", "shrinks", "is written again"])
@pytest.mark.parametrize("name", ["in.wav", "in.flac", "in.npy"])
def test_a_copy_of_a_file_that_changes_is_refused(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--rate", "8000", *(["--rate-in", "8000"] if name == "in.npy" else [])]
    long_input(name)
    Path(name).rename("in.x")
    Path(name).symlink_to("in.x")
    write_all = source.write_all

    def meanwhile(*arguments: Any) -> None:
        change(kind)
        write_all(*arguments)

    monkeypatch.setattr(source, "write_all", meanwhile)
    output = f"out{Path(name).suffix}"
    result = upsample(name, "-o", output, *options, code=1)
    assert result.stderr == f"convt: {name}: changed while being read\n"
    assert not Path(output).exists()


@pytest.mark.parametrize("rate", ["8000", "16000"])
def test_digests_are_those_of_what_was_read_and_written(rate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs may give the names to other files as soon as these are done."""
    sound("in.wav")
    digest, written = sha256(Path("in.wav").read_bytes()).hexdigest(), list[str]()
    publish = atomic_write._publish

    def replace(temporary: Path, place: Path, *, overwrite: bool) -> None:
        written.append(sha256(temporary.read_bytes()).hexdigest())
        publish(temporary, place, overwrite=overwrite)
        sound("new.wav", seed=2)
        Path("new.wav").replace("in.wav")
        Path("out.wav").write_bytes(b"another's")

    monkeypatch.setattr(atomic_write, "_publish", replace)
    found = facts("in.wav", "-o", "out.wav", "--rate", rate)
    assert (found["input"]["sha256"], [found["output"]["sha256"]]) == (digest, written)


@pytest.mark.parametrize("after", [True, False])
def test_weights_that_are_replaced_are_refused_or_those_that_were_read(
    after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound("in.wav")
    np.save("w", np.ones(2))
    np.save("new", np.zeros(2))
    digest = sha256(Path("w.npy").read_bytes()).hexdigest()
    load, flush = convt.load_weights, convt.Upsampler.__call__

    def replace(value: Any) -> Any:
        with contextlib.suppress(FileNotFoundError):
            Path("new.npy").replace("w.npy")
        return value

    if after:
        monkeypatch.setattr(convt.Upsampler, "__call__", lambda self, x: replace(flush(self, x)))
        found = facts("in.wav", "-o", "out.wav", "--weights", "w.npy")
        assert found["weights"]["sha256"] == digest
    else:
        monkeypatch.setattr(convt, "load_weights", lambda *how, **more: replace(load(*how, **more)))
        message = upsample("in.wav", "-o", "out.wav", "--weights", "w.npy", code=1).stderr
        assert message == "convt: w.npy: changed while being read\n"
        assert not Path("out.wav").exists()


@pytest.mark.usefixtures("silent_input")
def test_a_file_that_breaks_off_is_refused() -> None:
    rng = np.random.default_rng(2)
    soundfile.write("long.flac", rng.uniform(-0.5, 0.5, (50_000, 1)), 8000)
    whole = Path("long.flac").read_bytes()
    Path("cut.flac").write_bytes(whole[: len(whole) // 2])
    assert "cut.flac: truncated: cannot be read beyond frame 0" in refused("upsample", "cut.flac", code=1)


@pytest.mark.usefixtures("silent_input")
def test_a_file_that_holds_less_than_it_says_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write("in.flac", np.zeros((500, 2)), 8000)
    monkeypatch.setattr(soundfile.SoundFile, "frames", property(lambda _: 501))
    message = refused("upsample", "in.flac", "-o", "out.wav", code=1)
    assert "in.flac: truncated: ends after 500 of 501 frames" in message
