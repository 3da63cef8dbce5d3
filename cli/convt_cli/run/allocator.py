"""How a process gets memory, and gives it back: it keeps what it has."""

import gc
import sys

_GC_THRESHOLD = 100_000  # objects that are made before garbage is looked for: imports alone make many
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def keep_memory() -> None:
    """Have glibc keep the memory of a block for the next: to get it anew takes longer than many a sum.

    Python looks for garbage less often, too.
    """
    gc.set_threshold(_GC_THRESHOLD)
    if sys.platform == "linux":
        import ctypes

        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other libraries have none
        if mallopt:
            mallopt(_MMAP_THRESHOLD, 1 << 28)
            mallopt(_TRIM_THRESHOLD, 1 << 29)
