"""``convt design``: kernels that others use as they are, and figures that are measured."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import convt
from convt_cli.app import app
from tests.support.command import upsample
from tests.support.measures import meets


def design(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["design", *arguments])
    assert result.exit_code == code, (result.stderr, result.exception)
    return result


def test_the_kernel_is_written_and_what_it_does_is_told() -> None:
    result = design("--stride", "3", "--passband", "0.9", "--rejection", "120", "-o", "w.npy")
    assert result.stdout == "w.npy\n"
    kernel = np.load("w.npy")
    assert kernel.dtype == np.float64
    assert meets(kernel, 3, 0.9, 120)
    assert re.match(
        rf"w\.npy: float64 \({kernel.size},\), stride 3, [\d.]+ taps per phase\n", result.stderr
    )
    assert "passband       to 0.900 within 0.01 dB" in result.stderr
    assert design("--stride", "3", "-o", "q.npy", "-q").stderr == ""
    np.testing.assert_array_equal(np.load("q.npy"), convt.design_kernel(3))


def test_the_kernel_of_a_ratio_is_the_librarys() -> None:
    design("--stride", "3", "--down", "2", "-o", "w.npy", "-q")
    np.testing.assert_array_equal(np.load("w.npy"), convt.design_kernel(3, down=2))
    assert "is not in lowest terms" in design("--stride", "2", "--down", "4", code=2).stderr


def test_kernels_that_lower_a_rate(tmp_path: Path) -> None:
    said = design(
        "--stride", "2", "--down", "3", "--stopband", "1.1", "-o", "w.npy", "--plot", "w.png"
    ).stderr
    np.testing.assert_array_equal(np.load("w.npy"), convt.design_kernel(2, down=3, stopband=1.1))
    assert "worst alias" in said
    assert (tmp_path / "w.png").exists()
    message = design("--stride", "2", "--stopband", "2", code=2).stderr
    assert "stopband must be at least 1 and below 2, got 2.0" in message


def test_upsample_with_the_kernel_written_is_upsample_without() -> None:
    soundfile.write("in.wav", np.random.default_rng(1).uniform(-0.5, 0.5, 2000), 8000, "PCM_24")
    design("-o", "w.npy")
    upsample("in.wav", "-o", "a.wav")
    upsample("in.wav", "-o", "b.wav", "--weights", "w.npy", "--padding", "center")
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (["--quality", "best"], {"quality": "best"}),
        (["--taps", "64"], {"taps": 64}),
        (["--taps", "64", "--passband", "0.6"], {"taps": 64, "passband": 0.6}),
        (["--taps", "64", "--rejection", "70"], {"taps": 64, "rejection": 70}),
        (["--phase", "minimum"], {"phase": "minimum"}),
        (["--kind", "lanczos"], {"kind": "lanczos"}),
        (["--kind", "equiripple", "--quality", "fast"], {"kind": "equiripple", "quality": "fast"}),
    ],
)
def test_options_are_the_librarys_arguments(options: list[str], arguments: dict[str, Any]) -> None:
    design(*options, "-o", "w.npy")
    np.testing.assert_array_equal(np.load("w.npy"), convt.design_kernel(2, **arguments))


def test_without_a_name_nothing_is_written() -> None:
    result = design("--kind", "cubic")
    assert result.stdout == ""
    assert result.stderr.startswith("designed: float64 (7,), stride 2")
    assert result.stderr.endswith("kernel not saved; use -o FILE\n")
    assert list(Path().iterdir()) == []


def test_balancing_tells_before_and_after_and_keeps_the_rest() -> None:
    weight = np.random.default_rng(1).random((2, 3, 9)).astype(np.float32)
    np.savez("up.npz", weight=weight, bias=np.ones(3, np.float32))
    result = design("--from", "up.npz", "--balance", "--stride", "2", "-o", "even.npz")
    before, after = re.findall(r"tonal lines +([-\d.]+) dB", result.stderr)
    assert float(before) > -60
    assert float(after) < -140
    made = convt.load_weights("even.npz")
    np.testing.assert_array_equal(made.weight, convt.balance_kernel(weight, 2))
    assert made.weight.dtype == np.float32
    np.testing.assert_array_equal(made.bias, np.ones(3))
    document = json.loads(design("--from", "up.npz", "--balance", "--json").stdout)
    assert document["before"]["kernels"][0]["phase_spread"] > 0.01
    assert document["kernels"][0]["phase_spread"] < 1e-6


def test_a_layer_of_several_is_balanced() -> None:
    np.savez("up.npz", a=np.ones((1, 1, 4)), b=np.array([[[1.0, 2, 3, 4]]]))
    design("--from", "up.npz", "--tensor", "b", "--balance", "-o", "even.npy")
    np.testing.assert_array_equal(np.load("even.npy"), [[[1.5, 1.5, 3.5, 3.5]]])


def test_a_bias_is_not_lost() -> None:
    np.savez("up.npz", weight=np.ones((1, 1, 4)), bias=np.ones(1))
    result = design("--from", "up.npz", "--balance", "-o", "even.npy", code=1)
    assert result.stderr == (
        "convt: even.npy: .npy cannot hold the kernel's bias; choose an .npz name with -o\n"
    )
    assert not Path("even.npy").exists()


def test_the_document_has_what_was_asked_and_what_was_made() -> None:
    document = json.loads(design("--passband", "0.8", "--rejection", "90", "-o", "w.npy", "--json").stdout)
    assert document["output"] == "w.npy"
    assert document["asked"] == {"quality": None, "passband": 0.8, "rejection": 90, "phase": None}
    assert document["kernels"][0]["passband"][0]["edge"] >= 0.8
    assert document["kernels"][0]["images"][-1]["worst_db"] <= -90


@pytest.mark.parametrize(
    ("options", "message", "code"),
    [
        (["--quality", "better"], "--quality must be fast, high or best, got better", 2),
        (["--passband", "1.5"], "passband must be above 0 and below 1, got 1.5", 2),
        (["--rejection", "999"], "rejection must be 20 to 250 dB, got 999.0", 2),
        (["--taps", "64", "--quality", "high"], "taps=64 takes a passband or a rejection, not both", 2),
        (["--taps", "64", "--passband", "0.99"], "no kaiser kernel for stride=2 meets passband=0.99", 2),
        (["--kind", "hold", "--phase", "minimum"], "--kind hold takes no --quality", 2),
        (["--passband", "0.9999999"], "taps, more than 2097152: use a smaller stride or passband", 2),
        (["--kind", "hold", "--stride", "1000000000"], "stride must be at most 262144 for kind='hold'", 2),
        (["--balance"], "--balance and --from need each other: use --from FILE --balance", 2),
        (["--from", "w.npy"], "--balance and --from need each other: use --from FILE --balance", 2),
        (["--from", "w.npy", "--balance", "--taps", "9"], "--from reads an existing kernel", 2),
        (["--tensor", "a"], "name the file with --from", 2),
        (["--from", "no.npy", "--balance"], "no.npy: no such file", 1),
        (["-o", "-"], "kernels are written as .npy or .npz", 2),
        (["-o", "w.wav"], "kernels are written as .npy or .npz", 2),
        (["-o", "missing/w.npy"], "folder missing does not exist", 1),
        (["-o", "there.npy"], "there.npy: already exists; use --overwrite", 1),
        (["--from", "there.npy", "--balance", "-o", "there.npy", "--overwrite"], "is the same file as", 1),
        (
            ["--from", "there.npy", "--balance", "--stride", "5"],
            "must have a tap for each of the 5 phases",
            1,
        ),
    ],
)
def test_what_is_refused_leaves_everything_as_it_was(options: list[str], message: str, code: int) -> None:
    np.save("there.npy", [1.0, 2.0])
    before = Path("there.npy").read_bytes()
    result = design(*options, code=code)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert [path.name for path in Path().iterdir()] == ["there.npy"]
    assert Path("there.npy").read_bytes() == before
    documented = design(*options, "--json", code=code)
    assert message in json.loads(documented.stdout)["error"]


def test_upsample_designs_to_what_it_is_asked() -> None:
    soundfile.write("in.wav", np.random.default_rng(1).uniform(-0.5, 0.5, 2000), 8000, "FLOAT")
    for options, kernel, padding, dtype in (
        (["--quality", "best"], convt.design_kernel(2, quality="best"), "center", "float64"),
        (["--passband", "0.8"], convt.design_kernel(2, passband=0.8), "center", "float64"),
        (["--rejection", "99"], convt.design_kernel(2, rejection=99), "center", "float64"),
        (["--phase", "minimum"], convt.design_kernel(2, phase="minimum"), "causal", "float64"),
    ):
        document = json.loads(upsample("in.wav", "-o", "out.wav", "--overwrite", "--json", *options).stdout)
        assert document["kernel"]["shape"] == [kernel.size]
        assert document["geometry"]["padding"] == padding
        assert document["computed"]["dtype"] == dtype
        measured = document["kernel"]["measured"]
        response = convt.Response(kernel, 2)
        assert measured["passband"] == response.passband_edge(0.01)
        assert measured["rejection"] == -response.worst_image().level
    refused = upsample("in.wav", "--weights", "w.npy", "--quality", "best", code=2)
    assert refused.stderr == (
        "convt: --quality, --passband, --rejection and --phase design a filter; they cannot be used with"
        " --weights\n"
    )


def test_a_stride_of_1_has_nothing_to_measure() -> None:
    soundfile.write("in.wav", np.zeros(100), 8000, "PCM_16")
    assert json.loads(upsample("in.wav", "--stride", "1", "--json").stdout)["kernel"]["measured"] is None


def test_best_is_computed_in_float64_and_high_as_the_source_is() -> None:
    soundfile.write("in.wav", np.zeros(100), 8000, "PCM_16")
    text = upsample("in.wav", "--quality", "best", "-v").stderr
    assert "filter best (flat to 3.9 kHz, images < -240 dB)" in text
    assert "computed in float64" in text
    assert "computed in float32" in upsample("in.wav", "--overwrite", "--quality", "high", "-v").stderr
