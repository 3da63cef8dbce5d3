"""``convt upsample`` in the process of the tests."""

from typing import Any

from typer.testing import CliRunner

from convt_cli.app import app


def upsample(*arguments: str, code: int = 0) -> Any:
    """Run the command, and see that it ends with `code`; what it did not expect is raised."""
    result = CliRunner().invoke(app, ["upsample", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.stderr
    return result
