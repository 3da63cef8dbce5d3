"""Names of inputs and outputs, as typed and as shown in messages."""

import os
from pathlib import Path

import typer

from convt_cli.files.remote import RemotePath, parse_url

STREAM = Path("-")  # standard input, or standard output


def parse_path(text: str) -> Path:
    """Return the path of an input or an output: ``-`` is a standard stream, and ``./-`` a file.

    A URL becomes the path of an object in a store, but for those of files.
    """
    if not text:
        raise typer.BadParameter("must be a name; got an empty one")
    if "://" in text and (named := parse_url(text)):
        return named
    path = Path(text)
    return Path.cwd() / path if path == STREAM and text != str(STREAM) else path


def is_url(path: Path) -> bool:
    """Return whether a path is in a store."""
    return isinstance(path, RemotePath)


def as_text(path: Path) -> str:
    """Return the text from which :func:`parse_path` makes the path."""
    return path.url if isinstance(path, RemotePath) else str(path)


def real_place(path: Path) -> str:
    """Return a name that all names of a file have in common."""
    return path.url if isinstance(path, RemotePath) else os.path.realpath(path)


def is_tar(path: Path) -> bool:
    """Return whether a file's name is that of a tar file."""
    return path.suffix.lower() == ".tar"


def input_name(path: Path) -> str:
    """Return the name of an input in messages."""
    return "standard input" if path == STREAM else typed(path)


def output_name(path: Path) -> str:
    """Return the name of an output in messages."""
    return "standard output" if path == STREAM else typed(path)


def typed(path: Path) -> str:
    """Return a path that a command line does not take for an option: ``./-x.wav``, not ``-x.wav``."""
    return f"./{path}" if str(path).startswith("-") else str(path)
