"""The ``convt`` command: its subcommands, and how it ends."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from convt_cli.errors import Failure, Misuse, os_failure
from convt_cli.text import report

_COMMANDS = ("resample", "upsample", "design", "inspect", "weights", "fit")  # as the help lists them


class Commands(TyperGroup):
    """The subcommands; their errors are one line each, with the exit codes that scripts rely on.

    0 done, 1 the work failed, 2 usage, 3 some files of several failed, 130 interrupted. Unknown exceptions
    keep their traceback.
    """

    def __init__(self, *args: Any, **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.commands = dict.fromkeys(_COMMANDS)  # type: ignore[assignment]  # for their names alone

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # as typer calls it
        """Return a subcommand, or None. Only the one that runs is imported: each takes milliseconds."""
        if cmd_name not in _COMMANDS:
            return None
        only = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        only.command(cmd_name)(getattr(import_module(f"convt_cli.commands.{cmd_name}"), cmd_name))
        return typer.main.get_command(only)

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run a command line, and exit."""
        try:
            code = super().main(*args, **(extra | {"standalone_mode": False}))
        except Failure as failure:
            report.print_error(str(failure))
            code = failure.exit_code
        except typer.TyperException as error:
            words = (args[0] if args else extra.get("args")) or sys.argv[1:]
            given = _given(error, words)
            if given.get("as_json", "--json" in words):
                target = given.get("output") or given.get("folder")
                audio_on_stdout = target == "-" if target else "-" in words and not given.get("files_from")
                report.print_json_error(Misuse(_with_hint(error)), to_stderr=audio_on_stdout)
            else:
                report.print_error(_with_hint(error))
            code = error.exit_code
        except OSError as error:  # of the help, say: what commands do to files is theirs to tell
            report.print_error(str(os_failure(error, "stdout")))
            code = 1
        sys.exit(code)


def _with_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "convt"
    return f"{' '.join(error.format_message().split())} (see '{command} --help')"


def _given(error: typer.TyperException, words: Sequence[str]) -> dict[str, Any]:
    """Return the options of a command line as far as they can be parsed."""
    context = getattr(error, "ctx", None)
    if context is None or context.parent is None:
        return {}
    context.resilient_parsing = context.ignore_unknown_options = True
    given, *_ = context.command.make_parser(context).parse_args(list(words[1:]))
    return {name: value for name, value in given.items() if isinstance(value, str | bool)}


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # slow to import, and asked for seldom

        typer.echo(f"convt {version('convt')}")
        raise typer.Exit


app = typer.Typer(name="convt", cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def convt(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Change the sample rate of signals with a transposed 1-D convolution."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)
