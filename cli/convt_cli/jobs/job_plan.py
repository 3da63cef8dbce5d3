"""Which inputs a command line names, and which output each becomes."""

import os
import re
import sys
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from unicodedata import normalize

from convt_cli.errors import Failure, Misuse
from convt_cli.files.discover import audio_files_in, is_folder
from convt_cli.files.paths import STREAM, input_name, is_url, parse_path, real_place, typed
from convt_cli.files.remote import RemotePath
from convt_cli.files.source import Source, at_hand
from convt_cli.options.upsample_options import UpsampleOptions

_LONGEST_LIST = 1 << 28  # bytes
_BINARY = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")  # bytes that names of files do not have


@dataclass(slots=True)
class JobPlan:
    """The options of each input, the folders that cannot be read, and what is left out of folders."""

    jobs: list[UpsampleOptions] = field(default_factory=list)
    failures: list[tuple[Path, Failure]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def plan_jobs(options: UpsampleOptions) -> JobPlan:
    """Return the options of each input: named itself, in a list, or below a named folder.

    With a folder for outputs they are written there under their inputs' names, those of a named folder in
    the same tree below it.
    """
    _check_places(options)
    sources, folder = options.sources, options.folder
    if options.files_from:
        sources = [*sources, *_listed_inputs(options.files_from)]
        options = replace(options, sources=sources)
    plan = JobPlan()
    for source in sources:
        if not folder:
            plan.jobs.append(options.for_input(source, options.output))
        elif is_folder(source):
            _add_folder(plan, source, options, folder)
        else:
            plan.jobs.append(_in_folder(options, source, source.parent, folder))
    _check_different(plan.jobs)
    for job in plan.jobs:
        if isinstance(job.target, RemotePath):
            job.target.check_writable()
    return plan


def _check_places(options: UpsampleOptions) -> None:
    """Refuse inputs and outputs that do not go together."""
    sources = options.sources
    folder = next((each for each in sources if is_folder(each)), None)
    many = len(sources) > 1 or folder is not None or options.files_from is not None
    if options.output and options.folder:
        raise Misuse("-o names one output and -d the folder of several: use one of them")
    if options.output and many:
        local = (each for each in sources if each != STREAM and not is_url(each))
        missing = next((each for each in local if not os.path.lexists(each)), None)
        also = f"{typed(missing)}: no such file; and " if missing else ""
        raise Misuse(f"{also}-o names one output: for several inputs use -d DIR")
    if STREAM in sources and (many or options.folder):
        raise Misuse("standard input (-) goes alone, and its output is named with -o")
    if options.folder:
        return
    if folder is not None:
        raise Misuse(f"{folder}: is a folder: name the folder for its outputs with -d DIR")
    if len(sources) == 2:  # as sox takes them
        raise Misuse(
            f"two inputs and no -d. Did you mean -o {typed(sources[1])}? For two inputs use -d DIR"
        )
    if len(sources) > 2:
        raise Misuse(f"{len(sources)} inputs need -d DIR, the folder for their outputs (-d . is this one)")


def _listed_inputs(path: Path) -> list[Path]:
    """Return the inputs that a list names: one a line or, if it contains a NUL byte, separated by NUL."""
    with at_hand(path) as held, closing(Source(path, held)) as source:
        text = source.read(_LONGEST_LIST + 1)
    if len(text) > _LONGEST_LIST:
        raise Failure(
            f"{input_name(path)}: is not a list of files: it is longer than {_LONGEST_LIST} bytes"
        )
    if _BINARY.search(text):
        raise Failure(f"{input_name(path)}: is not a list of file names, but other data")
    if b"\0" in text:
        names = text.split(b"\0")
    else:
        names = [line.removesuffix(b"\r") for line in text.removeprefix(BOM_UTF8).split(b"\n")]
    inputs = [parse_path(os.fsdecode(name)) for name in names if name.strip()]
    if not inputs:
        raise Failure(f"{input_name(path)}: this list is empty")
    if STREAM in inputs:
        raise Failure(f"{input_name(path)}: names standard input (-) among files")
    return inputs


def _add_folder(plan: JobPlan, source: Path, options: UpsampleOptions, folder: Path) -> None:
    """Add the audio files in a folder and below."""
    if real_place(folder) == real_place(source):
        raise Misuse(f"{folder}: is the folder of the inputs: name another one with -d")
    weights = {real_place(path) for path in options.inputs if path != options.source}
    others = Counter[str]()
    found = audio_files_in(
        source, lambda *failed: plan.failures.append(failed), apart_from=folder, others=others
    )
    files = sorted(found)
    jobs = [_in_folder(options, path, source, folder) for path in files if real_place(path) not in weights]
    counts = ", ".join(f"{count} {suffix}" for suffix, count in sorted(others.items()))
    left_out = f": left out {counts}, which convt does not read: try ffmpeg first" if others else ""
    if not jobs and not plan.failures:
        empty = Failure(f"{source}: no audio file in this folder or below it{left_out}")
        if len(options.sources) == 1:
            raise empty
        plan.failures.append((source, empty))
    elif left_out:
        plan.left_out.append(f"{source}{left_out}")
    plan.jobs += jobs


def _in_folder(options: UpsampleOptions, path: Path, root: Path, folder: Path) -> UpsampleOptions:
    """Return the options of a file whose output lies below the folder as the file below `root`."""
    below = path.parent.relative_to(root).parts
    output = folder.joinpath(*below, options.file_name(path.stem, path.suffix))
    if real_place(output) == real_place(path):  # in its own folder it needs another name
        output = output.with_name(options.for_input(path, None).target.name)
    return options.for_input(path, output)


def _check_different(jobs: Sequence[UpsampleOptions]) -> None:
    """Refuse two outputs that are one file, by whatever names, and outputs that are other inputs."""
    if len(jobs) < 2:
        return
    sources = list(_places(job.source for job in jobs))
    targets = _places(job.target for job in jobs)
    inputs, taken = dict(zip(sources, jobs, strict=True)), dict[tuple[str, str], Path]()
    for job, source, place in zip(jobs, sources, targets, strict=True):
        if place in taken:
            both = f"{taken[place]} and {job.source}"
            raise Misuse(f"{both} would both become {job.target}: run them separately")
        if place in inputs and place != source:
            other = inputs[place].source
            raise Misuse(f"{job.target}: is both the output of {job.source} and the input {other}")
        taken[place] = job.source


def _places(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """Yield the real folder of each file, and its name there; each folder is looked up once."""
    folders: dict[Path, str] = {}
    for path in paths:
        if is_url(path):
            yield "", real_place(path)
            continue
        folder = path.parent
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        elsewhere = path.name in ("", "..") or os.path.islink(path)
        place = os.path.split(os.path.realpath(path)) if elsewhere else (folders[folder], path.name)
        yield (_as_on_macos(place[0]), _as_on_macos(place[1])) if sys.platform == "darwin" else place


def _as_on_macos(name: str) -> str:
    """Return a name that all names of the same file have, where case and composition do not count."""
    return normalize("NFC", name).casefold()
