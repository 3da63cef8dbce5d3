"""``convt upsample`` on sound files, judged by what stands in the files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import convt
from convt_cli.audio import headers
from tests.support.command import upsample
from tests.support.oracles import Array, transposed
from tests.support.strategies import numbers


def sound(name: str, samples: Array, rate: int = 8000, subtype: str = "PCM_16", **options: str) -> Array:
    """Write samples (channels, frames) and return what the file really holds."""
    soundfile.write(name, samples.T, rate, subtype=subtype, **options)
    return read(name)


def read(name: str) -> Array:
    samples, _ = soundfile.read(name, dtype="float64", always_2d=True)
    return np.ascontiguousarray(samples.T)


def noise(channels: int, frames: int, level: float = 0.1) -> Array:
    return level * np.tanh(numbers(frames, (channels, frames), "float64"))


def test_the_exact_line() -> None:
    x = sound("in.wav", noise(1, 3000))
    kernel = np.array([0.1, 0.5, 0.9, 0.4, -0.2])
    np.save("w.npy", kernel)
    result = upsample("in.wav", "--weights", "w.npy", "--stride", "2", "--dither", "none")
    assert result.stdout == "in_x2.wav\n"
    y, info = read("in_x2.wav"), soundfile.info("in_x2.wav")
    assert (info.samplerate, info.format, info.subtype) == (16000, "WAV", "PCM_16")
    expected = convt.conv_transpose1d(x, kernel[None, None], stride=2)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 0.5 / 2**15 + 1e-7


@pytest.mark.parametrize(
    ("name", "subtype", "bits"),
    [
        ("in.wav", "PCM_U8", 8),
        ("in.wav", "PCM_16", 16),
        ("in.wav", "PCM_24", 24),
        ("in.wav", "PCM_32", 32),
        ("in.flac", "PCM_S8", 8),
        ("in.flac", "PCM_16", 16),
        ("in.flac", "PCM_24", 24),
        ("in.aiff", "PCM_16", 16),
        ("in.aiff", "PCM_24", 24),
        ("in.au", "PCM_16", 16),
        ("in.w64", "PCM_24", 24),
        ("in.caf", "ALAC_16", 16),
    ],
)
def test_integer_samples_are_rounded_to_the_nearest(name: str, subtype: str, bits: int) -> None:
    x = sound(name, noise(2, 2500), 44100, subtype)
    kernel = np.array([0.25, 0.5, 1.0, 0.5, 0.25]) / 3
    np.save("w.npy", kernel)
    options = ["--weights", "w.npy", "--stride", "3", "--padding", "center", "--dither", "none"]
    target = upsample(name, *options).stdout.strip()
    before, after = soundfile.info(name), soundfile.info(target)
    assert (after.format, after.subtype, after.samplerate) == (before.format, subtype, 132_300)
    exact = convt.conv_transpose1d(x, kernel[None, None].repeat(2, 0), stride=3, groups=2, padding="center")
    assert np.abs(read(target) - exact).max() <= 0.5 / 2 ** (bits - 1) * (1 + 1e-6)


@pytest.mark.parametrize(("subtype", "dtype"), [("FLOAT", "float32"), ("DOUBLE", "float64")])
def test_real_samples_are_kept_beyond_full_scale(subtype: str, dtype: str) -> None:
    x = sound("in.wav", noise(1, 1000, level=3.0), subtype=subtype)
    np.save("w.npy", np.ones(1))
    result = upsample("in.wav", "--weights", "w.npy", "--stride", "1")
    np.testing.assert_array_equal(read("in_x1.wav"), x)
    assert x.astype(dtype).max() > 1
    assert "beyond full scale kept; peak +9." in result.stderr


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8", "FLOAT"])
def test_a_kernel_of_one_changes_no_sample(subtype: str) -> None:
    full_scale = np.concatenate([noise(2, 500), [[-1.0, 0.0], [-1.0, 0.99]]], axis=1)
    x = sound("in.wav", full_scale, subtype=subtype)
    upsample("in.wav", "--stride", "1")
    np.testing.assert_array_equal(read("in_x1.wav"), x)


def test_overs_are_clipped_and_reported_never_wrapped() -> None:
    x = sound("in.wav", np.array([[0.8, -0.8, 0.9, 0.1]]))
    np.save("w.npy", np.array([2.0]))
    result = upsample("in.wav", "--weights", "w.npy", "--stride", "1")
    np.testing.assert_allclose(read("in_x1.wav"), np.clip(2 * x, -1, 1 - 2**-15), rtol=0, atol=2**-16)
    assert (
        "in_x1.wav: 3 sample(s) beyond full scale clipped; peak +5.11 dBFS at 0.000250 s" in result.stderr
    )


@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_32"])
def test_overs_of_wide_integers_saturate_in_either_precision(subtype: str) -> None:
    sound("in.wav", np.array([[0.99, -1.0, 0.5]]), subtype=subtype)
    np.save("w.npy", np.array([4.0]))
    for precision in ("float32", "float64"):
        upsample("in.wav", "--weights", "w.npy", "--stride", "1", "--overwrite", "--precision", precision)
        np.testing.assert_allclose(read("in_x1.wav"), [[1, -1, 1]], rtol=0, atol=2**-22)


def test_silence_stays_silence() -> None:
    sound("in.wav", np.zeros((2, 5000)))
    upsample("in.wav")
    np.testing.assert_array_equal(read("in_x2.wav"), np.zeros((2, 10_000)))


@pytest.mark.parametrize("stride", [2, 3])
def test_without_weights_a_tone_comes_out_as_the_same_tone(stride: int) -> None:
    time = np.arange(8000) / 8000
    sound("in.wav", 0.5 * np.sin(2 * np.pi * 997 * time)[None], subtype="DOUBLE")
    result = upsample("in.wav", "--stride", str(stride), "--verbose")
    y = read(f"in_x{stride}.wav")[0]
    exact = 0.5 * np.sin(2 * np.pi * 997 * np.arange(8000 * stride) / (8000 * stride))
    assert np.abs((y - exact)[1000:-1000]).max() < 1e-6
    assert f"stride {stride}, padding center, delay 0 output samples" in result.stderr


@pytest.mark.parametrize(
    ("channels", "shape", "options", "cout"),
    [
        (1, (4,), [], 1),
        (3, (4,), [], 3),
        (3, (1, 1, 4), [], 3),
        (2, (2, 4), [], 2),
        (1, (1, 2, 4), [], 2),
        (2, (2, 1, 4), [], 1),
        (2, (2, 3, 4), [], 3),
        (2, (2, 3, 4), ["--groups", "2"], 6),
        (2, (2, 3, 4), ["--dilation", "3", "--output-padding", "2", "--padding", "1"], 3),
    ],
)
def test_weights_of_every_shape(
    channels: int, shape: tuple[int, ...], options: list[str], cout: int
) -> None:
    x = sound("in.wav", noise(channels, 400), subtype="DOUBLE")
    weight = 0.1 * numbers(3, shape, "float64")
    np.save("w.npy", weight)
    upsample("in.wav", "--weights", "w.npy", "--stride", "2", *options)
    arguments = {n: int(v) for n, v in zip(options[::2], options[1::2], strict=True)}
    expected: dict[str, Any] = {
        "weight": weight,
        "stride": 2,
        "groups": arguments.get("--groups", 1),
        "dilation": arguments.get("--dilation", 1),
        "padding": arguments.get("--padding", 0),
        "output_padding": arguments.get("--output-padding", 0),
    }
    if weight.ndim < 3 or (shape[:2] == (1, 1) and channels > 1):
        expected["weight"] = np.broadcast_to(weight.reshape(-1, 1, 4), (channels, 1, 4))
        expected["groups"] = channels
    y = read("in_x2.wav")
    assert y.shape[0] == cout
    np.testing.assert_allclose(y, transposed(x, **expected), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("bias", "each"), [("0.25", [0.25, 0.25]), ("b.npy", [0.1, -0.1])])
def test_bias(bias: str, each: list[float]) -> None:
    sound("in.wav", np.zeros((2, 10)), subtype="DOUBLE")
    np.save("b.npy", np.array([0.1, -0.1]))
    upsample("in.wav", "--bias", bias)
    np.testing.assert_allclose(
        read("in_x2.wav"), np.broadcast_to(np.array(each)[:, None], (2, 20)), atol=1e-15
    )


def test_npz_brings_its_bias_and_an_option_replaces_it() -> None:
    sound("in.wav", np.zeros((1, 5)), subtype="DOUBLE")
    np.savez("w.npz", weight=np.ones((1, 2, 2)), bias=np.array([0.5, -0.5]))
    upsample("in.wav", "--weights", "w.npz")
    np.testing.assert_array_equal(read("in_x2.wav"), [[0.5] * 10, [-0.5] * 10])
    upsample("in.wav", "--weights", "w.npz", "--bias", "0.25", "--overwrite")
    np.testing.assert_array_equal(read("in_x2.wav"), [[0.25] * 10] * 2)


@pytest.mark.parametrize(
    ("subtype", "options", "dtype"),
    [
        ("PCM_16", [], "float32"),
        ("PCM_U8", [], "float32"),
        ("PCM_24", [], "float64"),
        ("FLOAT", [], "float64"),
        ("PCM_16", ["--precision", "float64"], "float64"),
        ("DOUBLE", ["--precision", "float32"], "float32"),
    ],
)
def test_precision(subtype: str, options: list[str], dtype: str) -> None:
    x = sound("in.wav", noise(2, 700), subtype=subtype)
    kernel = numbers(5, (2, 1, 31), "float64")
    np.save("w.npy", kernel)
    upsample("in.wav", "--weights", "w.npy", "-o", "out.npy", *options)
    y = np.load("out.npy")
    assert y.dtype == dtype
    expected = convt.conv_transpose1d(x.astype(dtype), kernel.astype(dtype), stride=2)
    np.testing.assert_array_equal(y, expected)


def test_many_blocks_are_one_signal() -> None:
    x = sound("in.wav", noise(2, 200_001), subtype="DOUBLE")
    upsample("in.wav", "--stride", "3")
    weight = convt.design_kernel(3)[None, None].repeat(2, 0)
    whole = convt.conv_transpose1d(x, weight, stride=3, groups=2, padding="center")
    np.testing.assert_array_equal(read("in_x3.wav"), whole)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", ["in.wav", "in.au", "in.aiff"])
def test_no_frames_in_no_frames_out(name: str, channels: int) -> None:
    sound(name, np.zeros((channels, 0)))
    result = upsample(name)
    info = soundfile.info(result.stdout.strip())
    assert (info.frames, info.channels, info.samplerate) == (0, channels, 16_000)
    assert f"convt: warning: {name} has no samples, so" in result.stderr


def test_no_frames_where_the_container_cannot_hold_none() -> None:
    sound("in.wav", np.zeros((1, 0)))
    result = upsample("in.wav", "-o", "out.flac", code=1)
    assert result.stderr == "convt: out.flac: FLAC cannot hold this few samples; use .wav\n"
    assert not Path("out.flac").exists()


@pytest.mark.parametrize("frames", [1, 2])
def test_hardly_any_frames(frames: int) -> None:
    sound("in.wav", np.full((1, frames), 0.5))
    upsample("in.wav")
    assert read("in_x2.wav").shape == (1, 2 * frames)


@pytest.mark.parametrize(
    ("source", "subtype", "target", "container", "result"),
    [
        ("in.wav", "PCM_24", "out.flac", "FLAC", "PCM_24"),
        ("in.flac", "PCM_16", "out.wav", "WAV", "PCM_16"),
        ("in.wav", "FLOAT", "out.flac", "FLAC", "PCM_24"),
        ("in.wav", "FLOAT", "out.aif", "AIFF", "FLOAT"),
        ("in.wav", "PCM_16", "out.ogg", "OGG", "VORBIS"),
        ("in.wav", "PCM_16", "out.opus", "OGG", "OPUS"),
        ("in.wav", "PCM_16", "out.mp3", "MP3", "MPEG_LAYER_III"),
        ("in.mp3", "MPEG_LAYER_III", "out.mp3", "MP3", "MPEG_LAYER_III"),
        ("in.wav", "PCM_16", "out", "WAV", "PCM_16"),
        ("in.wav", "ULAW", "out.au", "AU", "ULAW"),
        ("in.caf", "ALAC_24", "out.caf", "CAF", "PCM_24"),
        ("in.caf", "ALAC_32", "out.caf", "CAF", "PCM_32"),
        ("in.mp3", "MPEG_LAYER_III", "out.wav", "WAV", "PCM_16"),
        ("in.ogg", "VORBIS", "out.wav", "WAV", "PCM_16"),
        ("in.wav", "PCM_16", "OUT.WAV", "WAV", "PCM_16"),
    ],
)
def test_the_outputs_name_chooses_the_container(
    source: str, subtype: str, target: str, container: str, result: str
) -> None:
    sound(source, noise(1, 4000), subtype=subtype)
    said = upsample(source, "-o", target).stderr
    info = soundfile.info(target)
    assert (info.format, info.subtype, info.samplerate, info.channels) == (container, result, 16_000, 1)
    asked = result in ("VORBIS", "OPUS", "MPEG_LAYER_III")  # which the name says
    assert (f"{container} cannot hold {subtype}\n" in said) == (subtype != result and not asked)


@pytest.mark.parametrize(
    ("container", "endian"), [("WAVEX", "FILE"), ("RF64", "FILE"), ("WAV", "BIG"), ("WAV", "FILE")]
)
def test_variants_of_a_container_are_kept(container: str, endian: str) -> None:
    x = noise(2, 100)
    soundfile.write("in.wav", x.T, 8000, format=container, subtype="PCM_16", endian=endian)
    upsample("in.wav")
    with soundfile.SoundFile("in_x2.wav") as file:
        assert (file.format, file.endian) == (container, endian)


@pytest.mark.parametrize("extension", [".m4a", ".aac", ".xyz"])
def test_an_extension_that_is_not_written_is_refused_unless_a_format_is_forced(extension: str) -> None:
    sound("in.wav", noise(1, 100))
    message = upsample("in.wav", "-o", f"out{extension}", code=2).stderr
    assert message.startswith(
        f"convt: out{extension}: convt cannot write {extension} files; use .wav, .flac, "
    )
    assert not Path(f"out{extension}").exists()
    said = upsample("in.wav", "-o", f"out{extension}", "--format", "WAV").stderr
    assert f"out{extension}: contains WAV data, despite its name" in said
    assert soundfile.info(f"out{extension}").format == "WAV"
    assert "does not say" not in upsample("in.wav", "-o", "out.aif").stderr


def test_coded_samples_stay_coded() -> None:
    sound("in.wav", noise(1, 8000, level=0.5), subtype="IMA_ADPCM")
    upsample("in.wav")
    assert soundfile.info("in_x2.wav").subtype == "IMA_ADPCM"
    tone = read("in_x2.wav")[0, ::2][:8000]
    assert np.corrcoef(tone, read("in.wav")[0, : tone.size])[0, 1] > 0.95


def test_a_large_wav_becomes_rf64(monkeypatch: pytest.MonkeyPatch) -> None:
    assert headers.WAV_LIMIT == 2**32 - 1  # as WAV counts bytes in 32 bits
    monkeypatch.setattr(headers, "WAV_LIMIT", 1 << 23)
    stride = 2
    x = sound("in.wav", noise(1, 540_000))
    np.save("w.npy", np.ones(stride) / 4)
    options = ["--weights", "w.npy", "--stride", str(stride), "--subtype", "DOUBLE", "-o", "out.wav"]
    result = upsample("in.wav", *options)
    assert "out.wav: written as RF64, as a WAV file cannot exceed 4 GB" in result.stderr
    frames = 540_000 * stride
    with soundfile.SoundFile("out.wav") as file:
        assert (file.format, file.frames) == ("RF64", frames)
        assert Path("out.wav").stat().st_size == frames * 8 + 94
        for frame in (0, 1, 539_999):
            file.seek(stride * frame)
            np.testing.assert_allclose(file.read(stride), x[0, frame] / 4, rtol=1e-6)
    Path("out.wav").unlink()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_kept_by_floats_and_refused_by_all_else(bad: float) -> None:
    x = noise(1, 80_000)
    x[0, 70_000] = bad
    sound("in.wav", x, subtype="FLOAT")
    np.save("w.npy", np.ones(3))
    keep = ["--weights", "w.npy", "--nonfinite", "keep"]
    upsample("in.wav", *keep)
    reached = np.flatnonzero(~np.isfinite(read("in_x2.wav")[0]))
    np.testing.assert_array_equal(reached, [140_000, 140_001, 140_002])
    for name, subtype in (("out.flac", "PCM_24"), ("out.ogg", "VORBIS"), ("out.mp3", "MPEG_LAYER_III")):
        result = upsample("in.wav", *keep, "-o", name, code=1)
        assert result.stderr == (
            f"convt: {name}: output frame 140000 is NaN or infinite, which {subtype} cannot hold; use"
            " --subtype FLOAT\n"
        )
        assert not Path(name).exists()


def test_the_peak_is_that_of_what_is_finite_wherever_it_is() -> None:
    x = noise(2, 100_000)
    x[1, [3, 80_000, 90_000]] = [np.nan, 4.0, 2.0]
    sound("in.wav", x, subtype="FLOAT")
    np.save("w.npy", np.ones(1))
    keep = ["--weights", "w.npy", "--stride", "1", "--nonfinite", "keep"]
    result = upsample("in.wav", *keep)
    assert "2 sample(s) beyond full scale kept; peak +12.04 dBFS at 10.000000 s" in result.stderr
    sound("in.wav", np.full((1, 3), np.inf), subtype="FLOAT")
    result = upsample("in.wav", *keep, "--overwrite")
    assert "in_x1.wav: 3 sample(s) are NaN or infinite\n" in result.stderr
    assert "full scale" not in result.stderr


@pytest.mark.parametrize("name", ["in.ogg", "in.mp3"])
def test_lossy_samples_are_computed_in_float32(name: str) -> None:
    sound(name, noise(1, 8000), subtype="VORBIS" if name == "in.ogg" else "MPEG_LAYER_III")
    upsample(name, "-o", "out.npy")
    assert np.load("out.npy").dtype == np.float32
