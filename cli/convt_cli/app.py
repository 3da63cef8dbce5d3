"""The ``convt`` command: its subcommands, and how it ends."""

import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from convt_cli import habits
from convt_cli.commands.command import PlainCommand, option_names
from convt_cli.errors import Failure, Misuse, os_failure
from convt_cli.text import report

_COMMANDS = {  # as the help lists them
    "resample": "Change the sample rate of audio, up or down.",
    "upsample": "Raise it by a whole factor, or with your own kernel.",
    "design": "Design a filter kernel to a specification.",
    "inspect": "Measure a kernel, or the layers of a decoder.",
    "lines": "Measure tonal lines in the output of a decoder.",
    "weights": "List the layers of a checkpoint that fit.",
    "balance": "Make layers that have no tonal lines.",
    "gather": "Check a corpus, and write its manifest.",
    "fit": "Learn a kernel from pairs of audio files.",
}
_HELP_NAMES = {"help_option_names": ["-h", "--help"]}


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
        only.command(cmd_name, cls=PlainCommand, context_settings=_HELP_NAMES)(
            getattr(import_module(f"convt_cli.commands.{cmd_name}"), cmd_name)
        )
        return typer.main.get_command(only)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the subcommand of a line, or refuse its first word."""
        if args[0] not in _COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise Misuse(habits.unknown_command(args, list(_COMMANDS)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  # as typer calls it
        """Write the subcommands, none of which is imported for that."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run a command line, and exit."""
        given = args[0] if args else extra.pop("args", None)
        words = _usual(list(sys.argv[1:] if given is None else given))
        try:
            code = super().main(words, *args[1:], **(extra | {"standalone_mode": False}))
        except Failure as failure:
            report.print_error(str(failure))
            code = failure.exit_code
        except typer.TyperException as error:
            known = _given(error, words)
            if known.get("as_json", "--json" in words):
                target = known.get("output") or known.get("folder")
                audio_on_stdout = target == "-" if target else "-" in words and not known.get("files_from")
                report.print_json_error(Misuse(_as_line(error, words)), to_stderr=audio_on_stdout)
            else:
                report.print_error(_as_line(error, words))
            code = error.exit_code
        except OSError as error:  # from writing the help, say; commands report those of their files
            report.print_error(str(os_failure(error, "stdout")))
            code = 1
        sys.exit(code)


def _usual(words: list[str]) -> list[str]:
    """Return a command line with ``help`` and ``version`` replaced by the options."""
    if words[:1] == ["help"]:
        return [*words[1:2], "--help"]
    return ["--version", *words[1:]] if words[:1] == ["version"] else words


def _as_line(error: typer.TyperException, words: Sequence[str]) -> str:
    """Return the error of a command line, and where its options are listed."""
    context = getattr(error, "ctx", None)
    command = words[0] if words and words[0] in _COMMANDS else ""
    return f"{_in_words(error, context)} (see '{' '.join(('convt', command)).strip()} --help')"


def _in_words(error: typer.TyperException, context: Any) -> str:
    option, parameter = getattr(error, "option_name", None), getattr(error, "param", None)
    if option and hasattr(error, "possibilities"):
        return habits.unknown_option(option, option_names(context.command))
    if option and "requires an argument" in error.message:
        return habits.missing_value(option)
    if parameter is None:
        message = " ".join(error.format_message().split())
        if extra := re.fullmatch(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", message):
            return habits.unexpected(extra[1], option_names(context.command))
        return message
    name = max(parameter.opts, key=len) if parameter.param_type_name == "option" else parameter.metavar
    if not error.message:  # there is no value
        return habits.missing_option(name)
    return habits.bad_value(name, parameter.type, " ".join(error.message.split()))


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


app = typer.Typer(
    name="convt",
    cls=Commands,
    context_settings=_HELP_NAMES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def convt(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Change the sample rate of signals with a transposed 1-D convolution."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)
