"""Kernels learned from sound, against the kernels they were made with and against brute force."""

import contextlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

import convt
from tests.support.oracles import Array

SPEECH = Path(__file__).parents[3] / "sample_audio" / "speech_16k.flac"
NOISE = np.random.default_rng(7)


def noise(*shape: int) -> Array:
    return NOISE.standard_normal(shape)


def made(low: Array, weight: Array, stride: int, padding: Any = "center") -> Array:
    return convt.conv_transpose1d(low, weight, stride=stride, padding=padding)


# --- recovery ---


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


@pytest.mark.parametrize("padding", ["full", "causal", "same", "center", 4])
@pytest.mark.parametrize(("taps", "stride"), [(8, 2), (16, 2), (16, 8), (33, 3), (10, 5)])
def test_what_upsampling_made_is_undone_without_a_word(padding: Any, taps: int, stride: int) -> None:
    """The round trip of a newcomer: a kernel whose middle is its peak, whatever the padding."""
    kernel, low = np.hanning(taps + 2)[1:-1] + 0.01 * noise(taps), noise(20_000)
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], stride, padding)[0]
    fitted = convt.fit(low, high, stride, taps, padding=padding)
    assert fitted.delay == 0
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-9)


@pytest.mark.parametrize("padding", ["full", "causal", 3, "center", "same"])
@pytest.mark.parametrize("delay", [None, 0])
def test_designed_kernels_are_judged_in_time(padding: Any, delay: int | None) -> None:
    speech, _ = soundfile.read(SPEECH)
    fitted = convt.fit(None, speech, 2, 32, padding=padding, delay=delay)
    assert fitted.designed["lanczos"] == pytest.approx(-22.5, abs=0.7)
    middle = fitted.delay + 15 - convt.geometry.Geometry.of(32, 2, padding).crop
    assert middle == 0 or delay is not None


@pytest.mark.parametrize("delay", [0, 1, -1, 7, -5, 1234, -2001])
@pytest.mark.parametrize("taps", [17, 32])
def test_the_delay_is_estimated(delay: int, taps: int) -> None:
    kernel, low = np.zeros(taps), noise(30_000)
    kernel[(taps - 1) // 2 - 5 : (taps - 1) // 2 + 6] = convt.design_kernel(2, taps=11)
    high = np.roll(made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0], delay)
    fitted = convt.fit(low[2000:-2000], high[4000:-4000], 2, taps)
    assert fitted.delay == delay
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-9)


def test_the_delay_of_a_full_convolution_is_its_middle() -> None:
    kernel, low = convt.design_kernel(3, taps=41), noise(20_000)
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 3, "full")[0]
    fitted = convt.fit(low, high, 3, 41)
    assert fitted.delay == 20
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-9)


def test_a_delay_that_is_given_is_kept_to() -> None:
    kernel, low = noise(9), noise(5000)
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0]
    fitted = convt.fit(low, np.concatenate([np.zeros(3), high]), 2, 9, delay=3)
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-10)
    late = convt.fit(low, high, 2, 9, delay=2)  # of which two taps are then beyond the end
    np.testing.assert_allclose(late.weight[:7], kernel[2:], rtol=0, atol=0.1)
    assert late.delay == 2


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


# --- the least squares ---


