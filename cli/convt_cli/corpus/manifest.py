"""Manifests: a line for each clip, as JSON (lhotse, NeMo, HuggingFace) or as CSV.

A line keeps all of its fields, in their order. Those that say where the audio is, and how long, are
replaced by what was written; lines with an `offset` describe segments of a file.
"""

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from convt_cli.errors import Failure
from convt_cli.files.paths import as_text, is_url
from convt_cli.files.remote import RemotePath

_PATHS = ("audio_filepath", "path", "file_name", "audio")
_RATES, _FRAMES = ("sampling_rate", "sample_rate"), ("num_samples", "frames")
_LONGEST = 1 << 22  # bytes of a line
Line = dict[str, Any]


class Written(NamedTuple):
    """An output: its path for the manifest, and the frames and rate of its audio; and the input's rate."""

    path: str
    frames: int
    rate: int
    rate_before: int


class Manifest:
    """A manifest that is read line by line, from any line whose place is known.

    Parameters
    ----------
    path : Path
        A file of JSON lines, or of comma-separated values with a header if its name ends in ``.csv``.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.is_csv = path, path.suffix.lower() == ".csv"
        self.header: list[str] = []
        self.start = 0
        if self.is_csv or not is_url(path):  # an object's lines are fetched when they are read
            with self._open(0, _LONGEST + 1) as file:
                if self.is_csv:
                    self.header = self._values(1, file.readline())
                    self.start = file.tell()
        if self.is_csv:
            self._check_header()

    def _check_header(self) -> None:
        if not any(name in self.header for name in _PATHS):
            raise Failure(
                f"{self.path}: the first line must name a column {', '.join(_PATHS)}; it has"
                f" {', '.join(self.header)}"
            )
        twice = next((name for name in self.header if self.header.count(name) > 1), None)
        if twice is not None:
            raise Failure(f"{self.path}: the first line names the column {twice} twice")

    @property
    def folder(self) -> str:
        """The folder to which relative paths are relative."""
        return as_text(self.path.parent)

    def _open(self, start: int | None, end: int | None) -> IO[bytes]:
        """Open the file at a place; of an object fetch only the bytes from there to the end."""
        try:
            if isinstance(self.path, RemotePath) and start is not None:
                return io.BytesIO(self.path.read_bytes(start, end))
            file = self.path.open("rb")
        except OSError as error:
            raise Failure(f"{self.path}: cannot be read: {error.strerror}") from None
        file.seek(self.start if start is None else start)
        return file

    def raw_lines(
        self, start: int | None = None, end: int | None = None
    ) -> Iterator[tuple[int, int, bytes]]:
        """Yield number, place in the file and bytes of each line that is not blank.

        Those from one place to another, or all; the end only spares an object's bytes after it. The numbers
        are right, from 1, if all lines are read.
        """
        place = self.start if start is None else start
        with self._open(start, end) as file:
            for number, line in enumerate(file, 2 if self.is_csv else 1):
                if line.strip():
                    yield number, place, line
                place += len(line)

    def parse(self, line: bytes, number: int = 0) -> Line:
        """Return the fields of a line; `number` is for messages."""
        if self.is_csv:
            values = self._values(number, line)
            if len(values) != len(self.header):
                raise Failure(
                    f"{self.path}: line {number} has {len(values)} values, and the header"
                    f" {len(self.header)}; a value must not contain a line break"
                )
            return dict(zip(self.header, values, strict=True))
        text = _text(self.path, number, line)
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            why = str(error).partition(";")[0]
            raise Failure(f"{self.path}: line {number} is not JSON: {why}") from None
        if not isinstance(fields, dict):
            raise Failure(f"{self.path}: line {number} is not a JSON object of fields: {text.strip()[:80]}")
        return fields

    def _values(self, number: int, line: bytes) -> list[str]:
        try:
            return next(csv.reader([_text(self.path, number, line)], strict=True), [])
        except csv.Error as error:
            raise Failure(
                f"{self.path}: line {number} is not comma-separated values: {error}; a value must not"
                " contain a line break"
            ) from None

    def source(self, fields: Line, number: int = 0) -> str:
        """Return the path of a line's audio, as it is written there."""
        found = _source_of(fields)
        if not found:
            raise Failure(f"{self.path}: line {number} {_why_not(fields)}")
        return found

    def format(self, line: Line) -> str:
        """Return a line as text."""
        if not self.is_csv:
            return json_text(line)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(line[name] for name in self.header)
        return text.getvalue()

    def format_header(self) -> str:
        """Return the first line of a file of comma-separated values."""
        return self.format({name: name for name in self.header})


def json_text(fields: Line) -> str:
    """Return a line of JSON, with escapes only in what is not Unicode."""
    text = json.dumps(fields, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(fields)
    return text + "\n"


def _text(path: Path, number: int, line: bytes) -> str:
    if len(line) > _LONGEST:
        raise Failure(f"{path}: line {number} is longer than {_LONGEST} bytes: is it a manifest?")
    try:
        return line.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise Failure(f"{path}: line {number} is not UTF-8 text: is it a manifest?") from None


def _path_in(value: object) -> str | None:
    """Return the path that a field holds: a text, or a dictionary as the datasets library has it."""
    if isinstance(value, dict):
        value = value.get("path")
    return value if isinstance(value, str) and value else None


def _source_of(line: Line) -> str | None:
    found = next((path for name in _PATHS if (path := _path_in(line.get(name)))), None)
    sources = line.get("sources")
    if found or not (isinstance(sources, list) and len(sources) == 1 and isinstance(sources[0], dict)):
        return found
    is_command = sources[0].get("type") == "command"
    return None if is_command else _path_in({"path": sources[0].get("source")})


def _why_not(fields: Line) -> str:
    """Return the reason why a line names no file."""
    sources = fields.get("sources")
    if isinstance(sources, list) and len(sources) > 1:
        return f"has {len(sources)} sources: convt reads recordings of one file"
    if sources:
        return "has a source that is not a file, such as a command: save its audio in files first"
    if "recording" in fields:
        return "is a cut: give the manifest of its recordings"
    return f"names no audio: it needs a field {', '.join(_PATHS)}, or sources"


def updated(line: Line, written: Written) -> Line:
    """Return a line with the path, rate and length of what was written, in the fields that it has."""
    new = dict(line)
    _put_path(new, _source_of(line), written)
    is_segment = line.get("offset") not in (None, "")
    stated = next((rate for name in _RATES if (rate := _number(line.get(name)))), None)
    factor = written.rate / (stated or written.rate_before)
    for name in _RATES:
        _put(new, name, written.rate)
    for name in _FRAMES:
        before = _number(line.get(name))
        if not is_segment:
            _put(new, name, written.frames)
        elif before is not None:
            _put(new, name, round(before * factor))
    if not is_segment:
        _put(new, "duration", written.frames / written.rate)
    return new


def _put(line: Line, name: str, value: float) -> None:
    """Replace a number in a field that a line has; as text if it is one."""
    if name in line:
        line[name] = str(value) if isinstance(line[name], str) else value


def _put_path(line: Line, source: str | None, written: Written) -> None:
    """Replace the path of a line's audio, in all fields that have it."""
    for name in _PATHS:
        value = line.get(name)
        if source != _path_in(value):
            continue
        if isinstance(value, dict):
            line[name] = value | {"path": written.path}
            _put(line[name], "sampling_rate", written.rate)
        else:
            line[name] = written.path
    sources = line.get("sources")
    if isinstance(sources, list) and len(sources) == 1 and sources[0].get("source") == source:
        line["sources"] = [sources[0] | {"source": written.path}]


def _number(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # raises for what is no number
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
