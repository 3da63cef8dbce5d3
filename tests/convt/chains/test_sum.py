"""Branches side by side, against their sum one by one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convt
from tests.support.oracles import Array
from tests.support.strategies import chunkings, numbers


def leaky(x: Array) -> Array:
    return np.maximum(x, np.float32(0.1) * x)


def conv(seed: int, channels: int, taps: int, dilation: int = 1, padding: Any = "same") -> Any:
    weight = numbers(seed, (channels, channels, taps), "float32") / np.float32(channels * taps)
    return convt.Upsampler.of_conv1d(weight, dilation=dilation, padding=padding)


def block(seed: int, channels: int, taps: int) -> convt.Chain:
    """A residual block of HiFi-GAN."""
    return convt.Chain(
        *[
            convt.Sum(
                None,
                convt.Chain(
                    leaky, conv(seed, channels, taps, dilation), leaky, conv(seed + 9, channels, taps)
                ),
            )
            for dilation in (1, 3)
        ]
    )


def one_by_one(block: convt.Chain, x: Array) -> Array:
    for stage in block.stages:
        assert isinstance(stage, convt.Sum)
        first, second = (each for each in stage.branches[1] if isinstance(each, convt.Upsampler))
        x = x + second(leaky(first(leaky(x))))
    return x


def pushed(stream: convt.Chain, x: Array, sizes: list[int]) -> Array:
    pieces = [stream.process(piece) for piece in np.split(x, np.cumsum(sizes)[:-1], axis=-1)]
    return np.concatenate([*pieces, stream.flush()], axis=-1)


@given(st.data(), st.integers(1, 3))
def test_a_vocoder_in_pieces_is_the_whole_to_the_bit(data: st.DataObject, latency: int) -> None:
    up = convt.Upsampler(numbers(1, (3, 2, 6), "float32"), stride=3, padding="same")
    blocks = [block(seed, 2, taps) for seed, taps in ((2, 3), (3, 7))]
    last = convt.Upsampler(numbers(4, (2, 1, 4), "float32"), stride=2, padding="hifigan")
    chain = convt.Chain(up, convt.Sum(*blocks), lambda x: x / np.float32(2), leaky, last, latency=latency)
    x = numbers(5, (3, 31), "float32")
    y = pushed(chain, x, data.draw(chunkings(31)))
    np.testing.assert_array_equal(y, chain(x))
    hidden = up(x)
    expected = last(leaky((one_by_one(blocks[0], hidden) + one_by_one(blocks[1], hidden)) / np.float32(2)))
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-5 * float(np.abs(expected).max()))
    assert y.shape[-1] == convt.chain_geometry(chain).output_length(31) == 31 * 6


def test_every_frame_brings_what_no_later_frame_changes() -> None:
    chain = convt.Chain(
        convt.Upsampler(np.ones((1, 1, 8)), stride=4, padding="same"),
        convt.Sum(None, conv(1, 1, 3), conv(2, 1, 11)),
        convt.Upsampler(np.ones((1, 1, 4)), stride=2, padding="same"),
    )
    returned, late = 0, (2 + 5) * 2 + 1
    for frame in range(1, 20):
        returned += chain.process(np.ones((1, 1), "float32")).shape[-1]
        assert returned == max(0, 8 * frame - late)


def test_a_chunk_with_its_context_has_the_outputs_of_the_whole() -> None:
    causal = conv(1, 2, 9, padding="causal")
    chain = convt.Chain(
        conv(3, 2, 5),
        convt.Sum(None, causal, convt.Chain(conv(2, 2, 7), leaky)),
        convt.Upsampler(numbers(4, (2, 1, 8), "float32"), stride=4, padding="same"),
    )
    whole = convt.chain_geometry(chain)
    assert (whole.left_context, whole.right_context) == (1 + 8 + 2, 1 + 3 + 2)
    assert len(whole.dropped) == 4
    x = numbers(5, (2, 60), "float32")
    chunk = x[:, 30 - whole.left_context : 35 + whole.right_context]
    own = chain(chunk)[:, whole.left_context * 4 :][:, :20]
    np.testing.assert_allclose(own, chain(x)[:, 120:140], rtol=0, atol=1e-5)
    assert np.abs(chain(chunk[:, 1:])[:, (whole.left_context - 1) * 4 :][:, :20] - own).max() > 1e-4


def test_forks_and_resets_reach_the_branches() -> None:
    chain, x = convt.Chain(convt.Sum(None, block(1, 2, 5))), numbers(2, (2, 40), "float32")
    first = pushed(chain, x, [40])
    chain.reset()
    chain.process(x[:, :17])
    fork = chain.fork()
    chain.process(x[:, :5])
    np.testing.assert_array_equal(
        np.concatenate([fork.process(x[:, 17:]), fork.flush()], -1)[:, -20:], first[:, -20:]
    )
    chain.reset()
    np.testing.assert_array_equal(pushed(chain, x, [3, 37]), first)


def test_batches_and_no_samples() -> None:
    chain, x = convt.Chain(convt.Sum(None, conv(1, 2, 5))), numbers(2, (3, 2, 20), "float32")
    np.testing.assert_array_equal(pushed(chain, x, [7, 13])[1], convt.Chain(*chain.stages)(x[1]))
    chain.reset()
    assert chain.flush().shape[-1] == 0


def test_sums_that_cannot_be() -> None:
    up = convt.Upsampler(np.ones(2), stride=2)
    with pytest.raises(convt.ParameterError, match="at least two branches, got 1"):
        convt.Sum(up)
    with pytest.raises(convt.ParameterError, match="at least one branch with an Upsampler"):
        convt.Sum(None, np.tanh)
    with pytest.raises(convt.ParameterError, match="must change the rate by one ratio, got 1, 2"):
        convt.Sum(None, up)
    with pytest.raises(convt.ParameterTypeError, match="a Sum or a function, got 3"):
        convt.Sum(None, 3)  # type: ignore[arg-type]
    short = convt.Chain(convt.Sum(None, conv(1, 1, 3, padding=0)))
    with pytest.raises(convt.ParameterError, match="branches must return equally many samples"):
        pushed(short, np.ones((1, 9), "float32"), [9])
    with pytest.raises(convt.ParameterError, match=r"equally many samples, got \[9, 7\]"):
        convt.chain_geometry(short).output_length(9)
    wide = convt.Upsampler(np.ones((1, 2, 1)))
    with pytest.raises(convt.ParameterError, match=r"of one shape, got \(1, 4\) and \(2, 4\)"):
        convt.Chain(convt.Sum(None, wide))(np.ones((1, 4)))
