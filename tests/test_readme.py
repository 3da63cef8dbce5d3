"""The README is true: its examples run, and print what it says."""

import doctest
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import convt
from tests.support.oracles import transposed

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _as_in_a_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "sample_audio", tmp_path / "sample_audio")
    monkeypatch.chdir(tmp_path)
    # The commands of the environment that runs the tests, as if it were activated.
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@pytest.mark.parametrize("block", blocks("console"))
def test_console_examples(block: str) -> None:
    for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = example.partition("\n")
        result = subprocess.run(
            command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert (result.returncode, result.stdout) == (0, expected), command


@pytest.mark.parametrize("block", blocks("pycon"))
def test_python_examples(block: str) -> None:
    test = doctest.DocTestParser().get_doctest(block, {}, "README", "README.md", 0)
    if not block.startswith(">>> import"):
        test.globs.update(np=__import__("numpy"), convt=__import__("convt"))
    assert doctest.DocTestRunner().run(test).failed == 0


def test_the_two_set_up_commands_are_those_that_ci_runs() -> None:
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) == 2
    assert all(command.startswith("python3 -m venv .venv && ") for command in commands)
    run = (ROOT / ".ci" / "run").read_text()
    assert [
        pattern for pattern in ("convt upsample", "pytest") if f"readme_command '{pattern}'" in run
    ] == [
        "convt upsample",
        "pytest",
    ]
    for command, pattern in zip(commands, ("convt upsample", "pytest"), strict=True):
        assert re.search(f"^python3 -m venv .*{pattern}", command)


def test_there_are_examples_of_each_kind() -> None:
    assert [len(blocks(language)) for language in ("sh", "console", "pycon")] == [2, 12, 6]


# What each trims from the left and the right of the full convolution of `excess` + stride taps.
DECODERS: dict[str, Callable[[int, int], tuple[int, int]]] = {
    "HiFi-GAN": lambda excess, _: (excess // 2, excess // 2),
    "EnCodec": lambda excess, _: (excess - excess // 2, excess // 2),
    "EnCodec, causal": lambda excess, _: (0, excess),
    "DAC, K = 2s": lambda _, s: (-(-s // 2), -(-s // 2) - s % 2),
    'Keras, JAX "valid"': lambda *_: (0, 0),
    'Keras, JAX "same"': lambda excess, _: (excess // 2, excess - excess // 2),
}


@pytest.mark.parametrize("stride", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("decoder", DECODERS)
def test_the_options_of_each_decoder(decoder: str, stride: int) -> None:
    (row,) = [line for line in README.splitlines() if line.startswith(f"| {decoder} |")]
    given = re.findall(r"--(output-padding|padding) (\S+?)(?=[ `])", row)
    for taps in (2 * stride,) if "K = 2s" in decoder else (stride, 2 * stride, 2 * stride + 1):
        names = {"K": taps, "s": stride, "ceil": math.ceil, "same": "same", "causal": "causal"}
        geometry = {name.replace("-", "_"): eval(text, names) for name, text in given}  # noqa: S307
        rng = np.random.default_rng(taps)
        x, weight = rng.standard_normal((3, 9)), rng.standard_normal((3, 2, taps))
        full = transposed(x, weight, stride=stride)
        left, right = DECODERS[decoder](taps - stride, stride)
        output = convt.conv_transpose1d(x, weight, stride=stride, **geometry)
        if "less the last sample where" in row and (taps - stride) % 2:
            output = output[:, :-1]
        np.testing.assert_allclose(output, full[:, left : full.shape[1] - right], atol=1e-12)


def test_no_other_language_hides_an_example_that_is_not_run() -> None:
    assert set(re.findall(r"^```(\w+)$", README, flags=re.MULTILINE)) == {"sh", "console", "pycon"}
