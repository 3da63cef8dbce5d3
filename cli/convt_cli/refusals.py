"""What the library refuses, as what ends a command."""

from collections.abc import Iterator
from contextlib import contextmanager

import convt
from convt_cli.errors import Failure, Misuse


@contextmanager
def told() -> Iterator[None]:
    """Turn the library's errors into the command's.

    Raises
    ------
    Failure, Misuse
        The one is of a file, the other of the options.
    """
    try:
        yield
    except convt.WeightsError as error:
        raise Failure(str(error)) from None
    except (convt.ParameterError, convt.ParameterTypeError) as error:
        raise Misuse(str(error)) from None
