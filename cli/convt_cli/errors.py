"""Errors that end a command with one line.

Any function of the command raises :class:`Failure`, or :class:`Misuse`, with the line that the user reads:
what is wrong, and what to do. Docstrings do not repeat it.
"""

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_OPTION = re.compile(  # whose name begins a message of the library
    r"^(passband|rejection|stopband|stride|taps|dilation|groups|padding|output_padding|latency|down|ridge|delay)"
    r"(?= must| is| =)"
)
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}
_OF_DISKS |= {errno.ETIMEDOUT, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ENETUNREACH}
_NAMED = 20  # files that a line names at most


class Failure(Exception):  # noqa: N818  # the shell sees a failure, with its exit code
    """The work cannot be done; the message is the one line that says why, and `facts` more for JSON."""

    exit_code = 1
    facts: dict[str, Any] = {}  # noqa: RUF012  # never changed, but replaced


def os_failure(error: OSError, name: str) -> Failure:
    """Return a failure for an error of the system, with the file that it names, or else `name`."""
    return Failure(f"{error.filename or name}: {error.strerror or error}")


class Misuse(Failure):
    """The command line is wrong, whatever the files hold."""

    exit_code = 2


class DiskFailure(Failure):
    """A disk or a store fails: the reason is not the input, and others would not do better."""


def failure_of(message: str, error: OSError) -> Failure:
    """Return the failure for an error of the system."""
    return (DiskFailure if error.errno in _OF_DISKS else Failure)(message)


class Unwritable(Exception):  # noqa: N818  # becomes a Failure where the file's name is known
    """The format of the file cannot hold the samples."""


class SomeFailed(Failure):
    """Some of several outputs, or all, could not be made."""

    def __init__(self, names: Sequence[str], of: int, count: int = 0) -> None:
        count = count or len(names)
        more = f" and {count - _NAMED} more" if count > _NAMED else ""
        named = f": {', '.join(names[:_NAMED])}{more}" if names else ""
        super().__init__(f"{count} of {of} files failed{named}")
        self.exit_code = 1 if count == of else 3


class ReaderGone(Exception):  # noqa: N818  # the reader of standard output has enough: no error
    """The reader of standard output has closed it."""


@contextmanager
def library_errors_as_failures() -> Iterator[None]:
    """Turn the library's errors into the command's.

    Raises
    ------
    Failure, Misuse
        Failure for a file, Misuse for the options.
    """
    import convt  # slow to import, and needed where there is work alone

    try:
        yield
    except convt.WeightsError as error:
        raise Failure(str(error).replace("name one with tensor=", "name one with --tensor")) from None
    except (convt.ParameterError, convt.ParameterTypeError) as error:
        raise Misuse(_OPTION.sub(lambda name: f"--{name[0].replace('_', '-')}", str(error))) from None
