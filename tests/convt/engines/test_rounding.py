"""How far the result of each engine may be from the exact one."""

from typing import Any

import numpy as np
import pytest
from scipy.signal import upfirdn

import convt
from convt.engines.planning import EngineName
from tests.support.oracles import Array
from tests.support.strategies import numbers


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
@pytest.mark.parametrize("taps", [64, 1025, 4097])
@pytest.mark.parametrize("signal", ["noise", "sine", "constant"])
def test_rounding_of_transforms_stays_within_a_few_ulps_of_the_result(
    dtype: str, taps: int, signal: str
) -> None:
    n = np.arange(20_000)
    signals = {"noise": numbers(27, n.shape, dtype), "sine": np.sin(0.3 * n), "constant": np.ones(n.shape)}
    x, weight = signals[signal][None].astype(dtype), numbers(28, (1, 1, taps), dtype)
    y = convt.conv_transpose1d(x, weight, stride=2, engine="spectral")
    wide = np.longdouble if dtype == "float64" else np.float64
    exact = np.empty(y.shape, wide)
    for phase in range(2):  # many taps: by phases, which is quicker than tap by tap
        exact[0, phase::2] = np.convolve(x[0].astype(wide), weight[0, 0, phase::2].astype(wide))
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


@pytest.mark.parametrize(("stride", "down"), [(40, 1), (40, 39), (39, 40), (36, 24)])
@pytest.mark.parametrize("peak", [0.0, 1e-9, 1e-3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_narrow_peak_in_the_stopband_is_not_overlooked(
    stride: int, down: int, peak: float, dtype: str
) -> None:
    """A low-pass kernel with a tone far above its band, which is as narrow as the kernel is long."""
    kernel = convt.design_kernel(40, down=39)
    kernel = (kernel + peak * np.cos(2 * np.pi * 0.3137 * np.arange(kernel.size))).astype(dtype)
    x = numbers(29, (3000,), dtype)
    y = convt.conv_transpose1d(x[None], kernel[None, None], stride=stride, down=down, engine="spectral")[0]
    exact = upfirdn(kernel.astype(np.float64), x.astype(np.float64), stride, down)[: y.size]
    eps = np.finfo(dtype).eps
    assert np.abs(y - exact).max() <= 64 * eps * np.sqrt((exact**2).mean())
