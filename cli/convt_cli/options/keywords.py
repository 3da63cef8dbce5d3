"""Options given in Python, checked as on the command line."""

from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import typer
from typer.models import ParameterInfo

from convt_cli.errors import Misuse
from convt_cli.options.upsample_options import UpsampleOptions

Options = TypeVar("Options", bound=UpsampleOptions)


def options_of(kind: type[Options], given: dict[str, Any]) -> Options:
    """Return options of a command from keyword arguments.

    Raises
    ------
    Misuse
        A value is not what the option takes.
    TypeError
        There is no such option.
    """
    hints = get_type_hints(kind, include_extras=True)
    fields = {
        _name_of(field, hints[field]): field for field in kind.__dataclass_fields__.keys() - kind.hidden
    }
    values = dict[str, Any](sources=[])
    for name, value in given.items():
        if name not in fields:
            raise TypeError(f"{name} is no option of convt resample")
        values[fields[name]] = _checked(name, value, hints[fields[name]])
    return kind(**values).completed()


def _name_of(field: str, hint: Any) -> str:
    """Return the long name of a field's option, as an argument of a function."""
    declared = [each for info in _parameters(hint) for each in (info.default, *(info.param_decls or ()))]
    long = next((each for each in declared if isinstance(each, str) and each.startswith("--")), field)
    return long.partition("/")[0].removeprefix("--").replace("-", "_")


def _parameters(hint: Any) -> list[ParameterInfo]:
    return [info for info in get_args(hint) if isinstance(info, ParameterInfo)]


def _checked(name: str, value: Any, hint: Any) -> Any:
    """Return a value as the command line would have it."""
    wanted, *_ = get_args(hint) or (hint,)
    parser = next((info.parser for info in _parameters(hint)), None)
    if value is None or parser is None:
        return _of_type(name, value, wanted)
    values = value if isinstance(value, list) else [value]
    try:
        parsed = [parser(str(each)) for each in values]
    except typer.BadParameter as error:
        raise Misuse(f"{name} {error}") from None
    return parsed if isinstance(value, list) else parsed[0]


def _of_type(name: str, value: Any, wanted: Any) -> Any:
    """Return a value of the type of an option that has no parser."""
    choices = list[str]()
    for kind in get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,):
        if get_origin(kind) is Literal:
            choices += get_args(kind)
            if value in choices:
                return value
        elif kind is Any or type(value) is kind:
            return value
        elif kind is float and type(value) is int:
            return float(value)
        elif kind is Path and isinstance(value, str):
            return Path(value)
    raise Misuse(f"{name} must be {' or '.join(choices) or wanted}; got {value!r}")
