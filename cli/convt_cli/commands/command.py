"""A command of the command line: its help under headings, and its mistyped options in plain words."""

from itertools import pairwise
from typing import Any

from typer.core import TyperCommand

from convt_cli import habits
from convt_cli.errors import Misuse

_OTHERS = "Options"


class PlainCommand(TyperCommand):
    """A command whose help groups the options by heading, each group in the order of its class."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options, those of each heading together."""
        for heading, parameters in self.by_heading(ctx).items():
            with formatter.section(heading):
                formatter.write_dl([each.get_help_record(ctx) for each in parameters])

    def by_heading(self, ctx: Any) -> dict[str, list[Any]]:
        """Return the arguments and options that the help shows, by their headings."""
        headings: dict[str, list[Any]] = {}
        for parameter in self.get_params(ctx):
            if parameter.get_help_record(ctx) is not None:
                heading = getattr(parameter, "rich_help_panel", None) or _OTHERS
                headings.setdefault(heading, []).append(parameter)
        return headings

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Parse a line, but refuse options with one dash or a long one, which would mean something else."""
        if not ctx.resilient_parsing and (said := habits.mistyped_option(args, option_names(self))):
            raise Misuse(f"{said} (see '{ctx.command_path} --help')")
        if not ctx.resilient_parsing and (option := _without_value(self, args)):
            raise Misuse(f"{habits.missing_value(option)} (see '{ctx.command_path} --help')")
        return super().parse_args(ctx, args)


def _without_value(command: Any, args: list[str]) -> str | None:
    """Return an option that is followed by another one in place of its value; None if there is none."""
    takes = {name for each in command.params if not getattr(each, "is_flag", True) for name in each.opts}
    known = set(option_names(command))
    before = args[: args.index("--")] if "--" in args else args
    return next((one for one, two in pairwise(before) if one in takes and two in known), None)


def option_names(command: Any) -> list[str]:
    """Return all names of the options of a command."""
    return [
        name for each in command.params for name in (*each.opts, *each.secondary_opts) if name[0] == "-"
    ]
