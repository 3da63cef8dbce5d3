"""The response of a layer, against closed forms, quadrature, and the output of random input."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

import convt
from tests.support.oracles import Array


def random_layer(seed: int, cin: int, cout: int, taps: int) -> Array:
    drawn: Array = np.random.default_rng(seed).standard_normal((cin, cout, taps))
    return drawn


@pytest.mark.parametrize("stride", [2, 3, 8])
def test_a_hold_repeats_what_it_gets(stride: int) -> None:
    hold = convt.LayerResponse(np.ones(stride), stride)
    np.testing.assert_allclose(hold.phase_powers, 1, rtol=1e-6)
    assert hold.gain == pytest.approx(0, abs=1e-5)
    assert hold.lines.max() < -200
    assert hold.power_ripple.max() < -100
    assert hold.delay == (stride - 1) / 2

    def power(frequency: float) -> float:
        angle = math.pi * frequency / 2
        return (math.sin(angle) / math.sin(angle / stride)) ** 2 if frequency else stride**2

    for number, level in enumerate(hold.images, 1):
        share = quad(power, number, number + 1)[0] / quad(power, 0, stride, limit=200)[0]
        assert level == pytest.approx(10 * math.log10(share), abs=1e-4)


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_linear_interpolation_has_a_ripple_but_no_lines(stride: int) -> None:
    steps = np.arange(stride) / stride
    layer = convt.LayerResponse(np.concatenate([steps, (1 - steps)]), stride)
    powers = steps**2 + (1 - steps) ** 2
    np.testing.assert_allclose(layer.phase_powers, [powers], rtol=1e-6)
    assert layer.lines.max() < -120
    harmonics = np.abs(np.fft.rfft(powers))[1:] / powers.sum()
    harmonics[: (stride - 1) // 2] *= 2
    np.testing.assert_allclose(layer.power_ripple, 10 * np.log10(harmonics), atol=1e-4)


@pytest.mark.parametrize("stride", [2, 3, 5])
def test_the_lines_of_a_layer_are_those_of_its_constant(stride: int) -> None:
    weight, rng = random_layer(1, 3, 4, 4 * stride), np.random.default_rng(2)
    inputs = rng.standard_normal((3, 500)) * [[1.0], [2.0], [0.5]] + [[0.3], [-1.0], [2.0]]
    layer = convt.LayerResponse(weight, stride, inputs=inputs)
    steady = convt.conv_transpose1d(np.repeat(inputs.mean(1)[:, None], 40, 1), weight, stride=stride)
    pattern = steady[:, 10 * stride : 11 * stride]
    amplitudes = 2 * np.abs(np.fft.rfft(pattern))[:, 1:] / stride
    amplitudes[:, stride // 2 - 1 :] /= 2 if stride % 2 == 0 else 1
    powers = amplitudes**2 / np.where(2 * np.arange(1, stride // 2 + 1) < stride, 2, 1)
    np.testing.assert_allclose(layer.lines, 10 * np.log10(powers.mean(0) / layer.power), rtol=0, atol=1e-4)


def test_without_inputs_the_lines_are_the_mean_over_random_constants() -> None:
    weight, rng = random_layer(3, 6, 2, 8), np.random.default_rng(4)
    layer, means = convt.LayerResponse(weight, 4), rng.standard_normal((4000, 6))
    gains = np.stack([weight[..., r::4].sum(-1) for r in range(4)], -1)
    spectra = np.fft.rfft(np.einsum("ni,ior->nor", means, gains)) / 4
    powers = (np.abs(spectra[..., 1:]) ** 2).mean((0, 1)) * [2, 1]
    np.testing.assert_allclose(layer.lines, 10 * np.log10(powers / layer.power), rtol=0, atol=0.2)


@pytest.mark.parametrize("groups", [1, 2])
def test_powers_and_images_are_those_of_the_output_of_noise(groups: int) -> None:
    stride, weight = 4, random_layer(5, 4, 3, 10)
    layer = convt.LayerResponse(weight, stride, groups)
    noise = np.random.default_rng(6).standard_normal((4, 1 << 17))
    y = convt.conv_transpose1d(noise, weight, stride=stride, groups=groups)[:, 40 : 40 + (1 << 18)]
    powers = (y.reshape(len(y), -1, stride) ** 2).mean(1)
    np.testing.assert_allclose(powers, layer.phase_powers, rtol=0.03)
    assert layer.power == pytest.approx((y**2).mean(), rel=0.02)
    bands = (np.abs(np.fft.rfft(y)[:, 1:]) ** 2).reshape(len(y), stride, -1).sum((0, 2))
    np.testing.assert_allclose(layer.images, 10 * np.log10(bands / bands.sum())[1:], rtol=0, atol=0.1)
    assert layer.delay == pytest.approx(convt.Upsampler(weight, stride=stride, groups=groups).delay)


def test_variances_of_the_inputs_weight_their_channels() -> None:
    weight = np.zeros((2, 1, 2))
    weight[0, 0], weight[1, 0] = [1, 1], [1, 0]
    inputs = np.array([[0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 1.0, -1.0]])
    layer = convt.LayerResponse(weight, 2, inputs=inputs)
    np.testing.assert_array_equal(layer.phase_powers, [[1, 0]])
    np.testing.assert_array_equal(
        convt.LayerResponse(weight, 2, inputs=inputs[None]).phase_powers, [[1, 0]]
    )


def test_a_balanced_layer_has_no_lines() -> None:
    weight = random_layer(7, 8, 4, 16)
    assert convt.LayerResponse(weight, 8).lines.max() > -20
    even = convt.balance_kernel(weight, 8)
    assert convt.LayerResponse(even, 8).lines.max() < -250


def test_a_layer_of_zeros_and_one_of_stride_1() -> None:
    silent = convt.LayerResponse(np.zeros((2, 2, 4)), 2)
    assert silent.lines.max() < -2000
    assert silent.images.max() < -2000
    assert math.isnan(silent.delay)
    plain = convt.LayerResponse(np.ones((2, 2, 3)), 1)
    assert plain.lines.size == plain.images.size == plain.power_ripple.size == 0


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(convt.ParameterError, match=r"weight must have shape \(K,\) or"):
        convt.LayerResponse(np.ones((2, 3)), 2)
    with pytest.raises(convt.ParameterError, match="groups must divide C_in = 3, got 2"):
        convt.LayerResponse(np.ones((3, 1, 2)), 2, 2)
    with pytest.raises(convt.ParameterError, match="weight must be finite"):
        convt.LayerResponse([1.0, np.nan], 2)
    with pytest.raises(convt.ParameterTypeError, match="weight must be real, got complex128"):
        convt.LayerResponse([1j], 2)
    with pytest.raises(
        convt.ParameterError, match=r"inputs must have shape \(3, L\) or \(N, 3, L\), got \(2, 5\)"
    ):
        convt.LayerResponse(np.ones((3, 1, 2)), 2, inputs=np.ones((2, 5)))


def test_inputs_that_say_nothing() -> None:
    with pytest.raises(convt.ParameterError, match="inputs must vary over time"):
        convt.LayerResponse(np.ones((3, 1, 2)), 2, inputs=np.ones((3, 1)))
    with pytest.raises(convt.ParameterError, match=r"got \(5, 3\): use inputs\.mT"):
        convt.LayerResponse(np.ones((3, 1, 2)), 2, inputs=np.ones((5, 3)))
