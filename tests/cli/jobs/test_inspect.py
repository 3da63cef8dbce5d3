"""``convt inspect``: what it says is what the definitions say."""

import json
import math
import os
import pty
import subprocess
from typing import Any

import numpy as np
import pytest
from rich.text import Text
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from convt_cli.text import terminal_plot
from tests.support.command import CONVT
from tests.support.oracles import Array


def inspect(kernel: Any, *arguments: str, code: int = 0) -> str:
    np.save("w.npy", kernel)
    result = CliRunner().invoke(app, ["inspect", "w.npy", *arguments])
    assert result.exit_code == code, (result.stderr, result.exception)
    assert code == 0 or result.stderr.count("\n") == 1
    return str(result.stdout if code == 0 else result.stderr)


def facts(kernel: Any, *arguments: str) -> Any:
    return json.loads(inspect(kernel, "--json", *arguments))


def test_linear_interpolation_in_words() -> None:
    text = inspect([0.5, 1.0, 0.5], "--stride", "2")
    assert text == (
        "w.npy: float64 (3,), stride 2, 1.5 taps per phase\n"
        "  DC gain        +0 dB; phase gains 1.000 and 1.000 (0 % mismatch)\n"
        "  tonal lines    none\n"
        "  passband       to 0.043 within 0.01 dB, 0.136 within 0.1 dB, 0.427 within 1 dB, 0.726 within"
        " 3 dB\n"
        "                 ripple 3.68 dB up to 0.800\n"
        "  worst image    of input up to 0.500: -16.7 dB, 0.800: -9.2 dB, 0.900: -7.5 dB, 0.950: -6.7 dB,"
        " 1.000: -6.0 dB\n"
        "                 loudest at 1.000\n"
        "  delay          1 output samples, linear phase; with --padding center (1) the output is"
        " time-aligned\n"
        "  peak gain      +0 dB relative to DC, at 0.000\n"
        "  max overshoot  +0.00 dB (1 for inputs within 1)\n"
        "  (frequencies as a fraction of the input's Nyquist frequency; add --rate for Hz)\n"
    )


def test_a_layer_of_several() -> None:
    np.savez("w.npz", a=np.ones((1, 1, 4)), b=np.array([[[0.5, 1, 0.5]]]))
    result = CliRunner().invoke(app, ["inspect", "w.npz", "--tensor", "b", "--stride", "2"])
    assert result.stdout.startswith("w.npz: b: float64 (1, 1, 3), stride 2, 1.5 taps per phase\n")
    keras = np.array([0.5, 1, 0.5]).reshape(3, 1, 1)
    np.savez("w.npz", kernel=keras)
    result = CliRunner().invoke(app, ["inspect", "w.npz", "--layout", "keras", "--stride", "2"])
    assert result.stdout.startswith("w.npz: float64 (1, 1, 3), stride 2")


def test_with_a_rate_frequencies_are_in_hz() -> None:
    text = inspect([1.0, 1.2, 0.9], "--stride", "2", "--rate", "48000")
    assert "tonal lines    -12.9 dB at 48000 Hz (1/2 of the output rate)\n" in text
    assert "up to 19200 Hz" in text
    document = facts([1.0, 1.2, 0.9], "--stride", "2", "--rate", "48000")
    assert document["frequency_unit"] == "Hz"
    assert document["kernels"][0]["tonal_lines"][0]["frequency"] == 48_000


