"""Atomic writes: files that appear whole or not at all, and the folders for them."""

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from zlib import crc32

from convt_cli.errors import Failure, ReaderGone, failure_of
from convt_cli.files.paths import STREAM, input_name
from convt_cli.files.remote import RemotePath

_DESCRIPTORS = "/proc/{}/fd"  # a process's open files, as links
_IN_MEMORY = 1 << 25  # bytes
_temporaries: set[Path] = set()  # those that have names


def check_target(target: Path, sources: Sequence[Path], *, overwrite: bool, many: bool = False) -> None:
    """Refuse a target that is one of the sources, exists, or cannot be a file."""
    if isinstance(target, RemotePath):
        _check_object(target, sources, overwrite=overwrite, many=many)
        return
    try:
        found = target.stat() if target.exists() else None
    except OSError as error:  # an impossible name, or a folder without permission
        raise Failure(f"{target}: cannot be written: {error.strerror}") from None
    if found:
        _check_found(target, found, sources)
        if not overwrite:
            raise _already_exists(target, many=many)
    elif not target.parent.is_dir():
        raise Failure(f"{target}: folder {target.parent} does not exist; create it first")
    elif target.is_symlink() and not _leads_to_a_folder(target):
        raise Failure(f"{target}: broken link; choose another name with -o")


def _check_object(target: RemotePath, sources: Sequence[Path], *, overwrite: bool, many: bool) -> None:
    target.check_writable()
    if target in sources:
        raise Failure(f"{target}: is the same object as the input; choose another name with -o")
    with write_errors_as_failures(str(target)):
        # A store that refuses it when it is uploaded need not be asked for each of many.
        if not overwrite and not target.refuses and target.exists():
            raise _already_exists(target, many=many)


def _already_exists(target: Path, *, many: bool) -> Failure:
    other = "--skip-existing to keep it" if many else "another name with -o"
    return Failure(f"{target}: already exists; use --overwrite, or {other}")


def _check_found(target: Path, found: os.stat_result, sources: Sequence[Path]) -> None:
    for source in sources:
        if _is_same(found, source):
            name = input_name(source)
            raise Failure(f"{target}: is the same file as the input {name}; choose another name with -o")
    if stat.S_ISDIR(found.st_mode):
        raise Failure(f"{target}: is a folder; give a file name with -o")
    if not stat.S_ISREG(found.st_mode):
        raise Failure(f"{target}: is not a regular file; choose another name with -o")


def _leads_to_a_folder(link: Path) -> bool:
    """Return whether the file that a link leads to can be created."""
    place = Path(os.path.realpath(link))
    return not place.is_symlink() and place.parent.is_dir()


def check_stream(sources: Sequence[Path]) -> None:
    """Refuse a standard output that is redirected to one of the sources."""
    out = os.fstat(1)
    for source in sources if stat.S_ISREG(out.st_mode) else ():
        if _is_same(out, source):
            name = input_name(source)
            raise Failure(f"standard output: is the same file as the input {name}; choose another file")


def _is_same(found: os.stat_result, source: Path) -> bool:
    if isinstance(source, RemotePath):
        return False
    try:
        return os.path.samestat(found, os.fstat(0) if source == STREAM else source.stat())
    except OSError:  # the reader reports why it cannot be read
        return False


def make_folder(folder: Path, *, dry_run: bool = False) -> None:
    """Create a folder and its parents if they do not exist; in a dry run only check that it is possible."""
    if isinstance(folder, RemotePath):  # an object's is there with it
        folder.check_writable()
        return
    missing = list(takewhile(lambda place: not os.path.isdir(place), (folder, *folder.parents)))
    try:
        for place in () if dry_run else reversed(missing):
            place.mkdir(exist_ok=True)
    except OSError as error:
        raise Failure(f"{folder}: cannot create the folder: {error.strerror}") from None
    if dry_run and missing:
        _check_creatable(folder, missing[-1])


def _check_creatable(folder: Path, first: Path) -> None:
    """Refuse a folder if the first missing one of it and its parents cannot be created."""
    if os.path.lexists(first):
        raise Failure(f"{folder}: cannot create the folder: {first} is not a folder")
    if not os.access(first.parent, os.W_OK | os.X_OK):
        raise Failure(f"{folder}: cannot create the folder: no permission in {first.parent}")


