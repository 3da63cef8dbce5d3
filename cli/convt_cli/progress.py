"""How far the work is: a bar on a terminal, once it takes more than a second."""

import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_PATIENCE = 1.0  # seconds until a bar is worth drawing


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
        self._begun = time.monotonic()
        self._wanted = shown and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, done: float, total: float | None) -> None:
        """Show how much is done."""
        if not self._wanted or time.monotonic() - self._begun < _PATIENCE:
            return
        if self._bar is None or self._task is None:
            self._bar = self._draw()
            self._task = self._bar.add_task("")
            self._bar.start()
        rate = done / self._scale / (time.monotonic() - self._begun)
        self._bar.update(self._task, completed=done, total=total, description=f"{rate:.0f} {self._unit}")

    def _draw(self) -> "Progress":
        from rich.console import Console  # slow to import, and seldom wanted
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
        )
        return Progress(*columns, console=Console(stderr=True), transient=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()
