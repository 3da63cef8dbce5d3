"""The ``convt`` command: its subcommands, and how it ends."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from convt_cli.commands.design import design
from convt_cli.commands.fit import fit
from convt_cli.commands.inspect import inspect
from convt_cli.commands.upsample import upsample
from convt_cli.commands.weights import weights
from convt_cli.errors import Failure, Misuse
from convt_cli.text import report


class OneLineErrors(TyperGroup):
    """A group whose errors are one line each, with the exit codes that scripts rely on.

    0 done, 1 the work failed, 2 usage, 3 some files of several failed, 130 interrupted. Unknown exceptions
    keep their traceback.
    """

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
                audio_on_stdout = target == "-" if target else "-" in words
                report.print_json_error(Misuse(_with_hint(error)), to_stderr=audio_on_stdout)
            else:
                report.print_error(_with_hint(error))
            code = error.exit_code
        except OSError as error:  # of the help, say: what commands do to files is theirs to tell
            report.print_error(f"{error.filename or 'stdout'}: {error.strerror}")
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


app = typer.Typer(name="convt", cls=OneLineErrors, rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(upsample)
app.command()(design)
app.command()(inspect)
app.command()(weights)
app.command()(fit)


@app.callback(invoke_without_command=True)
def convt(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Upsample signals with a transposed 1-D convolution."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)
