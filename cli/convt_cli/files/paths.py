"""The names of inputs and outputs in messages."""

from pathlib import Path

STREAM = Path("-")  # standard input, or standard output


def input_name(path: Path) -> str:
    """Return the name of an input in messages."""
    return "standard input" if path == STREAM else str(path)


def output_name(path: Path) -> str:
    """Return the name of an output in messages."""
    return "standard output" if path == STREAM else str(path)
