"""The noise of dither beside its definition, wherever its stream is begun and however it is cut."""

from itertools import pairwise

import numpy as np
import pytest

from convt_cli.samples.dither import TriangularNoise
from tests.support.oracles import Array

MANY = (1 << 19) + 1000  # beyond what is kept of one channel


def noise(channels: int, count: int) -> Array:
    """Two even bytes of a seeded generator for each value, less their mean."""
    words = [
        np.random.PCG64([0x636F6E7674, channel]).random_raw(-(-count // 4)) for channel in range(channels)
    ]
    pairs = np.array(words).astype("<u8").view(np.uint8).reshape(channels, -1, 2)[:, :count]
    values: Array = (pairs.sum(axis=2, dtype=float) - 255) / 256
    return values


@pytest.mark.parametrize("start", [0, 1, 6, 1 << 18, (1 << 18) + 3, MANY - 1])
def test_a_stream_begins_anywhere(start: int) -> None:
    np.testing.assert_array_equal(TriangularNoise(2, start)(1000), noise(2, start + 1000)[:, start:])


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_cut_gives_the_same_values(channels: int) -> None:
    made, whole = TriangularNoise(channels, 0), noise(channels, MANY)
    stops = [0, 1, 5, 100_003, (1 << 19) // channels - 2, (1 << 19) // channels + 7, MANY]
    pieces = [made(stop - start) for start, stop in pairwise(stops)]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)


def test_more_channels_than_values_are_kept() -> None:
    np.testing.assert_array_equal(TriangularNoise(600, 0)(1000), noise(600, 1000))


def test_values_that_are_kept_cannot_be_spoilt() -> None:
    with pytest.raises(ValueError, match="read-only"):
        TriangularNoise(1, 0)(10)[:] = 0
