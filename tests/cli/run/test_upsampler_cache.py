"""A few prepared upsamplers are kept from one input to the next, and no more."""

import weakref
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from convt_cli.app import app
from convt_cli.run import upsampler_cache

RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000)


def most_upsamplers(monkeypatch: pytest.MonkeyPatch) -> int:
    """Upsample files of several rates, and return how many upsamplers there are at most meanwhile."""
    upsampler_cache.upsampler_cache().clear()
    names, prepare, counts = [f"{rate}.wav" for rate in RATES], upsampler_cache._prepare, list[int]()
    alive = weakref.WeakSet[Any]()

    def counting(*arguments: Any) -> Any:
        prepared = prepare(*arguments)
        alive.add(prepared)
        counts.append(len(alive))
        return prepared

    monkeypatch.setattr(upsampler_cache, "_prepare", counting)
    for name, rate in zip(names, RATES, strict=True):
        soundfile.write(name, np.zeros(500), rate)
    np.save("w.npy", np.ones(2))
    command = ["upsample", *names, "-d", "out", "--rate", "48k", "--weights", "w.npy", "--jobs", "1"]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert len(counts) == len(RATES)
    return max(counts)


def test_no_more_upsamplers_are_kept_than_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsampler_cache, "_KEPT", 2)
    assert most_upsamplers(monkeypatch) == 3


def test_only_the_last_is_kept_of_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsampler_cache, "_BYTES", 1)
    assert most_upsamplers(monkeypatch) == 2