@pytest.mark.parametrize("stride", [1, 2, 3, 8])
def test_the_document_holds_what_the_definitions_give(stride: int) -> None:
    kernel = 1 + 0.3 * np.random.default_rng(stride).standard_normal(3 * stride + 2)
    document = facts(kernel, "--stride", str(stride))
    own = document["kernels"][0]
    gains = [kernel[r::stride].sum() for r in range(stride)]
    np.testing.assert_allclose(own["phase_gains"], gains, rtol=1e-14)
    assert own["dc_gain"] == pytest.approx(np.mean(gains))
    assert own["phase_spread"] == pytest.approx(np.ptp(gains), abs=1e-15)
    lines = np.abs(np.fft.fft(gains))[: stride // 2 + 1]
    lines[1 : (stride + 1) // 2] *= 2  # but for that at half the rate, tones have two coefficients
    assert [line["level_db"] for line in own["tonal_lines"]] == pytest.approx(
        list(20 * np.log10(lines[1:] / lines[0]))
    )
    assert own["worst_over"] == pytest.approx(max(np.abs(kernel[r::stride]).sum() for r in range(stride)))
    assert own["delay"] == pytest.approx(convt.Upsampler(kernel, stride=stride).delay)
    assert document["taps_per_phase"] == kernel.size / stride
    assert own["linear_phase"] is False


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("taps", [6, 7, 15, 16])
@pytest.mark.parametrize("symmetric", [True, False])
def test_the_padding_told_keeps_a_slow_tone_in_time(stride: int, taps: int, symmetric: bool) -> None:
    kernel = np.random.default_rng(taps).random(taps)
    kernel = kernel + kernel[::-1] if symmetric else np.sort(kernel)
    in_time = facts(kernel, "--stride", str(stride))["kernels"][0]["in_time"]
    time = np.arange(4000)
    x = np.sin(2 * np.pi * time / 1000)
    padding = in_time["name"] or in_time["padding"]
    weight = kernel[None, None]
    y = convt.conv_transpose1d(x[None], weight, stride=stride, padding=padding)[0]
    # A least-squares fit tells the phase of what came out, and so how late it is.
    place = np.arange(1000 * stride, 3000 * stride)
    angle = 2 * np.pi * place / (1000 * stride)
    sine, cosine = np.linalg.lstsq(np.stack([np.sin(angle), np.cos(angle)], 1), y[place])[0]
    late = math.atan2(-cosine, sine) * 1000 * stride / (2 * np.pi)
    assert in_time["late"] == pytest.approx(late, abs=2e-3)
    assert abs(late) <= 0.5 + 1e-3


def test_names_of_paddings_stand_for_their_numbers() -> None:
    assert facts(np.ones(15), "--stride", "2")["kernels"][0]["in_time"] == {
        "padding": 7,
        "name": "center",
        "late": 0.0,
    }
    assert facts([1.0, 0, 0, 0], "--stride", "2")["kernels"][0]["in_time"]["name"] == "causal"


def test_many_kernels_are_told_by_the_worst_with_its_channels() -> None:
    rng = np.random.default_rng(1)
    kernels = 1 + 0.01 * rng.standard_normal((3, 4, 8))
    kernels[2, 1, ::2] *= 1.5
    kernels[0, 3] *= 9
    text = inspect(kernels, "--stride", "2", "--pairs")
    assert "float64 (3, 4, 8), 12 kernels, stride 2" in text
    assert "tonal lines    -14." in text
    assert text.count("in 2 -> 1;") == 3  # phases, tonal lines and images
    assert "in 0 -> 3; median" in text  # the loudest
    assert "linear in 0 of 12 kernels" in text
    document = facts(kernels, "--stride", "2", "--pairs")
    assert [own["channels"] for own in document["kernels"]] == [[i, o] for i in range(3) for o in range(4)]
    np.testing.assert_allclose(
        [own["phase_gains"] for own in document["kernels"]],
        kernels.reshape(12, 4, 2).sum(1),
        rtol=1e-14,
    )


def test_one_kernel_a_channel_is_named_by_the_channel() -> None:
    kernels = np.ones((3, 4))
    kernels[1, 0] = 2
    assert " in 1; median" in inspect(kernels, "--stride", "2")


def test_nothing_is_no_number_in_the_document() -> None:
    own = facts(np.zeros(4), "--stride", "2")["kernels"][0]
    assert own["delay"] is None
    assert own["tonal_lines"][0]["level_db"] is None
    assert own["images"][0]["worst_db"] is None
    assert "DC gain        almost none" in inspect(np.zeros(4), "--stride", "2")


def test_a_high_pass_kernel_is_measured_by_its_peak() -> None:
    assert "almost none; levels are relative to the peak gain" in inspect([1.0, -1.0], "--stride", "2")


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (np.array([1j]), "w.npy: kernel must be real, got complex taps"),
        (np.array([1.0, np.inf]), "w.npy: kernel must be finite, got 1 taps that are NaN or infinite"),
        (np.zeros((2, 2, 2, 2)), "w.npy: weight must have shape (K,), (C, K) or (C_in, C_out/groups, K)"),
        (np.array(["a"]), "w.npy: "),
    ],
)
def test_what_cannot_be_inspected(kernel: Array, message: str) -> None:
    assert message in inspect(kernel, "--stride", "2", code=1)
    assert message in json.loads(run_json_failure())["error"]


