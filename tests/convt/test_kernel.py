"""The door: every bad array is refused with its name, what it is and what was wanted."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import convt
from convt.engines.planning import EngineName
from tests.support.oracles import Array, transposed
from tests.support.strategies import numbers

X, W = np.ones((4, 9)), np.ones((4, 3, 5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.ones(9)}, r"x must have shape \(C_in, L\) or \(N, C_in, L\), got \(9,\)"),
        ({"x": np.ones((1, 2, 4, 9))}, r"x must have shape .*, got \(1, 2, 4, 9\)"),
        ({"x": 3.0}, r"x must have shape .*, got \(\)"),
        ({"x": np.ones((3, 9))}, r"C_in = 4 channels to match weight \(4, 3, 5\), got 3 in shape \(3, 9\)"),
        ({"x": np.ones((2, 5, 9))}, r"C_in = 4 channels.* got 5 in shape \(2, 5, 9\)"),
        ({"x": np.ones((4, 0))}, r"x must have at least 1 sample, got shape \(4, 0\)"),
        ({"x": [[1.0, 2.0], [3.0]]}, "x must be a rectangular array of numbers"),
        ({"weight": 2.0}, r"weight must have shape \(K,\) or \(C_in, C_out/groups, K\).* got \(\)$"),
        (
            {"weight": np.ones((4, 5))},
            r"weight must .* got \(4, 5\): .* weight\[:, np.newaxis\] and groups=C$",
        ),
        ({"weight": np.ones((4, 3, 0))}, r"without axes of length 0, got \(4, 3, 0\)"),
        ({"weight": np.ones((4, 0, 5))}, r"without axes of length 0, got \(4, 0, 5\)"),
        ({"weight": np.ones((0, 3, 5))}, r"without axes of length 0, got \(0, 3, 5\)"),
        ({"groups": 3}, "groups must divide C_in = 4, got 3"),
        ({"groups": 0}, "groups must be at least 1, got 0"),
        ({"bias": np.ones(4)}, r"bias must have shape \(C_out,\) = \(3,\), got shape \(4,\)"),
        ({"bias": np.ones(3), "groups": 2}, r"bias must have shape \(C_out,\) = \(6,\), got shape \(3,\)"),
        ({"bias": 1.0}, r"bias must have shape \(C_out,\) = \(3,\), got shape \(\)"),
        ({"bias": np.ones((3, 1))}, r"bias must have shape .* got shape \(3, 1\)"),
        ({"padding": 40}, "output must have at least 1 sample, got -67 for length=9"),
        (
            {"padding": "valid"},
            "padding must be an int or one of full, center, same, causal, hifigan, encodec, encodec-causal,"
            " dac, got 'valid'",
        ),
    ],
)
def test_values(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(convt.ParameterError, match=message) as caught:
        convt.conv_transpose1d(**{"x": X, "weight": W, **arguments})
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, convt.ConvtError)


@pytest.mark.parametrize(
    ("weight", "arguments", "message"),
    [
        (np.ones(0), {}, r"weight must have shape \(K,\) or .*, without axes of length 0, got \(0,\)"),
        (np.ones((4, 5)), {}, r"weight must have shape \(K,\) or \(C_in, C_out/groups, K\)"),
        (np.ones(5), {"groups": 2}, r"groups must be 1 with a weight of shape \(K,\), got 2"),
        (
            np.ones(5),
            {"bias": np.ones((2, 1))},
            r"bias must be a number or have shape \(C,\), got shape \(2, 1\)",
        ),
        (np.ones(5), {"bias": []}, r"bias must be a number or have shape \(C,\), got shape \(0,\)"),
        ([[1], [1, 2]], {}, "weight must be a rectangular array of numbers"),
        (np.ones(5), {"bias": [[1], [1, 2]]}, "bias must be a rectangular array of numbers"),
        (np.ones(5), {"stride": 0}, "stride must be at least 1, got 0"),
    ],
)
def test_upsampler(weight: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(convt.ParameterError, match=message):
        convt.Upsampler(weight, **arguments)


def test_pieces_of_a_stream_are_of_one_signal() -> None:
    four = X[np.newaxis, np.newaxis]
    with pytest.raises(
        convt.ParameterError, match=r"x must have shape \(C_in, L\) or \(N, C_in, L\), got \(1, 1, 4, 9\)"
    ):
        convt.Upsampler(W).process(four)
    with pytest.raises(
        convt.ParameterError, match=r"x must have shape \(L,\), \(C, L\) or \(N, C, L\), got \(1, 1, 4, 9\)"
    ):
        convt.Upsampler(np.ones(5)).process(four)
    with pytest.raises(
        convt.ParameterError, match="bias must have one number, or one for each of the 4 channels"
    ):
        convt.Upsampler(np.ones(5), np.ones(3)).process(X)


CALLS: list[Callable[..., Array]] = [
    convt.conv_transpose1d,
    lambda x, weight, bias=None, **options: convt.Upsampler(weight, bias, **options)(x),
]


@pytest.mark.parametrize("call", CALLS, ids=["conv_transpose1d", "Upsampler"])
@pytest.mark.parametrize("shape", [(50,), (3, 50), (2, 3, 50), (1, 1, 50), (0, 3, 50), (4, 0, 50)])
@pytest.mark.parametrize("bias", [None, 0.5, [0.5]])
def test_one_kernel_serves_every_channel_of_every_signal(
    call: Callable[..., Array], shape: tuple[int, ...], bias: Any
) -> None:
    x, kernel = numbers(1, shape, "float64"), numbers(2, (7,), "float64")
    y = call(x, kernel, bias, stride=2, padding=3, down=3)
    assert y.shape == (*shape[:-1], convt.output_length(50, 7, 2, 3, down=3))
    for one, made in zip(x.reshape(-1, 50), y.reshape(-1, y.shape[-1]), strict=True):
        expected = transposed(one[np.newaxis], kernel[np.newaxis, np.newaxis], stride=2, padding=3)[0, ::3]
        np.testing.assert_allclose(made, expected + (0.5 if bias else 0), rtol=0, atol=1e-13)


@pytest.mark.parametrize("call", CALLS, ids=["conv_transpose1d", "Upsampler"])
@pytest.mark.parametrize("engine", [None, "toeplitz", "polyphase", "spectral"])
def test_a_batch_is_its_signals_each_with_the_bias_of_its_channel(
    call: Callable[..., Array], engine: EngineName | None
) -> None:
    x, each = numbers(3, (4, 3, 9000), "float32"), np.array([1, 2, 3], "float32")
    for weight in (numbers(4, (33,), "float32"), numbers(5, (3, 3, 9), "float32")):
        y = call(x.transpose(0, 1, 2), weight, each, stride=3, engine=engine, threads=2)
        for signal, made in zip(x, y, strict=True):
            np.testing.assert_array_equal(
                made, call(signal, weight, each, stride=3, engine=engine, threads=1)
            )
    plain = call(x, numbers(4, (33,), "float32"), stride=3)
    biased = call(np.asfortranarray(x), numbers(4, (33,), "float32"), each, stride=3)
    np.testing.assert_allclose(biased - plain, np.broadcast_to(each[:, np.newaxis], plain.shape), atol=1e-4)


@pytest.mark.parametrize("call", CALLS, ids=["conv_transpose1d", "Upsampler"])
def test_a_signal_of_one_axis_is_one_channel_and_makes_one(call: Callable[..., Array]) -> None:
    x, weight = numbers(6, (40,), "float64"), numbers(7, (1, 1, 5), "float64")
    np.testing.assert_array_equal(call(x, weight, [2.0]), call(x[np.newaxis], weight, [2.0])[0])
    with pytest.raises(
        convt.ParameterError, match=r"shape \(C_in, L\) or .*, got \(40,\): use x\[np.newaxis\]$"
    ):
        call(x, np.ones((1, 2, 5)))
    with pytest.raises(convt.ParameterError, match=r"shape \(C_in, L\) or \(N, C_in, L\), got \(40,\)$"):
        call(x, np.ones((2, 1, 5)))
    with pytest.raises(convt.ParameterError, match=r"shape \(L,\), \(C, L\) or \(N, C, L\), got \(\)"):
        call(3.0, np.ones(5))
    with pytest.raises(convt.ParameterError, match="one for each of the 1 channels of x"):
        call(x, np.ones(5), [1.0, 2.0])
    with pytest.raises(convt.ParameterError, match="x must have at least 1 sample"):
        call([], np.ones(5))


def test_many_channels_of_few_samples_are_a_warning_in_one_call_too() -> None:
    with pytest.warns(UserWarning, match=r"200 channels of 2 samples: .* use x\.T$") as caught:
        convt.conv_transpose1d(np.ones((200, 2)), np.ones(3))
    assert caught[0].filename == __file__
    assert convt.conv_transpose1d(np.ones((200, 2)), np.ones(3), np.ones(200)).shape == (200, 4)
    with pytest.warns(UserWarning, match="200 channels of 2 samples"):
        convt.Upsampler(np.ones(3))(np.ones((5, 200, 2)))
