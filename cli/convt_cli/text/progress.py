"""A progress bar on terminals, shown when the work takes more than a second."""

import math
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

SHOWN_AFTER = 1.0  # seconds until the bar is drawn; tests change it
_PAUSE = 0.1  # seconds before a bar that was removed is drawn again


class Bar:
    """A progress bar on stderr, with speed and time left; without a terminal it does nothing.

    Parameters
    ----------
    unit : str
        Unit of the speed.
    scale : float
        Counts per unit.
    shown : bool
        Whether to show the bar at all.
    """

    def __init__(self, unit: str, scale: float, *, shown: bool) -> None:
        self._unit, self._scale = unit, scale
        self._begun, self._drawn = time.monotonic(), -math.inf
        self.is_possible = (  # on this terminal, if it is one
            shown and sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        )
        self._bar: Progress | None = None

    def __call__(
        self, done: float, total: float | None, real_time: float | None = None, *, more: str = ""
    ) -> None:
        """Show the progress; `real_time` is the count per second of audio, if it is audio."""
        now = time.monotonic()
        if not self.is_possible or now - self._begun < SHOWN_AFTER:
            return
        if self._bar is None:
            if now - self._drawn < _PAUSE:
                return
            self._bar = self._draw()
        self._drawn = now
        speed = done / (now - self._begun)
        rate = f"{speed / self._scale:.3g} {self._unit}"
        if real_time:
            rate = f"{speed / real_time:.0f}x real time"
        self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=rate + more)

    def _draw(self) -> "Progress":
        from rich.console import Console  # slow to import, rarely needed
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        text = TextColumn("{task.description}")
        columns = (BarColumn(), TaskProgressColumn(), text, TextColumn("ETA"), TimeRemainingColumn())
        bar = Progress(
            *columns,
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # it may be closed
            redirect_stderr=False,
        )
        bar.add_task("")
        bar.start()
        return bar

    def close(self) -> None:
        """Remove the bar until the next call."""
        if self._bar:
            self._bar.stop()
            self._bar = None
