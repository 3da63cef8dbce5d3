"""Printing: results on stdout, everything for people on stderr."""

import contextlib
import json
import math
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from convt_cli.errors import Failure, SomeFailed, os_failure
from convt_cli.files.paths import typed

# Characters that end a line or control a terminal: names of files and tensors may contain them.
_CONTROLS = (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_ESCAPED = {code: repr(chr(code))[1:-1] for code in _CONTROLS}
_SURROGATES = re.compile("[\ud800-\udfff]")  # of bytes in a name that are not UTF-8: no text holds them


def print_error(message: str) -> None:
    """Print the error that ends the command, in one line."""
    _print_to_people(f"convt: {message}", "red")


def print_json_error(cause: Failure, *, to_stderr: bool) -> None:
    """Print the error that ends the command, as JSON if possible."""
    try:
        print_json_line(json_line(error_as_json(cause)), to_stderr=to_stderr)
    except Failure:
        print_error(str(cause))


def error_as_json(cause: Failure) -> dict[str, Any]:
    """Return the facts about a failure."""
    return cause.facts | {"error": str(cause), "exit_code": cause.exit_code}


@contextlib.contextmanager
def json_errors(*, as_json: bool, to_stderr: bool = False) -> Iterator[None]:
    """Print a failure as JSON, if --json is given, and end the command."""
    try:
        yield
    except (Failure, OSError) as error:
        cause = error if isinstance(error, Failure) else os_failure(error, "stdout")
        if not as_json:
            raise cause from None
        if not isinstance(cause, SomeFailed):  # each of the files has its line
            print_json_error(cause, to_stderr=to_stderr)
        raise typer.Exit(cause.exit_code) from None


def json_number(value: float) -> float | None:
    """Return a number that JSON can hold, or None."""
    return value if math.isfinite(value) else None


def json_line(facts: Any) -> str:
    """Return a JSON document in one line."""
    return json.dumps(_as_unicode(facts), allow_nan=False)


def _as_unicode(facts: Any) -> Any:
    """Return facts with valid Unicode texts, as parsers want them; U+FFFD replaces the rest."""
    if isinstance(facts, str):
        return _SURROGATES.sub("\ufffd", facts)
    if isinstance(facts, dict):
        return {name: _as_unicode(value) for name, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [_as_unicode(value) for value in facts]
    return facts


def print_json_line(line: str, *, to_stderr: bool = False) -> None:
    """Print a JSON document in one line."""
    _print(line.encode(), to_stderr=to_stderr)


def print_json(facts: Any) -> None:
    """Print an indented JSON document."""
    _print(json.dumps(_as_unicode(facts), indent=2, allow_nan=False).encode())


def print_line(line: str) -> None:
    """Print a line of the result."""
    _print(line.translate(_ESCAPED).encode(errors="surrogateescape"))


def _print(line: bytes, *, to_stderr: bool = False, finished: Path | None = None) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    if stream is None:  # closed by the shell: nobody asked for it
        return
    try:
        typer.echo(line, err=to_stderr)
        stream.flush()
    except BrokenPipeError:  # a reader that has gone away is no failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError as cause:
        name = "stderr" if to_stderr else "stdout"
        also = f"; {finished} is finished" if finished else ""
        raise Failure(f"{name}: cannot be written: {cause.strerror}{also}") from None


def _is_colourful() -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stderr is not None and sys.stderr.isatty() and not plain


def _print_to_people(message: str, colour: str | None = None) -> None:
    """Print a line to stderr; if that fails nobody reads it, and the work goes on."""
    with contextlib.suppress(OSError):
        line = message.translate(_ESCAPED)
        typer.echo(typer.style(line, fg=colour) if colour and _is_colourful() else line, err=True)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Prints notes and warnings, unless --quiet or --json is given, and details with --verbose."""

    quiet: bool
    verbose: bool = False
    as_json: bool = False
    _said: set[str] = field(default_factory=set)  # warnings so far: many files may share a kernel

    @property
    def is_for_people(self) -> bool:
        """Whether people read the progress of the work."""
        return not (self.quiet or self.as_json)

    def written(self, path: Path) -> None:
        """Print the path of a finished file, byte for byte."""
        if not self.as_json:
            _print(os.fsencode(typed(path)), finished=path)

    def note(self, message: str) -> None:
        """Print a note."""
        if self.is_for_people:
            _print_to_people(message)

    def detail(self, message: str) -> None:
        """Print a detail, with ``--verbose`` only."""
        if self.verbose:
            self.note(message)

    def warn(self, message: str) -> None:
        """Print a warning, once."""
        if message not in self._said:
            self._said.add(message)
            if self.is_for_people:
                _print_to_people(f"convt: warning: {message}", "yellow")

    def lose(self, message: str) -> None:
        """Print a warning of lost data, even with --quiet."""
        if not self.as_json:
            _print_to_people(f"convt: warning: {message}", "yellow")

    def skip(self, facts: dict[str, Any]) -> None:
        """Print the facts about a skipped file, as JSON only."""
        if self.as_json:
            print_json_line(json_line(facts))

    def fail(self, failure: Failure) -> None:
        """Print the failure of one of several files."""
        if self.as_json:
            print_json_line(json_line(error_as_json(failure)))
        else:
            print_error(str(failure))
