"""Plots: what they show, where they go, and what happens if they cannot be drawn."""

import json
import os
import subprocess
import sys
import tracemalloc
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from convt_cli.plots import style
from convt_cli.plots.kernel_plot import KernelPlot, draw_kernel
from convt_cli.plots.spectrogram import Spectrogram
from convt_cli.plots.spectrum import Spectrum
from convt_cli.plots.spectrum_plot import Side, draw_spectra
from tests.support.command import CONVT, upsample
from tests.support.oracles import Array
from tests.support.processes import limited

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture(autouse=True)
def _inputs() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 8000)
    soundfile.write("in.wav", tone, 8000, "DOUBLE")
    np.save("w.npy", [0.4, 1.0, 0.5])


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that would be saved, to look at what is in them; only `within` lays them out."""
    figures: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    return figures


def run(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, (result.stderr, result.exception)
    return result


def test_every_command_draws() -> None:
    assert upsample("in.wav", "--plot", "a.png", "-q").stdout == "in_x2.wav\na.png\n"
    assert run("design", "-o", "d.npy", "--plot", "b.png", "-q").stdout == "d.npy\nb.png\n"
    for name in "ab":
        assert Path(f"{name}.png").read_bytes().startswith(MAGIC["png"])


@pytest.mark.parametrize("kind", sorted(MAGIC))
def test_every_kind_is_drawn_and_the_same_again(kind: str) -> None:
    assert "w.npy: float64" in run("inspect", "w.npy", "--stride", "2", "--plot", f"c.{kind}").stdout
    assert Path(f"c.{kind}").read_bytes().startswith(MAGIC[kind])
    if kind == "png":
        assert imread("c.png").shape[:2] == (836, 1045)
    if kind != "svg":
        return
    run("inspect", "w.npy", "--stride", "2", "--plot", f"again.{kind}")  # these hold dates and names
    assert Path(f"again.{kind}").read_bytes() == Path(f"c.{kind}").read_bytes()
    assert ET.parse("c.svg").getroot().tag.endswith("svg")  # noqa: S314  # our own file


@pytest.mark.usefixtures("drawn")
def test_json_names_the_plot() -> None:
    assert json.loads(upsample("in.wav", "--plot", "a.svg", "--json").stdout)["plot"] == "a.svg"


def points(line: Line2D) -> Array:
    return np.asarray(line.get_xydata())


def texts(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}  # type: ignore[attr-defined]


def test_a_kernel_plot_shows_everything(drawn: list[Figure]) -> None:
    run("inspect", "w.npy", "--stride", "2", "--plot", "w.png", "--rate", "8000")
    (figure,) = drawn
    assert {"taps 0 to 2 of 3", "phase 0", "phase 1", "phase gains, % from the mean", "images"} <= texts(
        figure
    )
    assert "frequency in kHz" in texts(figure)
    gain = figure.axes[2]
    curve = points(gain.lines[-1])
    # Its curve is the gain, (0.4 + cos + 0.5)/2 in words, and ends at half the output rate.
    assert curve[-1, 0] == pytest.approx(8.0, abs=0.02)
    place = len(curve) // 2
    angle = np.pi * curve[place, 0] / 8
    exact = abs(0.4 + np.exp(-1j * angle) + 0.5 * np.exp(-2j * angle)) / 1.9
    assert curve[place, 1] == pytest.approx(20 * np.log10(exact), abs=1e-6)
    bars = [patch.get_bbox().height for patch in figure.axes[1].patches if isinstance(patch, Rectangle)]
    assert bars == pytest.approx([-100 * 0.05 / 0.95, 100 * 0.05 / 0.95])


def test_the_plot_of_a_designed_kernel_shows_its_specification(drawn: list[Figure]) -> None:
    run("design", "--quality", "fast", "--plot", "w.png")
    run("design", "--kind", "linear", "--plot", "v.png")
    stated = "specified: nothing above -110 dB"
    assert stated in texts(drawn[0])
    assert stated not in texts(drawn[1])


def within(figure: Figure) -> bool:
    """Whether all that is written lies on the page, and no title or label on another."""
    figure.draw_without_rendering()
    page = figure.bbox
    written = [
        text.get_window_extent()
        for axes in figure.axes
        for text in (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label)  # type: ignore[attr-defined]
        if text.get_text()
    ]
    inside = all(page.x0 <= box.x0 and box.x1 <= page.x1 + 1 and page.y0 <= box.y0 for box in written)
    apart = all(
        not first.overlaps(second) for i, first in enumerate(written) for second in written[i + 1 :]
    )
    return inside and apart


KERNELS = {
    "learned": (np.array([0.1, 0.6, 1.0, 0.6, 0.1]), 2, 1),
    "long": (convt.design_kernel(8), 8, 1),
    "a ratio": (convt.design_kernel(160, quality="fast", down=147), 160, 147),
    "a ratio of larger numbers": (np.ones(420), 201, 200),
    "zeros": (np.zeros(3), 2, 1),
    "loud": (1e9 * np.ones(7), 3, 1),
}


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_whatever_the_kernel_nothing_is_cut_off_or_overlaps(name: str, drawn: list[Figure]) -> None:
    kernel, stride, down = KERNELS[name]
    plot = KernelPlot(f"{name} $\\frac$ \n.npy, stride {stride}", kernel, stride, down, 44_100)
    draw_kernel(Path("w.png"), plot, overwrite=False)
    assert within(drawn[0])
    assert drawn[0].get_size_inches().tolist() == [9.5, 7.6]


def test_no_top_of_a_curve_is_lost_to_thinning(drawn: list[Figure]) -> None:
    kernel = convt.design_kernel(16, quality="best")
    draw_kernel(Path("w.png"), KernelPlot("w", kernel, 16, 1, None), overwrite=False)
    curve = points(drawn[0].axes[2].lines[-1])
    worst = float(convt.Response(kernel, 16).worst_image().level)
    assert curve[curve[:, 0] >= 1, 1].max() == pytest.approx(worst, abs=1e-9)


def tone(frequency: float, length: int, channels: int = 1) -> Array:
    return np.tile(np.sin(np.pi * frequency * np.arange(length)), (channels, 1))


@pytest.mark.parametrize("pieces", [1, 7, 300])
def test_a_spectrum_shows_the_level_of_a_tone_wherever_the_cuts_are(pieces: int) -> None:
    spectrum = Spectrum(1024)
    spectrum.add(np.array_split(tone(0.25, 20_000, 2), pieces, axis=1))
    assert spectrum.mean[128] == pytest.approx(0, abs=1e-6)
    assert spectrum.peak[128] == pytest.approx(0, abs=1e-6)
    far = np.abs(np.arange(513) - 128) > 40
    assert spectrum.peak[far].max() < -200


def test_a_moment_shows_in_the_greatest_level_and_a_mean_in_the_mean() -> None:
    spectrum = Spectrum(1024)
    signal = np.zeros((1, 102_400))
    signal[:, 20_480:40_960] = tone(0.5, 20_480)
    spectrum.add([signal])
    assert spectrum.peak[256] == pytest.approx(0, abs=1e-3)
    assert spectrum.mean[256] == pytest.approx(10 * np.log10(0.2), abs=0.2)


def test_a_signal_shorter_than_a_window_is_shown_all_the_same() -> None:
    for length in (1, 2, 100):
        spectrum = Spectrum(1024)
        spectrum.add([np.ones((1, length))])
        assert np.isfinite(spectrum.mean).all()
        assert spectrum.mean[0] == pytest.approx(0, abs=0.1)
    nothing = Spectrum(1024)
    nothing.add([])
    assert nothing.mean.max() == -400


def test_images_are_seen_where_they_are(drawn: list[Figure]) -> None:
    upsample("in.wav", "--plot", "a.png", "--weights", "w.npy")
    above, below = drawn[0].axes[:2]
    spectrum = points(below.lines[0])
    image = spectrum[np.argmin(np.abs(spectrum[:, 0] - 7.0))]  # of 1 kHz, at 8 - 1 kHz
    angle = np.pi * 7 / 8
    gain = abs(0.4 + np.exp(-1j * angle) + 0.5 * np.exp(-2j * angle)) / 2
    assert image[1] == pytest.approx(20 * np.log10(0.5 * gain), abs=0.1)
    assert points(above.lines[0])[:, 0].max() == 4.0
    assert "above the input's band (images, noise, clipping)" in texts(drawn[0])
    assert within(drawn[0])


def facts_of(figure: Figure) -> list[str]:
    """What is written above the output's spectrum."""
    (text,) = figure.axes[1].texts
    return text.get_text().split("; ")