@contextmanager
def atomic_write(target: Path, *, overwrite: bool, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary file that becomes `target` when the block ends without an error.

    On systems with unnamed files it is one, so that nothing is left however the process ends. Links are
    followed. A file that replaces another gets its permissions before the first byte, and its owner if the
    system allows that. If the block raises, `target` stays unchanged.

    With `sync` the content is on the disk before it gets its name: after a power cut there is the whole
    file, or the previous one. An object is uploaded when the file is finished.
    """
    if isinstance(target, RemotePath):
        with temporary_file(str(target)) as temporary, write_errors_as_failures(str(target)):
            yield temporary
            _upload(temporary, target, overwrite=overwrite)
        return
    place = Path(os.path.realpath(target)) if target.is_symlink() else target
    with write_errors_as_failures(str(target)):
        found = place.stat() if overwrite and place.exists() else None
        try:
            with _unnamed(place.parent, found) or _named(place, found) as temporary:
                yield temporary
                if sync:
                    _sync(temporary)
                _publish(temporary, place, overwrite=overwrite)
                if sync:
                    sync_folder(place.parent)
        except FileExistsError:
            raise _created_meanwhile(target) from None


def _upload(temporary: Path, target: RemotePath, *, overwrite: bool) -> None:
    known = target.refuses  # so that it was not looked up before
    try:
        target.put(temporary, overwrite=overwrite)
    except FileExistsError:
        raise (_already_exists(target, many=True) if known else _created_meanwhile(target)) from None


def _created_meanwhile(target: Path) -> Failure:
    return Failure(f"{target}: another program created it in the meantime; use --overwrite to replace it")


def write_whole(target: Path, content: bytes, *, sync: bool = True) -> None:
    """Write a file, whole or not at all, in the place of an earlier one."""
    if isinstance(target, RemotePath):
        with write_errors_as_failures(str(target)):
            target.write_bytes(content)
        return
    with atomic_write(target, overwrite=True, sync=sync) as temporary:
        temporary.write_bytes(content)


@contextmanager
def temporary_file(name: str, size: int | None = None) -> Iterator[Path]:
    """Yield a new empty file for a while; `name` is for messages.

    With an expected `size` in bytes that is small it is in memory, which is many times faster. Where the
    system has unnamed files it is one, so that nothing is left however the process ends.
    """
    import tempfile  # slow to import

    with write_errors_as_failures(name), ExitStack() as stack:
        if size is not None and size <= _IN_MEMORY and hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("convt")
            stack.callback(os.close, descriptor)
            yield Path(_DESCRIPTORS.format("self"), str(descriptor))
            return
        folder = Path(tempfile.gettempdir())
        unnamed = _unnamed(folder, None)
        yield stack.enter_context(unnamed or _named(folder / f"convt-{os.urandom(8).hex()}", None))


@contextmanager
def write_errors_as_failures(name: str) -> Iterator[None]:
    """Turn system errors while an output is written into failures that name the output.

    Raises
    ------
    Failure
        A system error; the message has its reason.
    ReaderGone
        The program that reads standard output has closed it.
    """
    try:
        yield
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise failure_of(f"{name}: cannot be written: {error.strerror or error}", error) from None


def _unnamed(folder: Path, found: os.stat_result | None) -> AbstractContextManager[Path] | None:
    """Return the context of an unnamed file; None if the system does not have them."""
    if not (hasattr(os, "O_TMPFILE") and os.path.isdir(_DESCRIPTORS.format("self"))):
        return None
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, _first_mode(found))
    except OSError:  # not on this file system; for other errors, the named file reports the reason
        return None

    @contextmanager
    def opened() -> Iterator[Path]:
        try:
            _lock(descriptor)
            _take_after(descriptor, found)
            yield Path(_DESCRIPTORS.format(os.getpid()), str(descriptor))  # for other processes, too
        finally:
            os.close(descriptor)

    return opened()


@contextmanager
def _named(place: Path, found: os.stat_result | None) -> Iterator[Path]:
    """Create a named file, and remove it unless its name has passed to another file."""
    name, descriptor = _free_name(place), None
    _temporaries.add(name)
    try:
        descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, _first_mode(found))
        _lock(descriptor)
        _take_after(descriptor, found)
        yield name
    finally:
        if descriptor is not None:
            if _is_same(os.fstat(descriptor), name):  # or the name may belong to another process by now
                name.unlink()
            os.close(descriptor)
        _temporaries.discard(name)


def _first_mode(found: os.stat_result | None) -> int:
    """Return the permissions of a new file; one that replaces another begins private."""
    return 0o666 if found is None else 0o600


def _take_after(descriptor: int, found: os.stat_result | None) -> None:
    """Give a file the permissions and, if the system allows, the owner of the file that it replaces."""
    if found:
        for owner in (-1, found.st_uid):  # most users may set a group of theirs, but no owner
            with suppress(OSError):
                os.fchown(descriptor, owner, found.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode))


def _free_name(place: Path) -> Path:
    """Return a name for the temporary file of an output, in the same folder.

    It is the same in every run, so that the file of a killed process is found and removed. A running
    process has locked its file.
    """
    name = place.with_name(f".convt-{crc32(os.fsencode(place.name)):08x}.part")
    other = _other_name(name)
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return name
    except OSError:  # it belongs to another user
        return other
    try:
        if not _lock(descriptor):
            return other
        name.unlink(missing_ok=True)
    except OSError:
        return other
    finally:
        os.close(descriptor)
    return name


def _other_name(name: Path) -> Path:
    return name.with_suffix(f".{os.urandom(8).hex()}.part")


def _lock(descriptor: int) -> bool:
    """Lock a file while it is open, and return whether it was free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process has it; or the file system has no locks
        return False
    return True


def remove_temporaries() -> None:
    """Remove unfinished files in a process that is about to end."""
    for name in list(_temporaries):
        name.unlink(missing_ok=True)


def _sync(file: Path) -> None:
    """Wait until a file is on the disk."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        if hasattr(fcntl, "F_FULLFSYNC"):  # without it macOS leaves the content in the disk's cache
            with suppress(OSError):
                fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, if the file system can do that."""
    with suppress(OSError):
        _sync(folder)


def _publish(temporary: Path, place: Path, *, overwrite: bool) -> None:
    """Give a temporary file its final name.

    A link, unlike a rename, never replaces a file that another process has created in the meantime.
    """
    if not overwrite and _link_if_possible(temporary, place):
        return
    name = temporary
    if not name.name.endswith(".part"):  # it has no name yet, and can only be linked to a free one
        name = _free_name(place)
        try:
            _link(temporary, name)
        except FileExistsError:  # another thread or process has taken it just now
            name = _other_name(name)
            _link(temporary, name)
    try:
        name.replace(place)
    except BaseException:
        name.unlink(missing_ok=True)
        raise


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
    # Only linkat() follows the link to an unnamed file; Python calls it if a folder is given.
    os.link(temporary.absolute(), place, src_dir_fd=0, follow_symlinks=True)
