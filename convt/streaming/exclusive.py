"""One caller at a time: a second one learns it at once."""

from collections.abc import Callable
from threading import RLock
from weakref import ref


class Exclusive:
    """Lets one caller in at a time, in a context that :meth:`use` returns.

    The caller is known by a weak reference to that context. An interruption between any two of Python's
    steps thus leaves nothing locked.
    """

    def __init__(self) -> None:
        self.lock = RLock()  # a signal handler may be the second caller
        self.user: Callable[[], _Use | None] = _nobody

    def use(self) -> "_Use":
        """Return a context for one caller; it tells whether the caller is alone."""
        return _Use(self)

    def __reduce__(self) -> tuple[type["Exclusive"], tuple[()]]:
        return Exclusive, ()


class _Use:
    def __init__(self, door: Exclusive) -> None:
        self._door, self._is_alone = door, False

    def __enter__(self) -> bool:
        with self._door.lock:
            if self._door.user() is None:
                self._door.user, self._is_alone = ref(self), True
        return self._is_alone

    def __exit__(self, *_: object) -> None:
        if self._is_alone:
            self._door.user = _nobody


def _nobody() -> None:
    """Return what a dead reference does."""
