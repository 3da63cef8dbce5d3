"""The command: in the process of the tests, and in one of its own."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from convt_cli.app import app

MAIN = "from convt_cli.entry import main; main()"
CONVT = [sys.executable, "-c", MAIN]
UPSAMPLE = [*CONVT, "upsample"]


def run(*arguments: str | bytes, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CONVT, *arguments], capture_output=True, text=True, check=False, **options)


def upsample(*arguments: str, code: int = 0) -> Any:
    """Run the command, and see that it ends with `code`; what it did not expect is raised."""
    result = CliRunner().invoke(app, ["upsample", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.stderr
    return result


def without_advice(said: str) -> str:
    """Return the output of a command without warnings about kernels, which tests keep short."""
    lines = said.splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(r"convt: warning: (w\S*|one)\.npy: ", line))


def refused(*arguments: str, code: int) -> str:
    """Run a command that must fail, in one line, and leave everything as it was."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    result = CliRunner().invoke(app, list(arguments))
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("convt: ")
    assert result.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    return result.stderr


def facts(*arguments: str, code: int = 0) -> dict[str, Any]:
    """Run the command, and return its one JSON document."""
    (document,) = all_facts(*arguments, code=code)
    return document


def all_facts(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """Run the command, and return its JSON documents, a line each."""
    result = upsample(*arguments, "--json", code=code)
    assert result.stderr == ""
    return [parsed(line) for line in result.stdout.splitlines()]


def parsed(text: str) -> dict[str, Any]:
    """The one document of a text, which any parser takes."""
    document: dict[str, Any] = json.loads(text, parse_constant=_refuse)
    json.dumps(document, ensure_ascii=False).encode()  # Unicode knows no lone surrogates
    return document


def _refuse(token: str) -> None:
    raise AssertionError(f"{token} is not JSON")


def tree() -> list[str]:
    """Everything below the folder, folders too."""
    return sorted(str(path) for path in Path().rglob("*"))
