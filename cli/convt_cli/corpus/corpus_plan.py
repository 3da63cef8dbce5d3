"""The plan of a corpus: batches of a manifest's clips, and the records of those that are done.

::

    out/_convt/plan.json        digest of the manifest, options, number of lines and batches
    out/_convt/batches.npy      the byte of the manifest at which each batch begins
    out/_convt/repeats.npy      lines whose file an earlier line has: line, earlier line
    out/_convt/shards.jsonl     the manifest, if the inputs are tar files
    out/_convt/parts/00000012.jsonl    record of batch 12: appears, whole, when its outputs are done

Nothing else holds the list of clips: memory does not grow with it but for some 30 bytes a line while the
plan is made.
"""

import hashlib
import io
import json
import os
import posixpath
from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import convt
from convt_cli.corpus.manifest import Manifest
from convt_cli.errors import Failure
from convt_cli.files.atomic_write import make_folder, write_whole
from convt_cli.files.paths import parse_path
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.samples.formats import Array

Facts = dict[str, Any]

_FOLDER = "_convt"
# Batches are small enough to keep many workers busy, and large enough that records cost nothing.
_LARGEST, _FEWEST, _MOST = 64, 64, 100_000  # clips of a batch; batches, if the clips suffice; batches
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
_NEUTRAL |= {"dry_run", "as_json", "verbose", "quiet", "manifest", "shard", "retry_failed", "cluster"}
_NEUTRAL |= {"held_source", "held_target"}


class Clip(NamedTuple):
    """A line of the manifest.

    Attributes
    ----------
    number : int
        Counted from 0.
    source, target : Path
        The input, and the output.
    """

    number: int
    source: Path
    target: Path


