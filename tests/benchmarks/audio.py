"""One kernel for a channel of audio: a minute at 48 kHz, over kernel lengths, strides and dtypes."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from tests.benchmarks.cases import Case
from tests.benchmarks.page import Row
from tests.benchmarks.race import Race, Time, installed

TAPS = (9, 33, 129, 375, 1025, 4097)
STRIDES = (2, 3, 4, 8)
MINUTE = 60 * 48_000
_PEERS = ("scipy upfirdn", "torch", "onnxruntime")
_ENGINES = ("toeplitz", "polyphase", "spectral")
# Kernels of the class of soxr's own: its dtype and quality, taps at stride 2; and long ones.
_SOXR = (
    ("float32", "soxr HQ", 375),
    ("float64", "soxr VHQ", 470),
    ("float32", "soxr HQ", 2000),
    ("float64", "soxr VHQ", 2000),
)

_RATIOS = (
    ("float32", "fast", "soxr HQ"),
    ("float32", "high", "soxr HQ"),
    ("float64", "high", "soxr VHQ"),
    ("float64", "best", "soxr VHQ"),
)

_RATE_PAIRS = (
    *(("48", "96"), ("8", "16"), ("16", "48"), ("44.1", "48"), ("44.1", "192")),
    *(("96", "48"), ("48", "16"), ("48", "44.1")),
)


def case(dtype: str, taps: int, stride: int, length: int = MINUTE) -> Case:
    return Case(f"{dtype}, stride {stride}, {taps} taps", dtype, 1, 1, taps, stride, length)


def beside_peers() -> Iterator[Row]:
    """convt and whoever does the same, at every stride."""
    names = installed(["convt", *_PEERS])
    with Race(names) as race:
        for dtype in ("float32", "float64"):
            for stride in STRIDES:
                for taps in TAPS:
                    yield _beside(race, case(dtype, taps, stride, _bearable(taps)), names)


def _bearable(taps: int) -> int:
    """A minute, or 6 s for long kernels: torch and onnxruntime take the taps times the signal of memory."""
    return MINUTE if taps < 300 else MINUTE // 10


def _beside(race: Race, each: Case, names: list[str]) -> Row:
    able = list(names)
    if each.dtype == "float64":  # which onnxruntime has not, and for which torch takes minutes
        able = [n for n in names if n != "onnxruntime" and (n != "torch" or each.taps < 1000)]
    return each, race.run(each, able, 1 if each.taps > 1000 else 3)


def by_engine() -> Iterator[Row]:
    """Each engine at stride 2, for the plot."""
    with Race(_ENGINES) as race:
        for dtype in ("float32", "float64"):
            for taps in TAPS:
                # The polyphase engine is not made for long kernels of one channel.
                names = _ENGINES if taps < 1000 else ("toeplitz", "spectral")
                yield case(dtype, taps, 2), race.run(case(dtype, taps, 2), names, 3)


def beside_soxr() -> Iterator[Row]:
    if not installed(["soxr HQ"]):
        return
    with Race(["convt", "soxr HQ", "soxr VHQ"]) as race:
        for dtype, quality, taps in _SOXR:
            yield case(dtype, taps, 2), race.run(case(dtype, taps, 2), ["convt", quality], 7)


def ratios() -> Iterator[Row]:
    """From 44.1 to 48 kHz and on, by kernels of each quality, beside soxr's own and the same in scipy."""
    with Race(["convt, ratio", "scipy resample_poly", *installed(["soxr HQ", "soxr VHQ"])]) as race:
        for dtype, quality, peer in _RATIOS:
            for name, stride, down in (("44.1 to 48", 160, 147), ("16 to 44.1", 441, 160)):
                length, names = MINUTE // 10, ["convt, ratio", "scipy resample_poly", *installed([peer])]
                each = Case(f"{dtype}, {name} kHz, *{quality}*", dtype, 1, 1, 0, stride, length)
                own = replace(each, down=down, quality=quality, reference=1 << 13)
                yield own, race.run(own, names, 5)


def one_core() -> Iterator[Row]:
    """CPU time of resampling in memory on one thread, compared with soxr."""
    own = installed(["convt, scipy FFT", "convt, ducc0 FFT"])
    with Race([*own, *installed(["soxr HQ", "soxr VHQ"])]) as race:
        for dtype, quality, peer in (_RATIOS[1], *_RATIOS[2:]):
            for before, after in _RATE_PAIRS:
                ratio = Fraction(after) / Fraction(before)
                name = f"{before} to {after} kHz, {dtype}, *{quality}*"
                case = Case(name, dtype, 1, 1, 0, ratio.numerator, int(20_000 * Fraction(before)))
                case = replace(case, down=ratio.denominator, quality=quality, reference=1 << 13)
                yield case, race.run(case, [*own, *installed([peer])], 7, clock="cpu")


def short() -> Iterator[Row]:
    """A thousand samples: what a call costs beside its work."""
    with Race(["convt", "convt, one call", "convt, a push", "scipy upfirdn"]) as race:
        for dtype in ("float32", "float64"):
            few = case(dtype, 33, 2, 1000)
            yield few, race.run(few, ["convt, one call", "convt, a push", "scipy upfirdn"], 7)


def scaling() -> Iterator[Row]:
    """Signals ten times as long, and kernels twice as long."""
    with Race(["convt"]) as race:
        for length, taps in (
            (MINUTE // 10, 129),
            (MINUTE, 129),
            (10 * MINUTE, 129),
            (MINUTE, 2049),
            (MINUTE, 4097),
        ):
            long = replace(case("float32", taps, 2, length), name=f"{length} samples, {taps} taps")
            yield long, race.run(long, ["convt"], 5)


def latencies() -> Iterator[tuple[int | None, Case, Time]]:
    """Streams of 10 ms at a time, with blocks that divide them and without."""
    for taps in (33, 375, 2049):
        with Race(["convt", "convt, latency 480", "convt, latency 48"]) as race:
            minute = case("float32", taps, 2, MINUTE // 6)
            times = race.run(minute, ["convt", "convt, latency 480", "convt, latency 48"], 3)
            for latency, name in ((None, "convt"), (480, "convt, latency 480"), (48, "convt, latency 48")):
                yield latency, minute, times[name]
