"""What a run needs of memory, before it is asked for."""

import os

import convt
from convt_cli.errors import Failure

_BASE = 70e6  # the interpreter, numpy, scipy and the prepared kernel of a usual run
_HELD = 4  # blocks of the engine's size held at a time, before and after the computation
_WAITING = 6  # blocks as they are read: on their way in and out
_KEPT = 25  # bytes for each number that the engine keeps, while it is prepared
_DESIGNED = {"linear": 70, "minimum": 2200}  # bytes for each tap, while they are designed


def kernel_memory(upsampler: convt.Upsampler | convt.Resampler, taps: int, phase: str | None) -> float:
    """Return, in bytes, about how much it takes to prepare a kernel, and to design one of a phase."""
    return max(_KEPT * upsampler.plan.matrix, _DESIGNED[phase] * taps if phase else 0)


def memory_needed(
    upsampler: convt.Upsampler | convt.Resampler,
    channels: tuple[int, int],
    history: int,
    block: int,
    itemsize: int,
) -> float:
    """Return, in bytes, about how much a run takes once it runs; it does not depend on the length.

    Parameters
    ----------
    upsampler : Upsampler
        The stream.
    channels : tuple of int
        Of the input and of the output.
    history : int
        Frames of the input that the kernel spans.
    block : int
        Frames that are read at a time.
    itemsize : int
        Bytes of a sample in the computation.
    """
    plan = upsampler.plan
    factor = plan.outputs / plan.inputs
    frames = history + _HELD * plan.inputs + _WAITING * block
    return _BASE + itemsize * frames * (channels[0] + factor * channels[1])


def check_memory(name: str, needed: float, channels: int) -> None:
    """Refuse what this machine cannot hold."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", ()):  # as on some systems
        return
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise Failure(
            f"{name}: {channels} channels would take {needed / 1e9:.0f} GB of memory, and this machine has"
            f" {there / 1e9:.0f}: upsample fewer channels at a time"
        )