def peak_above(figure: Figure) -> float:
    """The peak level above the input's band, as it is written."""
    (fact,) = (fact for fact in facts_of(figure) if fact.startswith("peak above the input's band ("))
    return float(fact.split("): ")[1].removesuffix(" dB"))


@pytest.mark.parametrize("frequency", [1000.0, 1013.7, 3333.3])
@pytest.mark.parametrize("stride", [2, 5])
def test_the_peak_above_the_band_is_that_of_a_held_tones_image(
    frequency: float, stride: int, drawn: list[Figure]
) -> None:
    """Each sample held `stride` times: the gain is a periodic sinc."""
    soundfile.write("in.wav", 0.5 * tone(frequency / 4000, 16_000)[0], 8000, "DOUBLE")
    np.save("w.npy", np.ones(stride))
    upsample("in.wav", "--weights", "w.npy", "--stride", str(stride), "--plot", "a.png")
    image = 8000 - frequency  # the loudest: it is the nearest
    gain = np.sin(np.pi * image / 8000) / (stride * np.sin(np.pi * image / (8000 * stride)))
    assert peak_above(drawn[0]) == pytest.approx(20 * np.log10(0.5 * gain), abs=0.1)


@pytest.mark.parametrize(
    ("taps", "line"), [([1.1, 1], 0.05), ([1.1, 1, 1, 1], 0.05), ([1.1, 1, 1.1, 1], 0.05)]
)
def test_the_peak_above_the_band_is_that_of_the_images_of_a_constant(
    taps: list[float], line: float, drawn: list[Figure]
) -> None:
    """The outputs repeat the taps: a line at half the output rate has one coefficient, others have two."""
    soundfile.write("in.wav", np.full(9000, 0.5), 8000, "DOUBLE")
    np.save("w.npy", taps)
    upsample("in.wav", "--weights", "w.npy", "--stride", str(len(taps)), "--plot", "a.png")
    assert peak_above(drawn[0]) == pytest.approx(20 * np.log10(0.5 * line), abs=0.1)
    (spectrum,) = drawn[0].axes[1].lines[:1]
    assert points(spectrum)[:, 1].max() == pytest.approx(20 * np.log10(0.5 * np.mean(taps)), abs=0.1)


