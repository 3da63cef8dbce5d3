"""Gradients against the adjoint identity, finite differences, and torch where it is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import convt
from tests.support.oracles import Array, forward, transposed
from tests.support.strategies import Case, cases, numbers


def outputs(case: Case, x: Array, weight: Array, bias: Array | None) -> Array:
    return transposed(x, weight, bias, **case.arguments)


def inner(a: Array, b: Array) -> complex:
    return complex(np.vdot(a.astype(complex), b.astype(complex)))


@given(cases())
def test_gradients_are_adjoint(case: Case) -> None:
    """For linear maps J, <g, J dx> = <J* g, dx>, and torch's gradient is J* g."""
    bias = numbers(3, (case.weight.shape[1] * case.arguments["groups"],), str(case.weight.dtype))
    y = outputs(case, case.x, case.weight, bias)
    g = numbers(1, y.shape, str(y.dtype))
    gx, gw, gb = convt.conv_transpose1d_vjp(g, case.x, case.weight, bias, **case.arguments)
    assert (gx.shape, gw.shape, gb.shape) == (case.x.shape, case.weight.shape, bias.shape)
    assert gx.dtype == gw.dtype == gb.dtype == case.x.dtype
    eps = 1e-4 if np.finfo(y.dtype).eps > 1e-10 else 1e-11
    dx, dw = numbers(4, gx.shape, str(gx.dtype)), numbers(5, gw.shape, str(gw.dtype))
    db = numbers(6, gb.shape, str(gb.dtype))
    moved = [
        (gx, dx, outputs(case, dx, case.weight, None)),
        (gw, dw, outputs(case, case.x, dw, None)),
        (gb, db, outputs(case, 0 * case.x, case.weight, db)),
    ]
    for gradient, step, change in moved:
        scale = 1 + float(np.linalg.norm(g) * np.linalg.norm(change))
        assert abs(inner(g, change) - inner(gradient, step)) <= eps * scale


def test_the_gradient_of_the_signal_is_the_forward_convolution() -> None:
    weight, g = numbers(1, (4, 3, 5), "float64"), numbers(2, (6, 31), "float64")
    x = np.zeros((4, 15))
    (gx,) = convt.conv_transpose1d_vjp(g, x, weight, stride=2, padding=1, groups=2, wrt=("x",))
    np.testing.assert_allclose(gx, forward(g, weight, 2, 1, 2), rtol=0, atol=1e-12)


def test_finite_differences_of_a_loss() -> None:
    x, weight, bias = (
        numbers(n, shape, "float64") for n, shape in ((1, (2, 2, 6)), (2, (2, 3, 4)), (3, (3,)))
    )
    options: Any = {"stride": 3, "padding": "hifigan", "dilation": 2}

    def loss(*arguments: Array) -> float:
        return float((convt.conv_transpose1d(*arguments, **options) ** 3).sum()) / 3

    g = convt.conv_transpose1d(x, weight, bias, **options) ** 2
    gradients = convt.conv_transpose1d_vjp(g, x, weight, bias, **options)
    for which, gradient in enumerate(gradients):
        for place in list(np.ndindex(gradient.shape))[::5]:
            arguments, step = [x.copy(), weight.copy(), bias.copy()], 1e-5
            arguments[which][place] += step
            above = loss(*arguments)
            arguments[which][place] -= 2 * step
            assert gradient[place] == pytest.approx(
                (above - loss(*arguments)) / (2 * step), rel=1e-6, abs=1e-6
            )


def test_one_kernel_for_every_channel() -> None:
    x, kernel = numbers(1, (3, 2, 9), "float64"), numbers(2, (5,), "float64")
    y = convt.conv_transpose1d(x, kernel, stride=2)
    g = numbers(3, y.shape, "float64")
    gx, gw, gb = convt.conv_transpose1d_vjp(g, x, kernel, stride=2)
    assert (gx.shape, gw.shape, gb.shape) == (x.shape, (5,), ())
    each = [
        convt.conv_transpose1d_vjp(g[n, c][None], x[n, c][None], kernel[None, None], stride=2)
        for n in range(3)
        for c in range(2)
    ]
    np.testing.assert_allclose(gw, sum(one[1][0, 0] for one in each), rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        gx.reshape(6, 9), np.concatenate([one[0] for one in each]), rtol=0, atol=1e-12
    )
    assert gb == pytest.approx(g.sum())
    (each_own,) = convt.conv_transpose1d_vjp(g, x, kernel, np.zeros(2), stride=2, wrt=["bias"])
    np.testing.assert_allclose(each_own, g.sum((0, 2)), rtol=0, atol=1e-12)


