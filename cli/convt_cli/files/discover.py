"""The audio files in folders."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from pathlib import Path

from convt_cli.errors import Failure

AUDIO_SUFFIXES = {".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"}
AUDIO_SUFFIXES |= {".rf64", ".snd", ".sph", ".voc", ".w64", ".wav"}
OTHER_AUDIO = {".aac", ".ac3", ".amr", ".ape", ".dff", ".dsf", ".m4a", ".m4b", ".mka", ".mp4", ".wma"}


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
    seen = {_identity(apart_from)} if apart_from and os.path.isdir(apart_from) else set()
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
                    if others is not None and suffix in OTHER_AUDIO:
                        others[suffix] += 1
                elif os.path.isfile(entry.path):
                    yield path
                elif entry.is_symlink():
                    failed(path, Failure(f"{path}: broken link"))


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
