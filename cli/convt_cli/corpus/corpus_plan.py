"""The plan of a corpus: batches of a manifest's clips, and the records of those that are done.

::

    out/_convt/plan.json        digest of the manifest, options, number of lines and batches
    out/_convt/batches-KEY.npy  the byte of the manifest at which each batch begins
    out/_convt/repeats-KEY.npy  lines whose file an earlier line has: line, earlier line
    out/_convt/shards-KEY.jsonl     the manifest, if the inputs are tar files
    out/_convt/parts/00000012.jsonl    record of batch 12: appears, whole, when its outputs are done

The key is a digest of what the file depends on: processes that begin at the same time do not disturb each
other, and the plan.json that is there first is the plan.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import convt
from convt_cli.corpus.manifest import Manifest
from convt_cli.corpus.scan import Scanned, absolute, digest, joined, lasting, listed, output_of, scan
from convt_cli.errors import Failure
from convt_cli.files.atomic_write import atomic_write, make_folder, write_whole
from convt_cli.files.paths import as_text, is_url, parse_path, real_place
from convt_cli.files.remote import RemotePath
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.samples.formats import Array

Facts = dict[str, Any]

_FOLDER = "_convt"
_KEY = 12  # letters of a digest
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
        self._starts = _array(self.home / f"batches-{self.facts['key']}.npy")
        self._repeats = _array(self.home / f"repeats-{self.facts['key']}.npy")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the place of the plan, for other processes and machines that see the same files."""
        return _reopened, (self.folder, self._text)

    @classmethod
    def of(cls, options: ResampleOptions) -> "CorpusPlan":
        """Make the plan, or open it if it exists and is the same."""
        folder, home = options.outputs, options.outputs / _FOLDER
        check_inside(folder, home / "plan.json")
        shards = None if options.manifest else listed(options.sources)
        manifest = lasting(options.manifest or home / f"shards-{_key(shards or b'')}.jsonl").absolute()
        stated = {
            "convt": convt.__version__,
            "options": stated_options(options),
            "tar_files": shards is not None,
            "manifest": as_text(manifest),
        }
        with _read_errors(folder):
            is_made = (home / "plan.json").exists()
        if is_made:
            plan = cls.open(folder)
            plan.check(stated, _digest_of(manifest, shards))
            return plan
        _check_free(options, manifest)
        if shards is not None:
            make_folder(home)
            write_whole(manifest, shards)
        scanned = scan(Manifest(manifest), options, of_tar_files=shards is not None)
        _write(home, stated, scanned)
        plan = cls.open(folder)
        plan.check(stated, scanned.facts["digest"])  # another process may have been first
        return plan

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
            reason = getattr(error, "strerror", None) or error
            raise Failure(f"{place}: cannot be read: {reason}") from None

    def absolute(self) -> "CorpusPlan":
        """Return the plan as processes in another folder need it."""
        return CorpusPlan(self.folder.absolute(), self._text)

    def check(self, stated: Facts, digest: str) -> None:
        """Refuse another manifest, other options or another version than those of the plan."""
        differ = list[str]()
        for name, value in stated.items():
            before: Any = self.facts.get(name)
            if name == "options":
                differ += [
                    f"--{option.replace('_', '-')} {value.get(option, 'not given')}, before"
                    f" {before.get(option, 'not given')}"
                    for option in sorted({*before, *value})
                    if before.get(option) != value.get(option)
                ]
            elif before != value and name in ("manifest", "convt") and not stated["tar_files"]:
                differ.append(f"{name} {value}, before {before}")
        if self.facts["digest"] != digest and not any(line.startswith("manifest") for line in differ):
            what = "the list of tar files" if stated["tar_files"] else "the content of the manifest"
            differ.append(what)
        if differ:
            raise Failure(
                f"{self.folder}: was begun in another way: {'; '.join(differ)}. Use the same, or another -d"
            )

    @property
    def is_of_shards(self) -> bool:
        """Whether the inputs are tar files that were named on the command line."""
        return bool(self.facts["tar_files"])

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
        with _read_errors(self.home):
            for number in _numbers(self.home / "parts"):
                if number < self.batches:
                    done[number] = True
        mine: Array = np.arange(shard[0] - 1, self.batches, shard[1])
        return mine[~done[mine]]

    def clips(self, batch: int, options: ResampleOptions) -> Iterator[Clip]:
        """Yield the clips of a batch."""
        first, places = batch * self._size, self._starts[batch : batch + 2].tolist()
        lines = self.manifest.raw_lines(*places)
        for number, (_, _, line) in enumerate(islice(lines, self.size(batch)), first):
            found = self.manifest.source(self.manifest.parse(line))
            place = output_of(absolute(self.manifest, found), self.facts["common_folder"], options)
            yield Clip(number, parse_path(joined(self.manifest, found)), self.folder / place)

    def earlier(self, line: int) -> int | None:
        """Return the line before this one that has the same file, if there is one."""
        at = int(np.searchsorted(self._repeats[:, 0], line))
        if at < len(self._repeats) and self._repeats[at, 0] == line:
            return int(self._repeats[at, 1])
        return None

    def record(self, batch: int) -> dict[int, Facts]:
        """Return the record of a batch, by line; an empty one if it is missing."""
        part = self.part(batch)
        with _read_errors(part):
            try:
                text = part.read_text()
            except FileNotFoundError:
                return {}
        try:
            return {facts["line"]: facts for facts in map(json.loads, text.splitlines())}
        except (ValueError, TypeError, KeyError):  # of a power cut: as if there were none
            return {}

    def write_record(self, batch: int, record: Iterable[Facts]) -> None:
        """Write the record of a batch, whole or not at all."""
        text = "".join(json.dumps(facts) + "\n" for facts in record)
        write_whole(self.part(batch), text.encode(), sync=False)

    def check_place(self, target: Path) -> None:
        """Refuse an output that a link leads out of the folder."""
        check_inside(self.folder, target)


