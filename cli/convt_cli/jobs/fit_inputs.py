"""Which files of a command line are pairs to fit a kernel to."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from convt_cli.errors import Failure, Misuse
from convt_cli.files.discover import audio_files_in
from convt_cli.files.paths import STREAM


class Pair(NamedTuple):
    """LOW and HIGH; no LOW where it is made of HIGH."""

    low: Path | None
    high: Path


class FitInputs(NamedTuple):
    """The pairs, and the files in folders that have no partner."""

    pairs: list[Pair]
    unmatched: list[Path]


def find_fit_inputs(sources: Sequence[Path], *, from_high: bool) -> FitInputs:
    """Return the pairs that a command line names: LOW HIGH LOW HIGH ..., each two files or two folders.

    Files below two folders belong together if they have the same names there, whatever their extensions.
    """
    if STREAM in sources:
        raise Misuse("convt fit reads files, not standard input: name them")
    if from_high:
        return FitInputs([Pair(None, path) for source in sources for path in _files(source)], [])
    if len(sources) % 2:
        raise Misuse(
            f"LOW HIGH are pairs of files, or of folders, and {len(sources)} are named; --from-high takes"
            " HIGH alone"
        )
    inputs = FitInputs([], [])
    for low, high in zip(sources[::2], sources[1::2], strict=True):
        _add(inputs, low, high)
    return inputs


def _add(inputs: FitInputs, low: Path, high: Path) -> None:
    if not (os.path.isdir(low) and os.path.isdir(high)):
        if os.path.isdir(low) or os.path.isdir(high):
            raise Misuse(f"{low} and {high}: one is a folder, and the other is not")
        inputs.pairs.append(Pair(low, high))
        return
    below, above = _by_name(low), _by_name(high)
    common = sorted(below.keys() & above.keys())
    if not common:
        raise Failure(f"{low} and {high}: no file below one has the name of a file below the other")
    inputs.pairs.extend(Pair(below[name], above[name]) for name in common)
    inputs.unmatched.extend(
        files[name] for files in (below, above) for name in sorted(files.keys() - set(common))
    )


def _by_name(folder: Path) -> dict[Path, Path]:
    """Return the sound below a folder by its place in it, without extensions."""
    files: dict[Path, Path] = {}
    for path in _files(folder):
        name = path.relative_to(folder).with_suffix("")
        if name in files:
            raise Failure(f"{files[name]} and {path}: have the same name but for their extensions")
        files[name] = path
    return files


def _files(source: Path) -> Iterator[Path]:
    if not os.path.isdir(source):
        yield source
        return
    files = sorted(audio_files_in(source, _refuse))
    if not files:
        raise Failure(f"{source}: there is no sound file in this folder, nor below it")
    yield from files


def _refuse(_: Path, failure: Failure) -> None:
    raise failure
