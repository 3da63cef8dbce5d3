"""A NaN or an infinity, in a signal or in a kernel, reaches only the outputs of its taps."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convt
from convt.engines.direct import scatter
from convt.kernel import Kernel
from convt.streaming.driver import Driver
from tests.support.oracles import Array, transposed
from tests.support.strategies import Case, cases, chunkings, numbers, small_plans, tolerance


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


BAD = st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1, max_size=3, unique=True)


@given(cases(max_length=90), BAD, st.sampled_from([0.02, 0.5, 1.0]), st.data())
def test_many_bad_samples_follow_the_definition_in_every_engine(
    case: Case, bad: list[float], share: float, data: st.DataObject
) -> None:
    x, weight, rng = case.x.copy(), case.weight.copy(), np.random.default_rng(case.x.size)
    for part in (x.real, x.imag) if x.dtype.kind == "c" else (x,):
        which = rng.random(x.shape) < share
        part[which] = rng.choice(bad, np.count_nonzero(which))
    weight[rng.random(weight.shape) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))] = 0
    bias = case.bias
    if bias is not None:
        bias[0] = data.draw(st.sampled_from([1.0, *bad]))
    with np.errstate(all="ignore"):
        expected = transposed(x, weight, bias, **case.arguments)
    kernel = Kernel.of(weight, bias, case.arguments["groups"])
    sizes = data.draw(chunkings(x.shape[1]))
    pieces = np.split(x[np.newaxis], np.cumsum(sizes)[:-1], axis=2)
    for plan in small_plans(case):
        whole = Driver(kernel, case.geometry, plan, x.dtype, 1).push(x[np.newaxis], last=True)
        np.testing.assert_array_equal(np.isfinite(whole[0]), np.isfinite(expected))
        if x.dtype.kind == "f":
            atol = 40 * tolerance(Case(np.nan_to_num(x, posinf=0, neginf=0), weight, None, {}))
            np.testing.assert_allclose(whole[0], expected, rtol=0, atol=atol, equal_nan=True)
        driver = Driver(kernel, case.geometry, plan, x.dtype, 2)
        parts = [driver.push(piece, last=n == len(pieces) - 1) for n, piece in enumerate(pieces)]
        assert np.concatenate(parts, axis=2).tobytes() == whole.tobytes()


def spoilt(x: Array) -> dict[str, Array]:
    """Signals with more or less of what is not a finite number."""
    every_other, run, mixed = x.copy(), x.copy(), x.copy()
    every_other[:, ::2], run[:, 900:2400] = np.nan, np.nan
    mixed[:, ::2], mixed[:, 1::4] = np.inf, -np.inf
    full = {f"all {value}": np.full_like(x, value) for value in (np.nan, np.inf)}
    return {"every other": every_other, "a run": run, "infinities": mixed, **full}


@pytest.mark.parametrize(
    ("channels", "cout", "taps", "arguments"),
    [
        (1, 1, 64, {"stride": 2}),
        (1, 1, 900, {"stride": 2, "padding": "center"}),
        (1, 1, 2000, {"stride": 8, "down": 5}),
        (16, 8, 16, {"stride": 8, "padding": 4}),
        (16, 8, 17, {"stride": 8, "dilation": 3}),
    ],
)
def test_many_bad_samples_take_no_more_work_than_a_few(
    monkeypatch: pytest.MonkeyPatch, channels: int, cout: int, taps: int, arguments: dict[str, Any]
) -> None:
    """All but the signal's end, which is short, by sums: nothing is added sample by sample."""
    x, weight = numbers(27, (channels, 5000), "float64"), numbers(28, (channels, cout, taps), "float64")
    added = list[int]()

    def counting(samples: Array, *rest: Any) -> Array:
        added.append(samples.size)
        return scatter(samples, *rest)

    monkeypatch.setattr("convt.streaming.prepared_kernel.scatter", counting)
    for name, signal in spoilt(x).items():
        y = convt.conv_transpose1d(signal, weight, **arguments)
        assert not np.isfinite(y).all(), name
    assert not added
    convt.conv_transpose1d(np.where(np.arange(5000) % 1000, x, 1e200), weight, **arguments)
    assert added  # large numbers are
