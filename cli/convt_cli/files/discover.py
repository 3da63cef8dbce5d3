"""The audio files in folders."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from convt_cli.errors import Failure

_SUFFIXES = {".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"}
_SUFFIXES |= {".rf64", ".snd", ".sph", ".voc", ".w64", ".wav"}


def audio_files_in(
    source: Path, failed: Callable[[Path, Failure], None], *, apart_from: Path | None = None
) -> Iterator[Path]:
    """Yield the audio files in a folder and below, but none that is hidden, or in `apart_from`.

    A folder that cannot be read is passed to `failed`.
    """
    own = apart_from and os.path.realpath(apart_from)

    def note(error: OSError) -> None:
        path = Path(error.filename)
        failed(path, Failure(f"{path}: cannot be read: {error.strerror}"))

    for place, folders, names in os.walk(source, onerror=note):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(Path(place, name)) != own
        ]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in _SUFFIXES and os.path.isfile(path):
                yield path
