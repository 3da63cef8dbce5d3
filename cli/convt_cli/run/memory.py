"""The memory that a run will need, estimated before it begins."""

import os

import convt
from convt_cli.errors import Failure

_BASE = 70e6  # bytes of the interpreter, numpy, scipy and the prepared kernel of a usual run
_HELD = 4  # blocks of the engine's size in memory at a time, before and after the computation
_WAITING = 6  # blocks in the queues of reading and writing
_KEPT = 25  # bytes per number that the engine keeps, while it is prepared
_DESIGNED = {"linear": 70, "minimum": 2200}  # bytes per tap, while the kernel is designed


def kernel_memory(upsampler: convt.Upsampler | convt.Resampler, taps: int, phase: str | None) -> float:
    """Return about how many bytes it takes to prepare a kernel; with a phase, also to design it."""
    return max(_KEPT * upsampler.plan.matrix, _DESIGNED[phase] * taps if phase else 0)


def memory_needed(
    upsampler: convt.Upsampler | convt.Resampler,
    channels: tuple[int, int],
    history: int,
    block: int,
    itemsize: int,
) -> float:
    """Return about how many bytes a run takes while it computes, whatever the length of the input.

    Parameters
    ----------
    upsampler : Upsampler
        The stream.
    channels : tuple of int
        Channels of input and output.
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
    """Refuse a run that needs more memory than this machine has."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", ()):  # unknown on some systems
        return
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise Failure(
            f"{name}: {channels} channels would take {needed / 1e9:.0f} GB of memory; this machine has"
            f" {there / 1e9:.0f} GB; process fewer channels at a time"
        )
