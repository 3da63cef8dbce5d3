"""How inputs and outputs are called."""

from pathlib import Path

STREAM = Path("-")  # standard input, or standard output


def input_name(path: Path) -> str:
    """Return what messages call an input."""
    return "standard input" if path == STREAM else str(path)


def output_name(path: Path) -> str:
    """Return what messages call an output."""
    return "standard output" if path == STREAM else str(path)
