"""What there is to say against a fitted kernel."""

from collections.abc import Iterator

from convt.fitting.correlations import FOLDS
from convt.fitting.selection import Chosen

_PLENTY = 10  # samples for each unknown
_MOST_APART = 1.0  # dB, of the errors of what was fitted to and of what was not
_HALF = -3.0  # dB
_LOUD = 12.0  # dB: a gain that no sound asked for


def diagnose(chosen: Chosen, unknowns: int, *, is_clear: bool, from_high: bool) -> Iterator[str]:
    """Yield a line for each thing.

    Parameters
    ----------
    chosen : Chosen
        The kernel and its errors.
    unknowns : int
        Taps of a phase, of all input channels of a system.
    is_clear : bool
        Whether the delay stands out, or was given.
    from_high : bool
        Whether LOW was made of HIGH.
    """
    yield from _of_amount(chosen, unknowns)
    if chosen.apart > _MOST_APART:
        yield (
            f"what was kept back has an error {chosen.apart:.1f} dB larger than what was fitted to,"
            " beyond what a designed kernel has: have more audio, or fewer taps"
        )
    if not is_clear:
        yield "no delay stands out: give it, if that which was taken is not the right one"
    if max(chosen.error, chosen.held_out_error) > _HALF:
        yield (
            "more than half of HIGH is above the band of LOW"
            if from_high
            else "less than half of HIGH is made of LOW: do they belong together, at this delay?"
        )
    if chosen.boost > _LOUD:
        yield (
            f"some frequency is made {chosen.boost:.0f} dB louder than the whole, since LOW has next to"
            " nothing there: a larger ridge keeps it down"
        )


def _of_amount(chosen: Chosen, unknowns: int) -> Iterator[str]:
    wanted = _PLENTY * unknowns * len(chosen.taps)
    if chosen.samples < wanted:
        yield f"{chosen.samples} samples of LOW are few for {unknowns} taps a phase: have {wanted}"
    for number, kernel in enumerate(chosen.taps, 1):
        if not kernel.any():
            yield f"channel {number} is silent: its kernel is 0"
    if not chosen.held_out_samples:
        yield "there was too little to keep any of it back: the error is that of what was fitted to"
    elif chosen.held_out_samples < wanted / FOLDS:
        yield f"{chosen.held_out_samples} samples, which were kept back, are few to judge by"
