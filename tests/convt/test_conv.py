import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample_poly, upfirdn

import convt
from convt.engines.planning import EngineName
from tests.support.oracles import Array, forward, transposed
from tests.support.strategies import Case, cases, layouts, numbers


def tolerance(case: Case) -> float:
    """Rounding of as many products as an output can be the sum of."""
    eps = float(np.finfo(case.weight.dtype).eps)
    return 40 * eps * (float(np.abs(case.weight).sum()) * float(np.abs(case.x).max()) + 1)


@given(cases())
def test_equals_the_definition(case: Case) -> None:
    y = convt.conv_transpose1d(case.x, case.weight, case.bias, **case.arguments)
    expected = transposed(case.x, case.weight, case.bias, **case.arguments)
    assert y.dtype == case.x.dtype
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance(case))


@given(cases(), st.integers(0, 4))
def test_a_batch_is_its_signals_one_by_one_to_the_bit(case: Case, count: int) -> None:
    batch = np.stack([case.x * (n + 1) for n in range(count)] or [case.x])[:count]
    y = convt.conv_transpose1d(batch, case.weight, case.bias, **case.arguments)
    alone = [convt.conv_transpose1d(x, case.weight, case.bias, **case.arguments) for x in batch]
    assert y.shape[0] == count
    for n in range(count):
        np.testing.assert_array_equal(y[n], alone[n])


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("length", range(1000, 30_000, 1900))
def test_signals_that_share_transforms_are_as_they_are_alone(length: int, dtype: str) -> None:
    batch, weight = numbers(length, (3, 1, length), dtype), numbers(1, (1, 1, 900), dtype)
    y = convt.conv_transpose1d(batch, weight, stride=2, engine="spectral")
    for n, x in enumerate(batch):
        alone = convt.conv_transpose1d(x, weight, stride=2, engine="spectral")
        np.testing.assert_array_equal(y[n], alone)
        expected = upfirdn(weight[0, 0], x[0], up=2)
        np.testing.assert_allclose(alone[0], expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@given(cases())
def test_is_the_adjoint_of_the_forward_convolution(case: Case) -> None:
    y = convt.conv_transpose1d(case.x, case.weight, **case.arguments)
    other = numbers(7, y.shape, str(y.dtype))
    down = case.arguments["down"]
    spread = np.zeros((len(y), case.geometry.stride * case.x.shape[1] + case.geometry.surplus), y.dtype)
    spread[:, ::down] = other
    spatial = {n: value for n, value in case.arguments.items() if n not in ("output_padding", "down")}
    back = forward(spread, case.weight, **spatial)[:, : case.x.shape[1]]
    # <conv1d(other), x> == <other, conv_transpose1d(x)>, without conjugation.
    scale = tolerance(case) * np.abs(other).sum() + 1e-30
    assert abs((back * case.x).sum() - (other * y).sum()) <= scale


@given(cases(), st.floats(-3, 3))
def test_is_linear(case: Case, factor: float) -> None:
    other = numbers(11, case.x.shape, str(case.x.dtype))
    mixed = (case.x + factor * other).astype(case.x.dtype)
    apart = convt.conv_transpose1d(case.x, case.weight, **case.arguments)
    apart = apart + factor * convt.conv_transpose1d(other, case.weight, **case.arguments)
    together = convt.conv_transpose1d(mixed, case.weight, **case.arguments)
    np.testing.assert_allclose(together, apart, rtol=0, atol=20 * tolerance(case))


def test_an_impulse_returns_the_kernel() -> None:
    kernel = numbers(1, (9,), "float64")
    impulse = np.zeros((1, 5))
    impulse[0, 2] = 1
    y = convt.conv_transpose1d(impulse, kernel[None, None], stride=3)
    np.testing.assert_array_equal(y[0, 6:15], kernel)
    assert np.count_nonzero(y) == 9


@pytest.mark.parametrize(
    ("taps", "stride", "length", "engine"),
    [
        *(
            (*shape, engine)
            for shape in ((33, 2, 5000), (129, 3, 2000), (7, 4, 999), (637, 2, 4000))
            for engine in ("toeplitz", "polyphase", "spectral")
        ),
        *((*shape, "col2im") for shape in ((32, 2, 5000), (33, 3, 2000), (7, 4, 999), (5, 8, 4000))),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_agrees_with_scipy_upfirdn(
    taps: int, stride: int, length: int, dtype: str, engine: EngineName
) -> None:
    x, kernel = numbers(2, (2, length), dtype), numbers(3, (taps,), dtype)
    weight = np.stack([kernel, kernel])[:, None]
    y = convt.conv_transpose1d(x, weight, stride=stride, groups=2, engine=engine)
    expected = upfirdn(kernel, x.astype(np.result_type(x, "float64")), stride, axis=1)
    bound = upfirdn(np.abs(kernel), np.abs(x), stride, axis=1)  # sums of the products' magnitudes
    if engine == "spectral":  # whose rounding spreads over a block
        bound[...] = bound.max()
    assert y.shape == expected.shape
    assert (np.abs(y - expected) <= 8 * np.finfo(dtype).eps * bound).all()


@pytest.mark.parametrize("stride", [2, 3, 5])
def test_agrees_with_scipy_resample_poly_when_centred(stride: int) -> None:
    x, kernel = numbers(4, (3000,), "float64"), convt.design_kernel(stride)
    y = convt.conv_transpose1d(x[None], kernel[None, None], stride=stride, padding="center")
    # resample_poly scales a given window by the factor, and keeps a symmetric one in time as `center` does
    np.testing.assert_allclose(
        y[0], resample_poly(x, stride, 1, window=kernel / stride), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize(("up", "down"), [(3, 2), (160, 147), (2, 3), (6, 4)])
@pytest.mark.parametrize("engine", [None, "toeplitz", "polyphase", "spectral"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ratios_agree_with_scipy_resample_poly(
    up: int, down: int, engine: EngineName | None, dtype: str
) -> None:
    x, kernel = numbers(4, (3001,), dtype), convt.design_kernel(up, quality="fast")
    weight = kernel[None, None].astype(dtype)
    y = convt.conv_transpose1d(x[None], weight, stride=up, down=down, padding="center", engine=engine)
    # resample_poly reduces the ratio, and takes a window for the reduced one.
    common = math.gcd(up, down)
    window = kernel[(kernel.size - 1) // 2 % common :: common] / (up // common)
    expected = resample_poly(x.astype("float64"), up, down, window=window)
    assert y.shape[1] == -(-x.size * up // down) == expected.size
    np.testing.assert_allclose(y[0], expected, rtol=0, atol=100 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("padding", ["center", "same", "causal"])
@given(case=cases())
def test_named_paddings_crop_the_full_convolution(padding: Any, case: Case) -> None:
    arguments, down = {**case.arguments, "output_padding": 0, "padding": 0}, case.arguments["down"]
    stride, span = case.arguments["stride"], case.arguments["dilation"] * (case.weight.shape[2] - 1) + 1
    left = {"center": (span - 1) // 2, "same": max(0, -((stride - span) // 2)), "causal": 0}[padding]
    whole = transposed(case.x, case.weight, None, **{**arguments, "down": 1})
    full = np.pad(whole, ((0, 0), (0, left + stride)))
    expected = full[:, left : left + stride * case.x.shape[1] : down]
    y = convt.conv_transpose1d(case.x, case.weight, **{**arguments, "padding": padding})
    np.testing.assert_allclose(y, expected, rtol=0, atol=tolerance(case))


def test_output_padding_keeps_true_outputs_and_then_the_bias() -> None:
    x, ones = [[1.0, 2.0, 3.0]], np.ones((1, 1, 4))
    kept = convt.conv_transpose1d(x, ones, stride=2, padding=1, output_padding=1)
    np.testing.assert_array_equal(kept, [[1, 3, 3, 5, 5, 3, 3]])
    beyond = convt.conv_transpose1d(x, ones, [5.0], stride=2, output_padding=1)
    np.testing.assert_array_equal(beyond, [[6, 6, 8, 8, 10, 10, 8, 8, 5]])


def test_second_group_reads_the_second_half_of_the_inputs() -> None:
    weight, x = np.ones((4, 3, 4)), np.zeros((4, 5))
    x[2:] = 1.0
    y = convt.conv_transpose1d(x, weight, stride=4, groups=2)
    assert y.shape == (6, 20)
    np.testing.assert_array_equal(y[:3], 0)
    np.testing.assert_array_equal(y[3:], 2)


def test_bias_is_added_once_however_many_blocks_and_groups() -> None:
    x, weight = np.zeros((4, 20_000)), np.ones((4, 1, 30))
    y = convt.conv_transpose1d(x, weight, [1.0, 2.0, 3.0, 4.0], stride=2, groups=4)
    np.testing.assert_array_equal(y, np.broadcast_to([[1.0], [2.0], [3.0], [4.0]], y.shape))


def test_kernel_is_not_flipped() -> None:
    y = convt.conv_transpose1d([[1, 2, 3]], [[[1, 10, 100]]], stride=2, padding=1, output_padding=1)
    np.testing.assert_array_equal(y, [[10, 102, 20, 203, 30, 300]])


def test_stride_beyond_the_kernel_leaves_exact_zeros() -> None:
    x, weight = numbers(5, (1, 400), "float32"), numbers(6, (1, 1, 3), "float32")
    y = convt.conv_transpose1d(x, weight, stride=7).reshape(-1)
    gaps = np.arange(y.size) % 7 >= 3
    np.testing.assert_array_equal(y[gaps], 0)
    np.testing.assert_array_equal(y[::7], x[0] * weight[0, 0, 0])
    biased = convt.conv_transpose1d(x, weight, [0.25], stride=7).reshape(-1)
    np.testing.assert_array_equal(biased[gaps], 0.25)


def test_complex_kernels_are_not_conjugated() -> None:
    y = convt.conv_transpose1d(np.array([[1j, 2]]), np.array([[[1 + 2j]]]))
    np.testing.assert_array_equal(y, [[1j - 2, 2 + 4j]])


@pytest.mark.parametrize(
    ("x", "weight", "result"),
    [
        ("float16", "float16", "float16"),
        ("float32", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("float16", "float32", "float32"),
        ("complex64", "float32", "complex64"),
        ("complex64", "float64", "complex128"),
        ("float64", "complex64", "complex128"),
        ("int16", "float32", "float32"),
        ("int32", "float32", "float64"),
        ("int16", "int16", "float64"),
        ("bool", "bool", "float64"),
        ("uint8", "float16", "float16"),
        ("uint64", "int64", "float64"),
        (">f4", ">f4", "float32"),
        (">i2", "<f4", "float32"),
    ],
)
def test_result_dtypes(x: str, weight: str, result: str) -> None:
    y = convt.conv_transpose1d(np.ones((1, 3), x), np.ones((1, 1, 2), weight))
    assert y.dtype == np.dtype(result)
    assert y.dtype.isnative
    np.testing.assert_array_equal(y, [[1, 2, 2, 1]])


def test_the_bias_takes_part_in_the_dtype() -> None:
    ones = np.ones((1, 1, 1), "float32")
    assert convt.conv_transpose1d(ones, ones, np.zeros(1)).dtype == np.float64


def test_integers_do_not_overflow_in_their_own_dtype() -> None:
    loud = np.full((1, 4), 30_000, "int16")
    y = convt.conv_transpose1d(loud, np.full((1, 1, 2), 30_000, "int16"))
    np.testing.assert_array_equal(y, [[9e8, 1.8e9, 1.8e9, 1.8e9, 9e8]])


def test_float16_does_not_overflow_inside() -> None:
    x = np.full((2, 3), 60_000, "float16")
    weight = np.array([[[1.0]], [[-1.0]]], "float16")
    np.testing.assert_array_equal(convt.conv_transpose1d(x * 1, weight), np.zeros((1, 3), "float16"))
    doubled = convt.conv_transpose1d(x, np.ones((2, 1, 1), "float16"))
    np.testing.assert_array_equal(doubled, np.full((1, 3), np.inf, "float16"))


def test_float16_does_not_overflow_before_the_bias_is_added() -> None:
    x, weight, bias = (np.array(a, "float16") for a in ([[60_000]], [[[2.0]]], [-60_000]))
    np.testing.assert_array_equal(convt.conv_transpose1d(x, weight, bias), [[60_000]])


def test_float16_is_rounded_once() -> None:
    x, weight = (
        numbers(8, (3, 50), "float32").astype("float16"),
        numbers(9, (3, 2, 9), "float32").astype("float16"),
    )
    y = convt.conv_transpose1d(x, weight, stride=2)
    single = convt.conv_transpose1d(x.astype("float32"), weight.astype("float32"), stride=2)
    np.testing.assert_array_equal(y, single.astype("float16"))


@given(cases(), st.data())
def test_memory_layout_and_byte_order_change_nothing(case: Case, data: st.DataObject) -> None:
    plain = convt.conv_transpose1d(case.x, case.weight, case.bias, **case.arguments)
    x_layout, weight_layout = (data.draw(st.sampled_from(sorted(layouts(case.x)))) for _ in range(2))
    x, weight = layouts(case.x)[x_layout], layouts(case.weight)[weight_layout]
    y = convt.conv_transpose1d(x, weight, case.bias, **case.arguments)
    if "nested lists" in (x_layout, weight_layout):  # which are float64 or complex128
        np.testing.assert_allclose(y, plain, rtol=0, atol=tolerance(case))
    else:
        np.testing.assert_array_equal(y, plain)


def test_broadcast_inputs_are_accepted_and_not_modified() -> None:
    x = np.broadcast_to(np.arange(5.0), (3, 2, 5))
    weight = np.broadcast_to(np.arange(1.0, 4.0), (2, 4, 3))
    before = x.copy(), weight.copy()
    y = convt.conv_transpose1d(x, weight, stride=2)
    np.testing.assert_array_equal(y[1], transposed(before[0][1], before[1], stride=2))
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(weight, before[1])


def test_shapes_of_the_example_in_pytorchs_documentation() -> None:
    assert convt.conv_transpose1d(np.ones((20, 16, 50)), np.ones((16, 33, 5))).shape == (20, 33, 54)


@pytest.mark.parametrize("shape", [(0, 2, 5), (0, 2, 1)])
def test_a_batch_of_none(shape: tuple[int, ...]) -> None:
    y = convt.conv_transpose1d(np.ones(shape, "float32"), np.ones((2, 3, 4), "float32"), stride=2)
    assert y.shape == (0, 3, 2 * shape[2] + 2)
    assert y.dtype == np.float32


def test_one_tap_and_one_sample() -> None:
    np.testing.assert_array_equal(convt.conv_transpose1d([[3.0]], [[[2.0]]]), [[6.0]])
    np.testing.assert_array_equal(convt.conv_transpose1d([[3.0]], [[[2.0]]], stride=5), [[6.0]])


def test_padding_beyond_the_kernel_is_a_legal_crop() -> None:
    x, weight = numbers(12, (1, 40), "float64"), numbers(13, (1, 1, 3), "float64")
    y = convt.conv_transpose1d(x, weight, stride=2, padding=30)
    np.testing.assert_allclose(y, transposed(x, weight, stride=2, padding=30), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("x", "weight", "arguments"),
    [
        ((1, 1), (1, 1, 200_000), {}),
        ((1, 2), (1, 1, 3), {"dilation": 10**9, "padding": 999_999_990}),
        ((1, 3), (1, 1, 1), {"stride": 10**6}),
        ((1, 1), (1, 1, 1), {"stride": 10**12}),
        ((64, 1), (64, 32, 16), {"stride": 8}),
        ((500, 20), (500, 1, 1000), {"groups": 500}),
    ],
)
def test_a_signal_much_shorter_than_a_block(
    x: tuple[int, int], weight: tuple[int, int, int], arguments: dict[str, Any]
) -> None:
    signal, kernel = numbers(22, x, "float64"), numbers(23, weight, "float64")
    tracemalloc.start()
    y = convt.conv_transpose1d(signal, kernel, **arguments)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * y.nbytes + 2 * kernel.nbytes + 1e8
    stride, dilation, padding = (
        arguments.get(n, d) for n, d in (("stride", 1), ("dilation", 1), ("padding", 0))
    )
    grouped = kernel.reshape(arguments.get("groups", 1), -1, *weight[1:])
    rows = signal.reshape(len(grouped), -1, x[1])
    expected = np.zeros((len(grouped), weight[1], y.shape[1]))
    for i in range(x[1]):
        for k in range(weight[2]) if weight[2] < 2000 else ():
            if 0 <= (position := i * stride + k * dilation - padding) < y.shape[1]:
                expected[..., position] += np.einsum("gc,gco->go", rows[..., i], grouped[..., k])
    if weight[2] >= 2000:
        expected[0, 0] = signal[0, 0] * kernel[0, 0]
    np.testing.assert_allclose(y, expected.reshape(y.shape), rtol=0, atol=1e-11)


def test_one_shot_memory_beyond_the_result_is_bounded() -> None:
    kernel = numbers(24, (1, 1, 33), "float32")
    beyond = []
    for length in (4_000_000, 16_000_000):
        x = np.zeros((1, length), "float32")
        tracemalloc.start()
        y = convt.conv_transpose1d(x, kernel, stride=2)
        beyond.append(tracemalloc.get_traced_memory()[1] - y.nbytes)
        tracemalloc.stop()
    assert beyond[1] < 1.2 * beyond[0] < 1e7


def test_padding_of_many_blocks() -> None:
    x, kernel = numbers(14, (1, 30_000), "float64"), numbers(15, (1, 1, 5), "float64")
    whole = convt.conv_transpose1d(x, kernel, stride=2)
    cropped = convt.conv_transpose1d(x, kernel, stride=2, padding=20_001)
    np.testing.assert_allclose(cropped, whole[:, 20_001:-20_001], rtol=0, atol=1e-14)


def test_an_inverse_stft_in_disguise() -> None:
    frames, bases = numbers(16, (1026, 86), "float32"), numbers(17, (1026, 1, 1024), "float32")
    y = convt.conv_transpose1d(frames, bases, stride=256)
    segments = frames.T.astype("float64") @ bases[:, 0].astype("float64")
    expected = np.zeros(85 * 256 + 1024)
    for n, segment in enumerate(segments):  # overlap and add
        expected[n * 256 : n * 256 + 1024] += segment
    np.testing.assert_allclose(y[0], expected, rtol=0, atol=2e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("shape", "cout", "taps", "arguments"),
    [
        ((1, 5000), 1, 33, {"stride": 2}),
        ((1, 5000), 1, 3, {"stride": 4}),
        ((2, 5000), 1, 9, {"stride": 3, "groups": 2, "dilation": 2}),
        ((64, 600), 32, 16, {"stride": 8, "padding": 4}),
        ((1, 3000), 1, 3, {"stride": 1, "dilation": 64}),
    ],
)
def test_a_bad_sample_reaches_what_its_taps_reach_and_nothing_else(
    bad: float, shape: tuple[int, int], cout: int, taps: int, arguments: dict[str, Any]
) -> None:
    x, weight = numbers(18, shape, "float64"), numbers(19, (shape[0], cout, taps), "float64")
    spoilt, position = x.copy(), shape[1] // 3
    spoilt[0, position] = bad
    stride, dilation, padding = (
        arguments.get(n, d) for n, d in (("stride", 1), ("dilation", 1), ("padding", 0))
    )
    clean = convt.conv_transpose1d(x, weight, **arguments)
    y = convt.conv_transpose1d(spoilt, weight, **arguments)
    reached = np.zeros(y.shape, bool)
    reached[:cout, position * stride - padding + dilation * np.arange(taps)] = True
    assert not np.isfinite(y[reached]).any()
    np.testing.assert_array_equal(y[~reached], clean[~reached])
    if np.isinf(bad):
        np.testing.assert_array_equal(np.isnan(y), False)


@pytest.mark.parametrize(("taps", "stride", "dilation"), [(6, 3, 1), (5, 3, 1), (4, 3, 2), (2, 4, 1)])
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_bad_samples_among_channels_follow_the_definition(
    taps: int, stride: int, dilation: int, dtype: str
) -> None:
    x, weight = numbers(18, (6, 900), dtype), numbers(19, (6, 2, taps), dtype)
    weight[1, :, 1] = 0  # a tap like others: it makes a NaN of an infinity
    x[0, 100], x[1, 300], x[2, 500], x[4:, 700] = np.nan, np.inf, -np.inf, np.inf
    with np.errstate(invalid="ignore"):
        expected = transposed(x, weight, stride=stride, groups=2, dilation=dilation)
    y = convt.conv_transpose1d(
        x, weight, stride=stride, groups=2, dilation=dilation, engine="col2im", threads=2
    )
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))
    if dtype == "float32":
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-4, equal_nan=True)


def test_infinities_keep_their_signs_and_meet_as_nan() -> None:
    x = np.array([[np.inf, 1.0, -np.inf, 1.0]])
    y = convt.conv_transpose1d(x, np.array([[[1.0, -2.0, 3.0]]]))
    np.testing.assert_array_equal(y, [[np.inf, -np.inf, np.nan, np.inf, -np.inf, 3.0]])


@given(cases(max_length=20), st.data())
def test_non_finite_kernels_follow_the_definition_too(case: Case, data: st.DataObject) -> None:
    weight, x = case.weight.copy(), case.x.copy()
    weight.flat[data.draw(st.integers(0, weight.size - 1))] = data.draw(st.sampled_from([np.nan, np.inf]))
    x.flat[data.draw(st.integers(0, x.size - 1))] = data.draw(st.sampled_from([0.0, 1.0, np.nan]))
    with np.errstate(invalid="ignore"):
        expected = transposed(x, weight, None, **case.arguments)
    y = convt.conv_transpose1d(x, weight, **case.arguments)
    np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))
    if y.dtype.kind == "f":
        np.testing.assert_allclose(y, expected, rtol=0, atol=40 * tolerance(case), equal_nan=True)


@pytest.mark.parametrize(("cin", "cout"), [(1, 1), (64, 32)])
def test_a_bad_tap_reaches_its_phase_alone_over_many_blocks(cin: int, cout: int) -> None:
    x, weight = numbers(25, (cin, 4000), "float64"), numbers(26, (cin, cout, 6), "float64")
    clean = convt.conv_transpose1d(x, weight, stride=3)
    weight[0, cout - 1, 4] = np.nan
    y = convt.conv_transpose1d(x, weight, stride=3)
    reached = np.zeros(y.shape, bool)
    reached[cout - 1, 4 + 3 * np.arange(4000)] = True
    np.testing.assert_array_equal(np.isnan(y), reached)
    np.testing.assert_allclose(y[~reached], clean[~reached], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "cout", "taps", "engine"),
    [
        *(
            (*shape, engine)
            for shape in (((1, 4000), 1, 1025), ((128, 100), 64, 16), ((2, 4000), 2, 65))
            for engine in ("toeplitz", "polyphase")
        ),
        *((*shape, "col2im") for shape in (((1, 4000), 1, 64), ((128, 100), 64, 16), ((2, 4000), 2, 5))),
    ],
)
def test_rounding_stays_within_a_few_ulps_of_the_sum(
    dtype: str, shape: tuple[int, int], cout: int, taps: int, engine: EngineName
) -> None:
    x, weight = numbers(20, shape, dtype), numbers(21, (shape[0], cout, taps), dtype)
    y = convt.conv_transpose1d(x, weight, stride=4, engine=engine)
    wide = np.longdouble if dtype == "float64" else np.float64
    exact = sum_of_products(x.astype(wide), weight.astype(wide), 4)
    bound = sum_of_products(np.abs(x).astype(wide), np.abs(weight).astype(wide), 4)
    eps = np.finfo(dtype).eps
    # Measured: below 3; a plain left-to-right sum of as many products may be off by hundreds.
    assert (np.abs(y - exact) <= 8 * eps * bound).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding_of_three_products_stays_within_a_few_ulps_of_neighbouring_sums(dtype: str) -> None:
    x, weight = numbers(31, (256, 200), dtype), numbers(32, (256, 24, 16), dtype)
    y = convt.conv_transpose1d(x, weight, stride=8, engine="winograd")
    wide = np.longdouble if dtype == "float64" else np.float64
    exact = sum_of_products(x.astype(wide), weight.astype(wide), 8)
    taps = np.abs(weight.reshape(256, 24, 2, 8)).astype(wide).sum(axis=2, keepdims=True)
    either = np.broadcast_to(taps, (256, 24, 2, 8)).reshape(256, 24, 16)  # both taps of the phase
    bound = sum_of_products(np.abs(x).astype(wide), either, 8)
    # Measured: 1.0 or less.
    assert (np.abs(y - exact) <= 4 * np.finfo(dtype).eps * bound).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("taps", [64, 1025, 4097])
@pytest.mark.parametrize("signal", ["noise", "sine", "constant"])
def test_rounding_of_transforms_stays_within_a_few_ulps_of_the_result(
    dtype: str, taps: int, signal: str
) -> None:
    n = np.arange(60_000)
    signals = {"noise": numbers(27, n.shape, dtype), "sine": np.sin(0.3 * n), "constant": np.ones(n.shape)}
    x, weight = signals[signal][None].astype(dtype), numbers(28, (1, 1, taps), dtype)
    y = convt.conv_transpose1d(x, weight, stride=2, engine="spectral")
    wide = np.longdouble if dtype == "float64" else np.float64
    exact = sum_of_products(x.astype(wide), weight.astype(wide), 2)
    eps, error = np.finfo(dtype).eps, np.abs(y - exact)
    # Measured: 2.7 and 17; the bounds grow with the logarithm of the block, here one of 8,192 to 16,384.
    assert np.sqrt((error**2).mean()) <= 4 * eps * np.sqrt((exact**2).mean())
    assert error.max() <= 32 * eps * np.sqrt((exact**2).mean())


def test_integers_are_exact_in_the_engines_of_products() -> None:
    x, weight = numbers(29, (1, 3000), "float64") * 1000, numbers(30, (1, 1, 700), "float64") * 1000
    x, weight = x.astype(int), weight.astype(int)
    engines: list[tuple[EngineName, int]] = [
        ("toeplitz", 700),
        ("polyphase", 700),
        ("col2im", 48),
        ("winograd", 6),
    ]
    for engine, taps in engines:
        y = convt.conv_transpose1d(x, weight[..., :taps], stride=3, engine=engine)
        np.testing.assert_array_equal(y, sum_of_products(x, weight[..., :taps], 3))


def sum_of_products(x: Array, weight: Array, stride: int) -> Array:
    """The definition, one tap at a time, in the dtype it is given."""
    full = np.zeros((weight.shape[1], (x.shape[1] - 1) * stride + weight.shape[2]), x.dtype)
    for k in range(weight.shape[2]):
        full[:, k : k + (x.shape[1] - 1) * stride + 1 : stride] += np.einsum("io,il->ol", weight[..., k], x)
    return full


@pytest.mark.parametrize(("stride", "down", "taps"), [(4001, 4000, 9000), (1, 5000, 700), (2003, 1999, 30)])
def test_ratios_of_large_numbers(stride: int, down: int, taps: int) -> None:
    x, w = numbers(1, (1, 9000), "float64"), numbers(2, (taps,), "float64")
    y = convt.conv_transpose1d(x, w[None, None], stride=stride, down=down)
    np.testing.assert_allclose(y[0], upfirdn(w, x[0], stride, down), rtol=0, atol=1e-12)
    assert y.shape[1] == convt.output_length(9000, taps, stride, down=down)


@pytest.mark.parametrize(("stride", "down"), [(2, 2), (6, 4), (4, 6), (12, 8)])
@pytest.mark.parametrize("engine", [None, "toeplitz", "polyphase", "spectral"])
def test_taps_that_reach_no_output_have_no_part_in_its_rounding(
    stride: int, down: int, engine: EngineName | None
) -> None:
    x, w = numbers(1, (1, 4000), "float64"), numbers(2, (1, 1, 600), "float64")
    exact = upfirdn(w[0, 0], x[0], stride, down)
    w[..., 1::2] *= 1e12
    y = convt.conv_transpose1d(x, w, stride=stride, down=down, engine=engine)
    np.testing.assert_allclose(y[0], exact, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("quality", ["fast", "high", "best"])
def test_what_is_not_folded_back_is_rounding(dtype: str, quality: Any) -> None:
    kernel = convt.design_kernel(160, down=147, quality=quality).astype(dtype)
    x = numbers(3, (1, 30_000), dtype)
    y = convt.conv_transpose1d(
        x, kernel[None, None], stride=160, down=147, padding="center", engine="spectral"
    )
    which = np.arange(5000, 25_000, 7)
    lag, phase = np.divmod(which * 147 + (kernel.size - 1) // 2, 160)
    exact = np.zeros(which.size, np.longdouble)
    for q in range(-(-kernel.size // 160)):
        taps = np.pad(kernel, (0, 160)).astype(np.longdouble)[np.minimum(q * 160 + phase, kernel.size)]
        exact += taps * x[0, lag - q]
    error = np.abs(y[0, which] - exact)
    eps = np.finfo(dtype).eps * np.sqrt((exact**2).mean())
    assert np.sqrt((error**2).mean()) < 4 * eps
    assert error.max() < 32 * eps
