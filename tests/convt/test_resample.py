"""Changes of rate, compared with exact sums of sines, with scipy and with the operator."""

import threading
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

import convt
from convt import ParameterError, ParameterTypeError, StreamError
from tests.support.oracles import Array

Rate = int | float | Fraction
STEPS: list[tuple[Rate, Rate]] = [
    (44_100, 48_000),
    (48_000, 44_100),
    (96_000, 48_000),
    (48_000, 16_000),
    (192_000, 44_100),
    (44_100, 8000),
]
COPRIME: list[tuple[Rate, Rate]] = [
    (44_100, 44_101),
    (12_499, 15_001),
    (16_001, 16_000),
    (44_100, 47_999.5),
    (96_000, Fraction(24_001, 3)),
    (8000, 95_989),
]


def tones(rate: Rate, count: int, band: float, *, seed: int = 0) -> Array:
    """A dozen tones from 0 up to a fraction of `band`, sampled at a rate, to more than double precision."""
    rng = np.random.default_rng(seed)
    t = np.arange(count).astype(np.longdouble) / (
        np.longdouble(Fraction(rate).numerator) / Fraction(rate).denominator
    )
    waves = zip(rng.uniform(0, 0.94 * band / 2, 12), rng.uniform(0, 2 * np.pi, 12), strict=True)
    total = sum(np.cos(2 * np.pi * np.longdouble(frequency) * t + phase) for frequency, phase in waves)
    return np.asarray(total / 12)


