"""Commands whose parameters are the fields of a dataclass."""

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

Options = TypeVar("Options")


def with_options(function: Callable[[Options], None]) -> Callable[..., None]:
    """Return a function for Typer, which reads a command's parameters off a signature.

    The signature is that of the dataclass that `function` takes: each option is declared once, in a field.
    Fields that the class names in `hidden` keep their defaults.
    """
    options, *_ = get_type_hints(function).values()
    signature, hidden = inspect.signature(options), getattr(options, "hidden", ())
    shown = {name: each for name, each in signature.parameters.items() if name not in hidden}
    hints = get_type_hints(options, include_extras=True)

    def command(**given: Any) -> None:
        function(options(**given))

    command.__name__, command.__doc__ = function.__name__, function.__doc__
    command.__annotations__ = {name: hints[name] for name in shown}
    command.__signature__ = signature.replace(parameters=list(shown.values()))  # type: ignore[attr-defined]  # read by inspect
    return command
