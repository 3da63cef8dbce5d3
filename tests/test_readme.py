"""The README is true: its examples run, and print what it says."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import convt
from convt_cli.options.values import NAMED_PADDINGS
from tests.support import examples
from tests.support.examples import ROOT, enter_a_clone, run_console, run_python
from tests.support.oracles import transposed

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return examples.blocks(README, language)


@pytest.fixture(autouse=True)
def _as_in_a_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter_a_clone(tmp_path, monkeypatch)


@pytest.mark.parametrize("block", blocks("console"))
def test_console_examples(block: str) -> None:
    run_console(block)


@pytest.mark.parametrize("block", blocks("pycon"))
def test_python_examples(block: str) -> None:
    run_python(block, "README", {} if block.startswith(">>> import") else {"np": np, "convt": convt})


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
    assert [len(blocks(language)) for language in ("sh", "console", "pycon")] == [2, 2, 2]


def test_its_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert len(links) > 15
    assert all((ROOT / link).exists() for link in links)


def test_it_stays_short() -> None:
    assert len(README.splitlines()) <= 130


# What each trims from the left and the right of the full convolution of `excess` + stride taps.
DECODERS: dict[str, Callable[[int, int], tuple[int, int]]] = {
    "HiFi-GAN": lambda excess, _: (excess // 2, excess // 2),
    "EnCodec": lambda excess, _: (excess - excess // 2, excess // 2),
    "EnCodec, causal": lambda excess, _: (0, excess),
    "DAC, K = 2s": lambda _, s: (-(-s // 2), -(-s // 2) - s % 2),
    "DAC in transformers, K = 2s": lambda _, s: (-(-s // 2), -(-s // 2)),
    'Keras, JAX "valid"': lambda *_: (0, 0),
    'Keras, JAX "same"': lambda excess, _: (excess // 2, excess - excess // 2),
}


@pytest.mark.parametrize("stride", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("decoder", DECODERS)
def test_the_options_of_each_decoder(decoder: str, stride: int) -> None:
    page = (ROOT / "docs/reference/paddings_and_lengths.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {decoder} |")]
    given = re.findall(r"--(output-padding|padding) (\S+?)(?=[ `])", row)
    for taps in (2 * stride,) if "K = 2s" in decoder else (stride, 2 * stride, 2 * stride + 1):
        names = {"K": taps, "s": stride, "ceil": math.ceil}
        geometry = {
            name.replace("-", "_"): text if text in NAMED_PADDINGS else eval(text, names)  # noqa: S307
            for name, text in given
        }
        rng = np.random.default_rng(taps)
        x, weight = rng.standard_normal((3, 9)), rng.standard_normal((3, 2, taps))
        full = transposed(x, weight, stride=stride)
        left, right = DECODERS[decoder](taps - stride, stride)
        output = convt.conv_transpose1d(x, weight, stride=stride, **geometry)
        if "less the last sample where" in row and (taps - stride) % 2:
            output = output[:, :-1]
        np.testing.assert_allclose(output, full[:, left : full.shape[1] - right], atol=1e-12)


def test_no_other_language_hides_an_example_that_is_not_run() -> None:
    assert set(re.findall(r"^```(\w+)$", README, flags=re.MULTILINE)) == {"sh", "console", "pycon", "text"}
    assert all("pip install" in block for block in blocks("text"))
