"""Commands of these tests, and the clips that they work on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from typer.testing import CliRunner

from convt_cli.app import app

RATES = (44_100, 48_000, 16_000, 22_050)
RESAMPLE = ["resample", "--manifest", "train.jsonl", "-d", "out", "-r", "16k"]


def run(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == code, (result.stderr, result.exception)
    return result


def write_clips(count: int) -> list[dict[str, Any]]:
    """Write clips of several rates, and their manifest in the style of NeMo."""
    rng, lines = np.random.default_rng(0), list[dict[str, Any]]()
    for number in range(count):
        path, rate = Path(f"raw/speaker{number % 5}/clip{number}.wav"), RATES[number % 4]
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = 0.1 * rng.standard_normal((int(rng.integers(500, 3000)), 1 + number % 2))
        soundfile.write(path, samples, rate, "PCM_16")
        lines.append(
            {
                "id": number,
                "audio_filepath": str(path),
                "duration": len(samples) / rate,
                "text": f"Wörter {number}",
            }
        )
    write_manifest(lines)
    return lines


def write_manifest(lines: list[dict[str, Any]], name: str = "train.jsonl") -> None:
    Path(name).write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def gathered(folder: str = "out") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(folder, "manifest.jsonl").read_text().splitlines()]


def contents(folder: str) -> dict[str, bytes]:
    root = Path(folder)
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.wav")}
