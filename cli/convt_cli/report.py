"""What the command says: results on stdout, everything for people on stderr."""

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from convt_cli.errors import Failure


def error(message: str) -> None:
    """Say in one line why the command ends."""
    _say(f"convt: {message}")


def written(path: Path) -> None:
    """Print the path of a finished file, byte for byte; a reader that has gone away is no failure."""
    if sys.stdout is None:  # closed by the shell: nobody asked for the name
        return
    try:
        typer.echo(os.fsencode(path))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as cause:
        raise Failure(f"stdout: cannot be written: {cause.strerror}; {path} is finished") from None


def _say(message: str) -> None:
    """Write a line to stderr; where that fails there is nobody left to tell, and the work goes on."""
    with contextlib.suppress(OSError):
        typer.echo(message.replace("\n", "\\n"), err=True)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Notes and warnings, unless the user wants to hear of errors alone; details for those who do."""

    quiet: bool
    verbose: bool = False

    def note(self, message: str) -> None:
        """Say what is being done."""
        if not self.quiet:
            _say(message)

    def detail(self, message: str) -> None:
        """Say what only those want to hear who asked for it."""
        if self.verbose:
            self.note(message)

    def warn(self, message: str) -> None:
        """Say what the user might not expect."""
        self.note(f"convt: warning: {message}")
