"""Which files a command line names, and where the output of each is to stand."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from convt_cli.errors import Failure, Misuse
from convt_cli.names import STREAM
from convt_cli.request import Request

_SUFFIXES = {".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"}
_SUFFIXES |= {".rf64", ".snd", ".sph", ".voc", ".w64", ".wav"}


def requests_for(
    sources: Sequence[Path], request: Request, folder: Path | None, *, recursive: bool
) -> list[Request]:
    """Return the request for each file: named itself, or, with `recursive`, somewhere in a named folder.

    With `folder` the outputs stand there under their inputs' names, those of a named folder in the same
    tree below it.

    Raises
    ------
    Misuse
        Options do not go together, or two outputs would be one file.
    Failure
        A folder holds no sound.
    """
    if request.output and folder:
        raise Misuse("-o names one output and -d the folder of all: use one of them")
    if recursive and not folder:
        raise Misuse("-r needs -d, the folder that takes the outputs")
    if request.output and (len(sources) > 1 or recursive):
        raise Misuse("-o names one output; for several inputs name their folder with -d")
    if STREAM in sources and (len(sources) > 1 or folder):
        raise Misuse("standard input is one input alone, and its output is named with -o")
    kept_out = {path.resolve() for path in request.inputs if path != request.source}
    found = [replace(request, source=source) for source in sources]
    if folder:
        found = [
            replace(request, source=path, output=folder / _place(request, path, root))
            for source in sources
            for root, path in _below(source, folder, kept_out, recursive=recursive)
        ]
    _check_different(found)
    return found


def _place(request: Request, path: Path, root: Path) -> Path:
    """Return where an output stands below the folder of all."""
    return replace(request, source=path.relative_to(root)).renamed(path.stem)


def _below(
    source: Path, folder: Path, kept_out: Collection[Path], *, recursive: bool
) -> Iterator[tuple[Path, Path]]:
    """Yield each file with the folder that its place is relative to; not outputs, nor what else is read."""
    if not (recursive and source.is_dir()):
        yield source.parent, source
        return
    own = folder.resolve()
    files = [
        path
        for path in sorted(source.rglob("*"))
        if path.suffix.lower() in _SUFFIXES
        and path.is_file()
        and not path.name.startswith(".")
        and not path.resolve().is_relative_to(own)
        and path.resolve() not in kept_out
    ]
    if not files:
        raise Failure(f"{source}: there is no sound file in this folder, nor below it")
    for path in files:
        yield source, path


def _check_different(requests: Sequence[Request]) -> None:
    taken: dict[Path, Path] = {}
    for request in requests:
        other = taken.setdefault(request.target, request.source)
        if other is not request.source:
            raise Misuse(f"{other} and {request.source} would both become {request.target}: run them apart")
