"""How far the work is: a bar on a terminal, once it takes more than a second."""

import math
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

SHOWN_AFTER = 1.0  # seconds until a bar is worth drawing; tests change it
_PAUSE = 0.1  # seconds from one drawing of it to the next


class Bar:
    """A progress bar on stderr, with rate and time left; where there is no terminal, nothing.

    Parameters
    ----------
    unit : str
        What is counted.
    scale : float
        Counts that make one unit.
    shown : bool
        Whether anybody wants to see it.
    """

    def __init__(self, unit: str, scale: float, *, shown: bool) -> None:
        self._unit, self._scale = unit, scale
        self._begun, self._drawn = time.monotonic(), -math.inf
        self._wanted = (
            shown and sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        )
        self._bar: Progress | None = None

    def __call__(self, done: float, total: float | None) -> None:
        """Show how much is done."""
        now = time.monotonic()
        if not self._wanted or now - self._begun < SHOWN_AFTER:
            return
        if self._bar is None:
            if now - self._drawn < _PAUSE:
                return
            self._bar = self._draw()
        self._drawn = now
        rate = f"{done / self._scale / (now - self._begun):.3g} {self._unit}"
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=rate)

    def _draw(self) -> "Progress":
        from rich.console import Console  # slow to import, and seldom wanted
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        text = TextColumn("{task.description}")
        columns = (BarColumn(), TaskProgressColumn(), text, TimeRemainingColumn())
        bar = Progress(
            *columns,
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # which may be closed, and is left alone
            redirect_stderr=False,
        )
        bar.add_task("")
        bar.start()
        return bar

    def close(self) -> None:
        """Take the bar away, until there is more to show."""
        if self._bar:
            self._bar.stop()
            self._bar = None
