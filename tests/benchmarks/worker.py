"""One contender in a process of its own: ``python -m tests.benchmarks.worker NAME``.

It reads one request a line, a case or a time to run for, and answers each with one line: the error, or
the median time of a call. So no contender's threads, allocator or BLAS are in the way of another's.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from tests.benchmarks.cases import Case
from tests.benchmarks.contenders import CONTENDERS, Run, result
from tests.support.oracles import Array

_WARM_UP = 0.15  # seconds: until threads have spread over the cores
_SLOW = 1.0  # seconds

Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}  # of all threads


def error(y: Array, expected: Array) -> float:
    """The largest error, in units of the largest output."""
    return float(np.abs(y[:, : expected.shape[1]] - expected).max() / np.abs(expected).max())


def seconds(run: Run, duration: float, clock: Clock = time.perf_counter) -> float:
    """The median time of a call over about `duration` seconds, and three calls unless they are slow."""
    started, times = time.perf_counter(), list[float]()
    while time.perf_counter() - started < _WARM_UP:
        run()
    while sum(times) < duration or (len(times) < 3 and sum(times) < _SLOW):
        before = clock()
        run()
        times.append(clock() - before)
    return statistics.median(times)


def main(name: str) -> None:
    run: Run
    for line in sys.stdin:
        request = json.loads(line)
        if "case" in request:
            run = CONTENDERS[name](Case(**request["case"]))
            expected = np.load(request["expected"]) if request["expected"] else None
            answer = None if expected is None else error(result(run), expected)
        else:
            answer = seconds(run, request["duration"], CLOCKS[request["clock"]])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
