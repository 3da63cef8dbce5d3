"""Manifests: a line for each clip, as JSON (lhotse, NeMo, HuggingFace) or as CSV.

A line keeps all of its fields, in their order. Those that say where the audio is, and how long, are
replaced by what was written; lines with an `offset` describe segments of a file.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from convt_cli.errors import Failure

_PATHS = ("audio_filepath", "path", "file_name", "audio")
_RATES, _FRAMES = ("sampling_rate", "sample_rate"), ("num_samples", "frames")
_LONGEST = 1 << 22  # bytes of a line
Line = dict[str, Any]


class Written(NamedTuple):
    """An output: its path for the manifest, and the frames and rate of its audio."""

    path: str
    frames: int
    rate: int


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
        try:
            with path.open("rb") as file:
                if self.is_csv:
                    self.header = next(
                        csv.reader([_text(path, 1, file.readline()).removeprefix("\ufeff")]), []
                    )
                self.start = file.tell() if self.is_csv else 0
        except OSError as error:
            raise Failure(f"{path}: cannot be read: {error.strerror}") from None
        if self.is_csv and not any(name in self.header for name in _PATHS):
            raise Failure(
                f"{path}: the first line must name a column {', '.join(_PATHS)}; it has"
                f" {', '.join(self.header)}"
            )

    @property
    def folder(self) -> str:
        """The folder to which relative paths are relative."""
        return str(self.path.parent)

    def raw_lines(self, start: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield the place in the file, and the bytes, of each line that is not blank."""
        with self.path.open("rb") as file:
            place = self.start if start is None else start
            file.seek(place)
            for line in file:
                if line.strip():
                    yield place, line
                place += len(line)

    def parse(self, number: int, line: bytes) -> Line:
        """Return the fields of a line; `number` counts from 1, for messages."""
        text = _text(self.path, number, line)
        if self.is_csv:
            values = next(csv.reader([text]))
            if len(values) != len(self.header):
                raise Failure(
                    f"{self.path}: line {number} has {len(values)} values, and the header"
                    f" {len(self.header)}; a value must not contain a line break"
                )
            return dict(zip(self.header, values, strict=True))
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise Failure(f"{self.path}: line {number} is not JSON: {error}") from None
        if not isinstance(fields, dict):
            raise Failure(f"{self.path}: line {number} is not a JSON object of fields: {text.strip()[:80]}")
        return fields

    def source(self, number: int, line: Line) -> str:
        """Return the path of a line's audio, as it is written there."""
        found = _source_of(line)
        if not found:
            raise Failure(
                f"{self.path}: line {number} names no audio: it needs a field"
                f" {', '.join(_PATHS)}, or sources"
            )
        return found

    def format(self, line: Line) -> str:
        """Return a line as text."""
        if not self.is_csv:
            return json.dumps(line, ensure_ascii=False) + "\n"
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(line[name] for name in self.header)
        return text.getvalue()

    def format_header(self) -> str:
        """Return the first line of a file of comma-separated values."""
        return self.format({name: name for name in self.header})


def _text(path: Path, number: int, line: bytes) -> str:
    if len(line) > _LONGEST:
        raise Failure(f"{path}: line {number} is longer than {_LONGEST} bytes: is it a manifest?")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise Failure(f"{path}: line {number} is not UTF-8 text: is it a manifest?") from None


def _source_of(line: Line) -> str | None:
    for name in _PATHS:
        value = line.get(name)
        if isinstance(value, dict):  # as the datasets library has it
            value = value.get("path")
        if isinstance(value, str) and value:
            return value
    sources = line.get("sources")
    if isinstance(sources, list) and len(sources) == 1 and isinstance(sources[0], dict):
        value = sources[0].get("source")
        return value if isinstance(value, str) and value else None
    return None


def updated(line: Line, written: Written) -> Line:
    """Return a line with the path, rate and length of what was written, in the fields that it has."""
    new, is_text = dict(line), all(isinstance(value, str) for value in line.values())

    def put(name: str, value: float | str) -> None:
        new[name] = str(value) if is_text else value

    _put_path(new, written.path)
    before = next((_number(line[name]) for name in _RATES if _number(line.get(name))), None)
    is_segment = line.get("offset") not in (None, "")
    for name in _RATES:
        if name in line:
            put(name, written.rate)
    for name in _FRAMES:
        if name in line and not is_segment:
            put(name, written.frames)
        elif name in line and before and _number(line[name]):
            put(name, round((_number(line[name]) or 0) * written.rate / before))
    if "duration" in line and not is_segment:
        put("duration", written.frames / written.rate)
    return new


def _put_path(line: Line, path: str) -> None:
    """Replace the path of a line's audio."""
    name = next((name for name in _PATHS if line.get(name)), None)
    if name is None:
        line["sources"] = [line["sources"][0] | {"source": path}]
    elif isinstance(line[name], dict):
        line[name] = line[name] | {"path": path}
    else:
        line[name] = path


def _number(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]  # raises for what is no number
    except (TypeError, ValueError):
        return None
