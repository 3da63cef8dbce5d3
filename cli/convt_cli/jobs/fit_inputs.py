"""Pairs of files that ``convt fit`` learns from."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from convt_cli.errors import Failure, Misuse
from convt_cli.files.discover import audio_files_in
from convt_cli.files.paths import STREAM


class Pair(NamedTuple):
    """LOW and HIGH; LOW is None if it is derived from HIGH."""

    low: Path | None
    high: Path


class FitInputs(NamedTuple):
    """The pairs, and the files in folders that match no other."""

    pairs: list[Pair]
    unmatched: list[Path]


def find_fit_inputs(sources: Sequence[Path], *, from_high: bool) -> FitInputs:
    """Return the pairs in a list LOW HIGH LOW HIGH ..., each two files or two folders.

    Files in two folders match if their names there are the same, apart from the extension.
    """
    if STREAM in sources:
        raise Misuse("convt fit cannot read standard input: name the files")
    if from_high:
        return FitInputs([Pair(None, path) for source in sources for path in _files(source)], [])
    if len(sources) % 2:
        raise Misuse(
            f"fit needs pairs LOW HIGH, of files or folders, and {len(sources)} were named; to derive LOW"
            " from HIGH, use --from-high"
        )
    inputs = FitInputs([], [])
    for low, high in zip(sources[::2], sources[1::2], strict=True):
        _add(inputs, low, high)
    return inputs


def _add(inputs: FitInputs, low: Path, high: Path) -> None:
    if not (os.path.isdir(low) and os.path.isdir(high)):
        if os.path.isdir(low) or os.path.isdir(high):
            raise Misuse(f"{low} and {high}: a folder and a file; name two files or two folders")
        inputs.pairs.append(Pair(low, high))
        return
    below, above = _by_name(low), _by_name(high)
    common = sorted(below.keys() & above.keys())
    if not common:
        raise Failure(f"{low} and {high}: no files with the same name; pairs may differ in extension only")
    inputs.pairs.extend(Pair(below[name], above[name]) for name in common)
    inputs.unmatched.extend(
        files[name] for files in (below, above) for name in sorted(files.keys() - set(common))
    )


def _by_name(folder: Path) -> dict[Path, Path]:
    """Return the audio files in a folder by their relative paths without extensions."""
    files: dict[Path, Path] = {}
    for path in _files(folder):
        name = path.relative_to(folder).with_suffix("")
        if name in files:
            raise Failure(f"{files[name]} and {path}: the names differ only in the extension; remove one")
        files[name] = path
    return files


def _files(source: Path) -> Iterator[Path]:
    if not os.path.isdir(source):
        yield source
        return
    files = sorted(audio_files_in(source, _refuse))
    if not files:
        raise Failure(f"{source}: no audio files in this folder or its subfolders")
    yield from files


def _refuse(_: Path, failure: Failure) -> None:
    raise failure
