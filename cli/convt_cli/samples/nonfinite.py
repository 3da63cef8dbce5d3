"""NaN and infinity in an input: refused, kept, or set to zero."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from convt_cli.errors import Failure
from convt_cli.samples.formats import Array, Format

Nonfinite = Literal["error", "keep", "zero"]


class NonFinitePolicy:
    """Checks a signal for NaN and infinity, block by block; they are refused, kept, or set to zero.

    Parameters
    ----------
    name : str
        The signal's name in messages.
    policy : {"error", "keep", "zero"}
        Treatment of NaN and infinity.
    chosen : Format or None
        The format of an audio signal: its rate is used in messages, and integers need no check.
    hint : str
        Advice at the end of the error.
    """

    def __init__(
        self,
        name: str,
        policy: Nonfinite,
        chosen: Format | None,
        hint: str = "; use --nonfinite keep or --nonfinite zero to accept it",
    ) -> None:
        self._name, self._policy, self._chosen, self._hint = name, policy, chosen, hint
        self._sure = chosen is not None and not chosen.is_real
        self._frames = self._count = self._first = 0

    def begin(self, start: int = 0) -> None:
        """Begin another signal at frame `start`."""
        self._frames = start

    def add(self, later: "NonFinitePolicy") -> None:
        """Add the counts of the samples that follow."""
        if not self._count:
            self._first = later._first
        self._count += later._count

    def __call__(self, block: Array) -> Array:
        """Return the next samples (channels, n), ready for the computation.

        Raises
        ------
        Failure
            One is NaN or infinite, and the policy is ``"error"``.
        """
        start, self._frames = self._frames, self._frames + block.shape[1]
        if self._sure or block.dtype.kind not in "fc" or _is_finite(block):
            return block
        finite = np.isfinite(block)
        if not self._count:
            self._first = start + int(np.argmin(finite.all(axis=0)))
        self._count += int(np.count_nonzero(~finite))
        if self._policy == "error":
            raise Failure(f"{self._name}: NaN or infinity at {self._where()}{self._hint}")
        return np.where(finite, block, block.dtype.type(0)) if self._policy == "zero" else block

    def notes(self) -> Iterator[str]:
        """Yield a note on NaN and infinite samples, if there were any."""
        if self._count:
            fate = "set to zero" if self._policy == "zero" else "kept"
            number = "1 sample is" if self._count == 1 else f"{self._count} samples are"
            yield f"{self._name}: {number} NaN or infinite, the first at {self._where()}; {fate}"

    def _where(self) -> str:
        seconds = f" ({self._first / self._chosen.rate:.6f} s)" if self._chosen else ""
        return f"frame {self._first}{seconds}"


def _is_finite(block: Array) -> bool:
    """Return whether minimum and maximum are finite: any NaN would become both."""
    parts = [block.real, block.imag] if block.dtype.kind == "c" else [block]
    return all(np.isfinite([part.min(initial=0), part.max(initial=0)]).all() for part in parts)
