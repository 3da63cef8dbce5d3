"""The plan of a corpus: batches of a manifest, and the records of those that are done.

::

    out/_convt/plan.json        digest of the manifest, options, number of lines and batches
    out/_convt/batches.npy      where each batch begins in the manifest: line, byte
    out/_convt/repeats.npy      lines whose file an earlier line has: line, earlier line
    out/_convt/parts/00012.jsonl    record of batch 12: appears, whole, when its outputs are done

Nothing else holds the list of clips, so that memory does not grow with it but for some bytes a line while
the plan is made.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import convt
from convt_cli.corpus.manifest import Line, Manifest
from convt_cli.errors import Failure
from convt_cli.files.atomic_write import atomic_write, make_folder
from convt_cli.options.upsample_options import UpsampleOptions
from convt_cli.samples.formats import Array

BATCH = 64  # lines
_FOLDER = "_convt"
# Options that change no byte of an output.
_NEUTRAL = {
    "sources",
    "output",
    "folder",
    "overwrite",
    "files_from",
    "skip_existing",
    "jobs",
    "sync",
    "plot",
}
_NEUTRAL |= {"dry_run", "as_json", "verbose", "quiet", "manifest", "shard", "retry_failed"}


class Clip(NamedTuple):
    """A line of the manifest.

    Attributes
    ----------
    number : int
        Counted from 0.
    fields : dict
        Its fields.
    source, target : Path
        The input, and the output.
    """

    number: int
    fields: Line
    source: Path
    target: Path


class Plan:
    """The plan of a manifest's clips in a folder for outputs."""

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self.folder, self.facts = folder, facts
        self.home = folder / _FOLDER
        self.manifest = Manifest(Path(facts["manifest"]))
        self.batches: int = facts["batches"]
        self.lines: int = facts["lines"]
        self._starts: Array = _array(self.home / "batches.npy")
        self._common = Path(facts["common_folder"])
        repeats = _array(self.home / "repeats.npy")
        self.repeats = dict(zip(repeats[:, 0].tolist(), repeats[:, 1].tolist(), strict=True))

    @classmethod
    def of(cls, options: UpsampleOptions, manifest: Path, folder: Path) -> "Plan":
        """Make the plan, or open it if it exists and is the same."""
        path = manifest.absolute()
        stated = {
            "convt": convt.__version__,
            "manifest": str(path),
            "options": stated_options(options),
        }
        if (folder / _FOLDER / "plan.json").exists():
            plan = cls.open(folder)
            plan.check(stated | {"digest": _digest(manifest)})
            return plan
        facts, starts, repeats = _scanned(Manifest(path), options)
        _write(folder, stated | facts, starts, repeats)
        return cls.open(folder)

    @staticmethod
    def counted(options: UpsampleOptions, manifest: Path) -> tuple[int, int]:
        """Return the numbers of lines and batches of a manifest, checked as for a plan."""
        facts, _, _ = _scanned(Manifest(manifest.absolute()), options)
        return facts["lines"], facts["batches"]

    @classmethod
    def open(cls, folder: Path) -> "Plan":
        """Open the plan of a folder."""
        try:
            facts = json.loads((folder / _FOLDER / "plan.json").read_text())
        except FileNotFoundError:
            raise Failure(
                f"{folder}: holds no corpus: begin one with convt resample --manifest M -d {folder}"
            ) from None
        except (OSError, ValueError) as error:
            raise Failure(f"{folder / _FOLDER / 'plan.json'}: cannot be read: {error}") from None
        return cls(folder, facts)

    def check(self, stated: dict[str, Any]) -> None:
        """Refuse another manifest, other options or another version than those of the plan."""
        differ = []
        for name, value in stated.items():
            before: Any = self.facts.get(name)
            if name == "options":
                differ += [
                    f"--{option.replace('_', '-')} {value.get(option, 'not given')}, before"
                    f" {before.get(option, 'not given')}"
                    for option in sorted({*before, *value})
                    if before.get(option) != value.get(option)
                ]
            elif before != value:
                what = {"digest": "the content of the manifest"}.get(name, name)
                differ.append(what if name == "digest" else f"{what} {value}, before {before}")
        if differ:
            raise Failure(
                f"{self.folder}: was begun in another way: {'; '.join(differ)}. Use the same, or another -d"
            )

    def part(self, batch: int) -> Path:
        """Return the record of a batch."""
        return self.home / "parts" / f"{batch:08d}.jsonl"

    def undone(self, shard: tuple[int, int] = (1, 1)) -> Iterator[int]:
        """Yield the batches of a shard, k of n, that have no record."""
        number, count = shard
        for batch in range(number - 1, self.batches, count):
            if not self.part(batch).exists():
                yield batch

    def clips(self, batch: int, options: UpsampleOptions) -> Iterator[Clip]:
        """Yield the clips of a batch."""
        first, place = self._starts[batch].tolist()
        lines = self.manifest.raw_lines(place)
        for number, (_, line) in zip(range(first, min(first + BATCH, self.lines)), lines, strict=False):
            yield self.clip(number, line, options)

    def clip(self, number: int, line: bytes, options: UpsampleOptions) -> Clip:
        """Return the clip of a line."""
        fields = self.manifest.parse(number + 1, line)
        source = _absolute(self.manifest, self.manifest.source(number + 1, fields))
        below = source.parent.relative_to(self._common)
        target = self.folder / below / options.file_name(source.stem, source.suffix)
        return Clip(number, fields, source, target)

    def record(self, batch: int) -> dict[int, dict[str, Any]]:
        """Return the record of a batch, by line; an empty one if it is missing."""
        try:
            text = self.part(batch).read_text()
        except FileNotFoundError:
            return {}
        return {facts["line"]: facts for facts in map(json.loads, text.splitlines())}

    def write_record(self, batch: int, record: list[dict[str, Any]]) -> None:
        """Write the record of a batch, whole or not at all."""
        with atomic_write(self.part(batch), overwrite=True, sync=False) as temporary:
            temporary.write_text("".join(json.dumps(facts) + "\n" for facts in record))

    def check_place(self, target: Path) -> None:
        """Refuse an output that a link leads out of the folder."""
        inside, place = os.path.realpath(self.folder), os.path.realpath(target.parent)
        if os.path.commonpath([inside, place]) != inside or target.is_symlink():
            raise Failure(f"{target}: a link leads out of {self.folder}: remove it")


