"""Read a manifest once, before any work: count its lines, and refuse what would go wrong.

Memory does not grow with the list of clips but for some 30 bytes a line.
"""

import hashlib
import json
import posixpath
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from convt_cli.corpus.manifest import Manifest
from convt_cli.errors import Failure, Misuse
from convt_cli.files.checksums import file_sha256
from convt_cli.files.paths import as_text, is_url, parse_path
from convt_cli.files.remote import RemotePath
from convt_cli.options.resample_options import ResampleOptions
from convt_cli.samples.formats import Array

# Batches are small enough to keep many workers busy, and large enough that records cost nothing.
_LARGEST, _FEWEST, _MOST = 64, 64, 100_000  # clips of a batch; batches, if the clips suffice; batches
_FEWEST_IN_STORES = 16  # where a record costs as much as a clip


class Scanned(NamedTuple):
    """Facts about a manifest.

    Attributes
    ----------
    facts : dict
        SHA-256 ``digest``, numbers of ``lines`` and ``batches``, lines of a ``batch``, and the
        ``common_folder`` of all inputs.
    starts : array, (batches,)
        The byte at which each batch begins.
    repeats : array, (repeats, 2)
        Lines whose file an earlier line has, and that line.
    """

    facts: dict[str, Any]
    starts: Array
    repeats: Array


def scan(manifest: Manifest, options: ResampleOptions, *, of_tar_files: bool) -> Scanned:
    """Return the facts about a manifest.

    Raises
    ------
    Failure
        A line is damaged, or two clips would become one output, or an output another line's input.
    """
    starts, sources, targets = array("q"), array("Q"), array("Q")
    common: str | None = None
    for number, place, line in manifest.raw_lines():
        source = absolute(manifest, manifest.source(manifest.parse(line, number), number))
        if source.lower().endswith(".tar") and not of_tar_files:
            raise Failure(f"{manifest.path}: line {number} names a tar file; name those without --manifest")
        folder, name = posixpath.split(in_tree(source))
        if common is None:
            common = folder
        elif folder != common and not folder.startswith(f"{common}/"):
            common = posixpath.commonpath([common, folder]) if common else ""
        starts.append(place)
        sources.append(_hash(source))
        targets.append(_hash(f"{folder}/{new_name(name, options)}"))
    if common is None:
        raise Failure(f"{manifest.path}: this manifest has no lines")
    own, made = np.frombuffer(sources, np.uint64), np.frombuffer(targets, np.uint64)
    order = np.argsort(made, kind="stable")
    same = np.flatnonzero(made[order][1:] == made[order][:-1])
    for before, after in zip(order[same], order[same + 1], strict=True):
        if own[before] != own[after]:
            _refuse_both(manifest, options, int(before), int(after))
    del made, order
    _check_inputs(manifest, options, common, own)
    _, first, which = np.unique(own, return_index=True, return_inverse=True)
    earlier = first[which]
    repeated = np.flatnonzero(earlier != np.arange(own.size))
    lines = len(starts)
    fewest = _FEWEST_IN_STORES if is_url(options.outputs) else _FEWEST
    batch = 1 if of_tar_files else max(1, min(_LARGEST, lines // fewest), -(-lines // _MOST))
    facts = {
        "digest": digest(manifest.path),
        "lines": lines,
        "batch": batch,
        "batches": -(-lines // batch),
        "common_folder": common,
    }
    repeats = np.stack([repeated, earlier[repeated]], 1).astype(np.int64)
    return Scanned(facts, np.frombuffer(starts, np.int64)[::batch], repeats)


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
        f" {new_name(posixpath.basename(first), options)}: rename one, or keep their file types"
    )


def _check_inputs(manifest: Manifest, options: ResampleOptions, common: str, inputs: Array) -> None:
    """Refuse outputs in the place of inputs, if the folder for outputs is amid the inputs."""
    folder = as_text(options.outputs.absolute())
    place = in_tree(folder)
    if common and place != common and not place.startswith(f"{common}/"):
        return
    for number, _, line in manifest.raw_lines():
        source = absolute(manifest, manifest.source(manifest.parse(line)))
        target = f"{folder}/{output_of(source, common, options)}"
        if _hash(target) in inputs:
            raise Failure(
                f"{manifest.path}: the output of line {number}, {target}, is an input: name another -d"
            )


def output_of(source: str, common: str, options: ResampleOptions) -> str:
    """Return the place of an output below the folder for outputs."""
    folder, name = posixpath.split(in_tree(source)[len(common) :].lstrip("/"))
    return posixpath.join(folder, new_name(name, options))


def joined(manifest: Manifest, source: str) -> str:
    """Return a source's path or URL; a relative one is relative to the folder of the manifest."""
    return source if "://" in source or source.startswith("/") else f"{manifest.folder}/{source}"


def absolute(manifest: Manifest, source: str) -> str:
    """Return a source's path or URL without ``.`` and ``..``."""
    scheme, found, path = joined(manifest, source).rpartition("://")
    path, mark, query = path.partition("?") if scheme.startswith("http") else (path, "", "")
    root = "/" if path.startswith("/") else ""  # as file:// has it
    return f"{scheme}{found}{root}{posixpath.normpath(f'/{path}').lstrip('/')}{mark}{query}"


def in_tree(source: str) -> str:
    """Return a path or URL as a path in a tree that has the files of all places."""
    if "://" in source:
        source = str(parse_path(source)).replace("://", "/", 1)
    return source.lstrip("/")


def new_name(name: str, options: ResampleOptions) -> str:
    """Return the name of an output; --format is for the members of a tar file."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or suffix.lower() == "tar":
        return name
    return options.file_name(stem, dot + suffix)


def listed(shards: Iterable[Path]) -> bytes:
    """Return tar files as a manifest."""
    lines = (json.dumps({"path": as_text(lasting(shard).absolute())}) + "\n" for shard in shards)
    return "".join(lines).encode()


def lasting(path: Path) -> Path:
    """Refuse a URL with a password or a signature: plans are read by others, and later."""
    if isinstance(path, RemotePath) and path.has_secrets:
        raise Misuse(
            f"{path}: its URL has a password or a query, which a plan does not keep: download it first"
        )
    return path


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    try:
        return file_sha256(path)
    except OSError as error:
        raise Failure(f"{path}: cannot be read: {error.strerror}") from None


def _hash(text: str) -> int:
    raw = text.encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "little")
