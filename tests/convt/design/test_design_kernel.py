"""Kernels meet their specifications as scipy measures them, on grids finer than the design's own."""

import math
import tracemalloc
from typing import Any, get_args

import numpy as np
import pytest
from scipy.signal import kaiser_beta, minimum_phase, upfirdn

import convt
from convt.design.designer import Kind
from convt.design.kaiser import step
from convt.design.presets import Quality
from tests.support.measures import meets


@pytest.mark.parametrize("quality", get_args(Quality))
@pytest.mark.parametrize("stride", [2, 3, 4, 5, 8, 16])
def test_presets_meet_what_they_state(quality: Quality, stride: int) -> None:
    preset = convt.QUALITIES[quality]
    assert meets(convt.design_kernel(stride, quality=quality), stride, *preset)


def test_presets_are_what_users_are_told() -> None:
    assert convt.QUALITIES == {"fast": (0.90, 110), "high": (0.96, 195), "best": (0.975, 240)}
    np.testing.assert_array_equal(convt.design_kernel(2), convt.design_kernel(2, quality="high"))


@pytest.mark.parametrize(
    ("stride", "passband", "rejection"),
    [
        (2, 0.5, 65),
        (5, 0.9, 60),
        (2, 0.8, 80),
        (5, 0.95, 160),
        (2, 0.9, 200),
        (5, 0.97, 250),
        (2, 0.1, 100),
        (5, 0.99, 20),
    ],
)
def test_the_kernel_is_the_shortest_that_meets_a_specification(
    stride: int, passband: float, rejection: float
) -> None:
    kernel = convt.design_kernel(stride, passband=passband, rejection=rejection)
    assert kernel.size % 2 == 1
    assert meets(kernel, stride, passband, rejection)
    # With some 0.5 % less taps, no less than two a phase, the rejection is out of reach.
    less = min(kernel.size * 995 // 1000, kernel.size - 2 * stride)
    try:
        with_less = convt.design_kernel(stride, taps=less, passband=passband)
    except convt.ParameterError:
        return  # not even the passband
    assert not meets(with_less, stride, passband, rejection)


def test_the_step_of_the_kaiser_window_is_that_of_the_textbook() -> None:
    for rejection in (60.0, 90.0, 120.0):
        assert step(rejection, 0.001).beta == pytest.approx(kaiser_beta(rejection), rel=0.01)
    # Beyond it the textbook's formula falls short: its window of 200 dB rejects less than that.
    assert step(200.0, 0.001).beta > kaiser_beta(200.0) + 0.1


KINDS: list[dict[str, Any]] = [
    {},
    {"quality": "best"},
    {"phase": "minimum"},
    {"kind": "equiripple", "quality": "fast"},
    {"kind": "lanczos"},
    {"kind": "cubic"},
    {"kind": "linear"},
    {"kind": "hold"},
    {"taps": 40},
    {"taps": 401, "passband": 0.5},
]


@pytest.mark.parametrize("arguments", KINDS)
@pytest.mark.parametrize("stride", [2, 3, 5])
def test_every_phase_has_a_gain_of_1(stride: int, arguments: dict[str, Any]) -> None:
    kernel = convt.design_kernel(stride, **arguments)
    gains = [math.fsum(kernel[r::stride]) for r in range(stride)]
    np.testing.assert_allclose(gains, 1, rtol=0, atol=1e-14)
    assert kernel.dtype == np.float64
    assert kernel.ndim == 1
    if arguments.get("phase") != "minimum":
        np.testing.assert_allclose(kernel, kernel[::-1], rtol=0, atol=1e-15)


@pytest.mark.parametrize(("passband", "rejection"), [(0.8, 80), (0.9, 110), (0.95, 150)])
def test_an_equiripple_kernel_is_shorter_and_meets_as_much(passband: float, rejection: float) -> None:
    kernel = convt.design_kernel(2, passband=passband, rejection=rejection, kind="equiripple")
    assert meets(kernel, 2, passband, rejection)
    windowed = convt.design_kernel(2, passband=passband, rejection=rejection)
    assert kernel.size < 0.95 * windowed.size


def test_an_equiripple_design_that_does_not_converge_says_so() -> None:
    with pytest.raises(
        convt.ParameterError, match=r"no equiripple kernel for stride=2 meets .* or a kaiser kernel"
    ):
        convt.design_kernel(2, quality="best", kind="equiripple")


@pytest.mark.parametrize("quality", get_args(Quality))
@pytest.mark.parametrize("stride", [2, 3])
def test_minimum_phase_has_the_magnitude_and_the_least_delay(quality: Quality, stride: int) -> None:
    kernel = convt.design_kernel(stride, quality=quality, phase="minimum")
    linear = convt.design_kernel(stride, quality=quality)
    assert meets(kernel, stride, *convt.QUALITIES[quality])
    assert kernel.size < 1.03 * linear.size
    # Jensen's formula: the mean of log |H| is log |h[0]| just if no zero is outside the unit circle.
    gains = np.abs(np.fft.rfft(kernel, 1 << 20))
    assert math.log(abs(kernel[0])) == pytest.approx(np.log(gains[gains > 0]).mean(), abs=1e-3)
    assert convt.Response(kernel, stride).delay < 15 * stride


@pytest.mark.parametrize("rejection", [20, 26, 35])
def test_minimum_phase_of_little_rejection(rejection: float) -> None:
    kernel = convt.design_kernel(3, passband=0.6, rejection=rejection, phase="minimum")
    assert meets(kernel, 3, 0.6, rejection)


def test_minimum_phase_is_that_of_scipy_where_that_one_is_exact() -> None:
    kernel = convt.design_kernel(2, passband=0.5, rejection=60, phase="minimum")
    # Of the kernel's autocorrelation, whose square root it is, scipy finds the same factor.
    factor = minimum_phase(np.convolve(kernel, kernel[::-1]), method="homomorphic", n_fft=1 << 16)
    np.testing.assert_allclose(factor, kernel, atol=2e-4 * np.abs(kernel).max())


@pytest.mark.parametrize("stride", [2, 3, 8])
@pytest.mark.parametrize("taps", [16, 17, 64, 401])
def test_given_taps_alone_the_kernel_has_so_many_and_a_balance(stride: int, taps: int) -> None:
    kernel = convt.design_kernel(stride, taps=taps)
    assert kernel.size == taps
    rejection = -float(convt.Response(kernel, stride).worst_image().level)
    stated = 15.3 * (taps / stride) ** 0.4
    assert rejection >= stated or taps < 3 * stride


def test_given_taps_one_figure_makes_the_most_of_the_other() -> None:
    wide = convt.design_kernel(2, taps=201, rejection=90)
    response = convt.Response(wide, 2)
    assert meets(wide, 2, float(response.passband_edge(0.01)) - 1e-6, 90)
    quiet = convt.design_kernel(2, taps=201, passband=float(response.passband_edge(0.01)) - 1e-4)
    assert meets(quiet, 2, float(response.passband_edge(0.01)) - 1e-4, 89.9)
    assert quiet.size == wide.size == 201
    assert convt.design_kernel(
        2, passband=float(response.passband_edge(0.01)) - 1e-4, rejection=90
    ).size in (
        199,
        201,
    )


def test_classic_interpolators_are_their_definitions() -> None:
    x = np.random.default_rng(1).standard_normal(50)
    stride = 4
    time = np.arange(0, 45, 1 / stride)
    kernel = {kind: convt.design_kernel(stride, kind=kind) for kind in get_args(Kind)[2:]}
    assert [taps.size for taps in kernel.values()] == [23, 15, 7, 4]
    np.testing.assert_array_equal(upfirdn(kernel["hold"], x, stride), np.repeat(x, stride))
    lines = upfirdn(kernel["linear"], x, stride)[stride - 1 :][: time.size]
    np.testing.assert_allclose(lines, np.interp(time, np.arange(50), x), atol=1e-14)
    # Keys' cubic is exact for parabolas.
    parabola = np.arange(50.0) ** 2
    cubic = upfirdn(kernel["cubic"], parabola, stride)[2 * stride - 1 :][: time.size]
    np.testing.assert_allclose(cubic[2 * stride :], time[2 * stride :] ** 2, atol=1e-10)
    lobes = np.arange(-11, 12) / 4
    lanczos = np.sinc(lobes) * np.sinc(lobes / 3)
    np.testing.assert_allclose(kernel["lanczos"], lanczos, atol=0.01)  # its phases are not yet equal
    assert convt.design_kernel(4, kind="lanczos", taps=39).size == 39


@pytest.mark.parametrize("kind", ["kaiser", "lanczos", "cubic", "linear"])
def test_interpolating_kernels_are_exactly_in_time(kind: Kind) -> None:
    kernel = convt.design_kernel(3, kind=kind)
    x = np.sin(2 * np.pi * np.arange(3000) / 200)
    y = convt.conv_transpose1d(x[None], kernel[None, None], stride=3, padding="center")[0]
    lag = np.arange(-2, 3)
    exact = np.sin(2 * np.pi * np.arange(9000) / 600)
    scores = [np.dot(y[3000:6000], np.roll(exact, shift)[3000:6000]) for shift in lag]
    assert lag[np.argmax(scores)] == 0
    np.testing.assert_allclose(y[3000:6000], exact[3000:6000], atol=6e-4)


def test_the_kernel_serves_scipy_as_it_is() -> None:
    kernel = convt.design_kernel(3, quality="fast")
    x = np.random.default_rng(2).standard_normal(500)
    full = convt.conv_transpose1d(x[None], kernel[None, None], stride=3)[0]
    np.testing.assert_allclose(upfirdn(kernel, x, 3), full, atol=1e-13)


def test_what_is_returned_is_the_callers_own() -> None:
    kernel = convt.design_kernel(2)
    kernel[:] = 0
    assert convt.design_kernel(2).sum() == pytest.approx(2)


def test_many_designs_are_not_kept() -> None:
    tracemalloc.start()
    for stride in range(5000, 5009):
        assert convt.design_kernel(stride, quality="fast").nbytes > 5_000_000
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 40_000_000


def test_stride_one_changes_nothing() -> None:
    np.testing.assert_array_equal(convt.design_kernel(1), [1.0])
    np.testing.assert_array_equal(convt.design_kernel(1, kind="hold"), [1.0])


def test_a_long_kernel_for_many_phases_meets_its_specification() -> None:
    kernel = convt.design_kernel(160)
    assert meets(kernel, 160, 0.96, 195)


@pytest.mark.parametrize("name", ["passband", "rejection"])
@pytest.mark.parametrize("value", ["0.9", True, [0.9]])
def test_what_is_no_number(name: str, value: Any) -> None:
    with pytest.raises(convt.ParameterTypeError, match=f"{name} must be a number, got"):
        convt.design_kernel(2, **{name: value})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"passband": 1.0}, "passband must be above 0 and below 1, got 1.0"),
        ({"passband": 0.0}, "passband must be above 0 and below 1, got 0.0"),
        ({"passband": math.nan}, "passband must be above 0 and below 1, got nan"),
        ({"rejection": 19}, "rejection must be 20 to 250 dB, got 19"),
        ({"rejection": math.nan}, "rejection must be 20 to 250 dB, got nan"),
        ({"stride": 10**6}, "needs a kernel of [0-9]+ taps, more than 2097152: use a smaller"),
        ({"passband": 0.9999, "phase": "minimum"}, "needs a kernel of [0-9]+ taps, more than 32768: use"),
        ({"quality": "good"}, "quality must be one of fast, high, best, got 'good'"),
        ({"phase": "zero"}, "phase must be one of linear, minimum, got 'zero'"),
        ({"kind": "sinc"}, "kind must be one of kaiser, equiripple, .*, got 'sinc'"),
        ({"kind": "hold", "passband": 0.9}, "kind='hold' takes no quality, passband"),
        ({"kind": "cubic", "phase": "minimum"}, "kind='cubic' takes no quality"),
        ({"kind": "linear", "taps": 4}, "taps must be 3 for kind='linear' and stride=2, got 4"),
        (
            {"kind": "lanczos", "taps": 12},
            r"taps must be 2\*a\*stride - 1 with a lobes on each side, got 12",
        ),
        (
            {"kind": "hold", "stride": 10**9},
            "stride must be at most 262144 for kind='hold', got 1000000000",
        ),
        ({"kind": "lanczos", "taps": 2**32 - 1}, "taps must be at most 2097152 for kind='lanczos', got 42"),
        ({"taps": 0}, "taps must be at least 1, got 0"),
        ({"taps": 1}, "taps must be at least the stride, 2, got 1"),
        ({"taps": 2**16 + 1}, "taps must be at most 65536 for phase='linear', kind='kaiser', got 65537"),
        (
            {"taps": 2**14 + 1, "phase": "minimum"},
            "taps must be at most 16384 for phase='minimum', kind='kaiser', got",
        ),
        (
            {"taps": 1025, "kind": "equiripple"},
            "taps must be at most 1024 for phase='linear', kind='equirip",
        ),
        ({"stride": 1, "taps": 5}, "taps must be 1 for stride 1, got 5"),
        ({"taps": 64, "quality": "high"}, "taps=64 takes a passband or a rejection, not both"),
        (
            {"taps": 64, "passband": 0.5, "rejection": 90},
            "taps=64 takes a passband or a rejection, not both",
        ),
        ({"taps": 64, "passband": 0.99}, "no kaiser kernel for stride=2 meets passband=0.99, taps=64"),
        ({"stopband": 0.9}, "stopband must be at least 1 and below 2, got 0.9"),
        ({"stopband": 2.0}, "stopband must be at least 1 and below 2, got 2.0"),
        ({"passband": 1.2, "stopband": 1.1}, "passband must be above 0 and below 1.1, got 1.2"),
        ({"down": 3, "kind": "hold"}, "down must be at most 2 for kind='hold', got 3"),
    ],
)
def test_bad_specifications(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(convt.ParameterError, match=message):
        convt.design_kernel(**{"stride": 2, **arguments})


@pytest.mark.parametrize(("stride", "down"), [(160, 147), (441, 160), (3, 2), (80, 63), (640, 147)])
@pytest.mark.parametrize("quality", get_args(Quality))
def test_kernels_of_ratios_meet_as_much_and_vanish_far_away(
    stride: int, down: int, quality: Quality
) -> None:
    kernel = convt.design_kernel(stride, down=down, quality=quality)
    preset = convt.QUALITIES[quality]
    assert kernel.size <= convt.design_kernel(2, quality=quality).size / 2 * stride + 8 * stride + 1
    points = 1 << (kernel.size * 4 - 1).bit_length()
    gains = np.abs(np.fft.rfft(kernel, points)) / stride
    frequencies = np.arange(gains.size) * 2 * stride / points
    decibels = 20 * np.log10(np.maximum(gains, 1e-30))
    assert np.abs(decibels[frequencies <= preset.passband]).max() <= 0.01
    assert decibels[frequencies >= 1].max() <= -preset.rejection
    assert decibels[frequencies >= 4].max(initial=-300) <= -300
    sums = [math.fsum(kernel[r::stride]) for r in range(stride)]
    np.testing.assert_allclose(sums, 1, rtol=0, atol=1e-14)
    np.testing.assert_allclose(kernel, kernel[::-1], rtol=0, atol=1e-15)


def test_a_kernel_of_large_stride_is_as_short() -> None:
    assert convt.design_kernel(160).size / 160 == pytest.approx(convt.design_kernel(8).size / 8, abs=0.3)


def test_minimum_phase_of_a_large_stride() -> None:
    kernel = convt.design_kernel(160, down=147, phase="minimum", quality="fast")
    assert meets(kernel, 160, *convt.QUALITIES["fast"])
    assert convt.Response(kernel, 160).delay < 15 * 160


@pytest.mark.parametrize(("stride", "down"), [(1, 2), (1, 6), (2, 3), (147, 160), (147, 640), (80, 441)])
@pytest.mark.parametrize("quality", get_args(Quality))
def test_kernels_that_lower_a_rate_meet_as_much_at_the_lower_one(
    stride: int, down: int, quality: Quality
) -> None:
    kernel, preset = convt.design_kernel(stride, down=down, quality=quality), convt.QUALITIES[quality]
    points = 1 << (kernel.size * 8 - 1).bit_length()
    decibels = 20 * np.log10(np.maximum(np.abs(np.fft.rfft(kernel, points)) / stride, 1e-30))
    frequencies = np.arange(decibels.size) * 2 * down / points  # in Nyquist frequencies of the output
    assert np.abs(decibels[frequencies <= preset.passband]).max() <= 0.01
    assert decibels[frequencies >= 1].max() <= -preset.rejection  # whatever would be folded back
    sums = [math.fsum(kernel[r::stride]) for r in range(stride)]
    np.testing.assert_allclose(sums, 1, rtol=0, atol=1e-14)
    assert kernel.size % 2 == 1
    assert kernel.size <= convt.design_kernel(2, quality=quality).size / 2 * down + 8 * down + 1


@pytest.mark.parametrize(("stride", "down"), [(2, 1), (3, 2), (2, 3)])
@pytest.mark.parametrize("kind", ["kaiser", "equiripple"])
def test_a_stopband_beyond_nyquist_makes_a_shorter_kernel(stride: int, down: int, kind: Any) -> None:
    made = {"passband": 0.9, "rejection": 90, "kind": kind, "down": down}
    sharp, soft = (convt.design_kernel(stride, stopband=edge, **made) for edge in (1.0, 1.1))
    assert soft.size < 0.65 * sharp.size
    gains = np.abs(np.fft.rfft(soft, 1 << 16)) / stride
    frequencies = np.arange(gains.size) * 2 * max(stride, down) / (1 << 16)
    assert np.abs(20 * np.log10(gains[frequencies <= 0.9])).max() <= 0.01
    assert 20 * np.log10(gains[frequencies >= 1.1].max()) <= -90
    assert 20 * np.log10(gains[frequencies >= 1].max()) > -20


def test_minimum_phase_downward() -> None:
    kernel, preset = (
        convt.design_kernel(2, down=3, phase="minimum", quality="fast"),
        convt.QUALITIES["fast"],
    )
    decibels = 20 * np.log10(np.abs(np.fft.rfft(kernel, 1 << 16)) / 2)
    frequencies = np.arange(decibels.size) * 2 * 3 / (1 << 16)
    assert np.abs(decibels[frequencies <= preset.passband]).max() <= 0.01
    assert decibels[frequencies >= 1].max() <= -preset.rejection
    assert convt.Response(kernel, 2).delay < 15 * 3