def stated_options(options: UpsampleOptions) -> dict[str, str]:
    """Return the options that are given and may change an output, as text."""
    fields = {name: getattr(options, name) for name in type(options).__dataclass_fields__}
    defaults = type(options)(sources=[])
    return {
        name: str(value)
        for name, value in fields.items()
        if name not in _NEUTRAL and value != getattr(defaults, name)
    }


def _absolute(manifest: Manifest, source: str) -> Path:
    """Return the path of a source; a relative one is relative to the folder of the manifest."""
    return Path(os.path.normpath(manifest.path.parent / source))


def _scanned(manifest: Manifest, options: UpsampleOptions) -> tuple[dict[str, Any], Array, Array]:
    """Read all lines once: count them, find the batches, and refuse two files with one output."""
    starts, sources, targets = list[tuple[int, int]](), list[int](), list[int]()
    common: str | None = None
    number = -1
    for number, (place, line) in enumerate(manifest.raw_lines()):
        if number % BATCH == 0:
            starts.append((number, place))
        source = _absolute(manifest, manifest.source(number + 1, manifest.parse(number + 1, line)))
        folder = str(source.parent)
        if common is None:
            common = folder
        elif not f"{folder}/".startswith(f"{common}/".replace("//", "/")):
            common = os.path.commonpath([common, folder])
        sources.append(_hash(str(source)))
        targets.append(_hash(f"{folder}/{options.file_name(source.stem, source.suffix)}"))
    if common is None:
        raise Failure(f"{manifest.path}: this manifest has no lines")
    own, made = np.array(sources, np.uint64), np.array(targets, np.uint64)
    order = np.argsort(made, kind="stable")
    same = np.flatnonzero(made[order][1:] == made[order][:-1])
    for before, after in zip(order[same].tolist(), order[same + 1].tolist(), strict=True):
        if own[before] != own[after]:
            _refuse_both(manifest, options, before, after)
    first = np.unique(own, return_index=True, return_inverse=True)
    earlier = first[1][first[2]]
    repeated = np.flatnonzero(earlier != np.arange(own.size))
    facts = {
        "digest": _digest(manifest.path),
        "lines": number + 1,
        "batches": len(starts),
        "batch": BATCH,
        "common_folder": common,
    }
    repeats = np.stack([repeated, earlier[repeated]], 1).astype(np.int64)
    return facts, np.array(starts, np.int64), repeats


def _refuse_both(manifest: Manifest, options: UpsampleOptions, *lines: int) -> None:
    """Refuse two lines that would become one output."""
    found = {}
    for number, (_, line) in enumerate(manifest.raw_lines()):
        if number in lines:
            found[number] = manifest.source(number + 1, manifest.parse(number + 1, line))
    (one, first), (other, second) = sorted(found.items())
    name = Path(first)
    raise Failure(
        f"{manifest.path}: lines {one + 1} and {other + 1}, {first} and {second}, would both become"
        f" {options.file_name(name.stem, name.suffix)}: rename one, or keep their file types"
    )


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(os.fsencode(text), digest_size=8).digest(), "little")


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Failure(f"{path}: cannot be read: {error.strerror}") from None


def _write(folder: Path, facts: dict[str, Any], starts: Array, repeats: Array) -> None:
    """Write a plan; plan.json, which comes last, says that it is whole."""
    make_folder(folder / _FOLDER / "parts")
    for name, array in (("batches", starts), ("repeats", repeats)):
        place = folder / _FOLDER / f"{name}.npy"
        with atomic_write(place, overwrite=True) as temporary, temporary.open("wb") as file:
            np.save(file, array, allow_pickle=False)
    with atomic_write(folder / _FOLDER / "plan.json", overwrite=True) as temporary:
        temporary.write_text(json.dumps(facts, indent=2) + "\n")


def _array(path: Path) -> Array:
    try:
        loaded: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: cannot be read: {error}") from None
    return loaded
