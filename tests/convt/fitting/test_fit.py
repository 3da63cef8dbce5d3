"""Kernels learned from pairs of signals, against the kernels they were made with; and what is refused."""

import contextlib
import itertools
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

import convt
from tests.support.oracles import Array
from tests.support.pairs import SPEECH, made, noise


@pytest.mark.usefixtures("one_designed_kernel")
@pytest.mark.parametrize(
    ("stride", "taps", "padding"),
    [
        (2, 33, 0),
        (2, 16, "full"),
        (3, 31, "center"),
        (4, 50, "same"),
        (5, 64, "causal"),
        (2, 8, 3),
        (1, 9, "center"),
        (8, 16, "same"),
        (7, 7, "causal"),
        (2, 128, "center"),
        (160, 800, "center"),
    ],
)
def test_a_known_kernel_is_recovered(stride: int, taps: int, padding: Any) -> None:
    kernel, low = noise(taps), noise(20_000)
    fitted = convt.fit(
        low,
        made(low[np.newaxis], kernel[np.newaxis, np.newaxis], stride, padding)[0],
        stride,
        taps,
        padding=padding,
        delay=0,
    )
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-11)
    assert (fitted.weight.shape, fitted.stride, fitted.padding) == ((taps,), stride, padding)
    assert fitted.held_out_error == fitted.error == -120
    assert fitted.warnings == ()


@pytest.mark.usefixtures("one_designed_kernel")
@pytest.mark.parametrize("padding", ["full", "causal", "same", "center", 4])
@pytest.mark.parametrize(("taps", "stride"), [(8, 2), (16, 2), (16, 8), (33, 3), (10, 5)])
def test_what_upsampling_made_is_undone_without_a_word(padding: Any, taps: int, stride: int) -> None:
    """The round trip of a newcomer: a kernel whose middle is its peak, whatever the padding."""
    kernel, low = np.hanning(taps + 2)[1:-1] + 0.01 * noise(taps), noise(20_000)
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], stride, padding)[0]
    fitted = convt.fit(low, high, stride, taps, padding=padding)
    assert fitted.delay == 0
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("channels", "shape"), [("shared", (21,)), ("each", (3, 21)), ("mixed", (3, 2, 21))]
)
def test_channels(channels: Any, shape: tuple[int, ...]) -> None:
    kernel, low = noise(*shape), noise(3, 9000)
    weight = kernel if kernel.ndim == 3 else np.broadcast_to(kernel, (3, 21))[:, np.newaxis]
    groups = 1 if kernel.ndim == 3 else 3
    high = convt.conv_transpose1d(low, weight, stride=2, padding="center", groups=groups)
    fitted = convt.fit(low, high, 2, 21, channels=channels, delay=0)
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-10)
    assert fitted.delay == 0
    assert (fitted.designed == {}) == (channels == "mixed")


def test_other_numbers_of_channels_are_mixed() -> None:
    kernel, low = noise(1, 2, 12), noise(1, 9000)
    fitted = convt.fit(low, made(low, kernel, 2, 0), 2, 12, padding=0, delay=0)
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-10)


def test_many_short_pairs_are_one_problem() -> None:
    kernel = noise(15)
    lows = [noise(length) for length in (100, 9, 250, 31, 3, 400) * 20]
    highs = [made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0] for low in lows]
    fitted = convt.fit(lows, highs, 2, 15, delay=0)
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-10)
    inner = sum(max(0, length - 7) for length in map(len, lows))  # 8 taps a phase reach over 7 samples
    assert fitted.samples + fitted.held_out_samples == inner


@pytest.mark.usefixtures("one_designed_kernel")
def test_low_is_made_of_high_in_time() -> None:
    time = np.arange(60_000)
    high = sum(np.sin(0.9 * np.pi / 3 * f * time + f) for f in (0.05, 0.2, 0.41, 0.77))
    fitted = convt.fit(None, np.asarray(high), 3, 61)
    assert fitted.delay == 0
    assert fitted.held_out_error < -75
    stereo = convt.fit(None, np.stack([high, high]), 3, 61, channels="each")
    np.testing.assert_allclose(stereo.weight[1], stereo.weight[0])