def check_inside(folder: Path, target: Path) -> None:
    """Refuse a file that a link leads out of a folder."""
    if is_url(folder):  # stores have no links
        return
    inside, place = os.path.realpath(folder), os.path.realpath(target.parent)
    if os.path.commonpath([inside, place]) != inside or target.is_symlink():
        raise Failure(f"{target}: a link leads out of {folder}: remove it")


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
    """Return the numbers of lines and batches of a plan, and make none."""
    if (options.outputs / _FOLDER / "plan.json").exists():
        plan = CorpusPlan.of(options)
        return plan.lines, plan.batches
    if not options.manifest:
        return len(options.sources), len(options.sources)
    facts = scan(Manifest(options.manifest.absolute()), options, of_tar_files=False).facts
    return facts["lines"], facts["batches"]


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_KEY]


def _digest_of(manifest: Path, shards: bytes | None) -> str:
    return digest(manifest) if shards is None else hashlib.sha256(shards).hexdigest()


def _check_free(options: ResampleOptions, manifest: Path) -> None:
    """Refuse to begin where the manifest of the inputs is, or files of another program."""
    for name in ("manifest.jsonl", "manifest.csv", "failed.jsonl"):
        place = options.outputs / name
        with _read_errors(place):
            exists = place.exists() or place.is_symlink()
        if exists and real_place(place) == real_place(manifest):
            raise Failure(f"{manifest}: convt writes a file of this name there: name another -d")
        if exists and not options.overwrite:
            raise Failure(f"{place}: already exists, of no plan; name another -d, or use --overwrite")


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Turn system errors into failures that name a file."""
    try:
        yield
    except OSError as error:
        raise Failure(f"{path}: cannot be read: {error.strerror}") from None


def _numbers(folder: Path) -> Iterator[int]:
    """Yield the numbers of the records in a folder."""
    try:
        names = list(folder.sizes()) if isinstance(folder, RemotePath) else os.listdir(folder)  # noqa: PTH208  # names
    except FileNotFoundError:
        return
    for name in names:
        stem, _, suffix = name.partition(".")
        if suffix == "jsonl" and stem.isdecimal():
            yield int(stem)


def _write(home: Path, stated: Facts, scanned: Scanned) -> None:
    """Write a plan; plan.json, which comes last, says that it is whole. Keep one that is there first."""
    make_folder(home / "parts")
    facts = stated | scanned.facts
    facts["key"] = _key(json.dumps(facts, sort_keys=True).encode())
    for name, values in (("batches", scanned.starts), ("repeats", scanned.repeats)):
        content = io.BytesIO()
        np.save(content, values, allow_pickle=False)
        write_whole(home / f"{name}-{facts['key']}.npy", content.getvalue())
    try:
        with atomic_write(home / "plan.json", overwrite=False) as temporary:
            temporary.write_text(json.dumps(facts, indent=2) + "\n")
    except Failure:
        if not (home / "plan.json").exists():
            raise


def _array(path: Path) -> Array:
    try:
        loaded: Array = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: cannot be read: {error}") from None
    return loaded