class CorpusPlan:
    """The plan of a manifest's clips in a folder for outputs."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder, self._text, self.facts = folder, text, json.loads(text)
        self.home = folder / _FOLDER
        self.manifest = Manifest(parse_path(self.facts["manifest"]))
        self.batches: int = self.facts["batches"]
        self.lines: int = self.facts["lines"]
        self._size: int = self.facts["batch"]
        self._starts = _array(self.home / "batches.npy")
        self._repeats = _array(self.home / "repeats.npy")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the place of the plan, for other processes and machines that see the same files."""
        return _reopened, (self.folder, self._text)

    @classmethod
    def of(cls, options: ResampleOptions) -> "CorpusPlan":
        """Make the plan, or open it if it exists and is the same."""
        folder = options.outputs
        manifest = options.manifest.absolute() if options.manifest else folder / _FOLDER / "shards.jsonl"
        if manifest.parent == folder.absolute() and manifest.stem == "manifest":
            raise Failure(
                f"{options.manifest}: convt writes the manifest of the outputs there: name another -d"
            )
        stated = {"convt": convt.__version__, "options": stated_options(options)}
        listed = None if options.manifest else _listed(options.sources)
        if listed is None:
            stated["manifest"] = str(manifest)
        if (folder / _FOLDER / "plan.json").exists():
            plan = cls.open(folder)
            plan.check(
                stated | {"digest": hashlib.sha256(listed).hexdigest() if listed else _digest(manifest)}
            )
            return plan
        if listed:
            make_folder(manifest.parent)
            write_whole(manifest, listed)
        facts, starts, repeats = _scanned(Manifest(manifest), options, 1 if listed else _LARGEST)
        _write(folder, stated | {"manifest": str(manifest)} | facts, starts, repeats)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> "CorpusPlan":
        """Open the plan of a folder."""
        place = folder / _FOLDER / "plan.json"
        try:
            return cls(folder, place.read_text())
        except FileNotFoundError:
            raise Failure(
                f"{folder}: holds no corpus: begin one with convt resample --manifest M -d {folder}"
            ) from None
        except (OSError, ValueError, KeyError) as error:
            raise Failure(f"{place}: cannot be read: {error}") from None

    def absolute(self) -> "CorpusPlan":
        """Return the plan as processes in another folder need it."""
        return CorpusPlan(self.folder.absolute(), self._text)

    def check(self, stated: Facts) -> None:
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
            elif name == "digest" and before != value:
                differ.append(
                    "the list of tar files" if self.is_of_shards else "the content of the manifest"
                )
            elif before != value:
                differ.append(f"{name} {value}, before {before}")
        if differ:
            raise Failure(
                f"{self.folder}: was begun in another way: {'; '.join(differ)}. Use the same, or another -d"
            )

    @property
    def is_of_shards(self) -> bool:
        """Whether the inputs are tar files that were named on the command line."""
        return self.manifest.path == self.home / "shards.jsonl"

    @property
    def unit(self) -> str:
        """The unit that the lines of the manifest count."""
        return "tar files" if self.is_of_shards else "clips"

    def part(self, batch: int) -> Path:
        """Return the record of a batch."""
        return self.home / "parts" / f"{batch:08d}.jsonl"

    def size(self, batch: int) -> int:
        """Return the number of lines of a batch."""
        return min(self._size, self.lines - batch * self._size)

    def batch_of(self, line: int) -> int:
        """Return the batch of a line."""
        return line // self._size

    def all_batches(self, shard: tuple[int, int] = (1, 1)) -> range:
        """Return the batches of a shard, k of n."""
        return range(shard[0] - 1, self.batches, shard[1])

    def undone(self, shard: tuple[int, int] = (1, 1)) -> Array:
        """Return the batches of a shard that have no record."""
        done = np.zeros(self.batches, bool)
        for number in _numbers(self.home / "parts"):
            done[number] = number < self.batches
        mine: Array = np.asarray(self.all_batches(shard))
        return mine[~done[mine]]

    def clips(self, batch: int, options: ResampleOptions) -> Iterator[Clip]:
        """Yield the clips of a batch."""
        first, lines = batch * self._size, self.manifest.raw_lines(int(self._starts[batch]))
        for number, (_, _, line) in enumerate(islice(lines, self.size(batch)), first):
            found = self.manifest.source(self.manifest.parse(line))
            source = _absolute(self.manifest, found)
            below = _below(source)[len(self.facts["common_folder"]) :].lstrip("/")
            folder, name = posixpath.split(below)
            target = self.folder / folder / _new_name(name, options)
            yield Clip(number, parse_path(source), target)

    def earlier(self, line: int) -> int | None:
        """Return the line before this one that has the same file, if there is one."""
        at = int(np.searchsorted(self._repeats[:, 0], line))
        if at < len(self._repeats) and self._repeats[at, 0] == line:
            return int(self._repeats[at, 1])
        return None

    def record(self, batch: int) -> dict[int, Facts]:
        """Return the record of a batch, by line; an empty one if it is missing."""
        try:
            text = self.part(batch).read_text()
        except FileNotFoundError:
            return {}
        return {facts["line"]: facts for facts in map(json.loads, text.splitlines())}

    def write_record(self, batch: int, record: Iterable[Facts]) -> None:
        """Write the record of a batch, whole or not at all."""
        text = "".join(json.dumps(facts) + "\n" for facts in record)
        write_whole(self.part(batch), text.encode(), sync=False)

    def check_place(self, target: Path) -> None:
        """Refuse an output that a link leads out of the folder."""
        inside, place = os.path.realpath(self.folder), os.path.realpath(target.parent)
        if os.path.commonpath([inside, place]) != inside or target.is_symlink():
            raise Failure(f"{target}: a link leads out of {self.folder}: remove it")


@lru_cache(maxsize=4)
def _reopened(folder: Path, text: str) -> CorpusPlan:
    return CorpusPlan(folder, text)


def stated_options(options: ResampleOptions) -> dict[str, str]:
    """Return the options that are given and may change an output, as text."""
    fields = {name: getattr(options, name) for name in type(options).__dataclass_fields__}
    defaults = type(options)(sources=[])
    return {
        name: str(value)
        for name, value in fields.items()
        if name not in _NEUTRAL and value != getattr(defaults, name)
    }


def count_lines(options: ResampleOptions) -> tuple[int, int]:
    """Return the numbers of lines and batches of a manifest, checked as for a plan."""
    if not options.manifest:
        return len(options.sources), len(options.sources)
    facts, _, _ = _scanned(Manifest(options.manifest.absolute()), options, _LARGEST)
    return facts["lines"], facts["batches"]


def _listed(shards: Iterable[Path]) -> bytes:
    """Return tar files as a manifest."""
    return "".join(json.dumps({"path": str(shard.absolute())}) + "\n" for shard in shards).encode()


