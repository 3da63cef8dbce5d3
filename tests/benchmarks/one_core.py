"""Compare the CPU time of one thread with soxr: ``python -m tests.benchmarks.one_core`` writes a page."""

import statistics
from pathlib import Path

from tests.benchmarks import audio, page

_HERE = Path(__file__).parent


def table() -> str:
    """CPU seconds for an hour of audio, and how many times as many soxr needs."""
    rows = page.with_progress(audio.one_core(), "one core")
    own, body = ["convt, scipy FFT", "convt, ducc0 FFT"], []
    ratios: dict[tuple[str, str], list[float]] = {}
    for case, times in rows:
        peer = next((name for name in times if name.startswith("soxr")), None)
        line = [case.name]
        for name in own:
            line.append(f"{180 * times[name].seconds:.2f}" if name in times else "")  # of 20 s
            if peer and name in times:
                ratio = times[name].times_faster_than(times[peer])
                line[-1] += f", **{ratio:.2f}x**"
                ratios.setdefault((case.name.partition(", ")[2], name), []).append(ratio)
        body.append([*line, f"{180 * times[peer].seconds:.2f} ({peer})" if peer else ""])
    means = [
        f"{what}, {name.partition(', ')[2]}: **{statistics.geometric_mean(some):.2f}x**"
        for (what, name), some in ratios.items()
    ]
    text = page.table(["", *own, "soxr"], body)
    return text + ("\nGeometric means: " + "; ".join(means) + ".\n" if means else "")


def main() -> None:
    text = (_HERE / "one_core_template.md").read_text()
    for name, section in {"machine": page.machine() + "\n", "one core": table()}.items():
        text = text.replace(f"<!-- {name} -->\n", section)
    (_HERE / "ONE_CORE.md").write_text(text)


if __name__ == "__main__":
    main()
