"""Arrays of every dtype and memory layout, and the dtype of the result."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convt
from convt.arrays import array_cache
from tests.support.oracles import Array, transposed
from tests.support.strategies import Case, cases, layouts, numbers, tolerance

X, W = np.ones((4, 9)), np.ones((4, 3, 5))


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


@pytest.mark.parametrize("name", ["x", "weight", "bias"])
@pytest.mark.parametrize(
    "dtype", ["object", "longdouble", "clongdouble", "U3", "S3", "M8[s]", "m8[s]", "V4"]
)
def test_dtypes(name: str, dtype: str) -> None:
    shape = {"x": (4, 9), "weight": (4, 3, 5), "bias": (3,)}[name]
    arguments: dict[str, Any] = {"x": X, "weight": W, name: np.zeros(shape, dtype)}
    with pytest.raises(
        convt.ParameterTypeError, match=f"^{name} must have a boolean, .* dtype, got"
    ) as caught:
        convt.conv_transpose1d(**arguments)
    assert isinstance(caught.value, TypeError)


MASKED = np.ma.masked_equal([[1.0, 2.0, 3.0, 4.0]], 2.0)
TAKES_ARRAYS: dict[str, Callable[[Any], object]] = {
    "x": lambda array: convt.conv_transpose1d(array, np.ones((1, 1, 2))),
    "x ": convt.Upsampler(np.ones(2)),
    "x  ": lambda array: convt.Upsampler(np.ones(2)).process(array),
    "weight": lambda array: convt.conv_transpose1d(np.ones((1, 3)), array[np.newaxis]),
    "weight ": lambda array: convt.Upsampler(array[0]),
    "weight  ": lambda array: convt.balance_kernel(array, 2),
    "bias": lambda array: convt.Upsampler(np.ones(2), bias=array[0]),
    "kernel": lambda array: convt.Response(array, 2),
    "low": lambda array: convt.fit(array, np.ones((1, 8)), 2, 3),
    "low ": lambda array: convt.fit([array], [np.ones((1, 8))], 2, 3),
    "high": lambda array: convt.fit(np.ones((1, 2)), array, 2, 3),
    "high ": lambda array: convt.Fitter(2, 3).process(np.ones((1, 2)), array),
}


@pytest.mark.parametrize("name", TAKES_ARRAYS)
def test_a_masked_array_is_refused_with_what_to_use(name: str) -> None:
    wanted = rf"^{name.strip()} must not be a masked array, .*: use {name.strip()}\.filled\("
    for array in (MASKED, np.ma.array(MASKED.filled(0.0))):
        with pytest.raises(convt.ParameterTypeError, match=wanted):
            TAKES_ARRAYS[name](array)
    for x in ([[1.0, 2.0, 3.0, 4.0], MASKED[0]], (MASKED[0], [1] * 4)):
        with pytest.raises(convt.ParameterTypeError, match="x must not be a masked array"):
            convt.conv_transpose1d(x, np.ones((2, 1, 2)))
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(convt.ParameterError, match=r"x must be a rectangular array of numbers$"):
        convt.conv_transpose1d(endless, np.ones(2))


def test_a_cache_of_arrays_holds_so_many_bytes_and_forgets_the_oldest_first() -> None:
    made = list[int]()

    @array_cache(40_000)
    def zeros(kind: str, size: int) -> Any:
        made.append(size)
        array = np.zeros(size)
        return array if kind == "array" else (array, "and more") if kind == "tuple" else None

    for size in (1000, 1001, 1002, 1003, 1000):
        assert zeros("array", size) is zeros("array", size)
    assert made == [1000, 1001, 1002, 1003]
    zeros("tuple", 1004)  # in place of 1001: 1000 was asked for since
    zeros("array", 1000)
    assert made == [1000, 1001, 1002, 1003, 1004]
    zeros("array", 1001)
    assert made == [1000, 1001, 1002, 1003, 1004, 1001]
    assert zeros("none", 5) is zeros("none", 5) is None
    assert zeros("array", 10_000).size == zeros("array", 10_000).size  # too much for it
    assert made[6:] == [5, 10_000, 10_000]
    for array in (zeros("array", 1), zeros("tuple", 1)[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_cache_of_arrays_is_for_several_threads() -> None:
    @array_cache(30_000)
    def squares(count: int) -> Array:
        return np.arange(count) ** 2

    def work(seed: int) -> bool:
        counts = np.random.default_rng(seed).integers(0, 1000, 2000).tolist()
        return all(squares(count)[-1:].tolist() == [(count - 1) ** 2][:count] for count in counts)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))


class Tensor:
    """What numpy meets in a tensor that it cannot read."""

    requires_grad = False
    device = "cpu"
    dtype = "torch.float32"

    def __init__(self, error: Exception, **attributes: object) -> None:
        self._error = error
        self.__dict__.update(attributes)

    def __array__(self, *_: object, **__: object) -> Array:
        raise self._error


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (
            Tensor(RuntimeError("no"), requires_grad=True),
            r"x is a Tensor that requires a gradient, .* x\.detach\(\)",
        ),
        (
            Tensor(TypeError("no"), dtype="torch.bfloat16"),
            r"x is a Tensor of torch\.bfloat16, .* x\.float\(\)",
        ),
        (Tensor(TypeError("no"), device="cuda:0"), r"x is a Tensor on cuda:0, .* x\.cpu\(\)"),
        (Tensor(TypeError("no")), "x must be an array of numbers, got Tensor"),
    ],
)
def test_tensors_that_numpy_cannot_read(tensor: Any, said: str) -> None:
    with pytest.raises(convt.ParameterTypeError, match=said):
        convt.conv_transpose1d(tensor, [1.0])


def test_tensors_of_torch() -> None:
    torch: Any = pytest.importorskip("torch")
    x, weight = torch.randn(2, 3, 20), torch.randn(3, 4, 6)
    y = convt.conv_transpose1d(x, weight, stride=3)
    np.testing.assert_array_equal(y, convt.conv_transpose1d(x.numpy(), weight.numpy(), stride=3))
    assert convt.Upsampler(weight, stride=3, latency=1).process(x).shape == (2, 4, 60)
    with pytest.raises(convt.ParameterTypeError, match=r"weight is a Parameter that .* weight\.detach\(\)"):
        convt.conv_transpose1d(x, torch.nn.Parameter(weight))
    with pytest.raises(convt.ParameterTypeError, match=r"x is a Tensor of torch\.bfloat16"):
        convt.conv_transpose1d(x.bfloat16(), weight)


def test_arrays_of_jax() -> None:
    jnp: Any = pytest.importorskip("jax.numpy")
    x, weight = jnp.arange(12.0).reshape(2, 6), jnp.ones((2, 3, 4))
    y = convt.conv_transpose1d(x, weight, stride=2)
    assert isinstance(y, np.ndarray)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, convt.conv_transpose1d(np.asarray(x), np.asarray(weight), stride=2))
    half = convt.conv_transpose1d(x.astype("bfloat16"), weight.astype("bfloat16"), stride=2)
    assert half.dtype.name == "bfloat16"


def test_bfloat16_is_computed_in_float32() -> None:
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    rng = np.random.default_rng(1)
    x, weight, bias = (
        rng.standard_normal(shape).astype(bfloat16) for shape in ((3, 500), (3, 2, 40), (2,))
    )
    wider = [each.astype("float32") for each in (x, weight, bias)]
    wide = convt.conv_transpose1d(wider[0], wider[1], wider[2], stride=2)
    y = convt.conv_transpose1d(x, weight, bias, stride=2)
    assert y.dtype == bfloat16
    np.testing.assert_array_equal(y, wide.astype(bfloat16))
    stream = convt.Upsampler(weight, bias, stride=2)
    pieces = [stream.process(x[:, :99]), stream.process(x[:, 99:]), stream.flush()]
    np.testing.assert_array_equal(np.concatenate(pieces, -1), y)
    assert convt.conv_transpose1d(x.astype("float32"), weight, bias).dtype == np.float32
    assert convt.conv_transpose1d(x.astype("float16"), weight, bias).dtype == np.float32
    assert convt.conv_transpose1d(x.astype("int32"), weight, [1, 2]).dtype == bfloat16
    gradients = convt.conv_transpose1d_vjp(y, x, weight, bias, stride=2)
    assert {gradient.dtype for gradient in gradients} == {np.dtype(bfloat16)}
    assert convt.Response(weight[0, 0], 2).kernel.dtype == np.float64
    assert np.isfinite(convt.LayerResponse(weight, 2).lines).all()
