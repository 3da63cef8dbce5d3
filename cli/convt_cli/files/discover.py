"""The audio files in folders."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from heapq import heappop, heappush
from pathlib import Path

from convt_cli.errors import Failure
from convt_cli.files.remote import RemotePath

AUDIO_SUFFIXES = {".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"}
AUDIO_SUFFIXES |= {".rf64", ".snd", ".sph", ".voc", ".w64", ".wav"}
OTHER_AUDIO = {".aac", ".ac3", ".amr", ".ape", ".dff", ".dsf", ".m4a", ".m4b", ".mka", ".mp4", ".wma"}


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; stores are not asked about names of audio, arrays or tar files."""
    if isinstance(path, RemotePath):
        return path.suffix.lower() not in AUDIO_SUFFIXES | {".npy", ".tar"} and path.is_dir()
    return os.path.isdir(path)


def size_lookup() -> Callable[[Path], int | None]:
    """Return a function for the size of a file, None if there is none; it lists folders of stores once."""
    listed = lru_cache(maxsize=256)(RemotePath.sizes)

    def size_of(path: Path) -> int | None:
        if isinstance(path, RemotePath):
            return listed(path.parent).get(path.name)
        return path.stat().st_size if os.path.isfile(path) else None

    return size_of


def audio_files_in(
    source: Path,
    failed: Callable[[Path, Failure], None],
    *,
    apart_from: Path | None = None,
    others: Counter[str] | None = None,
) -> Iterator[Path]:
    """Yield the audio files in a folder and its subfolders, except hidden ones and those in `apart_from`.

    Links to folders are followed after everything else, and no folder is read twice. Unreadable folders
    and broken links are passed to `failed`. Audio of types that convt does not read is counted by its
    suffix in `others`.
    """
    others = Counter() if others is None else others
    if isinstance(source, RemotePath):
        yield from _audio_objects_in(source, failed, apart_from, others)
    else:
        yield from _local_audio_in(source, failed, apart_from, others)


def _local_audio_in(
    source: Path,
    failed: Callable[[Path, Failure], None],
    apart_from: Path | None,
    others: Counter[str],
) -> Iterator[Path]:
    apart = apart_from if apart_from and not isinstance(apart_from, RemotePath) else None
    seen = {_identity(apart)} if apart and os.path.isdir(apart) else set()
    links = [source]
    while links:
        folders = [heappop(links)]
        while folders:
            folder = folders.pop()
            try:
                entries = _entries(folder, seen)
            except OSError as error:
                failed(folder, Failure(f"{folder}: cannot be read: {error.strerror}"))
                continue
            for entry in entries:
                path = Path(entry.path)
                suffix = path.suffix.lower()
                if os.path.isdir(entry.path):
                    heappush(links, path) if entry.is_symlink() else folders.append(path)
                elif suffix not in AUDIO_SUFFIXES:
                    if suffix in OTHER_AUDIO:
                        others[suffix] += 1
                elif os.path.isfile(entry.path):
                    yield path
                elif entry.is_symlink():
                    failed(path, Failure(f"{path}: broken link"))


def _audio_objects_in(
    source: RemotePath,
    failed: Callable[[Path, Failure], None],
    apart_from: Path | None,
    others: Counter[str],
) -> Iterator[Path]:
    try:
        found = list(source.walk_files())
    except OSError as error:
        failed(source, Failure(f"{source}: cannot be read: {error.strerror}"))
        return
    for path in found:
        suffix = path.suffix.lower()
        if any(part.startswith(".") for part in path.relative_to(source).parts):
            continue
        if isinstance(apart_from, RemotePath) and apart_from in path.parents:
            continue
        if suffix in AUDIO_SUFFIXES:
            yield path
        elif suffix in OTHER_AUDIO:
            others[suffix] += 1


def _entries(folder: Path, seen: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """Return the entries of a folder that are not hidden; none if the folder has been read before."""
    identity = _identity(folder)
    if identity in seen:
        return []
    seen.add(identity)
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino
