import dataclasses
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import convt
from convt.geometry import Geometry


@given(st.integers(1, 50), st.integers(1, 9), st.integers(1, 7), st.integers(1, 7), st.data())
def test_length_is_one_past_the_last_position_that_is_written(
    length: int, taps: int, stride: int, dilation: int, data: st.DataObject
) -> None:
    last = max(i * stride + k * dilation for i in range(length) for k in range(taps))
    padding = data.draw(st.integers(0, last // 2))
    output_padding = data.draw(st.integers(0, max(stride, dilation) - 1))
    expected = last + 1 - 2 * padding + output_padding
    assert convt.output_length(length, taps, stride, padding, output_padding, dilation) == expected


@pytest.mark.parametrize("padding", ["center", "same", "causal"])
@given(st.integers(1, 50), st.integers(1, 9), st.integers(1, 7), st.integers(1, 7))
def test_named_paddings_make_exactly_stride_times_as_many(
    padding: Any, length: int, taps: int, stride: int, dilation: int
) -> None:
    assert convt.output_length(length, taps, stride, padding, dilation=dilation) == stride * length


def test_full_is_no_padding() -> None:
    assert convt.output_length(7, 5, 3, "full", 2) == convt.output_length(7, 5, 3, 0, 2)


@pytest.mark.parametrize(
    ("padding", "taps", "stride", "crop"),
    [
        ("full", 7, 2, 0),
        ("center", 7, 2, 3),
        ("center", 8, 2, 3),
        ("same", 16, 8, 4),
        ("same", 10, 5, 3),
        ("same", 7, 2, 3),
        ("same", 2, 5, 0),
        ("causal", 16, 8, 0),
        (4, 7, 2, 4),
    ],
)
def test_crop(padding: Any, taps: int, stride: int, crop: int) -> None:
    assert Geometry.of(taps, stride, padding).crop == crop


@pytest.mark.parametrize("stride", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("more", [0, 1, 2, 5, 8])
def test_paddings_of_decoders_are_what_their_code_computes(stride: int, more: int) -> None:
    taps, length = stride + more, 7
    full = (length - 1) * stride + taps
    numbers: dict[Any, tuple[int, int]] = {  # samples dropped on the left and on the right
        "hifigan": ((taps - stride) // 2, (taps - stride) // 2),
        "encodec": (taps - stride - (taps - stride) // 2, (taps - stride) // 2),
        "encodec-causal": (0, taps - stride),
    }
    if stride > 1 and more == stride:
        numbers["dac"] = (math.ceil(stride / 2), math.ceil(stride / 2) - stride % 2)
    for name, (left, right) in numbers.items():
        geometry = Geometry.of(taps, stride, name)
        assert (geometry.crop, geometry.output_length(length)) == (left, full - left - right), name


def test_a_kernel_shorter_than_the_stride_has_no_hifigan_padding() -> None:
    with pytest.raises(convt.ParameterError, match="padding='hifigan' needs a kernel at least as long"):
        Geometry.of(3, 4, "hifigan")


def test_lag_counts_the_inputs_that_an_output_looks_back_to() -> None:
    for taps, stride, dilation in ((1, 1, 1), (4, 2, 1), (5, 2, 1), (3, 2, 4), (3, 9, 1), (1024, 256, 1)):
        reach = [i for i in range(64) if dilation * (taps - 1) >= i * stride]
        assert Geometry.of(taps, stride, dilation=dilation).lag == reach[-1]


def test_geometry_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Geometry.of(3).stride = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"stride": -2}, "stride must be at least 1, got -2"),
        ({"dilation": 0}, "dilation must be at least 1, got 0"),
        ({"padding": -1}, "padding must be at least 0, got -1"),
        ({"output_padding": -1}, "output_padding must be at least 0, got -1"),
        ({"kernel_size": 0}, "kernel_size must be at least 1, got 0"),
        ({"length": 0}, "length must be at least 1, got 0"),
        ({"stride": (2, 2)}, r"stride must be an int or a sequence of one int, got \(2, 2\)"),
        ({"padding": []}, r"padding must be an int or a sequence of one int, got \[\]"),
        (
            {"dilation": 10**17},
            "sample positions must be at most 9007199254740992, got kernel_size=3",
        ),
        ({"stride": 2**70}, "sample positions must be at most"),
        ({"length": 2**53}, "output must have at most 9007199254740992 samples, got 9007199254740994"),
        ({"padding": 6}, "output must have at least 1 sample, got -1 for length=9, kernel_size=3"),
        (
            {"output_padding": 1, "stride": 2, "padding": "same"},
            "output_padding must be 0 with padding='same'",
        ),
    ],
)
def test_values_out_of_range_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(convt.ParameterError, match=message):
        convt.output_length(**{"length": 9, "kernel_size": 3, **arguments})


@pytest.mark.parametrize(("stride", "dilation", "output_padding"), [(1, 3, 2), (3, 2, 2), (2, 1, 1)])
def test_output_padding_below_stride_or_dilation_is_legal(
    stride: int, dilation: int, output_padding: int
) -> None:
    plain = convt.output_length(5, 4, stride, dilation=dilation)
    padded = convt.output_length(5, 4, stride, output_padding=output_padding, dilation=dilation)
    assert padded == plain + output_padding


@pytest.mark.parametrize(("stride", "dilation", "output_padding"), [(1, 1, 1), (3, 2, 3), (2, 4, 4)])
def test_output_padding_from_stride_and_dilation_on_is_refused(
    stride: int, dilation: int, output_padding: int
) -> None:
    limit = max(stride, dilation)
    with pytest.raises(ValueError, match=rf"max\(stride, dilation\) = {limit}, got {output_padding}"):
        convt.output_length(5, 4, stride, output_padding=output_padding, dilation=dilation)


@given(st.integers(1, 50), st.integers(1, 20), st.integers(1, 9), st.integers(1, 9), st.integers(0, 12))
def test_of_a_ratio_every_down_th_sample_is_kept(
    length: int, taps: int, stride: int, down: int, padding: int
) -> None:
    plain, thinned = (Geometry.of(taps, stride, padding, down=step) for step in (1, down))
    if plain.outputs(length) < 1:
        with pytest.raises(convt.ParameterError, match="output must have at least 1 sample"):
            thinned.output_length(length)
        return
    assert thinned.output_length(length) == len(range(plain.output_length(length))[::down])
    made = range(thinned.offset, padding + plain.output_length(length), down)
    assert (
        list(made[thinned.skipped :]) == list(range(padding, padding + plain.output_length(length)))[::down]
    )
    inputs, outputs = thinned.period
    assert inputs * stride == outputs * down


@pytest.mark.parametrize(("down", "message"), [(0, "down must be at least 1, got 0"), (-2, "got -2")])
def test_a_bad_down(down: int, message: str) -> None:
    with pytest.raises(convt.ParameterError, match=message):
        convt.output_length(3, 3, 2, down=down)
    with pytest.raises(convt.ParameterError, match=message):
        convt.design_kernel(2, down=down)
    with pytest.raises(convt.ParameterTypeError, match=r"down must be an int, got 1\.5"):
        convt.Upsampler([1.0], down=1.5)  # type: ignore[arg-type]
