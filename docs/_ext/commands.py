"""The reference pages of the commands, written from their parsers when the site is built.

A page asks for the usage, examples and options of a command by the comment ``<!-- command: NAME -->``.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

from convt_cli.app import app as convt_app

_ASKED = re.compile(r"^<!-- command: (\w+) -->$", flags=re.MULTILINE)
_CODE = re.compile(r"(?<![\w-])--?[a-z][\w-]*|(?<![\w*/])[\w~]*\.(?:npy|npz|safetensors|wav|png|svg|pdf)\b")


def setup(app: Any) -> dict[str, bool]:
    """Have Sphinx fill in what pages ask for."""
    app.connect("source-read", _fill_in)
    return {"parallel_read_safe": True}


def _fill_in(_app: Any, _page: str, source: list[str]) -> None:
    source[0] = _ASKED.sub(lambda asked: command_as_markdown(asked[1]), source[0])


def command_as_markdown(name: str) -> str:
    """Return the usage, the help and the options of a command as Markdown."""
    group: Any = typer.main.get_command(convt_app)
    above = group.make_context("convt", [], resilient_parsing=True)
    command = group.get_command(above, name)
    context = type(above)(command, info_name=f"convt {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    blocks = [_fenced(f"convt {name} {usage}", "text"), *_help(command.help)]
    blocks.append(f"```{{program}} convt {name}\n```")
    for title, parameters in command.by_heading(context).items():
        blocks += [f"## {title}", *(_option(each, context) for each in parameters)]
    return "\n\n".join(blocks)


def _help(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; those that begin with a backspace keep their lines."""
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text).replace("\n\b", "\n\n\b")):
        if not paragraph.startswith("\b"):
            yield _escaped(paragraph)
            continue
        title, _, lines = paragraph[1:].strip("\n").partition("\n")
        if title.endswith(":") and lines:
            yield _escaped(title)
            yield _fenced(inspect.cleandoc("\n" + lines), "text")
        else:
            yield _fenced(paragraph[1:].strip("\n"), "text")


def _option(parameter: Any, context: Any) -> str:
    names, text = parameter.get_help_record(context)
    if parameter.param_type_name == "argument":
        names = parameter.make_metavar(context).strip("[]{}")
    names = names.replace(" / ", ", ")
    return f"````{{option}} {names}\n\n{_escaped(text)}\n````"


def _fenced(text: str, language: str) -> str:
    return f"```{language}\n{text}\n```"


def _escaped(text: str) -> str:
    """Return a text as Markdown that shows it unchanged, options and names of files as code."""
    words, end = [], 0
    for code in _CODE.finditer(text):
        words += [_literal(text[end : code.start()]), f"`{code[0]}`"]
        end = code.end()
    return "".join([*words, _literal(text[end:])])


def _literal(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", text)