def error_of(rate_in: Rate, rate_out: Rate, dtype: Any = np.float64, **options: Any) -> float:
    """The error of a result against the same tones at the new rate, in dB, away from its ends."""
    low, seconds = float(min(rate_in, rate_out)), 3000 / float(min(rate_in, rate_out))
    count = round(float(rate_in) * seconds)
    made = convt.resample(tones(rate_in, count, low).astype(dtype), rate_in, rate_out, **options)
    exact = tones(rate_out, made.size, low)
    inner = slice(made.size // 4, -made.size // 4)
    power = np.mean((made - exact)[inner] ** 2) / np.mean(exact[inner] ** 2)
    return float(10 * np.log10(power))


@pytest.mark.parametrize(("rate_in", "rate_out"), [*STEPS, *COPRIME])
def test_tones_are_what_they_are_at_the_new_rate(rate_in: Rate, rate_out: Rate) -> None:
    assert error_of(rate_in, rate_out) < -200
    assert error_of(rate_in, rate_out, np.float32) < -130


@pytest.mark.parametrize(("rate_in", "rate_out"), [(44_100, 48_000), (96_000, 48_000), (44_100, 44_101)])
def test_the_best_quality_is_rounding(rate_in: Rate, rate_out: Rate) -> None:
    assert error_of(rate_in, rate_out, quality="best") < -250


@pytest.mark.parametrize(("rate_in", "rate_out"), [(48_000, 32_000), (48_000, 30_011), (48_000, 24_000)])
@pytest.mark.parametrize("frequency", [1.001, 1.1, 1.37, 1.999])
def test_aliases_are_rejected(rate_in: int, rate_out: int, frequency: float) -> None:
    """A tone above the output's Nyquist frequency is folded back, and rejected before."""
    if frequency * rate_out / 2 > rate_in / 2:
        pytest.skip("there is no such tone")
    tone = np.cos(np.pi * frequency * rate_out / rate_in * np.arange(20_000))
    made = convt.resample(tone, rate_in, rate_out)
    inner = made[made.size // 4 : -made.size // 4]
    assert 20 * np.log10(np.abs(inner).max()) < -193


@pytest.mark.parametrize(("up", "down"), [(160, 147), (147, 160), (1, 3), (2, 3), (3, 2), (5, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_equals_resample_poly_with_the_same_taps(up: int, down: int, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 3000)).astype(dtype)
    x = x + 1j * x[::-1] if np.iscomplexobj(x) else x
    kernel = convt.design_kernel(up, down=down)
    expected = resample_poly(
        x.astype(np.result_type(dtype, np.float64)), up, down, axis=1, window=kernel / up
    )
    made = convt.resample(x, down, up)
    assert made.dtype == dtype
    assert made.shape == expected.shape
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(made, expected, rtol=0, atol=64 * eps)


@given(
    length=st.integers(1, 5000),
    rates=st.sampled_from([(3, 2), (2, 3), (1, 1), (147, 160), (44_100, 44_101), (50, 7.3)]),
)
@settings(max_examples=25)
def test_lengths_are_rounded_up(length: int, rates: tuple[Rate, Rate]) -> None:
    rate_in, rate_out = rates
    expected = -(-length * Fraction(rate_out) // Fraction(rate_in))
    made = convt.resample(np.ones(length), rate_in, rate_out, quality="fast")
    assert made.size == expected
    assert convt.Resampler(rate_in, rate_out, quality="fast").output_length(length) == expected


def test_the_rate_that_a_signal_has_changes_nothing() -> None:
    x = np.random.default_rng(2).standard_normal((3, 100)).astype(np.float32)
    np.testing.assert_array_equal(convt.resample(x, 44_100, 44_100), x)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("rate_out", [3, 2.00001])
def test_time_is_along_any_axis(axis: int, rate_out: Rate) -> None:
    x = np.random.default_rng(3).standard_normal((5, 6, 7))
    made = convt.resample(x, 2, rate_out, axis=axis, quality="fast")
    rows = np.moveaxis(x, axis, -1)
    for index in [(0, 0), (3, 4), (-1, -1)]:
        alone = convt.resample(np.ascontiguousarray(rows[index]), 2, rate_out, quality="fast")
        np.testing.assert_array_equal(np.moveaxis(made, axis, -1)[index], alone)


PIECES = st.lists(st.integers(0, 4000), max_size=6)
OPTIONS: list[dict[str, Any]] = [
    {},
    {"edges": "hold"},
    {"edges": "reflect"},
    {"phase": "minimum"},
    {"phase": "minimum", "edges": "reflect"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("rates", [(147, 160), (3, 1), (44_100, 44_101), (90_001, 7000)])
@given(
    pieces=PIECES, dtype=st.sampled_from([np.float32, np.float64, np.complex64]), rest=st.integers(2, 3000)
)
@settings(max_examples=6)
def test_a_stream_gives_the_bytes_of_one_call(
    options: dict[str, Any], rates: tuple[int, int], pieces: list[int], dtype: Any, rest: int
) -> None:
    options = options | {"quality": "fast"}
    rng = np.random.default_rng(4)
    x = rng.standard_normal((2, sum(pieces) + rest)).astype(dtype)
    whole = convt.resample(x, *rates, **options)
    stream = convt.Resampler(*rates, threads=1, **options)
    cuts = np.split(x, np.cumsum(pieces), axis=1)
    made = [stream.process(piece) for piece in cuts]
    np.testing.assert_array_equal(np.concatenate([*made, stream.flush()], axis=1), whole)


def test_a_fork_goes_its_own_way() -> None:
    for rates in ((2, 3), (44_100, 44_101)):
        x = np.random.default_rng(5).standard_normal(90_000)
        stream = convt.Resampler(*rates, edges="reflect")
        begin = stream.process(x[:40_000])
        fork = stream.fork()
        rest = np.concatenate([begin, stream.process(x[40_000:]), stream.flush()])
        other = np.concatenate([begin, fork.process(x[40_000:]), fork.flush()])
        np.testing.assert_array_equal(rest, convt.resample(x, *rates, edges="reflect"))
        np.testing.assert_array_equal(other, rest)


def test_a_stream_begins_anew_after_reset() -> None:
    stream = convt.Resampler(2, 3)
    stream.process(np.ones((2, 100), np.float32))
    stream.flush()
    with pytest.raises(StreamError, match="has been flushed: call reset"):
        stream.process([1.0])
    with pytest.raises(StreamError, match="has been flushed: call reset"):
        stream.flush()
    stream.reset()
    made = np.concatenate([stream.process(np.ones(10)), stream.flush()])
    np.testing.assert_array_equal(made, convt.resample(np.ones(10), 2, 3))
    assert convt.Resampler(2, 3).flush().shape == (0,)


def test_live_pushes_are_answered() -> None:
    for rates in ((48_000, 44_100), (48_000, 44_101)):
        live = convt.Resampler(*rates, latency=480, quality="fast")
        sizes = [live.process(np.ones(480)).size for _ in range(20)]
        assert min(sizes[10:]) > 0


@pytest.mark.parametrize("edges", ["hold", "reflect"])
@pytest.mark.parametrize("rates", [(2, 3), (3, 2), (44_100, 44_101), (9001, 900)])
def test_edges_keep_what_is_constant_to_the_ends(edges: Any, rates: tuple[int, int]) -> None:
    for count in (1, 7, 3000):
        made = convt.resample(np.full(count, 3.0), *rates, edges=edges)
        np.testing.assert_allclose(made, 3, rtol=1e-9)
    faded = convt.resample(np.full(3000, 3.0), *rates)
    assert np.abs(faded - 3).max() > 0.1


def test_reflected_edges_are_those_of_a_longer_signal() -> None:
    x = np.random.default_rng(6).standard_normal(4000)
    longer = np.concatenate([x[600:0:-1], x, x[-2:-602:-1]])
    made = convt.resample(x, 2, 3, edges="reflect")
    whole = convt.resample(longer, 2, 3)
    np.testing.assert_allclose(made, whole[900 : 900 + made.size], atol=1e-12)


@pytest.mark.parametrize("rates", [(2, 3), (3, 1), (44_100, 48_000), (44_100, 44_101)])
def test_minimum_phase_rings_only_afterwards(rates: tuple[int, int]) -> None:
    x = np.zeros(4000)
    x[2000] = 1.0
    made = convt.resample(x, *rates, phase="minimum", quality="fast")
    at = 2000 * rates[1] / rates[0]
    before = np.abs(made[: int(at) - 1]).max()
    assert before < 10 ** (-110 / 20) * np.abs(made).max()  # the rejection of "fast"
    stream = convt.Resampler(*rates, phase="minimum", quality="fast")
    energy = made**2
    centre = float((np.arange(made.size) * energy).sum() / energy.sum())
    assert stream.delay > 0
    assert centre - at == pytest.approx(stream.delay, rel=0.2, abs=0.6)
    assert convt.Resampler(*rates).delay == 0


@pytest.mark.parametrize(
    ("dtype", "precision", "expected"),
    [
        (np.float16, None, np.float16),
        (np.float32, None, np.float32),
        (np.float32, "float64", np.float64),
        (np.float64, "float32", np.float32),
        (np.complex128, "float32", np.complex64),
        (np.int16, None, np.float64),
        (np.int16, "float32", np.float32),
        (bool, None, np.float64),
        (">f4", None, np.float32),
    ],
)
def test_dtypes(dtype: Any, precision: Any, expected: Any) -> None:
    x = np.ones(64).astype(dtype)
    assert convt.resample(x, 2, 3, precision=precision).dtype == expected
    assert convt.Resampler(2, 3, precision=precision).process(x).dtype == expected


@pytest.mark.parametrize("rates", [(2, 3), (3, 2), (3000, 2001)])
def test_a_stopband_beyond_the_nyquist_frequency_leaves_the_passband_as_it_is(
    rates: tuple[int, int],
) -> None:
    assert error_of(*rates, passband=0.95, stopband=1.1) < -200


def test_threads_that_resample_at_once_get_the_right_bytes() -> None:
    rng = np.random.default_rng(8)
    signals = [rng.standard_normal(int(rng.integers(500, 9000))).astype(np.float32) for _ in range(40)]
    rates = [(44_100, 48_000), (3, 2), (44_100, 44_101), (8, 3)]
    expected = [convt.resample(x, *rates[n % 4], quality="fast") for n, x in enumerate(signals)]
    wrong = list[int]()

    def work(first: int) -> None:
        for n in [*range(first, 40), *range(first)]:
            if not np.array_equal(convt.resample(signals[n], *rates[n % 4], quality="fast"), expected[n]):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(10 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_nan_reaches_what_the_filter_reaches() -> None:
    for rates in ((2, 3), (44_100, 44_101)):
        x = np.zeros(20_000)
        x[10_000] = np.nan
        made = convt.resample(x, *rates, quality="fast")
        at = 10_000 * rates[1] // rates[0]
        assert np.isnan(made[at])
        assert np.isfinite(made[: at - 300]).all()
        assert np.isfinite(made[at + 300 :]).all()


BAD: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: convt.resample([1.0], 0, 1),
        ParameterError,
        "rate_in must be above 0 Hz and at most 1e.12, got 0",
    ),
    (lambda: convt.resample([1.0], 1, -5), ParameterError, "rate_out must be above 0 Hz .* got -5"),
    (lambda: convt.resample([1.0], 1, np.nan), ParameterError, "rate_out must be above 0 Hz .* got nan"),
    (lambda: convt.resample([1.0], 1, np.inf), ParameterError, "rate_out must be above 0 Hz .* got inf"),
    (lambda: convt.resample([1.0], 1, "2"), ParameterTypeError, "rate_out must be a number of Hz, got '2'"),  # type: ignore[arg-type]
    (
        lambda: convt.resample([1.0], True, 2),
        ParameterTypeError,
        "rate_in must be a number of Hz, got True",
    ),
    (
        lambda: convt.resample([1.0], 1, 1 << 21),
        ParameterError,
        "must be within a factor of 1048576, got 1 and",
    ),
    (lambda: convt.resample([1.0], 1, 2, axis=1), ParameterError, "axis must be at most 0, got 1"),
    (lambda: convt.resample([[1.0]], 1, 2, axis=-3), ParameterError, "axis must be at least -2, got -3"),
    (lambda: convt.resample([1.0], 1, 2, axis=0.5), ParameterTypeError, "axis must be an int, got 0.5"),  # type: ignore[arg-type]
    (lambda: convt.resample(1.0, 1, 2), ParameterError, "x must have a time axis, got a single number"),
    (
        lambda: convt.resample([], 1, 2),
        ParameterError,
        r"at least 1 sample along axis 0, got shape \(0,\)",
    ),
    (lambda: convt.resample(["a"], 1, 2), ParameterTypeError, "x must have a boolean, integer, float16"),
    (lambda: convt.resample([1.0], 1, 2, quality="good"), ParameterError, "quality must be one of"),  # type: ignore[arg-type]
    (lambda: convt.resample([1.0], 1, 2, phase="zero"), ParameterError, "phase must be one of"),  # type: ignore[arg-type]
    (lambda: convt.resample([1.0], 1, 2, edges="wrap"), ParameterError, "edges must be one of"),  # type: ignore[arg-type]
    (lambda: convt.resample([1.0], 1, 2, precision="f4"), ParameterError, "precision must be one of"),  # type: ignore[arg-type]
    (
        lambda: convt.resample([1.0], 1, 2, passband=1),
        ParameterError,
        "passband must be above 0 and below 1, got",
    ),
    (
        lambda: convt.resample([1.0], 1, 2, rejection=300),
        ParameterError,
        "rejection must be 20 to 250 dB, got 300",
    ),
    (
        lambda: convt.resample([1.0], 1, 2, stopband=2),
        ParameterError,
        "stopband must be at least 1 and below 2",
    ),
    (
        lambda: convt.Resampler(44_100, 44_101, rejection=5),
        ParameterError,
        "rejection must be 20 to 250 dB",
    ),
    (lambda: convt.Resampler(1, 2, latency=0), ParameterError, "latency must be at least 1, got 0"),
    (lambda: convt.Resampler(1, 2, axis=99), ParameterError, "axis must be at most 63, got 99"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_arguments(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_pieces_stay_of_one_kind() -> None:
    stream = convt.Resampler(1, 2, axis=0)
    stream.process(np.ones((5, 2), np.float32))
    with pytest.raises(ParameterError, match=r"x must keep the shape \(2,\) \(without time\)"):
        stream.process(np.ones((5, 3), np.float32))
    with pytest.raises(
        ParameterTypeError, match="x must keep the dtype float32 of the first call, got float64"
    ):
        stream.process(np.ones((5, 2)))


def test_a_signal_that_looks_turned_is_a_warning_that_names_the_axis() -> None:
    with pytest.warns(UserWarning, match=r"x has 9000 channels of 2 samples: .* pass axis=0"):
        convt.resample(np.ones((9000, 2), np.float32), 2, 3, quality="fast")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convt.resample(np.ones((100, 50, 20)), 2, 3, quality="fast")
        convt.Resampler(2, 3, quality="fast").process(np.ones((100, 20)))


def test_signals_without_channels() -> None:
    assert convt.resample(np.ones((0, 10)), 2, 3).shape == (0, 15)
    assert convt.resample(np.ones((10, 0)), 2, 3, axis=0).shape == (15, 0)
    stream = convt.Resampler(2, 3)
    assert stream.process(np.ones((0, 10))).shape[0] == 0
    assert stream.flush().shape == (0, 15)


def test_a_resampler_takes_whole_signals_while_a_stream_goes_on() -> None:
    for rates in ((2, 3), (44_100, 44_101)):
        x = np.random.default_rng(9).standard_normal((2, 3000)).astype(np.float32)
        stream = convt.Resampler(*rates, quality="fast", threads=1)
        begin = stream.process(x)
        np.testing.assert_array_equal(stream(x), convt.resample(x, *rates, quality="fast"))
        made = np.concatenate([begin, stream.flush()], axis=1)
        np.testing.assert_array_equal(made, convt.resample(x, *rates, quality="fast"))
        assert (stream.threads, stream.kernel.ndim) == (1, 1)
        assert (stream.plan.engine == "chirp") == (rates != (2, 3))


def test_a_stream_that_looks_turned_is_a_warning_too() -> None:
    with pytest.warns(UserWarning, match=r"x has 441 channels of 2 samples: .* pass axis=0"):
        convt.Resampler(44_100, 48_000).process(np.ones((441, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        convt.Resampler(2, 3, axis=0).process(np.ones((441, 2)))
        convt.Resampler(2, 3).process(np.ones((8, 4)))  # a short push of few channels