def test_on_speech_it_beats_every_designed_kernel_of_its_length() -> None:
    """Fitted to the first half of a recording, 8 taps a phase, and judged on the second by its output."""
    speech, _ = soundfile.read(SPEECH)
    first, second = speech[: len(speech) // 2], speech[len(speech) // 2 :]
    low = resample_poly(second, 1, 2, window=("kaiser", 14.0))

    def error(kernel: Array) -> float:
        """In dB, with the best gain; kernels of odd length are in time with this padding."""
        output = convt.conv_transpose1d(
            low[np.newaxis], kernel[np.newaxis, np.newaxis], stride=2, padding="center"
        )
        wanted, output = second[100:-100], output[0, : len(second)][100:-100]
        lost = wanted - output * (wanted @ output) / (output @ output)
        return float(10 * np.log10((lost @ lost) / (wanted @ wanted)))

    errors = {}
    kinds: tuple[Any, ...] = ("kaiser", "equiripple")
    for kind, rejection in itertools.product(kinds, np.arange(20, 80, 5.0)):
        with contextlib.suppress(convt.ParameterError):
            errors[kind, rejection] = error(convt.design_kernel(2, taps=15, rejection=rejection, kind=kind))
    for kind, passband in itertools.product(kinds, np.arange(0.1, 0.99, 0.05)):
        with contextlib.suppress(convt.ParameterError):
            errors[kind, passband] = error(convt.design_kernel(2, taps=15, passband=passband, kind=kind))
    fixed: tuple[Any, ...] = ("lanczos", "cubic", "linear", "hold")
    errors |= {(kind, 0): error(convt.design_kernel(2, kind=kind)) for kind in fixed}
    errors["lanczos", 4] = error(convt.design_kernel(2, taps=15, kind="lanczos"))
    assert len(errors) > 20
    for balance in (False, True):
        fitted = convt.fit(None, first, 2, 16, balance=balance)
        assert error(fitted.weight) < min(errors.values()) - 0.1
        assert fitted.held_out_error < min(fitted.designed.values()) - 0.1


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.ones(9), np.ones(18), 2, 1), {}, "taps must be at least the stride, 2, got 1"),
        ((np.ones(9), np.ones(18), 0, 5), {}, "stride must be at least 1, got 0"),
        ((np.ones(9), np.ones(18), 2, 5), {"padding": "middle"}, "padding must be an int or one of"),
        (
            (np.ones(9), np.ones(18), 2, 5),
            {"channels": "both"},
            "channels must be one of shared, each, mixed",
        ),
        ((np.ones(9), np.ones(18), 2, 5), {"delay": 1 << 40}, "delay must be at most"),
        ((np.ones(9), np.ones(18), 2, 5), {"delay": 0.5}, "delay must be an int, got 0.5"),
        (
            (np.ones(9), np.ones(18), 2, 5),
            {"ridge": -1.0},
            "ridge must be at least 0 and finite, got -1.0",
        ),
        (
            (np.ones(9), np.ones(18), 2, 5),
            {"ridge": "much"},
            "ridge must be a number, got 'much'",
        ),
        ((np.ones(9), np.ones(18), 2, 5), {"ridge": True}, "ridge must be a number, got True"),
        (
            (np.ones(9), np.ones(18), 2, 5),
            {"ridge": np.inf},
            "ridge must be at least 0 and finite, got inf",
        ),
        (
            (np.ones(99), np.ones(198), 2, 8),
            {"ridge": 0, "delay": 0},
            "ridge must be above 0: the signals",
        ),
        (([[1.0, 2], [1]], np.ones(18), 2, 5), {}, "low must be a rectangular array of numbers"),
        ((np.full(99, 1e150), np.ones(198), 2, 5), {}, r"low must be at most 1e\+100, got 1e\+150"),
        ((np.ones(9), np.ones(18), 2, "5"), {}, "taps must be an int, got '5'"),
        (
            (np.ones(9), np.ones(18), 2, 500),
            {},
            "low and high are too short for 500 taps at all delays to try",
        ),
        ((np.ones(9), np.ones(18), 2, 5), {"delay": 99}, "too short for 5 taps and a delay of 99$"),
        ((np.zeros(99), np.ones(198), 2, 5), {}, "low and high must not be silent"),
        ((np.ones(99), np.zeros(198), 2, 5), {}, "low and high must not be silent"),
        (
            (np.ones((2, 99)), np.ones((3, 198)), 2, 5),
            {"channels": "each"},
            "channels='each' needs the same number of channels in low and high, got 2 and 3",
        ),
        ((np.ones((1, 2, 9)), np.ones(18), 2, 5), {}, r"low must have shape \(C, any\), got \(1, 2, 9\)"),
        ((np.full(99, np.nan), np.ones(198), 2, 5), {}, "low must be finite, got 99 NaN"),
        ((np.ones(99), np.full(198, 1j), 2, 5), {}, "high must be real, got complex128"),
        (
            ([np.ones(99)], [np.ones(198)] * 2, 2, 5),
            {},
            "must have the same number of signals, got 1 and 2",
        ),
        (
            ([np.ones(99), np.ones((2, 99))], [np.ones(198)] * 2, 2, 5),
            {},
            r"low and high must keep \(1, 1\) channels, .* got \(2, 1\)",
        ),
        ((np.ones(9), np.ones(18), 2, 9000), {}, "must be at most 2048, got 4500"),
    ],
)
def test_bad_arguments(arguments: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((convt.ParameterError, convt.ParameterTypeError), match=message):
        convt.fit(*arguments, **options)


def test_a_fitter_wants_low_unless_it_makes_it() -> None:
    with pytest.raises(convt.ParameterError, match="low must be an array with from_high=False, got None"):
        convt.Fitter(2, 5).process(None, np.ones((1, 18)))
    with pytest.raises(convt.ParameterError, match="low must be None with from_high=True, got an array"):
        convt.Fitter(2, 5, from_high=True).process(np.ones((1, 9)), np.ones((1, 18)))
    with pytest.raises(convt.ParameterError, match="too short for 5 taps"):
        convt.Fitter(2, 5).solve()


@pytest.mark.parametrize("delay", [0, None])
def test_a_whole_signal_is_copied_a_few_times_and_no_more(
    monkeypatch: pytest.MonkeyPatch, delay: int | None
) -> None:
    low, copied, concatenate = noise(700_000), list[int](), np.concatenate
    high = made(low[np.newaxis], np.hanning(18)[np.newaxis, np.newaxis, 1:-1], 2)[0]

    def counting(arrays: Any, axis: int = 0) -> Array:
        joined = concatenate(arrays, axis=axis)
        copied.append(joined.size)
        return joined

    monkeypatch.setattr(np, "concatenate", counting)
    convt.fit(low, high, 2, 16, delay=delay)
    assert sum(copied) < 3 * (low.size + high.size)
