"""What the command says: results on stdout, everything for people on stderr."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import typer


def error(message: str) -> None:
    """Say in one line why the command ends."""
    typer.echo(f"convt: {message}", err=True)


def written(path: Path) -> None:
    """Print the path of a finished file, byte for byte; a reader that has gone away is no failure."""
    try:
        sys.stdout.flush()
        typer.echo(os.fsencode(path))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Notes and warnings, unless the user wants to hear of errors alone."""

    quiet: bool

    def note(self, message: str) -> None:
        """Say what is being done."""
        if not self.quiet:
            typer.echo(message, err=True)

    def warn(self, message: str) -> None:
        """Say what the user might not expect."""
        self.note(f"convt: warning: {message}")