def lags(taps: int, crop: int, stride: int) -> tuple[int, int]:
    """The lags of the input that taps are at: of the kernel, and of one that is in time."""
    leads = [crop, (taps - 1) // 2] if abs((taps - 1) // 2 - crop) <= taps else [crop]
    return -max(leads) // stride, (taps - 1 - min(leads)) // stride


def brute_force(low: Array, high: Array, stride: int, taps: int, crop: int, ridge: float) -> Array:
    """The normal equations, row by row, of outputs whose taps all fall on samples."""
    count = min(len(low), len(high) // stride)
    weight = np.zeros(taps)
    first, last = lags(taps, crop, stride)
    for phase in range(stride):
        used = [k for k in range(taps) if (k - crop - phase) % stride == 0]
        rows, wanted = [], []
        for m in range(count):
            if m - last >= 0 and m - first < len(low) and m >= 0:
                rows.append([low[m - (k - crop - phase) // stride] for k in used])
                wanted.append(high[m * stride + phase])
        a, b = np.array(rows), np.array(wanted)
        gram = a.T @ a
        weight[used] = np.linalg.solve(
            gram + ridge * np.trace(gram) / len(used) * np.eye(len(used)), a.T @ b
        )
    return weight


@settings(max_examples=40)
@given(
    stride=st.integers(1, 4),
    more=st.integers(0, 14),
    crop=st.integers(0, 12),
    length=st.integers(60, 1500),
    surplus=st.integers(-9, 9),
    ridge=st.sampled_from([0.0, 1e-6, 0.1]),
    seed=st.integers(0, 99),
)
def test_it_is_the_solution_of_the_normal_equations(
    stride: int, more: int, crop: int, length: int, surplus: int, ridge: float, seed: int
) -> None:
    """Where nothing is kept back: the first four blocks are all that there is."""
    rng = np.random.default_rng(seed)
    low, high = rng.standard_normal(length), rng.standard_normal(length * stride + surplus)
    taps = stride + more
    fitted = convt.fit(low, high, stride, taps, padding=crop, delay=0, ridge=ridge)
    if fitted.held_out_samples == 0:
        expected = brute_force(low, high, stride, taps, crop, ridge)
        np.testing.assert_allclose(fitted.weight, expected, rtol=0, atol=1e-8)
        error = 10 * np.log10(residual(low, high, fitted.weight, stride, crop))
        assert fitted.error == pytest.approx(error, abs=1e-6)


def residual(low: Array, high: Array, weight: Array, stride: int, crop: int) -> float:
    first, last = lags(len(weight), crop, stride)
    begin, end = max(0, last), min(len(low) + min(first, 0), len(high) // stride)
    full = np.zeros(max(len(high), (len(low) + len(weight)) * stride) + crop + len(weight))
    made = convt.conv_transpose1d(low[np.newaxis], weight[np.newaxis, np.newaxis], stride=stride)[0]
    full[: len(made)] = made
    wanted, got = high[begin * stride : end * stride], full[crop:][begin * stride : end * stride]
    return float(((wanted - got) ** 2).sum() / (wanted**2).sum())


@pytest.mark.parametrize("sizes", [[1, 7, 64, 1000, 100_000], [333], [50_000]])
def test_pieces_give_the_same_bytes(sizes: list[int]) -> None:
    rng = np.random.default_rng(3)
    low, high = rng.standard_normal((2, 70_000)), rng.standard_normal((2, 140_001))
    whole = convt.fit(low, high, 2, 16, delay=1)
    fitter = convt.Fitter(2, 16, delay=1)
    places, turns = [0, 0], itertools.cycle(sizes)
    while places[0] < 70_000 or places[1] < 140_001:
        ends = [place + next(turns) for place in places]
        fitter.process(low[:, places[0] : ends[0]], high[:, places[1] : ends[1]])
        places = ends
    fitted = fitter.solve()
    assert fitted.weight.tobytes() == whole.weight.tobytes()
    assert (fitted.error, fitted.held_out_error) == (whole.error, whole.held_out_error)


@pytest.mark.parametrize("channels", ["shared", "mixed"])
def test_balanced_phases_have_the_same_gain_at_the_least_cost(channels: Any) -> None:
    low, kernel = noise(2, 9000), noise(2, 2, 13)
    high = made(low, kernel, 3) + 0.1 * noise(2, 27_000)
    free = convt.fit(low, high, 3, 13, channels=channels, ridge=0.0, delay=0)
    even = convt.fit(low, high, 3, 13, channels=channels, ridge=0.0, delay=0, balance=True)
    gains = np.stack([even.weight[..., phase::3].sum(-1) for phase in range(3)])
    np.testing.assert_allclose(gains - gains[0], 0, atol=1e-12)
    projected = convt.balance_kernel(free.weight, 3)
    errors = [
        lost(low, high, weight if weight.ndim == 3 else np.einsum("ij,k->ijk", np.eye(2), weight))
        for weight in (free.weight, even.weight, projected)
    ]
    assert errors[0] < errors[1] < errors[2] * 1.001


def lost(low: Array, high: Array, weight: Array) -> float:
    return float(((made(low, weight, 3) - high) ** 2)[:, 300:-300].sum())


# --- ridge, hold-out, remarks ---


def test_a_frequency_that_is_missing_does_not_blow_up_the_taps() -> None:
    low = np.repeat(noise(20_000), 4) * 1e-3
    low = np.convolve(low, np.hanning(33), "same")  # next to nothing in the upper three quarters
    high = made(low[np.newaxis], convt.design_kernel(2, taps=31)[np.newaxis, np.newaxis], 2)[0]
    noisy = high + 1e-3 * np.std(high) * noise(len(high))
    fitted = convt.fit(low, noisy, 2, 31, delay=0)
    assert fitted.ridge >= 1e-10
    assert np.abs(fitted.weight).max() < 3
    assert fitted.held_out_error < -55


def test_the_ridge_can_be_given() -> None:
    low = noise(9000)
    high = made(low[np.newaxis], np.ones((1, 1, 4)), 2)[0]
    fitted = convt.fit(low, high, 2, 4, ridge=1.0, delay=0)
    assert fitted.ridge == 1.0
    np.testing.assert_allclose(fitted.weight, 0.5, atol=0.05)


def test_the_error_is_that_of_what_was_kept_back() -> None:
    low = noise(200_000)
    high = made(low[np.newaxis], np.ones((1, 1, 4)), 2)[0] + 0.1 * noise(400_000)
    fitted = convt.fit(low, high, 2, 4)
    expected = 10 * np.log10(0.01 / (2 + 0.01))
    assert fitted.held_out_error == pytest.approx(expected, abs=0.05)
    assert fitted.error == pytest.approx(expected, abs=0.05)
    assert fitted.held_out_samples / fitted.samples == pytest.approx(1 / 4, rel=0.05)


def test_little_audio_is_said_to_be_little() -> None:
    low = noise(3000)
    high = noise(6000)
    (few, *_) = convt.fit(low[:400], high[:800], 2, 128, delay=0).warnings
    assert few == "336 samples of LOW are few for 64 taps a phase: have 640"
    *_, apart = convt.fit(low, high, 2, 10, delay=0).warnings
    assert apart == "less than half of HIGH is made of LOW: do they belong together, at this delay?"
    remarks = convt.fit(low[:500], high[:1000], 2, 4, delay=0).warnings
    assert (
        remarks[0] == "there was too little to keep any of it back: the error is that of what was fitted to"
    )


def remarks(*arguments: Any, **options: Any) -> str:
    return "; ".join(convt.fit(*arguments, **options).warnings)


def test_what_was_kept_back_may_be_harder_for_every_kernel() -> None:
    """Noise that no kernel makes is in the fifth block: that says nothing against the fit."""
    low = noise(5100)
    high = made(low[np.newaxis], convt.design_kernel(2, taps=15)[np.newaxis, np.newaxis], 2)[0]
    high += 0.1 * noise(10_200)
    high[2 * 4100 :] += 0.4 * noise(2000)
    fitted = convt.fit(low, high, 2, 15, delay=0)
    assert fitted.held_out_error > fitted.error + 3
    assert fitted.warnings == ()


def test_what_was_kept_back_may_be_another_thing() -> None:
    """In the fifth block another kernel is at work, which is no harder for those that are designed."""
    low, kernels = noise(5100), noise(2, 15)
    first, second = (made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0] for kernel in kernels)
    high = np.concatenate([first[: 2 * 4056], second[2 * 4056 :]])
    assert "beyond what a designed kernel has: have more audio, or fewer taps" in remarks(
        low, high, 2, 15, delay=0
    )
    speech, _ = soundfile.read(SPEECH)
    for begin in range(0, 200_000, 40_000):
        assert "fewer taps" not in remarks(None, speech[begin : begin + 80_000], 2, 16)


def test_a_frequency_that_nothing_asked_for_is_remarked_on() -> None:
    """LOW that is made of HIGH has nothing at the edge of its band, which many taps would bring back."""
    speech, _ = soundfile.read(SPEECH)

    loudest, remarked = {}, {}
    for ridge in (None, 1e-4, 1e-13):
        fitted = convt.fit(None, speech, 2, 512, ridge=ridge)
        loudest[ridge] = np.abs(np.fft.rfft(fitted.weight, 8192)).max() / 2
        remarked[ridge] = any("louder than the whole, since LOW" in one for one in fitted.warnings)
    assert loudest[1e-4] < 4 < loudest[None] < 10 < loudest[1e-13]
    assert remarked == {None: True, 1e-4: False, 1e-13: True}


def test_silence_within_does_not_choose_the_ridge() -> None:
    low = noise(993 * 5 + 20)
    low[953:2046] = 0
    kernel = noise(31)
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0]
    fitted = convt.fit(low, high, 2, 31, delay=0)
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-9)


def test_a_quiet_part_does_not_choose_the_ridge() -> None:
    low = noise(993 * 5 + 20)
    low[:1100] *= 1e-6
    kernel = noise(31)
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0] + 1e-4 * noise(2 * len(low))
    np.testing.assert_allclose(convt.fit(low, high, 2, 31, delay=0).weight, kernel, rtol=0, atol=1e-3)


@pytest.mark.parametrize("silent", [slice(4000, None), slice(0, 4100)])
def test_silence_in_a_part_that_should_judge_or_teach(silent: slice) -> None:
    low, kernel = noise(5000), noise(15)
    low[silent] = 0
    high = made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0]
    fitted = convt.fit(low, high, 2, 15, delay=0)
    assert fitted.held_out_samples == 0
    assert np.isnan(fitted.held_out_error)
    assert not np.isnan(list(fitted.designed.values())).any()
    np.testing.assert_allclose(fitted.weight, kernel, rtol=0, atol=1e-5)  # of one fold, the ridge is 1e-6


def test_a_silent_channel_has_no_kernel() -> None:
    low, kernel = noise(2, 9000), noise(15)
    low[1] = 0
    high = made(low, np.einsum("ij,k->ijk", np.eye(2), kernel), 2)
    fitted = convt.fit(low, high, 2, 15, delay=0, channels="each")
    np.testing.assert_allclose(fitted.weight, [kernel, np.zeros(15)], rtol=0, atol=1e-9)
    assert fitted.warnings == ("channel 2 is silent: its kernel is 0",)


# --- the delay ---


@pytest.mark.parametrize("reach", [4096, -4096, 4000, -4000])
@pytest.mark.parametrize("stride", [2, 3])
def test_delays_are_found_as_far_as_is_promised(reach: int, stride: int) -> None:
    low = noise(60_000)
    kernel = convt.design_kernel(stride, taps=31)
    high = np.roll(made(low[np.newaxis], kernel[np.newaxis, np.newaxis], stride)[0], reach * stride)
    assert (
        convt.fit(low[5000:-5000], high[5000 * stride : -5000 * stride], stride, 31).delay == reach * stride
    )


@pytest.mark.parametrize("quiet", [0.0, 1e-4])
def test_sound_that_begins_late_is_waited_for(quiet: float) -> None:
    low, before = noise(90_000), 300_000
    high = np.roll(made(low[np.newaxis], convt.design_kernel(2, taps=31)[np.newaxis, np.newaxis], 2)[0], 7)
    low = np.concatenate([quiet * noise(before), low])
    high = np.concatenate([quiet * noise(2 * before), high])
    whole = convt.fit(low, high, 2, 31)
    assert whole.delay == 7
    fitter = convt.Fitter(2, 31)
    for begin in range(0, len(low), 10_000):
        fitter.process(low[np.newaxis, begin : begin + 10_000], high[np.newaxis, 2 * begin :][:, :20_000])
    pieces = fitter.solve()
    assert pieces.delay == 7
    assert pieces.weight.tobytes() == whole.weight.tobytes()


def test_the_sums_begin_as_soon_as_the_delay_is_clear() -> None:
    """Nothing is kept then; what never is clear is kept no longer than four excerpts."""
    kernel = convt.design_kernel(2, taps=31)[np.newaxis, np.newaxis]
    for related, excerpts in ((True, 1), (False, 4)):
        fitter = convt.Fitter(2, 31)
        for _ in range(excerpts * 8 + 1):
            low = noise(1, 1 << 15)
            assert fitter._equations is None
            fitter.process(low, made(low, kernel, 2) if related else noise(1, 1 << 16))
            if related:
                fitter.end_pair()
            if fitter._equations:
                break
        assert fitter._equations
        assert fitter._estimator is None
        assert ("no delay stands out" in "; ".join(fitter.solve().warnings)) != related


def test_a_delay_that_does_not_stand_out_is_remarked_on() -> None:
    assert "no delay stands out: give it" in remarks(noise(20_000), noise(40_000), 2, 16)
    assert "delay" not in remarks(None, noise(40_000), 2, 16)


def test_channels_against_each_other_have_a_delay() -> None:
    low = noise(2, 20_000)
    wide = np.stack([low[0], -low[0], low[1]])
    high = np.roll(made(wide, np.einsum("ij,k->ijk", np.eye(3), convt.design_kernel(2, taps=15)), 2), 9)
    assert convt.fit(low, high, 2, 15).delay == 9


def test_designed_kernels_are_in_time_and_have_the_gain_that_suits_them() -> None:
    low = resample_poly(noise(60_000), 1, 2, window=("kaiser", 8.0))
    kernel = convt.design_kernel(2, kind="cubic")
    high = 0.3 * made(low[np.newaxis], kernel[np.newaxis, np.newaxis], 2)[0]
    for taps in (7, 8, 15, 16):
        fitted = convt.fit(low, high, 2, taps, delay=0)
        assert fitted.designed["cubic"] == -120
        assert fitted.designed["linear"] > -60
        assert set(fitted.designed) >= {"kaiser", "equiripple", "cubic", "linear", "hold"}
        assert ("lanczos" in fitted.designed) == (taps >= 3)


# --- LOW made of HIGH ---


def test_low_is_made_of_high_in_time() -> None:
    time = np.arange(60_000)
    high = sum(np.sin(0.9 * np.pi / 3 * f * time + f) for f in (0.05, 0.2, 0.41, 0.77))
    fitted = convt.fit(None, np.asarray(high), 3, 61)
    assert fitted.delay == 0
    assert fitted.held_out_error < -75
    stereo = convt.fit(None, np.stack([high, high]), 3, 61, channels="each")
    np.testing.assert_allclose(stereo.weight[1], stereo.weight[0])


# --- speech ---


@pytest.mark.parametrize("balance", [False, True])
def test_on_speech_it_beats_every_designed_kernel_of_its_length(balance: bool) -> None:
    """Fitted to the first half of a recording, 8 taps a phase, and judged on the second by its output."""
    speech, _ = soundfile.read(SPEECH)
    first, second = speech[: len(speech) // 2], speech[len(speech) // 2 :]
    fitted = convt.fit(None, first, 2, 16, balance=balance)
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
    assert error(fitted.weight) < min(errors.values()) - 0.1
    assert fitted.held_out_error < min(fitted.designed.values()) - 0.1


# --- what is refused ---


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((np.ones(9), np.ones(18), 2, 1), {}, "taps must be at least stride = 2, got 1"),
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
            "ridge must be above 0 here: the sound",
        ),
        (([[1.0, 2], [1]], np.ones(18), 2, 5), {}, "low must be a rectangular array of numbers"),
        ((np.full(99, 1e150), np.ones(198), 2, 5), {}, r"low must be within 1e\+100, and is not"),
        ((np.ones(9), np.ones(18), 2, "5"), {}, "taps must be an int, got '5'"),
        ((np.ones(9), np.ones(18), 2, 500), {}, "low and high must be longer than 500 taps reach"),
        ((np.ones(9), np.ones(18), 2, 5), {"delay": 99}, "longer than 5 taps and a delay of 99 reach"),
        ((np.zeros(99), np.ones(198), 2, 5), {}, "low and high must not be silent"),
        ((np.ones(99), np.zeros(198), 2, 5), {}, "low and high must not be silent"),
        (
            (np.ones((2, 99)), np.ones((3, 198)), 2, 5),
            {"channels": "each"},
            "channels='each' needs as many",
        ),
        ((np.ones((1, 2, 9)), np.ones(18), 2, 5), {}, r"low must have shape \(C, any\), got \(1, 2, 9\)"),
        ((np.full(99, np.nan), np.ones(198), 2, 5), {}, "low must be finite numbers, and is not"),
        ((np.ones(99), np.full(198, 1j), 2, 5), {}, "high must be real, got complex128"),
        (([np.ones(99)], [np.ones(198)] * 2, 2, 5), {}, "must be as many signals, got 1 and 2"),
        (
            ([np.ones(99), np.ones((2, 99))], [np.ones(198)] * 2, 2, 5),
            {},
            r"must stay \(1, 1\), got \(2, 1\)",
        ),
        ((np.ones(9), np.ones(18), 2, 9000), {}, "must be at most 2048, got 4500"),
    ],
)
def test_bad_arguments(arguments: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((convt.ParameterError, convt.ParameterTypeError), match=message):
        convt.fit(*arguments, **options)


def test_a_fitter_wants_low_unless_it_makes_it() -> None:
    for fitter, low in ((convt.Fitter(2, 5), None), (convt.Fitter(2, 5, from_high=True), np.ones((1, 9)))):
        with pytest.raises(convt.ParameterError, match="low must be given, unless it is made of high"):
            fitter.process(low, np.ones((1, 18)))
    with pytest.raises(convt.ParameterError, match="longer than 5 taps reach"):
        convt.Fitter(2, 5).solve()
