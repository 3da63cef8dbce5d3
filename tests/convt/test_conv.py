import itertools
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
from tests.support.oracles import forward, transposed
from tests.support.strategies import Case, cases, numbers, tolerance


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


@pytest.mark.parametrize(
    ("length", "dtype"),
    list(
        zip(range(1000, 30_000, 1900), itertools.cycle(["float32", "float64", "complex64"]), strict=False)
    ),
)
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


@given(case=cases(), padding=st.sampled_from(["center", "same", "causal"]))
def test_named_paddings_crop_the_full_convolution(case: Case, padding: Any) -> None:
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


FAR: list[tuple[int, int, dict[str, Any]]] = [
    (3_000, 5, {"dilation": 2**30, "down": 2**20}),
    (300, 40, {"down": 2**30, "padding": "center"}),
    (300, 40, {"dilation": 2**30, "padding": "center"}),
    (2_200_000, 2, {"dilation": 2**30, "down": 2**20}),
    (40_000, 3, {"dilation": 2**30 + 1, "stride": 2**20 + 1, "down": 2**20 + 1, "padding": "same"}),
    (20_000, 3, {"stride": 2**26, "down": 2**26}),
    (2_000, 500, {"stride": 2**20, "dilation": 10**6, "down": 2**24}),
]


@pytest.mark.parametrize(("length", "taps", "arguments"), FAR)
def test_taps_and_outputs_far_apart_take_no_memory(
    length: int, taps: int, arguments: dict[str, Any]
) -> None:
    x, kernel = numbers(1, (1, length), "float64"), numbers(2, (taps,), "float64")
    tracemalloc.start()
    up = convt.Upsampler(kernel, **arguments)
    whole = up(x)
    stream = up.fork()
    pieces = [stream.process(piece) for piece in np.array_split(x, 3, axis=1)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3e8
    assert np.concatenate([*pieces, stream.flush()], axis=1).tobytes() == whole.tobytes()
    stride, dilation, down = (arguments.get(name, 1) for name in ("stride", "dilation", "down"))
    expected = np.zeros(whole.shape[1])
    for k in range(taps):
        place, between = np.divmod(np.arange(length) * stride + k * dilation - up.crop, down)
        used = (between == 0) & (place >= 0) & (place < expected.size)
        expected[place[used]] += x[0, used] * kernel[k]
    np.testing.assert_allclose(whole[0], expected, rtol=0, atol=1e-11)


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


@pytest.mark.parametrize(("stride", "down", "taps"), [(4001, 4000, 9000), (1, 5000, 700), (2003, 1999, 30)])
def test_ratios_of_large_numbers(stride: int, down: int, taps: int) -> None:
    x, w = numbers(1, (1, 9000), "float64"), numbers(2, (taps,), "float64")
    y = convt.conv_transpose1d(x, w[None, None], stride=stride, down=down)
    np.testing.assert_allclose(y[0], upfirdn(w, x[0], stride, down), rtol=0, atol=1e-12)
    assert y.shape[1] == convt.output_length(9000, taps, stride, down=down)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_a_kernel_that_changes_between_two_calls_is_prepared_again(dtype: str) -> None:
    x, weight, bias = numbers(1, (1, 50), dtype), numbers(2, (1, 1, 9), dtype), numbers(3, (1,), dtype)
    for _ in range(2):
        made = convt.conv_transpose1d(x, weight, bias, stride=3)
        np.testing.assert_allclose(made, transposed(x, weight, bias, stride=3), rtol=0, atol=1e-5)
        weight[0, 0, 4] += 1
        bias += 1
    backwards = weight[..., ::-1]
    made = convt.conv_transpose1d(x, backwards, bias, stride=3)
    np.testing.assert_allclose(made, transposed(x, backwards, bias, stride=3), rtol=0, atol=1e-5)
    weight[0, 0, 0], zero = 0.0, np.zeros_like(weight)
    zero[0, 0, 1] = -0.0
    np.testing.assert_array_equal(convt.conv_transpose1d(x, zero, stride=3), np.zeros((1, 156)))


def test_small_kernels_are_kept_for_each_dtype_and_shape() -> None:
    numbers_of = np.arange(1.0, 5.0)
    for weight in (numbers_of, numbers_of.reshape(1, 1, 4), numbers_of.reshape(1, 2, 2)):
        for dtype in ("float64", "float32", ">f8"):
            x = np.array([[1.0, 2.0]], dtype)
            made = convt.conv_transpose1d(x, weight.astype(dtype), stride=2)
            expected = transposed(x, weight.reshape(1, -1, weight.shape[-1]), stride=2)
            np.testing.assert_array_equal(made, expected)
            assert made.dtype == ("float32" if dtype == "float32" else "float64")
