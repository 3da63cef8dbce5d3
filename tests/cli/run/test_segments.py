"""A long file that is divided among processes: the bytes are those of one process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import convt
from tests.support.command import MAIN, UPSAMPLE, upsample
from tests.support.oracles import Array
from tests.support.strategies import numbers


class LateWorkers:
    """Does at once what processes would do side by side, the last first."""

    def run(self, function: Callable[..., Any], tasks: list[tuple[Any, ...]]) -> Iterator[Any]:
        results: list[Any] = []
        for task in reversed(tasks):
            try:
                results.append(function(*task))
            except Exception as error:  # noqa: BLE001  # raised again when its turn comes
                results.append(error)
        for result in reversed(results):
            if isinstance(result, Exception):
                raise result
            yield result


@contextmanager
def workers(_count: int) -> Iterator[LateWorkers]:
    yield LateWorkers()


@pytest.fixture
def divided(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many segments each run was divided into."""
    from convt_cli.run import pipeline, segments

    counts: list[int] = []

    def count(*arguments: Any) -> Any:
        found = segments.segments_of(*arguments)
        counts.append(len(found))
        return found

    monkeypatch.setattr(segments, "SEGMENT_SAMPLES", 1 << 15)
    monkeypatch.setattr(segments, "LONG_SEGMENT", 1 << 15)
    monkeypatch.setattr(pipeline, "segments_of", count)
    monkeypatch.setattr(pipeline, "workers", workers)
    monkeypatch.setenv("CONVT_NUM_THREADS", "2")
    return counts


def sound(channels: int = 1, frames: int = 300_001, subtype: str = "PCM_16", level: float = 0.2) -> Array:
    samples: Array = level * np.tanh(numbers(7, (channels, frames), "float64"))
    soundfile.write("in.wav", samples.T, 48_000, subtype=subtype)
    return samples


@pytest.mark.parametrize(
    ("channels", "subtype", "options"),
    [
        (1, "PCM_16", []),
        (2, "PCM_16", ["--dither", "tpdf", "--gain", "-3"]),
        (3, "PCM_24", ["--stride", "3"]),
        (2, "FLOAT", ["--stride", "2", "--precision", "float32"]),
        (1, "PCM_U8", ["--stride", "5"]),
        (2, "PCM_16", ["-o", "out.au"]),
        (2, "PCM_16", ["--overs", "guard", "--gain", "20"]),
        (1, "PCM_16", ["--weights", "w.npy", "--padding", "same", "--latency", "1000"]),
        (1, "PCM_16", ["--weights", "w.npy", "--padding", "17", "--dilation", "3"]),
        (1, "DOUBLE", ["--weights", "w.npy", "--stride", "7", "--output-padding", "6", "--padding", "1"]),
        (2, "FLOAT", ["--weights", "mix.npy", "--stride", "4", "--latency", "2048"]),
        (1, "PCM_16", ["--rate", "88.2k", "--latency", "4000"]),
        (2, "PCM_24", ["--rate", "50000", "--quality", "fast", "--phase", "minimum"]),
        (1, "DOUBLE", ["--rate", "64k", "--weights", "w.npy", "--padding", "17", "--dilation", "3"]),
    ],
)
def test_the_bytes_are_those_of_one_process(
    channels: int, subtype: str, options: list[str], divided: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound(channels, 600_001, subtype)
    np.save("w.npy", numbers(1, (45,), "float64") / 20)
    np.save("mix.npy", numbers(2, (2, 2, 33), "float32") / 30)
    target = Path(upsample("in.wav", *options).stdout.strip())
    made = target.read_bytes()
    assert divided == [divided[0]]
    assert divided[0] > 2
    monkeypatch.setenv("CONVT_NUM_THREADS", "1")
    upsample("in.wav", *options, "--overwrite")
    assert target.read_bytes() == made


def test_what_came_through_a_pipe_is_not_opened_again() -> None:
    sound(1, 2_000_000)
    small = "import convt_cli.run.segments; convt_cli.run.segments.SEGMENT_SAMPLES = 1 << 15; "
    command = [sys.executable, "-c", small + MAIN, "upsample", "-", "-q", "-o", "out.wav", "--overwrite"]
    environment = os.environ | {"CONVT_NUM_THREADS": "2"}
    with Path("in.wav").open("rb") as source:
        subprocess.run(command, stdin=source, env=environment, check=True)
    made = Path("out.wav").read_bytes()
    data = Path("in.wav").read_bytes()
    subprocess.run([*command, "--overs", "guard"], input=data, env=environment, check=True)
    assert Path("out.wav").read_bytes() == made


def test_levels_are_those_of_the_whole(divided: list[int]) -> None:
    samples = np.zeros(300_001)
    samples[[5, 200_000, 299_999]] = [1.5, -2.5, 2.0]
    soundfile.write("in.wav", samples, 48_000, subtype="FLOAT")
    np.save("w.npy", np.ones(1))
    result = upsample("in.wav", "--weights", "w.npy", "--stride", "1", "--json", "--subtype", "PCM_16")
    level = json.loads(result.stdout)["level"]
    assert divided[0] > 2
    assert (level["overs"], level["peak_at"]) == (3, 200_000 / 48_000)
    assert level["peak_dbfs"] == pytest.approx(20 * np.log10(2.5))


@pytest.mark.parametrize("policy", ["keep", "zero"])
def test_what_is_not_finite_is_counted_once(policy: str, divided: list[int]) -> None:
    x = sound(1, subtype="DOUBLE")[0]
    x[40_000:290_000:1000] = np.nan
    soundfile.write("in.wav", x, 48_000, subtype="DOUBLE")
    result = upsample("in.wav", "--latency", "4096", "--nonfinite", policy)
    assert divided[0] > 2
    assert "in.wav: 250 samples are NaN or infinite, the first at frame 40000 (0.833333 s)" in result.stderr


@pytest.mark.parametrize(
    ("options", "at", "message"),
    [
        ([], 123_456, "in.wav: NaN or infinity at frame 123456 (2.572000 s)"),
        (["--nonfinite", "keep", "--subtype", "PCM_16"], 123_456, "is NaN or infinite, which PCM_16"),
    ],
)
def test_an_error_in_a_segment_ends_the_run(
    options: list[str], at: int, message: str, divided: list[int]
) -> None:
    x = sound(1, subtype="DOUBLE")[0]
    x[at:] = np.nan
    soundfile.write("in.wav", x, 48_000, subtype="DOUBLE")
    result = upsample("in.wav", *options, code=1)
    assert divided[0] > 2
    assert message in result.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["in.wav"]


def test_real_processes_give_the_same_bytes_and_bound_their_memory() -> None:
    x = sound(2, 4_500_000, level=0.1)
    digests = set()
    for threads in ("1", "3"):
        environment = os.environ | {"CONVT_NUM_THREADS": threads}
        subprocess.run([*UPSAMPLE, "in.wav", "-q", "--overwrite"], env=environment, check=True)
        digests.add(hash(Path("in_x2.wav").read_bytes()))
    assert len(digests) == 1
    kernel = convt.design_kernel(2)
    y, _ = soundfile.read("in_x2.wav", start=8_000_000, stop=8_200_000)
    x, _ = soundfile.read("in.wav", start=3_990_000, stop=4_110_000)
    exact = convt.conv_transpose1d(x.T.copy(), kernel[None, None].repeat(2, 0), stride=2, groups=2)
    start = 20_000 + kernel.size // 2
    error = 2**15 * (y.T - exact[:, start : start + 200_000])
    assert np.sqrt(np.mean(error**2)) == pytest.approx(0.5, rel=0.02)
