"""The bytes of a file, a pipe or standard input, in order; files are checked for changes."""

import errno
import io
import math
import os
import select
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from convt_cli.errors import Failure, failure_of
from convt_cli.files.atomic_write import temporary_file
from convt_cli.files.paths import STREAM, input_name
from convt_cli.files.remote import RemotePath

_PIECE = 1 << 20  # bytes at a time
_FILLED = 0.9  # fraction of a disk's free space that is used at most


class Source:
    """An input that is read from its start.

    Parameters
    ----------
    path : Path
        The input's name; ``-`` is standard input.
    held : Path or None
        The file that holds the bytes, if `path` is only a name.

    Attributes
    ----------
    size : int or None
        Size in bytes; None for a pipe, which may never end.
    spooled : bool
        Whether it has been copied to a temporary file.
    """

    def __init__(self, path: Path, held: Path | None = None) -> None:
        self.path = path
        self._head = bytearray()  # bytes of a pipe that were read as its header
        self._at = 0  # position in it
        self.spooled = False
        self._file: IO[bytes] = io.BytesIO()
        try:
            self._file = (
                io.FileIO(0, closefd=False) if path == STREAM else io.FileIO(os.fsencode(held or path))
            )
            self._original = self._file
            self._found = os.fstat(self._file.fileno())
            # A file on standard input that is partly read already is treated as a pipe.
            self._is_file = stat.S_ISREG(self._found.st_mode) and self._file.tell() == 0
        except IsADirectoryError as error:
            raise Failure(f"{path}: cannot be read: {error.strerror}") from None
        except OSError as error:
            raise self._unreadable(error) from None
        self.size = self._found.st_size if self._is_file else None

    @property
    def name(self) -> str:
        """The input's name in messages."""
        return input_name(self.path)

    def _unreadable(self, error: OSError) -> Failure:
        return Failure(f"{self.name}: cannot be read: {error.strerror}")

    def read(self, count: int = 0) -> bytes:
        """Return the next bytes of a header, fewer at the end."""
        data = bytearray(self._head[self._at : self._at + count])
        self._at += len(data)
        while len(data) < count and (more := self._next(min(count - len(data), _PIECE))):
            data += more
            if self.size is None:
                self._head += more
                self._at += len(more)
        return bytes(data)

    def _next(self, count: int) -> bytes:
        """Return up to `count` bytes, as soon as there are any; none at the end."""
        try:
            while (data := self._file.read(count)) is None:
                wait_for(self._file, select.POLLIN)
        except OSError as error:
            raise self._unreadable(error) from None
        return data

    def skip(self, count: int) -> None:
        """Skip bytes of a header."""
        self.seek(self.tell() + count)

    def seek(self, position: int) -> None:
        """Go to a position in a file or in the header of a pipe, at most to its end."""
        if self.size is None:
            self._at = min(position, len(self._head))
            self.read(position - self._at)
        else:
            self._file.seek(min(position, self.size))

    def tell(self) -> int:
        """Return the position in a file or in the header of a pipe."""
        return self._at if self.size is None else self._file.tell()

    def fill(self, room: NDArray[np.uint8], unit: int) -> int:
        """Read bytes of samples into an array: whole units, as many as fit or are available.

        Wait for one unit; return less than one only at the end of the input.
        """
        try:
            return self._fill(room.data, unit)
        except OSError as error:
            raise self._unreadable(error) from None

    def _fill(self, room: memoryview, unit: int) -> int:
        count = 0
        while count < len(room) and (count < unit or count % unit or self._at_hand()):
            got = self._file.readinto(room[count:])  # type: ignore[attr-defined]  # of every raw file
            if got is None:
                wait_for(self._file, select.POLLIN)
            elif not got:
                break
            else:
                count += got
        return count

    def _at_hand(self) -> bool:
        return self.size is not None or wait_for(self._file, select.POLLIN, seconds=0)

    def spool(self, most: float = math.inf, *, prefix: bytes = b"", start: int = 0) -> None:
        """Copy the input to an unnamed temporary file, and go to its start.

        Parameters
        ----------
        most : float
            Maximum bytes of the input.
        prefix : bytes
            First bytes of the copy.
        start : int
            Position in a file at which to begin.

        Raises
        ------
        Failure
            The input has more bytes, or would fill the disk: some inputs never end.
        """
        head, self._head = self._head, bytearray()
        if self.size is not None:
            self.seek(start)
        import tempfile  # slow to import, and only pipes need it

        folder = tempfile.gettempdir()
        try:
            room = int(shutil.disk_usage(folder).free * _FILLED)
            spooled = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed with the source
            with ExitStack() as stack:
                stack.push(spooled)
                write_all(spooled, prefix + bytes(head))
                while piece := self._next(_PIECE):
                    write_all(spooled, piece)
                    if spooled.tell() > min(most, room):
                        raise Failure(self._too_long(most, room, folder))
                stack.pop_all()  # no error: the file stays open
        except OSError as error:
            raise Failure(
                f"{self.name}: cannot be stored in {folder}: {error.strerror}; set TMPDIR to another folder"
            ) from None
        if self.spooled:
            self._file.close()
        self._file, self._at, self.spooled = spooled, 0, True
        self.size = spooled.tell()
        self.seek(0)

    def _too_long(self, most: float, room: int, folder: str) -> str:
        if most < room:
            return f"{self.name}: not recognised as audio from its first {most / 1e6:.0f} MB"
        return (
            f"{self.name}: longer than the {room / 1e9:.1f} GB of space in {folder};"
            " set TMPDIR to another folder"
        )

    def patch(self, position: int, data: bytes) -> None:
        """Replace bytes of the temporary file."""
        self._file.seek(position)
        self._file.write(data)

    def copy_to(self, file: IO[bytes]) -> None:
        """Write all bytes of a file to another."""
        self.seek(0)
        left = self._found.st_size  # the file may grow while it is read
        while left and (piece := self._next(min(left, _PIECE))):
            write_all(file, piece)
            left -= len(piece)
        self.check_unchanged()

    def sha256(self) -> str | None:
        """Return the SHA-256 of the file that was read; None for a stream."""
        if self.path == STREAM or not self._is_file:
            return None
        from hashlib import file_digest  # slow to import, needed only with --json

        try:
            self._original.seek(0)
            digest = file_digest(self._original, "sha256").hexdigest()
        except OSError as error:
            raise self._unreadable(error) from None
        self.check_unchanged()
        return digest

    def descriptor(self) -> int:
        """Return a new file descriptor, at the start of the file."""
        self.seek(0)
        return os.dup(self._file.fileno())

    @property
    def identity(self) -> tuple[int, ...]:
        """The identity of the file, its size and its modification time when it was opened."""
        found = self._found
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)

    def check_unchanged(self) -> None:
        """Refuse a file that changed while being read.

        Raises
        ------
        Failure
            Its size or its modification time has changed.
        """
        now, then = os.fstat(self._original.fileno()), self._found
        if self._is_file and (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns):
            raise Failure(f"{self.name}: changed while being read")

    def cut_short(self, what: str, *, allowed: bool) -> str:
        """Return the warning about a truncated input.

        Raises
        ------
        Failure
            Truncated inputs are not allowed.
        """
        if not allowed:
            raise Failure(f"{self.name}: truncated: {what}; use --allow-truncated to accept it")
        return f"{self.name}: truncated: {what}"

    def close(self) -> None:
        """Close the input."""
        self._file.close()
        self._original.close()


