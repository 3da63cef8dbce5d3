"""Files that appear whole or not at all."""

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from convt_cli.errors import Failure, ReaderGone
from convt_cli.files.paths import STREAM, input_name

_DESCRIPTORS = "/proc/{}/fd"  # a process's open files, as links
_temporaries: set[Path] = set()  # with names


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
    """Yield a temporary file that becomes `target` when the block ends well.

    Where the system has files without a name it is one: nothing is left of it, however the process ends.
    Links are followed. A file that replaces another has its permissions from the first byte on. If the
    block raises, `target` is as it was.
    """
    place = Path(os.path.realpath(target)) if target.is_symlink() else target
    name = place.with_name(f".convt-{secrets.token_hex(8)}.part")
    with write_errors_as_failures(str(target)):
        replaces = overwrite and place.exists()
        mode = stat.S_IMODE(place.stat().st_mode) if replaces else None
        try:
            with _unnamed(place.parent, mode) or _named(name, mode) as temporary:
                yield temporary
                _publish(temporary, place, name, overwrite=overwrite)
        except FileExistsError:
            raise Failure(f"{target}: came into being meanwhile; use --overwrite to replace it") from None


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


def _unnamed(folder: Path, mode: int | None) -> AbstractContextManager[Path] | None:
    """Return the context of a file without a name, None where there is no such thing."""
    if not (hasattr(os, "O_TMPFILE") and os.path.isdir(_DESCRIPTORS.format("self"))):
        return None
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666 if mode is None else 0o600)
    except OSError:  # not in this file system; or the file with a name tells why not
        return None

    @contextmanager
    def opened() -> Iterator[Path]:
        try:
            if mode is not None:
                os.fchmod(descriptor, mode)
            yield Path(_DESCRIPTORS.format(os.getpid()), str(descriptor))  # for other processes, too
        finally:
            os.close(descriptor)

    return opened()


@contextmanager
def _named(name: Path, mode: int | None) -> Iterator[Path]:
    """Create a file with a name, and remove it, unless it has become another."""
    _temporaries.add(name)
    try:
        name.touch(0o666 if mode is None else 0o600, exist_ok=False)
        if mode is not None:
            name.chmod(mode)
        yield name
    finally:
        name.unlink(missing_ok=True)
        _temporaries.discard(name)


def remove_temporaries() -> None:
    """Remove what is being written, in a process that is going to end at once."""
    for name in list(_temporaries):
        name.unlink(missing_ok=True)


def _publish(temporary: Path, place: Path, name: Path, *, overwrite: bool) -> None:
    """Give a temporary file its place.

    A link, unlike a renaming, never replaces a file that another process has created meanwhile.
    """
    if temporary != name and overwrite:  # it can be linked to a free name only
        _link(temporary, name)
    elif not overwrite and _link_if_possible(temporary, place):
        return
    try:
        name.replace(place)
    finally:
        name.unlink(missing_ok=True)


def _link_if_possible(temporary: Path, place: Path) -> bool:
    """Link a file; return False if the file system has no links."""
    try:
        _link(temporary, place)
    except FileExistsError:
        raise
    except OSError:
        if place.exists():
            raise FileExistsError from None
        return False
    return True


def _link(temporary: Path, place: Path) -> None:
    # Only linkat() follows the link to a file without a name; Python calls it if a folder is given.
    os.link(temporary.absolute(), place, src_dir_fd=0, follow_symlinks=True)
