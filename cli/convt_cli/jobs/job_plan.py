"""Which files a command line names, and where the output of each is to stand."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from convt_cli.errors import Failure, Misuse
from convt_cli.files.discover import audio_files_in
from convt_cli.files.paths import STREAM, is_folder, is_link
from convt_cli.options.upsample_options import Request


@dataclass(slots=True)
class Found:
    """The files of a command line: what is to be done, and what cannot even be looked at."""

    requests: list[Request] = field(default_factory=list)
    failures: list[tuple[Path, Failure]] = field(default_factory=list)


def find(sources: Sequence[Path], request: Request, folder: Path | None, *, recursive: bool) -> Found:
    """Return the request for each file: named itself, or, with `recursive`, somewhere in a named folder.

    With `folder` the outputs stand there under their inputs' names, those of a named folder in the same
    tree below it.

    Raises
    ------
    Misuse
        Options do not go together, or an output would be another's, or an input.
    Failure
        A folder holds no sound.
    """
    if request.output and folder:
        raise Misuse("-o names one output and -d the folder of all: use one of them")
    if recursive and not folder:
        raise Misuse("-r needs -d, the folder that takes the outputs")
    if request.output and (len(sources) > 1 or recursive):
        raise Misuse("-o names one output; for several inputs name their folder with -d")
    if request.plot and (folder or len(sources) > 1):
        raise Misuse("--plot draws one input and its output: name one input, and its output with -o")
    if STREAM in sources and (len(sources) > 1 or folder):
        raise Misuse("standard input is one input alone, and its output is named with -o")
    if not folder:
        found = Found([replace(request, source=source) for source in sources])
    else:
        found = Found()
        for source in sources:
            _add(found, source, request, folder, recursive=recursive and is_folder(source))
    _check_different(found.requests)
    return found


def _add(found: Found, source: Path, request: Request, folder: Path, *, recursive: bool) -> None:
    """Add a file, or the sound in a folder and below."""
    if not recursive:
        found.requests.append(_placed(request, source, source.parent, folder))
        return
    if _real(folder) == _real(source):
        raise Misuse(f"{folder}: is the folder of the inputs; name another one with -d")
    kept_out = {_real(path) for path in request.inputs if path != request.source}
    files = sorted(audio_files_in(source, lambda *failed: found.failures.append(failed), apart_from=folder))
    requests = [_placed(request, path, source, folder) for path in files if _real(path) not in kept_out]
    if not requests and not found.failures:
        raise Failure(f"{source}: there is no sound file in this folder, nor below it")
    found.requests += requests


def _placed(request: Request, path: Path, root: Path, folder: Path) -> Request:
    """Return the request for a file whose output stands below the folder as the file below `root`."""
    output = folder / path.parent.relative_to(root) / request.named(path.stem, path.suffix)
    return replace(request, source=path, output=output)


def _check_different(requests: Sequence[Request]) -> None:
    """Refuse two outputs that are one file, by whatever names, and outputs that are other inputs."""
    if len(requests) < 2:
        return
    sources = list(_places(request.source for request in requests))
    targets = _places(request.target for request in requests)
    inputs, taken = dict(zip(sources, requests, strict=True)), dict[tuple[str, str], Path]()
    for request, source, place in zip(requests, sources, targets, strict=True):
        if place in taken:
            both = f"{taken[place]} and {request.source}"
            raise Misuse(f"{both} would both become {request.target}: run them apart")
        if place in inputs and place != source:
            other = inputs[place].source
            raise Misuse(f"{request.target}: would be made of {request.source}, and is the input {other}")
        taken[place] = request.source


def _places(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yield the folder where each file really is, and its name there; folders are looked up but once."""
    folders: dict[Path, str] = {}
    for path in paths:
        folder = path.parent
        if folder not in folders:
            folders[folder] = _real(folder)
        elsewhere = path.name in ("", "..") or is_link(path)
        yield os.path.split(_real(path)) if elsewhere else (folders[folder], path.name)


def _real(path: Path) -> str:
    return os.path.realpath(path)
