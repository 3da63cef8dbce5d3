"""Time everything and write ``RESULTS.md`` and ``throughput.png``: ``python -m tests.benchmarks``."""

import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import audio, layers, page, planner
from tests.benchmarks.page import Row

_HERE = Path(__file__).parent


def beside_better_peer(rows: list[Row]) -> Iterator[float]:
    """How many times faster convt is than the better of the peers, for each row."""
    for _, times in rows:
        if peers := [time for name, time in times.items() if name in ("torch", "onnxruntime")]:
            yield min(times["convt"].times_faster_than(peer) for peer in peers)


def decoder_layers() -> str:
    rows = page.with_progress(layers.beside_peers(), "decoder layers")
    names = list(rows[0][1])
    ratios = list(beside_better_peer(rows))
    body = [
        [case.name, *(f"{times[n].seconds * 1e3:.2f}, {times[n].error:.0e}" for n in names)]
        for case, times in rows
    ]
    if not ratios:
        return page.table(["", *names], body)
    body = [[*line, f"**{ratio:.2f}x**"] for line, ratio in zip(body, ratios, strict=True)]
    mean = statistics.geometric_mean(ratios)
    return page.table(["", *names, "convt beside the better peer"], body) + (
        f"\nGeometric mean: **{mean:.2f}x**.\n"
    )


def latency() -> str:
    rows = page.with_progress(audio.latencies(), "latency")
    body = [
        [case.name, str(wanted or "none: whole signal"), f"{case.outputs / time.seconds / 1e6:.3g}"]
        for wanted, case, time in rows
    ]
    return page.table(["", "latency", "million output samples a second"], body)


def cost_model() -> str:
    heads = ["choice and its block", "model", "measured", "regret", "best of other engines"]
    return "\n".join(
        page.table(
            [dtype, *heads],
            [_of_kernel(*row) for row in page.with_progress(planner.measure(dtype), f"planner, {dtype}")],
        )
        for dtype in ("float32", "float64")
    )


def _of_kernel(kernel: tuple[int, int, int, int], measured: list[planner.Measured]) -> list[str]:
    cin, cout, taps, stride = kernel
    chosen, best = measured[0], min(measured, key=lambda each: each.cost)
    others = [each for each in measured if each.plan.engine != chosen.plan.engine]
    fastest = min(others, key=lambda each: each.cost, default=None)
    return [
        f"{cin} -> {cout}, {taps} taps, stride {stride}",
        f"{chosen.plan.engine}, {chosen.plan.inputs}",
        f"{chosen.plan.cost:.0f}",
        f"{chosen.cost:.0f}",
        f"{chosen.cost / best.cost:.2f}",
        f"{fastest.plan.engine} {fastest.cost:.0f}" if fastest else "",
    ]


def main() -> None:
    rows = page.with_progress(audio.beside_peers(), "audio")
    soxr = page.with_progress(audio.beside_soxr(), "soxr")
    page.plot(rows, page.with_progress(audio.by_engine(), "engines"), soxr, _HERE / "throughput.png")
    names = list(rows[0][1])
    calls = ["convt, one call", "convt, a push", "scipy upfirdn"]
    sections = {
        "machine": page.machine() + "\n",
        "audio": page.throughput(rows, names),
        "soxr": page.throughput(soxr, ["convt", "soxr HQ", "soxr VHQ"]),
        "ratios": page.throughput(
            page.with_progress(audio.ratios(), "ratios"),
            ["convt, ratio", "scipy resample_poly", "soxr HQ", "soxr VHQ"],
        ),
        "layers": decoder_layers(),
        "short": page.milliseconds(page.with_progress(audio.short(), "short calls"), calls),
        "scaling": page.milliseconds(page.with_progress(audio.scaling(), "scaling"), ["convt"]),
        "latency": latency(),
        "planner": cost_model(),
    }
    text = (_HERE / "template.md").read_text()
    for name, section in sections.items():
        text = text.replace(f"<!-- {name} -->\n", section)
    (_HERE / "RESULTS.md").write_text(text)


if __name__ == "__main__":
    main()