def test_a_tone_at_the_edge_of_the_inputs_band_is_not_above_it(drawn: list[Figure]) -> None:
    soundfile.write("in.wav", 0.5 * tone(3999.5 / 4000, 40_000)[0], 8000, "DOUBLE")
    np.save("w.npy", [0.5, 1, 0.5])
    upsample("in.wav", "--weights", "w.npy", "--plot", "a.png")  # its image, at 4000.5 Hz, is as loud
    assert peak_above(drawn[0]) < -150


@pytest.mark.parametrize(
    ("subtype", "options", "expected"),
    [
        ("PCM_16", [], "2 samples clipped"),
        ("PCM_16", ["--gain", "-20"], "no samples clipped"),
        ("FLOAT", [], "2 samples beyond full scale, kept"),
        ("FLOAT", ["--overs", "clip"], "2 samples clipped"),
    ],
)
def test_the_samples_that_were_clipped_are_told(
    subtype: str, options: list[str], expected: str, drawn: list[Figure]
) -> None:
    signal = np.zeros(9000)
    signal[[100, 200]] = 0.9
    soundfile.write("in.wav", signal, 8000, subtype)
    np.save("w.npy", [0.5, 1.5, 0.5])
    upsample("in.wav", "--weights", "w.npy", "--plot", "a.png", *options)
    assert facts_of(drawn[0])[-1] == expected
    assert len(facts_of(drawn[0])) == 2  # nothing is said of channels where there is one


def test_that_channels_are_combined_is_told_where_there_are_several(drawn: list[Figure]) -> None:
    soundfile.write("in.wav", tone(0.25, 9000, 3).T, 8000, "FLOAT")
    upsample("in.wav", "--plot", "a.png")
    for axes in drawn[0].axes[:2]:
        assert axes.texts[0].get_text().startswith("3 channels combined")
    assert {"peak, any channel", "average, all channels"} <= texts(drawn[0])


def test_a_click_shows_wherever_the_windows_are() -> None:
    levels = []
    for at in range(2000, 3024, 50):
        spectrum = Spectrum(1024)
        signal = np.zeros((1, 6000))
        signal[0, at] = 1
        spectrum.add([signal])
        levels.append(spectrum.peak[256])
    assert max(levels) - min(levels) < 7  # of a window's skirt; with windows half as dense, 26


@pytest.mark.parametrize(("factor", "shape"), [("6", (9000,)), ("2", (9000, 2))])
def test_the_legend_covers_no_curve(factor: str, shape: tuple[int, ...], drawn: list[Figure]) -> None:
    soundfile.write("in.wav", np.random.default_rng(1).uniform(-0.1, 0.1, shape), 8000)
    upsample("in.wav", "--stride", factor, "--plot", "a.png")
    drawn[0].draw_without_rendering()
    (legend,) = drawn[0].legends
    assert not any(axes.get_legend() for axes in drawn[0].axes)
    legend_box = legend.get_window_extent()
    assert not any(axes.get_window_extent().overlaps(legend_box) for axes in drawn[0].axes)
    for axes in drawn[0].axes[:2]:
        (text,) = axes.texts
        if not text.get_text():
            continue
        box = text.get_window_extent()
        assert box.x1 < drawn[0].bbox.x1
        assert not box.overlaps(axes.get_window_extent())
        assert not box.overlaps(axes._left_title.get_window_extent())  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", [(2, 3, 500), (1,)])
def test_arrays_have_spectra_too(shape: tuple[int, ...], drawn: list[Figure]) -> None:
    np.save("x.npy", np.random.default_rng(1).standard_normal(shape))
    upsample("x.npy", "--stride", "3", "--plot", "x.png")
    assert "frequency (1 = input's Nyquist)" in texts(drawn[0])
    assert within(drawn[0])


@pytest.mark.parametrize("sample", [np.nan, np.inf, 1e300])
def test_samples_beyond_measure_are_left_out(sample: float, drawn: list[Figure]) -> None:
    signal = tone(0.5, 40_000)[0]
    signal[100] = sample
    np.save("x.npy", signal)
    upsample("x.npy", "--nonfinite", "keep", "--plot", "x.png")
    level = points(drawn[0].axes[0].lines[0])[:, 1]
    assert level.max() == pytest.approx(0, abs=0.01)
    assert "parts with NaN or infinity left out" in facts_of(drawn[0])
    drawn[0].draw_without_rendering()


def test_a_plot_that_fails_names_the_finished_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)
    monkeypatch.setattr(Path, "write_bytes", fail)
    result = run("upsample", "in.wav", "--plot", "a.png", code=1)
    assert result.stderr.endswith(
        "a.png: cannot be written: No space left on device; in_x2.wav was written\n"
    )
    assert Path("in_x2.wav").exists()
    result = run("design", "-o", "d.npy", "--plot", "a.png", code=1)
    assert result.stderr.endswith("No space left on device; d.npy was written\n")


def test_samples_without_a_header_are_read_again_as_they_were(drawn: list[Figure]) -> None:
    Path("x.raw").write_bytes((1000 * tone(0.25, 9000)).astype("<i2").tobytes())
    upsample("x.raw", "--raw", "--rate", "8000", "--channels", "1", "-o", "y.raw", "--plot", "x.png")
    (line,) = drawn[0].axes[1].lines[:1]
    assert points(line)[:, 1].max() == pytest.approx(20 * np.log10(1000 / 32_768), abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["upsample", "in.wav", "--plot", "a.jpg"], "a.jpg: plots are written as .png, .svg, .pdf", 2),
        (["inspect", "w.npy", "--stride", "2", "--plot", "a"], "a: plots are written as", 2),
        (["design", "--plot", "w.npy"], "w.npy: plots are written as", 2),
        (["upsample", "in.wav", "--plot", "there.png"], "there.png: already exists; use --overwrite", 1),
        (["inspect", "w.npy", "--stride", "2", "--plot", "no/a.png"], "folder no does not exist", 1),
        (["upsample", "in.wav", "w.npy", "--plot", "a.png"], "--plot draws one input and its output", 2),
        (
            ["upsample", "in.wav", "-d", "out", "--plot", "a.png"],
            "--plot draws one input and its output",
            2,
        ),
        (
            ["upsample", "in.wav", "-o", "-", "--plot", "a.png"],
            "--plot reads input and output again",
            2,
        ),
        (["upsample", "in.wav", "--dry-run", "--plot", "a.png"], "--dry-run writes none: use one", 2),
        (
            ["upsample", "in.wav", "--skip-existing", "--plot", "a.png"],
            "--skip-existing may write none",
            2,
        ),
        (["upsample", "complex.npy", "--plot", "a.png"], "a.png: complex signals cannot be plotted", 2),
        (
            ["upsample", "in.wav", "-o", "a.png", "--format", "WAV", "--plot", "./a.png"],
            "a.png: is the plot and another file of this command",
            2,
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_the_work(
    arguments: list[str], message: str, code: int
) -> None:
    Path("there.png").touch()
    np.save("complex.npy", np.ones(9) * 1j)
    before = sorted(Path().iterdir())
    result = run(*arguments, code=code)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(Path().iterdir()) == before


def test_without_matplotlib_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for arguments in (["inspect", "w.npy", "--stride", "2"], ["upsample", "in.wav"], ["design"]):
        result = run(*arguments, "--plot", "a.png", code=2)
        assert result.stderr == "convt: --plot needs matplotlib: pip install 'convt[plot]'\n"
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "w.npy"]


def test_settings_that_stop_matplotlib_are_reported() -> None:
    environment = os.environ | {"MPLBACKEND": "nonsense"}
    command = [*CONVT, "inspect", "w.npy", "--stride", "2", "--plot", "a.png"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 2
    assert result.stderr == (
        "convt: --plot: matplotlib rejects its settings; check the variable MPLBACKEND and the file"
        " matplotlibrc\n"
    )


def test_a_full_disk_leaves_no_part_of_a_plot() -> None:
    command = [*CONVT, "inspect", "w.npy", "--stride", "2", "--plot", "a.svg"]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=limited(16_000)
    )
    assert result.returncode == 1
    assert result.stderr == "convt: a.svg: cannot be written: File too large\n"
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav", "w.npy"]


def test_names_are_shown_as_they_are() -> None:
    assert style.literal_text("a$b$ \n.npy") == r"a\$b\$ ?.npy"


def test_a_silent_signal_has_a_plot(drawn: list[Figure]) -> None:
    silence = Spectrum(64)
    silence.add([np.zeros((1, 500))])
    side = Side("a", silence, Spectrogram(64))
    draw_spectra(Path("s.png"), (side, side), 1, 8000, overwrite=False)
    assert within(drawn[0])
    soundfile.write("in.wav", np.zeros(9000), 8000)
    upsample("in.wav", "--plot", "a.png")
    assert facts_of(drawn[1]) == [
        "peak above the input's band (4.016 to 8 kHz): below -260 dB",
        "no samples clipped",
    ]


def test_nothing_is_claimed_of_what_cannot_be_measured(drawn: list[Figure]) -> None:
    np.save("x.npy", np.full(9000, np.nan))
    upsample("x.npy", "--nonfinite", "keep", "--plot", "x.png")
    assert facts_of(drawn[0]) == ["parts with NaN or infinity left out"]
    drawn[0].draw_without_rendering()
    soundfile.write("in.wav", 0.5 * tone(0.25, 20_000)[0], 8000)
    # Between half the one rate and half the other there is no room for a tone.
    upsample("in.wav", "--rate", "8008", "--quality", "fast", "--plot", "a.png")
    assert facts_of(drawn[1]) == ["no samples clipped"]


def test_frequencies_beyond_the_output_band_are_drawn_where_they_fold_to(drawn: list[Figure]) -> None:
    kernel = np.array([0.2, 0.9, 1.0, 1.1, 0.9, 0.3])
    draw_kernel(Path("w.png"), KernelPlot("w", kernel, 5, 3, None), overwrite=False)
    axes = drawn[0].axes[2]
    assert axes.get_xlim() == (0, 5 / 3)
    folded = points(next(line for line in axes.lines if line.get_label() == "aliases"))
    response = convt.Response(kernel, 5)
    levels = response.level(response.gains)
    for heard in (0.1, 0.7, 1.3, 1.6):
        sources = [10 / 3 - heard, 10 / 3 + heard]
        expected = max(float(np.interp(f, response.frequencies, levels)) for f in sources)
        assert float(np.interp(heard, *folded.T)) == pytest.approx(expected, abs=1.0)


def peaks(spectrogram: Spectrogram) -> tuple[Array, Array]:
    """The places of the highest level: its frequency, relative to Nyquist, in each column; the levels."""
    levels, (_, _, low, high) = spectrogram.levels, spectrogram.extent
    rows = levels.argmax(0)
    return low + (rows + 0.5) * (high - low) / len(levels), levels.max(0)