def run_json_failure() -> str:
    result = CliRunner().invoke(app, ["inspect", "w.npy", "--stride", "2", "--json"])
    assert result.exit_code == 1
    assert result.stderr == ""
    return str(result.stdout)


def test_a_stride_beyond_all_reason_is_refused_before_memory_is_taken() -> None:
    assert "stride=1000000000" in inspect([1.0], "--stride", "1000000000", code=1)


def test_no_more_than_the_kernel_is_ever_cropped() -> None:
    kernel = np.array([1.0, -2.0, 1.5, -0.4, 0.0, -0.0999])  # next to nothing passes at 0 Hz
    assert 0 <= facts(kernel, "--stride", "2")["kernels"][0]["in_time"]["padding"] <= 5


def test_the_sketch_shows_levels_from_the_floor_up() -> None:
    lines = [
        Text.from_markup(line).plain
        for line in terminal_plot.sketch(convt.Response(np.ones(2), 2), 2.0, 40, 8000)
    ]
    assert lines[-1] == " " * 9 + "0".ljust(20) + "4000".ljust(16) + "8000 Hz"
    columns = np.array([list(line[9:].ljust(40)) for line in lines[:-1]])
    heights = (columns == "█").sum(0)
    assert (np.diff(heights) <= 0).all()  # a hold only falls, down to its zero at the end
    assert heights[0] == 10
    assert lines[0].startswith("    0 dB")


