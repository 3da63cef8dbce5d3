"""Compare streams and gradients of decoder layers with torch: ``python -m tests.benchmarks.decoders``."""

import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import convt
from tests.benchmarks import layers, page
from tests.benchmarks.cases import Case
from tests.benchmarks.contenders import THREADS
from tests.benchmarks.race import check_quiet
from tests.support.oracles import Array

_HERE = Path(__file__).parent
_ROUNDS, _FRAMES = 7, 40


class Compared(NamedTuple):
    """The seconds of convt and of torch in each round, and the greatest difference of their results."""

    name: str
    seconds: list[tuple[float, float]]
    error: float

    @property
    def row(self) -> list[str]:
        own, peer = (statistics.median(each) * 1e3 for each in zip(*self.seconds, strict=True))
        return [self.name, f"{own:.2f}", f"{peer:.2f}", f"**{self.ratio:.2f}x**", f"{self.error:.0e}"]

    @property
    def ratio(self) -> float:
        return statistics.median(peer / own for own, peer in self.seconds)


def stacks() -> dict[str, list[Case]]:
    """The upsampling layers of each decoder, the first layer first."""
    found: dict[str, list[Case]] = {}
    for case in layers.cases():
        found.setdefault(case.name.partition(",")[0], []).append(case)
    return found


def elu(x: Array) -> Array:
    return np.maximum(x, np.exp(np.minimum(x, 0)) - np.float32(1))


def convt_steps(stack: list[Case]) -> Callable[[Array], Array]:
    stages: list[Any] = []
    for case in stack:
        stages += [
            convt.Upsampler(case.weight(), stride=case.stride, padding="encodec-causal", threads=1),
            elu,
        ]
    return convt.Chain(*stages).process


def torch_steps(stack: list[Case]) -> Callable[[Array], Array]:
    """Overlap-add: the samples of each layer that the next frame adds to are kept."""
    import torch

    weights = [(torch.from_numpy(case.weight()), case.stride) for case in stack]
    kept: list[Any] = [None] * len(stack)

    def step(frame: Array) -> Array:
        x = torch.from_numpy(frame)[None]
        for number, (weight, stride) in enumerate(weights):
            y = torch.nn.functional.conv_transpose1d(x, weight, stride=stride)
            if kept[number] is not None:
                y[..., : kept[number].shape[-1]] += kept[number]
            finished = x.shape[-1] * stride
            kept[number], x = y[..., finished:].clone(), torch.nn.functional.elu(y[..., :finished])
        return np.asarray(x[0])

    return step


def streams() -> Iterator[Compared]:
    """CPU time of a frame, on one thread."""
    import torch

    torch.set_num_threads(1)
    with torch.inference_mode():
        for name, stack in stacks().items():
            steps = convt_steps(stack), torch_steps(stack)
            signal = np.random.default_rng(1).standard_normal((_FRAMES, stack[0].cin, 1)).astype("float32")
            results = [np.concatenate([step(frame) for frame in signal], -1) for step in steps]
            yield Compared(name, timed(steps, signal, time.process_time), difference(*results))


def timed(steps: Any, frames: Array, clock: Callable[[], float]) -> list[tuple[float, float]]:
    """Seconds of a call, of each contender in turn."""
    check_quiet()
    rounds = []
    for _ in range(_ROUNDS):
        marks = [clock()]
        for step in steps:
            for frame in frames:
                step(frame)
            marks.append(clock())
        first, second = (stop - start for start, stop in pairwise(marks))
        rounds.append((first / len(frames), second / len(frames)))
    return rounds


def gradients(threads: int) -> Iterator[Compared]:
    """Time of the gradients of signal, weight and bias: of all threads, or CPU time of one."""
    import torch

    torch.set_num_threads(threads)
    for case in layers.cases():
        x, weight, bias = case.signal(), case.weight(), np.zeros(case.cout, "float32")
        leaves = [torch.from_numpy(each.copy()).requires_grad_() for each in (x, weight, bias)]
        options: Any = {"stride": case.stride, "padding": case.padding}
        y = torch.nn.functional.conv_transpose1d(leaves[0][None], leaves[1], leaves[2], **options)
        g = np.random.default_rng(3).standard_normal(tuple(y.shape)).astype("float32")
        given = torch.from_numpy(g)

        def own(_: Any, g: Array = g, x: Array = x, weight: Array = weight, options: Any = options) -> Any:
            return convt.conv_transpose1d_vjp(g[0], x, weight, **options, threads=threads)

        def peer(_: Any, y: Any = y, leaves: Any = leaves, given: Any = given) -> Any:
            return torch.autograd.grad(y, leaves, given, retain_graph=True)

        pairs = zip(own(None), peer(None), strict=True)
        error = max(difference(mine, np.asarray(theirs)) for mine, theirs in pairs)
        clock = time.process_time if threads == 1 else time.perf_counter
        yield Compared(case.name, timed((own, peer), np.zeros(2), clock), error)


def difference(own: Array, peer: Array) -> float:
    return float(np.abs(own - peer).max() / np.abs(peer).max())


def table(compared: list[Compared]) -> str:
    heads = ["", "convt, ms", "torch, ms", "torch over convt", "difference"]
    mean = statistics.geometric_mean(each.ratio for each in compared)
    rows = page.table(heads, [each.row for each in compared])
    return f"{rows}\nGeometric mean: **{mean:.2f}x**.\n"


def forks() -> str:
    chain = convt.Chain(*[convt.Upsampler(case.weight(), stride=case.stride) for case in stacks()["DAC"]])
    chain.process(np.ones((1536, 1), "float32"))
    begin = time.perf_counter()
    for _ in range(100):
        chain.fork()
    return f"A fork of the stack of DAC takes {(time.perf_counter() - begin) * 1e4:.0f} microseconds.\n"


def main() -> None:
    sections = {
        "machine": page.machine() + "\n",
        "streams": table(page.with_progress(streams(), "streams")),
        "forks": forks(),
        "gradients": table(page.with_progress(gradients(THREADS), "gradients")),
        "gradients on one core": table(page.with_progress(gradients(1), "gradients, one core")),
    }
    text = (_HERE / "decoders_template.md").read_text()
    for name, section in sections.items():
        text = text.replace(f"<!-- {name} -->\n", section)
    (_HERE / "DECODERS.md").write_text(text)


if __name__ == "__main__":
    main()
