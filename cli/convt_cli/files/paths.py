"""How inputs and outputs are called."""

from pathlib import Path

STREAM = Path("-")  # standard input, or standard output


def input_name(path: Path) -> str:
    """Return what messages call an input."""
    return "standard input" if path == STREAM else str(path)


def output_name(path: Path) -> str:
    """Return what messages call an output."""
    return "standard output" if path == STREAM else str(path)


def is_file(path: Path) -> bool:
    """Return whether there is such a file; of what cannot be a name there is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Return whether there is such a folder; of what cannot be a name there is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_link(path: Path) -> bool:
    """Return whether there is such a symbolic link; of what cannot be a name there is none."""
    try:
        return path.is_symlink()
    except OSError:
        return False
