"""Where the command ``convt`` begins: before anything slow is imported, so that it can be ended at once."""

import gc
import os
import signal
import sys
import threading

from convt_cli.run.allocator import keep_memory

_BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")  # of the BLAS of numpy's wheels
_THREAD_VARIABLES = (*_BLAS_VARIABLES, "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def main() -> None:
    """Run the command line of this process; an interruption or a polite kill still cleans up."""
    if sys.platform == "win32":  # which has other pipes, signals and temporary files
        sys.exit("convt: the command runs on Linux and macOS: use WSL (in Python, import convt works here)")
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as the shell sets them aside, for nohup say
            signal.signal(number, _end)
    try:
        _open_closed_streams()
        _use_own_threads()
        keep_memory()
        from convt_cli.app import app

        app(prog_name="convt")  # however it was started: by python -m, too
    except KeyboardInterrupt:
        _exit(130)
    except SystemExit as end:
        _exit(end.code)
    finally:
        _stop_timer()
        gc.freeze()  # what is left is not looked through once more: the process ends


def _exit(code: object) -> None:
    """End; after an interruption at once, if a thread is amid a transform: Python would abort on it."""
    interrupted = any(signal.getsignal(number) is _ignore for number in _SIGNALS)
    if interrupted and isinstance(code, int) and threading.active_count() > 1:
        os._exit(code)
    sys.exit(code)  # type: ignore[arg-type]  # as it came


def _open_closed_streams() -> None:
    """Have no file take the number of a standard stream that the shell has closed: others write there."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _use_own_threads() -> None:
    """Have the library's threads and none of BLAS's, which would only wait, and busily, for work."""
    if "CONVT_NUM_THREADS" not in os.environ:
        if any(name in os.environ for name in _THREAD_VARIABLES):  # these are for the library, too
            return
        here = hasattr(os, "sched_getaffinity")  # as Linux has it
        os.environ["CONVT_NUM_THREADS"] = str(len(os.sched_getaffinity(0)) if here else os.cpu_count() or 1)
    for name in _BLAS_VARIABLES:
        os.environ.setdefault(name, "1")


def _end(number: int, _frame: object) -> None:
    """End the command, cleaning up, which no second signal interrupts."""
    for other in _SIGNALS:
        signal.signal(other, _ignore)
    error = KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)

    def raise_again(_number: int, _frame: object) -> None:
        """Raise the error once more if it was lost, as in callbacks and imports: nothing handles it."""
        if sys.exc_info()[1] is None:
            raise error

    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, raise_again)
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.02)  # soon: what is left may take but 50 ms
    raise error


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing; to have the system ignore a signal that is on its way is an error."""


def _stop_timer() -> None:
    """Let what comes after the command end as it will."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
