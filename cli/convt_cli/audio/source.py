"""Bytes of a file, a pipe or standard input, in order, and watched for changes."""

import io
import os
import select
import shutil
import stat
import tempfile
from pathlib import Path
from typing import IO

from convt_cli.audio.formats import Array
from convt_cli.errors import Failure
from convt_cli.names import STREAM, input_name


class Source:
    """An input that is read from its beginning on.

    Parameters
    ----------
    path : Path
        The input's name; ``-`` is standard input.
    again : bool
        Whether it must be possible to read it twice: a pipe is then copied to a temporary file.

    Attributes
    ----------
    size : int or None
        Bytes in all; None for a pipe, which may go on as long as it likes.
    """

    def __init__(self, path: Path, *, again: bool = False) -> None:
        self.path = path
        self._head = bytearray()  # of a pipe: what a header was read from
        self._at = 0  # bytes of it that have been read again
        self._file: IO[bytes] = io.BytesIO()
        try:
            self._file = io.FileIO(0, closefd=False) if path == STREAM else io.FileIO(os.fsencode(path))
            self._found = os.fstat(self._file.fileno())
        except OSError as error:
            raise Failure(f"{self.name}: cannot be read: {error.strerror}") from None
        self.size = self._found.st_size if stat.S_ISREG(self._found.st_mode) else None
        if again and self.size is None:
            self.spool()

    @property
    def name(self) -> str:
        """What messages call the input."""
        return input_name(self.path)

    def read(self, count: int = 0) -> bytes:
        """Return the next bytes of a header, fewer at the end."""
        parts = [bytes(self._head[self._at : self._at + count])]
        self._at += len(parts[0])
        missing = count - len(parts[0])
        while missing and (more := self._file.read(missing)):
            parts.append(more)
            missing -= len(more)
            if self.size is None:
                self._head += more
                self._at += len(more)
        return b"".join(parts)

    def skip(self, count: int) -> None:
        """Pass over bytes of a header, or to beyond the end."""
        if self.size is None:
            self.read(count)
        else:
            self._file.seek(count, os.SEEK_CUR)

    def seek(self, position: int) -> None:
        """Go to a position: anywhere in a file, and in the header of a pipe."""
        if self.size is None:
            self._at = position
        else:
            self._file.seek(position)

    def tell(self) -> int:
        """Return the position: in a file, or in the header of a pipe."""
        return self._at if self.size is None else self._file.tell()

    def fill(self, room: Array, unit: int) -> int:
        """Read bytes of samples into an array: whole units, all that there is room for or is at hand.

        It waits for one unit, and at the end of the input alone returns less than one.
        """
        try:
            return self._fill(room.data, unit)
        except OSError as error:
            raise Failure(f"{self.name}: cannot be read: {error.strerror}") from None

    def _fill(self, room: memoryview, unit: int) -> int:
        count = 0
        while count < len(room) and (count < unit or count % unit or self._at_hand()):
            got = self._file.readinto(room[count:])  # type: ignore[attr-defined]  # of every raw file
            if not got:
                break
            count += got
        return count

    def _at_hand(self) -> bool:
        if self.size is not None:
            return True
        return bool(select.select([self._file], [], [], 0)[0])

    def spool(self) -> None:
        """Copy a pipe to a temporary file that has no name, and go to its beginning."""
        spooled = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed with the source
        try:
            spooled.write(self._head)
            shutil.copyfileobj(self._file, spooled, 1 << 20)
        except OSError as error:
            spooled.close()
            raise Failure(
                f"{self.name}: cannot be kept in {tempfile.gettempdir()}: {error.strerror}; set TMPDIR"
            ) from None
        self.close()
        self._file, self._head, self._at = spooled, bytearray(), 0
        self._found = os.fstat(spooled.fileno())
        self.size = self._found.st_size
        self.seek(0)

    def descriptor(self) -> int:
        """Return a file descriptor of its own, at the beginning of a file."""
        self.seek(0)
        return os.dup(self._file.fileno())

    def check_unchanged(self) -> None:
        """Refuse a file that has become another one while it was read.

        Raises
        ------
        Failure
            Its length or its time is not what it was.
        """
        now = os.fstat(self._file.fileno())
        if self.size is not None and (now.st_size, now.st_mtime_ns) != (self.size, self._found.st_mtime_ns):
            raise Failure(f"{self.name}: changed while it was read")

    def close(self) -> None:
        """Let the input go."""
        self._file.close()
