"""Commands whose parameters are the fields of a dataclass."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")


def with_options(function: Callable[[Options], None]) -> Callable[..., None]:
    """Return a function for Typer, which reads a command's parameters off a signature.

    The signature is that of the dataclass that `function` takes: each option is declared once, in a field.
    """
    options, *_ = get_type_hints(function).values()

    def command(**given: Any) -> None:
        function(options(**given))

    command.__name__, command.__doc__ = function.__name__, function.__doc__
    command.__annotations__ = options.__annotations__
    command.__signature__ = inspect.signature(options)  # type: ignore[attr-defined]  # read by inspect
    return command
