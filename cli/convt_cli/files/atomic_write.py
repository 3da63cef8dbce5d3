"""Files that appear whole or not at all."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from convt_cli.errors import Failure, ReaderGone
from convt_cli.files.paths import STREAM, input_name


def check_target(target: Path, sources: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse a target that is one of the sources, exists, or cannot be a file."""
    try:
        found = target.stat() if target.exists() else None
    except OSError as error:  # an impossible name
        raise Failure(f"{target}: cannot be written: {error.strerror}") from None
    if found:
        _check_found(target, found, sources, overwrite=overwrite)
    elif not target.parent.is_dir():
        raise Failure(f"{target}: there is no folder {target.parent}; create it first")
    elif target.is_symlink() and not _leads_to_a_folder(target):
        raise Failure(f"{target}: is a link that leads nowhere; name another file with -o")


def _check_found(target: Path, found: os.stat_result, sources: Sequence[Path], *, overwrite: bool) -> None:
    for source in sources:
        if _is_same(found, source):
            name = input_name(source)
            raise Failure(f"{target}: is the same file as the input {name}; choose another name with -o")
    if stat.S_ISDIR(found.st_mode):
        raise Failure(f"{target}: is a folder; name a file with -o")
    if not stat.S_ISREG(found.st_mode):
        raise Failure(f"{target}: is not a regular file; name one with -o")
    if not overwrite:
        raise Failure(f"{target}: exists already; use --overwrite, or another name with -o")


def _leads_to_a_folder(link: Path) -> bool:
    """Return whether the file that a link leads to can be created."""
    place = Path(os.path.realpath(link))
    return not place.is_symlink() and place.parent.is_dir()


def check_stream(sources: Sequence[Path]) -> None:
    """Refuse a standard output that is one of the sources."""
    out = os.fstat(1)
    for source in sources if stat.S_ISREG(out.st_mode) else ():
        if os.path.samestat(os.fstat(0) if source == STREAM else source.stat(), out):
            name = input_name(source)
            raise Failure(f"standard output: is the same file as the input {name}; choose another one")


def _is_same(found: os.stat_result, source: Path) -> bool:
    if source == STREAM:
        return os.path.samestat(found, os.fstat(0))
    return source.exists() and os.path.samestat(found, source.stat())


@contextmanager
def atomic_write(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary file in the folder of `target`; it becomes `target` when the block ends well.

    The function follows links, and a replaced file hands on its permissions. If the block raises, the
    function removes the temporary file and leaves `target` as it was.
    """
    place = Path(os.path.realpath(target)) if target.is_symlink() else target
    temporary = place.with_name(f".convt-{secrets.token_hex(8)}.part")
    with write_errors_as_failures(str(target)):
        try:
            temporary.touch(exist_ok=False)
            yield temporary
            if overwrite and place.exists():
                shutil.copymode(place, temporary)
            if overwrite or not _linked(temporary, place):
                temporary.replace(place)
        except FileExistsError:
            raise Failure(f"{target}: came into being meanwhile; use --overwrite to replace it") from None
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def write_errors_as_failures(name: str) -> Iterator[None]:
    """Turn the system's errors while an output is written into failures that name the output.

    Raises
    ------
    Failure
        With the system's reason.
    ReaderGone
        The program that reads standard output has closed it.
    """
    try:
        yield
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise Failure(f"{name}: cannot be written: {error.strerror or error}") from None


def _linked(temporary: Path, place: Path) -> bool:
    """Link the file to its name unless the name is taken; return False if the file system has no links.

    A link, unlike a renaming, never replaces a file that another process has created meanwhile.
    """
    try:
        place.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        if place.exists():
            raise FileExistsError from None
        return False
    return True
