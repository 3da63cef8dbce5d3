"""Plain arguments: what is an integer, and how others are refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import convt
from convt.arguments import as_flag, as_index, as_integer, as_number

X, W = np.ones((4, 9)), np.ones((4, 3, 5))


def test_sequences_of_one_int_and_numpy_ints_are_ints() -> None:
    assert convt.output_length(3, 4, (2,), [1], np.int8(1), np.uint64(1)) == 7


@pytest.mark.parametrize(
    "name", ["stride", "padding", "output_padding", "dilation", "kernel_size", "length"]
)
@pytest.mark.parametrize("value", [True, 1.0, 2.5, None, "2", np.True_, np.float32(1), {1}])
def test_what_is_not_an_int_is_a_type_error(name: str, value: Any) -> None:
    arguments: dict[str, Any] = {"length": 9, "kernel_size": 3, name: value}
    if name == "padding" and isinstance(value, str):
        with pytest.raises(
            convt.ParameterError, match="padding must be an int or one of full, center, same"
        ):
            convt.output_length(**arguments)
        return
    with pytest.raises(
        convt.ParameterTypeError, match=f"^{name} must be an int, got .*{type(value).__name__}"
    ):
        convt.output_length(**arguments)


@pytest.mark.parametrize("value", [True, 1.0, None, "1", (1,), [1], np.True_])
def test_groups_is_an_int(value: Any) -> None:
    with pytest.raises(convt.ParameterTypeError, match="groups must be an int, got"):
        convt.conv_transpose1d(X, W, groups=value)


def test_integers_beyond_the_greatest_are_refused() -> None:
    assert as_integer("taps", [3], 1, 3) == as_index("taps", np.int8(3), 1, 3) == 3
    with pytest.raises(convt.ParameterError, match="taps must be at most 3, got 4"):
        as_integer("taps", 4, 1, 3)
    with pytest.raises(convt.ParameterError, match="latency must be at most 2147483648, got 2147483649"):
        convt.Upsampler([1.0], latency=2**31 + 1)


def test_numbers_are_real() -> None:
    assert as_number("ridge", np.float32(0.5)) == 0.5
    assert as_number("ridge", 1) == as_number("ridge", np.array(1)) == 1.0
    for value in (True, "1", 1j, None, [1.0]):
        with pytest.raises(
            convt.ParameterTypeError, match=r"ridge must be a number, got .*\((bool|str|co|No|li)"
        ):
            as_number("ridge", value)


CHOICES: dict[str, Callable[[Any], object]] = {
    "engine": lambda value: convt.conv_transpose1d(X, W, engine=value),
    "engine ": lambda value: convt.Upsampler(W, engine=value),
    "kind": lambda value: convt.design_kernel(2, kind=value),
    "phase": lambda value: convt.design_kernel(2, phase=value),
    "quality": lambda value: convt.design_kernel(2, quality=value),
    "layout": lambda value: convt.load_weights("w.npy", layout=value),
    "layout ": lambda value: convt.list_weights("w.npy", layout=value),
    "channels": lambda value: convt.fit(np.ones(9), np.ones(18), 2, 3, channels=value),
    "padding": lambda value: convt.fit(np.ones(9), np.ones(18), 2, 3, padding=value),
}


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("value", [np.array(["a", "b"]), np.array([1, 2]), ["full", "same"], {"full"}, 1.5])
def test_what_is_not_a_name_is_refused_as_such(name: str, value: Any) -> None:
    with pytest.raises(convt.ConvtError, match=f"^{name.strip()} must be .*, got "):
        CHOICES[name](value)


@pytest.mark.parametrize("name", CHOICES)
def test_a_name_that_there_is_not_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(convt.ParameterError, match=f"^{name.strip()} must be .*one of .*, got 'none'$"):
        CHOICES[name]("none")


@pytest.mark.parametrize("value", [np.array([True, False]), 1, "yes", None])
def test_flags_are_true_or_false(value: Any) -> None:
    with pytest.raises(convt.ParameterTypeError, match=r"^from_high must be True or False, got "):
        convt.Fitter(2, 3, from_high=value)
    with pytest.raises(convt.ParameterTypeError, match=r"^balance must be True or False, got "):
        convt.fit(np.ones(9), np.ones(18), 2, 3, balance=value)
    assert as_flag("balance", np.True_)


def test_numbers_of_other_functions_are_numbers() -> None:
    response, pair = convt.Response([1.0, 1.0], 2), np.array([0.1, 0.2])
    for call in (response.ripple, response.worst_image):
        with pytest.raises(convt.ParameterTypeError, match=r"^edge must be a number, got array"):
            call(pair)  # type: ignore[arg-type]
    with pytest.raises(convt.ParameterTypeError, match=r"^tolerance must be a number, got 'x'"):
        response.passband_edge("x")  # type: ignore[arg-type]
    with pytest.raises(convt.ParameterTypeError, match=r"^channels must be an int, got array"):
        convt.Weights("w.npy", np.ones(3)).for_channels(pair)  # type: ignore[arg-type]
