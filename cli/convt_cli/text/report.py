"""Printing: results on stdout, everything for people on stderr."""

import contextlib
import json
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from convt_cli.errors import Failure, os_failure
from convt_cli.files.paths import typed

# What would end a line, or tell a terminal to do something: names of files and tensors may hold it.
_CONTROLS = (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPED = {code: repr(chr(code))[1:-1] for code in _CONTROLS}


def print_error(message: str) -> None:
    """Print in one line why the command ends."""
    _print_to_people(f"convt: {message}")


def print_json_error(cause: Failure, *, to_stderr: bool) -> None:
    """Print, as JSON, why the command ends."""
    with contextlib.suppress(OSError):
        print_json(cause.facts | {"error": str(cause), "exit_code": cause.exit_code}, to_stderr=to_stderr)


@contextlib.contextmanager
def json_errors(*, as_json: bool, to_stderr: bool = False) -> Iterator[None]:
    """Print a failure as JSON, if that is what the command line asks for, and end the command."""
    try:
        yield
    except (Failure, OSError) as error:
        cause = error if isinstance(error, Failure) else os_failure(error, "stdout")
        if not as_json:
            raise cause from None
        print_json_error(cause, to_stderr=to_stderr)
        raise typer.Exit(cause.exit_code) from None


def json_number(value: float) -> float | None:
    """Return what JSON can hold."""
    return value if math.isfinite(value) else None


def print_json(facts: Any, *, to_stderr: bool = False) -> None:
    """Print one JSON document."""
    _print(json.dumps(facts, indent=2, allow_nan=False).encode(), to_stderr=to_stderr)


def print_line(line: str) -> None:
    """Print a line of the result."""
    try:
        _print(line.translate(_ESCAPED).encode(errors="surrogateescape"), to_stderr=False)
    except OSError as cause:
        raise Failure(f"stdout: cannot be written: {cause.strerror}") from None


def _print(line: bytes, *, to_stderr: bool = False) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    if stream is None:  # closed by the shell: nobody asked for it
        return
    try:
        typer.echo(line, err=to_stderr)
        stream.flush()
    except BrokenPipeError:  # a reader that has gone away is no failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print_to_people(message: str) -> None:
    """Print a line to stderr; where that fails nobody is left to read it, and the work goes on."""
    with contextlib.suppress(OSError):
        typer.echo(message.translate(_ESCAPED), err=True)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Notes and warnings, unless only errors, or JSON, are wanted; details on demand."""

    quiet: bool
    verbose: bool = False
    as_json: bool = False

    @property
    def is_for_people(self) -> bool:
        """Whether anybody wants to see how the work goes on."""
        return not (self.quiet or self.as_json)

    def written(self, path: Path) -> None:
        """Print the path of a finished file, byte for byte."""
        if self.as_json:
            return
        try:
            _print(os.fsencode(typed(path)))
        except OSError as cause:
            raise Failure(f"stdout: cannot be written: {cause.strerror}; {path} is finished") from None

    def note(self, message: str) -> None:
        """Print what is being done."""
        if self.is_for_people:
            _print_to_people(message)

    def detail(self, message: str) -> None:
        """Print what ``--verbose`` asks for."""
        if self.verbose:
            self.note(message)

    def warn(self, message: str) -> None:
        """Print what the user might not expect."""
        self.note(f"convt: warning: {message}")

    def fail(self, failure: Failure) -> None:
        """Print why one of several files was not written."""
        if not self.as_json:
            print_error(str(failure))