def _absolute(manifest: Manifest, source: str) -> str:
    """Return the path or URL of a source; a relative one is relative to the folder of the manifest."""
    if "://" not in source:
        source = f"{manifest.folder}/{source}" if not source.startswith("/") else source
    scheme, found, path = source.rpartition("://")
    return f"{scheme}{found}{posixpath.normpath(path)}"


def _below(source: str) -> str:
    """Return a path or URL as the path of a tree that has the files of all places."""
    scheme, _, path = source.rpartition("://")
    if scheme.startswith("http"):
        path = path.partition("?")[0]
    return "/".join(part for part in (scheme, path.lstrip("/")) if part)


def _new_name(name: str, options: ResampleOptions) -> str:
    """Return the name of an output; --format is for the members of a tar file."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or suffix.lower() == "tar":
        return name
    return options.file_name(stem, dot + suffix)


def _scanned(manifest: Manifest, options: ResampleOptions, largest: int) -> tuple[Facts, Array, Array]:
    """Read all lines once: find where they begin, and refuse two files with one output."""
    starts, sources, targets = array("q"), array("Q"), array("Q")
    common: str | None = None
    for number, place, line in manifest.raw_lines():
        source = _absolute(manifest, manifest.source(manifest.parse(line, number), number))
        if largest > 1 and source.lower().endswith(".tar"):
            raise Failure(f"{manifest.path}: line {number} names a tar file; name those without --manifest")
        folder, name = posixpath.split(_below(source))
        if common is None:
            common = folder
        elif folder != common and not folder.startswith(f"{common}/"):
            common = posixpath.commonpath([common, folder]) if common else ""
        starts.append(place)
        sources.append(_hash(source))
        targets.append(_hash(f"{folder}/{_new_name(name, options)}"))
    if common is None:
        raise Failure(f"{manifest.path}: this manifest has no lines")
    own, made = np.frombuffer(sources, np.uint64), np.frombuffer(targets, np.uint64)
    order = np.argsort(made, kind="stable")
    same = np.flatnonzero(made[order][1:] == made[order][:-1])
    for before, after in zip(order[same], order[same + 1], strict=True):
        if own[before] != own[after]:
            _refuse_both(manifest, options, int(before), int(after))
    del made, order
    _, first, which = np.unique(own, return_index=True, return_inverse=True)
    earlier = first[which]
    repeated = np.flatnonzero(earlier != np.arange(own.size))
    lines = len(starts)
    batch = max(1, min(largest, lines // _FEWEST), -(-lines // _MOST))
    facts = {
        "digest": _digest(manifest.path),
        "lines": lines,
        "batch": batch,
        "batches": -(-lines // batch),
        "common_folder": common,
    }
    repeats = np.stack([repeated, earlier[repeated]], 1).astype(np.int64)
    return facts, np.frombuffer(starts, np.int64)[::batch], repeats


def _refuse_both(manifest: Manifest, options: ResampleOptions, *lines: int) -> None:
    """Refuse two lines that would become one output."""
    found = [
        (number, manifest.source(manifest.parse(line)))
        for which, (number, _, line) in enumerate(manifest.raw_lines())
        if which in lines
    ]
    (one, first), (other, second) = found
    raise Failure(
        f"{manifest.path}: lines {one} and {other}, {first} and {second}, would both become"
        f" {_new_name(posixpath.basename(first), options)}: rename one, or keep their file types"
    )


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(os.fsencode(text), digest_size=8).digest(), "little")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise Failure(f"{path}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()


def _numbers(folder: Path) -> Iterator[int]:
    """Yield the numbers of the records in a folder."""
    for path in folder.iterdir():
        stem, _, suffix = path.name.partition(".")
        if suffix == "jsonl" and stem.isdecimal():
            yield int(stem)


def _write(folder: Path, facts: Facts, starts: Array, repeats: Array) -> None:
    """Write a plan; plan.json, which comes last, says that it is whole."""
    make_folder(folder / _FOLDER / "parts")
    for name, values in (("batches", starts), ("repeats", repeats)):
        content = io.BytesIO()
        np.save(content, values, allow_pickle=False)
        write_whole(folder / _FOLDER / f"{name}.npy", content.getvalue())
    write_whole(folder / _FOLDER / "plan.json", (json.dumps(facts, indent=2) + "\n").encode())


def _array(path: Path) -> Array:
    try:
        loaded: Array = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: cannot be read: {error}") from None
    return loaded