@pytest.mark.parametrize("size", [64, 512, 2048])
@pytest.mark.parametrize("pieces", [1, 7, 300])
def test_a_spectrogram_shows_tones_at_their_time_frequency_and_level(size: int, pieces: int) -> None:
    signal = np.concatenate([tone(0.25, 40_000), 0.1 * tone(0.75, 20_000)], axis=1)
    spectrogram = Spectrogram(size)
    blocks = np.array_split(signal, pieces, axis=1)
    assert all(block is same for block, same in zip(spectrogram.passing(blocks), blocks, strict=True))
    frequencies, levels = peaks(spectrogram)
    begin, end, *_ = spectrogram.extent
    times = np.linspace(begin, end, levels.size)
    sure = np.abs(times - 40_000) > 2 * size + (end - begin) / levels.size
    assert begin < size
    assert end == pytest.approx(60_000, abs=size + (end - begin) / levels.size)
    np.testing.assert_allclose(frequencies[sure], np.where(times < 40_000, 0.25, 0.75)[sure], atol=4 / size)
    np.testing.assert_allclose(levels[sure], np.where(times < 40_000, 0, -20)[sure], atol=0.01)
    assert spectrogram.levels[:, sure].min() < -200


def test_a_spectrogram_of_any_length_has_as_many_cells_and_keeps_every_click() -> None:
    spectrogram = Spectrogram(64)
    clicks = 0
    for _ in range(100):
        block = np.zeros((2, 10_000))
        block[1, 5000] = 1
        clicks += sum(1 for _ in spectrogram.passing([block]))
    assert 200 <= spectrogram.levels.shape[1] <= 400
    assert spectrogram.levels.shape[0] == 33
    loud = spectrogram.levels.max(0) > -40
    assert np.count_nonzero(loud) >= clicks == 100  # each is in one column, or in two
    assert np.count_nonzero(~loud) > 100


def test_a_spectrogram_leaves_out_nan_and_infinity_and_shows_short_signals() -> None:
    signal = tone(0.5, 6400)
    signal[0, [1000, 3000]] = np.nan, 1e300
    spectrogram = Spectrogram(64)
    assert len(list(spectrogram.passing([signal]))) == 1
    unknown = np.isnan(spectrogram.levels)
    assert np.array_equal(unknown.any(0), unknown.all(0))
    assert 6 <= np.count_nonzero(unknown.any(0)) <= 10
    assert np.nanmax(spectrogram.levels) == pytest.approx(0, abs=0.01)
    for length, columns in ((0, 0), (1, 1), (63, 1), (64, 1), (80, 2)):
        short = Spectrogram(64)
        list(short.passing([np.ones((1, length))]))
        assert short.levels.shape == (33, columns)


def test_the_spectrograms_share_their_axes_and_their_colours(drawn: list[Figure]) -> None:
    soundfile.write("in.wav", 0.5 * tone(0.5, 16_000)[0], 8000, "DOUBLE")
    np.save("w.npy", [1.0, 1.0])
    upsample("in.wav", "--weights", "w.npy", "--plot", "a.png")
    before, after = drawn[0].axes[2:4]
    assert before.get_ylim() == after.get_ylim() == (0, 8)
    assert before.get_xlim() == after.get_xlim() == pytest.approx((0, 2), abs=0.1)
    (first,), (second,) = before.images, after.images
    assert first.get_clim() == second.get_clim() == (-120, 0)
    for image, expected in ((first, {2}), (second, {2, 6})):
        levels = np.asarray(image.get_array()).mean(1)
        low, high = image.get_extent()[2:]
        at = low + (np.arange(len(levels)) + 0.5) * (high - low) / len(levels)
        assert {round(place) for place in at[levels > -20]} == expected
    assert drawn[0].axes[2].get_ylabel() == "frequency in kHz"


@pytest.mark.parametrize("arguments", [["--rate", "4k"], ["--rate", "8k"]])
def test_an_output_of_a_lower_or_the_same_rate_has_a_plot(
    arguments: list[str], drawn: list[Figure]
) -> None:
    run("resample", "in.wav", "-o", "out.wav", "--plot", "a.png", *arguments)
    assert within(drawn[0])
    assert drawn[0].axes[2].get_ylim() == (0, 4)


def test_a_file_without_samples_has_a_plot(drawn: list[Figure]) -> None:
    np.save("x.npy", np.ones(0))
    upsample("x.npy", "--padding", "full", "--plot", "x.png")
    assert within(drawn[0])


def test_the_plot_of_a_long_file_takes_little_memory() -> None:
    spectrogram, block = Spectrogram(2048), np.zeros((2, 1 << 17))
    tracemalloc.start()
    for _ in spectrogram.passing(block for _ in range(20)):
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16e6
