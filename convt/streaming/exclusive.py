"""A context for one caller at a time, which a second caller enters without waiting."""

from collections.abc import Callable
from threading import RLock
from weakref import ref


class Exclusive:
    """Gives one caller at a time a context, :meth:`use`.

    Only a weak reference to that context identifies the caller, so that an interruption between any two
    steps of Python leaves nothing locked.
    """

    def __init__(self) -> None:
        self.lock = RLock()  # a signal handler may be the second caller
        self.user: Callable[[], _Use | None] = _nobody

    def use(self) -> "_Use":
        """Return a context for one caller; it returns whether the caller is alone."""
        return _Use(self)

    def __reduce__(self) -> tuple[type["Exclusive"], tuple[()]]:
        return Exclusive, ()


class _Use:
    def __init__(self, exclusive: Exclusive) -> None:
        self._exclusive, self._is_alone = exclusive, False

    def __enter__(self) -> bool:
        with self._exclusive.lock:
            if self._exclusive.user() is None:
                self._exclusive.user, self._is_alone = ref(self), True
        return self._is_alone

    def __exit__(self, *_: object) -> None:
        if self._is_alone:
            self._exclusive.user = _nobody


def _nobody() -> None:
    """Return None, as a dead reference does."""