@contextmanager
def at_hand(path: Path) -> Iterator[Path | None]:
    """Yield a temporary file with the bytes of an object in a store; None for an input that needs none.

    Raises
    ------
    Failure
        It cannot be fetched.
    """
    if not isinstance(path, RemotePath):
        yield None
        return
    with temporary_file(input_name(path)) as copy:
        fetch(path, copy)
        yield copy


def fetch(path: RemotePath, copy: Path) -> None:
    """Copy an object to a file."""
    try:
        path.fetch(copy)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            import tempfile

            folder = tempfile.gettempdir()
            reason = f"cannot be stored in {folder}: {error.strerror}; set TMPDIR to another folder"
        else:
            reason = f"cannot be read: {error.strerror}"
        raise failure_of(f"{input_name(path)}: {reason}", error) from None


def open_output(path: Path | None) -> io.FileIO:
    """Return a new file to write; standard output for None."""
    if path is None:
        return io.FileIO(1, "wb", closefd=False)
    return io.FileIO(path, "wb", opener=_open_untruncated)


def _open_untruncated(name: str, flags: int) -> int:
    """Open a file without truncating it: ext4 writes truncated files to disk when they are closed."""
    return os.open(name, flags & ~os.O_TRUNC, 0o666)


def copy_all(path: Path, file: IO[bytes]) -> None:
    """Write a file's bytes to another or to a pipe."""
    with path.open("rb") as source:
        while piece := source.read(_PIECE):
            write_all(file, piece)


def write_all(file: IO[bytes], data: bytes | memoryview) -> None:
    """Write to a file or a pipe until nothing is left."""
    left = memoryview(data)
    while left:
        written = file.write(left)
        if written is None:
            wait_for(file, select.POLLOUT)
        left = left[written or 0 :]


def wait_for(file: IO[bytes], event: int, seconds: float | None = None) -> bool:
    """Wait for a pipe, which another program can make non-blocking; return whether it is ready.

    Unlike ``select``, ``poll`` works with more than 1,024 open files.
    """
    poll = select.poll()
    poll.register(file, event)
    return bool(poll.poll(None if seconds is None else seconds * 1000))