def test_long_signals_and_batches_in_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = numbers(1, (3, 4, 70), "float64"), numbers(2, (4, 2, 6), "float64")
    g = numbers(3, convt.conv_transpose1d(x, weight, stride=3, padding=2).shape, "float64")
    whole = convt.conv_transpose1d_vjp(g, x, weight, stride=3, padding=2)
    for most in (1, 13, 150):
        monkeypatch.setattr("convt.gradient._SMALL_COLUMNS", most * 12)
        monkeypatch.setattr("convt.gradient._LEAST", 1)
        pieces = convt.conv_transpose1d_vjp(g, x, weight, stride=3, padding=2)
        for piece, expected in zip(pieces, whole, strict=True):
            np.testing.assert_allclose(piece, expected, rtol=0, atol=1e-12)


def test_bytes_do_not_depend_on_the_threads() -> None:
    x, weight = numbers(1, (96, 50), "float32"), numbers(2, (96, 32, 8), "float32")
    g = numbers(3, (32, 204), "float32")
    one, two = (convt.conv_transpose1d_vjp(g, x, weight, stride=4, threads=n) for n in (1, 2))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first, second)


def test_real_arguments_have_real_gradients() -> None:
    x, weight = numbers(1, (1, 5), "float64"), numbers(2, (1, 1, 3), "complex128")
    g = numbers(3, (1, 7), "complex128")
    gx, gw, gb = convt.conv_transpose1d_vjp(g, x, weight)
    assert [str(each.dtype) for each in (gx, gw, gb)] == ["float64", "complex128", "complex128"]
    full = np.array([np.vdot(weight[0, 0], g[0, n : n + 3]) for n in range(5)])
    np.testing.assert_allclose(gx[0], full.real, rtol=0, atol=1e-12)


def test_dtypes() -> None:
    for dtype, expected in (("float16", "float16"), ("float32", "float32"), ("int64", "float64")):
        x, weight = np.ones((1, 4), dtype), np.ones((1, 1, 2), dtype)
        gradients = convt.conv_transpose1d_vjp(np.ones((1, 5), dtype), x, weight)
        assert {gradient.dtype for gradient in gradients} == {np.dtype(expected)}


def test_nan_stays_where_its_taps_reach() -> None:
    g = np.ones((1, 12))
    g[0, 5] = np.nan
    (gx,) = convt.conv_transpose1d_vjp(g, np.ones((1, 10)), np.ones((1, 1, 3)), wrt=["x"])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(gx[0])), [3, 4, 5])


def test_empty_batches() -> None:
    gx, gw, gb = convt.conv_transpose1d_vjp(np.ones((0, 2, 5)), np.ones((0, 3, 4)), np.ones((3, 2, 2)))
    assert gx.shape == (0, 3, 4)
    assert not gw.any()
    assert not gb.any()


def test_errors_say_what_is_wrong() -> None:
    x, weight = np.ones((1, 4)), np.ones((1, 1, 2))
    with pytest.raises(
        convt.ParameterError, match=r"g must have the shape of the output, \(1, 5\), got \(1, 4\)"
    ):
        convt.conv_transpose1d_vjp(x, x, weight)
    with pytest.raises(convt.ParameterError, match="wrt must be one of x, weight, bias, got 'y'"):
        convt.conv_transpose1d_vjp(np.ones((1, 5)), x, weight, wrt=["y"])  # type: ignore[list-item]
    with pytest.raises(convt.ParameterTypeError, match="wrt must be a sequence of names"):
        convt.conv_transpose1d_vjp(np.ones((1, 5)), x, weight, wrt="x")  # type: ignore[arg-type]


@given(cases())
def test_gradients_are_those_of_torch(case: Case) -> None:
    torch: Any = pytest.importorskip("torch")
    options = dict(case.arguments)
    down = options.pop("down")
    bias = numbers(3, (case.weight.shape[1] * options["groups"],), str(case.weight.dtype))
    leaves = [torch.from_numpy(each.copy()).requires_grad_() for each in (case.x, case.weight, bias)]
    y = torch.nn.functional.conv_transpose1d(leaves[0][None], leaves[1], leaves[2], **options)[0, :, ::down]
    g = numbers(1, tuple(y.shape), str(case.x.dtype))
    y.backward(torch.from_numpy(g))
    gradients = convt.conv_transpose1d_vjp(g, case.x, case.weight, bias, **case.arguments)
    eps = 1e-4 if np.finfo(g.dtype).eps > 1e-10 else 1e-11
    for ours, leaf in zip(gradients, leaves, strict=True):
        theirs = leaf.grad.numpy()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=eps * (1 + np.abs(theirs).max()) * 10)
