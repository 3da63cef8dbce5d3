"""Checks of integers, numbers, names and flags."""

import operator
from collections.abc import Collection
from numbers import Real
from typing import SupportsIndex, TypeVar

import numpy as np

from convt.errors import ParameterError, ParameterTypeError

Integer = SupportsIndex | list[int] | tuple[int, ...]
Name = TypeVar("Name")


def as_integer(name: str, value: object, minimum: int, maximum: int | None = None) -> int:
    """Return `value`, an int or a sequence of one int, as an int from `minimum` to `maximum`.

    Raises
    ------
    ParameterTypeError
        `value` is a boolean, a float, or anything else that is not an integer.
    ParameterError
        `value` is a sequence whose length is not 1, or is out of range.
    """
    if type(value) is int and value >= minimum and maximum is None:  # the usual case, kept fast
        return value
    if isinstance(value, list | tuple):
        if len(value) != 1:
            raise ParameterError(f"{name} must be an int or a sequence of one int, got {value!r}")
        return as_index(name, value[0], minimum, maximum)
    return as_index(name, value, minimum, maximum)


def as_index(name: str, value: object, minimum: int, maximum: int | None = None) -> int:
    """Return `value`, an int, as an int from `minimum` to `maximum`; raises like :func:`as_integer`."""
    integer = _index(value)
    if integer is None:
        raise ParameterTypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})")
    if integer < minimum:
        raise ParameterError(f"{name} must be at least {minimum}, got {integer}")
    if maximum is not None and integer > maximum:
        raise ParameterError(f"{name} must be at most {maximum}, got {integer}")
    return integer


def _index(number: object) -> int | None:
    if isinstance(number, bool | np.bool):
        return None
    try:
        return operator.index(number)  # type: ignore[arg-type]  # raises a TypeError for other types
    except TypeError:
        return None


def as_threads(threads: object) -> int | None:
    """Return `threads`, an int of at least 1 or None; raises like :func:`as_index`."""
    return None if threads is None else as_index("threads", threads, 1)


def as_number(name: str, value: object) -> float:
    """Return `value`, a real number or an array () of one, as a float.

    Raises
    ------
    ParameterTypeError
        `value` is a boolean, or not a real number.
    """
    number = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(number, bool) or not isinstance(number, Real):
        raise ParameterTypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    return float(number)


def as_choice(name: str, value: Name, choices: Collection[str]) -> Name:
    """Return `value`, one of `choices`.

    Raises
    ------
    ParameterTypeError
        `value` is not a str.
    ParameterError
        `value` is not one of the choices.
    """
    if isinstance(value, str) and value in choices:
        return value
    wanted = f"{name} must be one of {', '.join(choices)}, got {value!r}"
    if isinstance(value, str):
        raise ParameterError(wanted)
    raise ParameterTypeError(f"{wanted} ({type(value).__name__})")


def as_flag(name: str, value: object) -> bool:
    """Return `value`, True or False.

    Raises
    ------
    ParameterTypeError
        `value` is anything else.
    """
    if not isinstance(value, bool | np.bool):
        raise ParameterTypeError(f"{name} must be True or False, got {value!r} ({type(value).__name__})")
    return bool(value)