def test_a_terminal_shows_the_sketch_and_a_pipe_does_not() -> None:
    np.save("w.npy", [0.5, 1.0, 0.5])
    command = [*CONVT, "inspect", "w.npy", "--stride", "2"]
    assert "█" not in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for environment, drawn, coloured in (
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, False, False),
    ):
        master, slave = pty.openpty()
        variables = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | environment
        process = subprocess.Popen(command, stdout=slave, stderr=slave, env=variables)
        os.close(slave)
        seen = b""
        while data := read(master):
            seen += data
        assert process.wait() == 0
        os.close(master)
        assert ("█" in seen.decode()) is drawn
        assert (b"\x1b[32m" in seen) is coloured


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize(("stride", "down"), [(5, 3), (8, 5), (3, 2), (4, 3)])
def test_tonal_lines_of_a_ratio_are_where_they_are_heard(stride: int, down: int) -> None:
    kernel = np.random.default_rng(stride).uniform(0.5, 1.5, 4 * stride)
    lines = facts(kernel, "--stride", str(stride), "--down", str(down), "--rate", "1000")["kernels"][0]
    told = {round(line["frequency"], 6): line["level_db"] for line in lines["tonal_lines"]}
    y = convt.conv_transpose1d(np.ones((1, 20 * down)), kernel[None, None], stride=stride, down=down)[0]
    period = y[5 * stride : 6 * stride]  # amid the constant
    spectrum = np.abs(np.fft.rfft(period)) / stride
    for line in range(1, stride // 2 + 1):
        heard = line / stride * 1000 * stride / down
        level = 20 * math.log10(spectrum[line] * (1 if 2 * line == stride else 2) / spectrum[0])
        assert told[round(heard, 6)] == pytest.approx(level, abs=1e-9)


def test_a_ratio_counts_outputs_that_are_kept() -> None:
    options = ("--stride", "160", "--down", "147")
    kernel = convt.design_kernel(160, down=147, quality="fast")
    own = facts(kernel, *options)["kernels"][0]
    assert own["delay"] == pytest.approx((kernel.size - 1) / 2 / 147)
    assert own["in_time"] == {"padding": (kernel.size - 1) // 2, "name": "center", "late": 0}
    late = facts(np.append(np.zeros(147 * 3), kernel), *options)["kernels"][0]
    assert late["delay"] == pytest.approx(own["delay"] + 3)
    text = inspect(kernel, *options, "--rate", "44.1k")
    assert f", ratio 160/147, {kernel.size / 160:.4g} taps per phase\n" in text
    beyond = [float(word) for word in text.split("loudest at ")[1].split()[:1]]
    assert 22_050 <= beyond[0] <= 24_000
    assert facts(kernel, *options)["kernels"][0]["images"][-1]["frequency"] <= 160 / 147


def test_delays_of_a_ratio_are_in_its_outputs() -> None:
    kernel = convt.design_kernel(3, down=2, quality="fast", phase="minimum")
    plain, halved = (facts(kernel, "--stride", "3", *more)["kernels"][0] for more in ((), ("--down", "2")))
    assert halved["delay"] == plain["delay"] / 2
    assert halved["group_delay"] == [delay / 2 for delay in plain["group_delay"]]
    assert halved["in_time"]["late"] == plain["in_time"]["late"] / 2 != 0


def test_the_sketch_of_a_ratio_ends_where_the_output_does() -> None:
    lines = terminal_plot.sketch(convt.Response(convt.design_kernel(3, quality="fast"), 3), 1.5, 60, 32_000)
    assert Text.from_markup(lines[-1]).plain.split() == ["0", "16000", "24000", "Hz"]
    top = Text.from_markup(lines[0]).plain[9:]
    assert len(top) == 60
    assert top.rstrip(" ▁▂▃▄▅▆▇").count("█") == pytest.approx(60 * 0.92 / 1.5, abs=2)


@pytest.mark.parametrize(("stride", "down", "lowest"), [(6, 4, "3 --down 2"), (2, 2, "1 --down 1")])
def test_ratios_that_are_not_told_of(stride: int, down: int, lowest: str) -> None:
    message = inspect(np.ones(4), "--stride", str(stride), "--down", str(down), code=2)
    assert f"--stride {stride} --down {down} is not in lowest terms: use --stride {lowest}" in message


def test_aliases_are_told_of_where_they_are_heard() -> None:
    """Tones above the output's band come out at another frequency, as loud as the figure says."""
    kernel = np.array([0.1, 0.3, 0.4, 0.3, 0.1]) / 1.2
    own = facts(kernel, "--stride", "1", "--down", "3", "--rate", "48000")["kernels"][0]
    for alias in own["aliases"]:
        limit, loudest = alias["heard_up_to"], 0.0
        for frequency in np.arange(8010, 24_000, 60.0):
            heard = abs((frequency + 8000) % 16_000 - 8000)
            if heard <= limit and 0 < heard < 8000:
                x = np.cos(2 * np.pi * frequency / 48_000 * np.arange(4800))
                y = convt.conv_transpose1d(x, kernel, stride=1, down=3, padding="center")[10:-10]
                loudest = max(loudest, np.sqrt(2 * np.mean(y**2)))
        assert alias["worst_db"] == pytest.approx(20 * np.log10(loudest), abs=0.3)
    assert own["ripple"]["up_to"] == 0.8 * 8000
