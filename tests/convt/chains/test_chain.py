"""Streams one after another, against the layers one by one, the definition, and torch where it is."""

import copy
import threading
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import convt
from convt.streaming.driver import Driver
from tests.support.oracles import Array, transposed
from tests.support.strategies import chunkings, numbers


def leaky(x: Array) -> Array:
    return np.where(x > 0, x, 0.1 * x)


def stage(seed: int, cin: int, cout: int, taps: int, stride: int, padding: Any, dtype: str) -> Any:
    weight = numbers(seed, (cin, cout, taps), dtype) / np.float32(np.sqrt(cin * taps / stride))
    return convt.Upsampler(
        weight.astype(dtype), numbers(seed + 1, (cout,), dtype), stride=stride, padding=padding
    )


def pushed(stream: convt.Chain, x: Array, sizes: list[int]) -> Array:
    pieces = [stream.process(piece) for piece in np.split(x, np.cumsum(sizes)[:-1], axis=-1)]
    return np.concatenate([*pieces, stream.flush()], axis=-1)


PADDINGS: list[Any] = ["hifigan", "encodec", "encodec-causal", "full", "center"]


@given(
    st.sampled_from(PADDINGS),
    st.sampled_from(["float32", "float64", "complex64"]),
    st.integers(1, 4),
    st.data(),
)
def test_pieces_are_the_whole_to_the_bit_and_the_layers_one_by_one(
    padding: Any, dtype: str, latency: int, data: st.DataObject
) -> None:
    layers = [stage(1, 3, 4, 7, 3, padding, dtype), stage(3, 4, 2, 4, 2, padding, dtype)]
    conv = convt.Upsampler.of_conv1d(numbers(5, (2, 2, 3), dtype), padding=1)
    chain = convt.Chain(layers[0], np.negative, layers[1], conv, np.negative, latency=latency)
    x = numbers(6, (3, 23), dtype)
    y = pushed(chain, x, data.draw(chunkings(23)))
    np.testing.assert_array_equal(y, chain(x))
    one_by_one = -conv(layers[1](-layers[0](x)))
    atol = 100 * float(np.finfo(dtype).eps) * float(np.abs(one_by_one).max())
    np.testing.assert_allclose(y, one_by_one, rtol=0, atol=atol)
    assert y.dtype == one_by_one.dtype
    assert y.shape[-1] == convt.chain_geometry(chain).output_length(23)


@pytest.mark.parametrize(
    ("sizes", "padding", "late"),
    [
        ([(16, 8), (10, 5), (8, 4), (4, 2)], "encodec-causal", 0),
        ([(16, 8), (10, 5), (8, 4), (4, 2)], "encodec", 4 * 40 + 3 * 8 + 2 * 2 + 1),
        ([(16, 8), (16, 8), (4, 2), (4, 2)], "hifigan", 4 * 32 + 4 * 4 + 1 * 2 + 1),
    ],
)
def test_every_frame_brings_its_outputs_but_those_that_later_frames_change(
    sizes: list[tuple[int, int]], padding: Any, late: int
) -> None:
    layers = [convt.Upsampler(np.ones(taps), stride=stride, padding=padding) for taps, stride in sizes]
    chain, stride = convt.Chain(*layers), int(np.prod([stride for _, stride in sizes]))
    returned = 0
    for frame in range(1, 30):
        returned += chain.process(np.ones((1, 1))).shape[-1]
        assert returned == max(0, frame * stride - late)
    assert returned + chain.flush().shape[-1] == 29 * stride


def test_a_latency_of_several_frames() -> None:
    chain = convt.Chain(convt.Upsampler(np.ones(6), stride=3, padding="causal"), latency=4)
    counts = [chain.process(np.ones((1, 1))).shape[-1] for _ in range(9)]
    assert counts == [0, 0, 0, 12, 0, 0, 0, 12, 0]


@given(st.integers(1, 5), st.data())
def test_stages_that_lower_the_rate(down: int, data: st.DataObject) -> None:
    encode = convt.Upsampler.of_conv1d(numbers(1, (2, 1, 7), "float64"), stride=down, padding=3)
    decode = stage(3, 2, 1, 2 * down, down, "same", "float64")
    chain, x = convt.Chain(encode, np.tanh, decode), numbers(5, (1, 41), "float64")
    assert chain.latency % down == 0
    y = pushed(chain, x, data.draw(chunkings(41)))
    np.testing.assert_array_equal(y, chain(x))
    np.testing.assert_allclose(y, decode(np.tanh(encode(x))), rtol=0, atol=1e-12)


def test_batches_and_mono() -> None:
    layers = [stage(1, 2, 3, 4, 2, "same", "float32"), stage(3, 3, 1, 4, 2, "same", "float32")]
    x = numbers(5, (4, 2, 11), "float32")
    batched = pushed(convt.Chain(*layers), x, [3, 0, 8])
    for one, expected in zip(x, batched, strict=True):
        np.testing.assert_array_equal(pushed(convt.Chain(*layers), one, [3, 0, 8]), expected)
    mono = convt.Chain(convt.Upsampler([1.0, 1.0], stride=2))
    np.testing.assert_array_equal(mono([1.0, 2.0]), [1, 1, 2, 2])


def test_a_fork_goes_on_by_itself() -> None:
    chain, x = convt.Chain(*[stage(n, 2, 2, 4, 2, "same", "float64") for n in (1, 3)]), np.ones((2, 3))
    chain.process(x)
    forks = [chain.fork(), copy.copy(chain), copy.deepcopy(chain)]
    first = chain.process(x)
    chain.flush()
    for fork in forks:
        np.testing.assert_array_equal(fork.process(x), first)


def test_reset_begins_a_new_signal_and_the_given_streams_are_left_alone() -> None:
    up = convt.Upsampler([1.0, 1.0], stride=2)
    up.process([5.0])
    chain = convt.Chain(up, np.tanh)
    first = pushed(chain, np.ones(3), [3])
    with pytest.raises(convt.StreamError, match="has been flushed"):
        chain.process([1.0])
    chain.reset()
    np.testing.assert_array_equal(pushed(chain, np.ones(3), [1, 2]), first)
    assert up.flush().size == 2 - up.crop


def test_nested_chains_are_one() -> None:
    up = convt.Upsampler([1.0, 1.0], stride=2)
    chain = convt.Chain(convt.Chain(up, np.tanh), np.negative, up)
    assert [type(each).__name__ for each in chain.stages] == ["Upsampler", "ufunc", "ufunc", "Upsampler"]
    assert repr(chain).startswith("Chain(Upsampler(every channel, 2 taps, stride=2, latency=1")
    assert "tanh, negative" in repr(chain)


def test_errors_say_what_is_wrong() -> None:
    up = convt.Upsampler(np.ones((2, 3, 4)), stride=2)
    with pytest.raises(
        convt.ParameterTypeError, match="stage 1 must be an Upsampler, a Chain, a Sum or a function"
    ):
        convt.Chain(up, 3)  # type: ignore[arg-type]
    with pytest.raises(convt.ParameterTypeError, match=r"got \[.*\]: pass its elements with \*stages"):
        convt.Chain([up, up])  # type: ignore[arg-type]
    with pytest.raises(convt.ParameterError, match="stage 2 takes 2 channels, and stage 0 returns 3"):
        convt.Chain(up, np.tanh, up)
    with pytest.raises(
        convt.ParameterTypeError, match="a layer must be an Upsampler, a function, or a mapping"
    ):
        convt.chain_geometry([16])  # type: ignore[list-item]
    with pytest.raises(convt.ParameterError, match="at least one Upsampler"):
        convt.Chain(np.tanh)
    with pytest.raises(convt.ParameterError, match="latency must be at least 1"):
        convt.Chain(up, latency=0)
    chain = convt.Chain(up, lambda x: x[..., :1])
    with pytest.raises(convt.ParameterError, match="must have the shape of its argument"):
        chain.process(np.ones((2, 4)))
    with pytest.raises(convt.StreamError, match="an error interrupted this stream"):
        chain.process(np.ones((2, 4)))


def test_a_wrong_piece_does_not_end_the_stream() -> None:
    chain = convt.Chain(convt.Upsampler(np.ones((2, 1, 2)), stride=2))
    chain.process(np.ones((2, 4)))
    with pytest.raises(convt.ParameterError, match="C_in = 2"):
        chain.process(np.ones((3, 4)))
    assert chain.process(np.ones((2, 4))).shape == (1, 8)


def test_an_error_in_the_middle_of_a_stage_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = convt.Chain(convt.Upsampler([1.0, 1.0], stride=2), np.tanh)
    chain.process([1.0])

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(Driver, "_push", fail)
        with pytest.raises(MemoryError):
            chain.process([1.0])
    with pytest.raises(convt.StreamError, match="an error interrupted this stream"):
        chain.process([1.0])
    chain.reset()
    assert chain.process([1.0]).size == 2


def test_one_thread_at_a_time() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def wait(x: Array) -> Array:
        inside.set()
        go_on.wait()
        return x

    chain = convt.Chain(convt.Upsampler([1.0]), wait)
    thread = threading.Thread(target=chain.process, args=([1.0],))
    thread.start()
    inside.wait()
    for use in (lambda: chain.process([1.0]), chain.flush, chain.reset, chain.fork):
        with pytest.raises(convt.StreamError, match="in use by another thread"):
            use()
    go_on.set()
    thread.join()


def dependence(layers: list[dict[str, Any]], length: int) -> Array:
    """Which inputs each output depends on, from the definition: (outputs, inputs)."""
    matrix = np.eye(length)
    for layer in layers:
        taps = np.ones((1, 1, layer["kernel_size"]))
        rest = {name: value for name, value in layer.items() if name != "kernel_size"}
        rows = [transposed(column[np.newaxis], taps, **rest)[0] for column in matrix.T]
        matrix = np.stack(rows, 1)
    return matrix > 0


@settings(max_examples=30)  # the definition is slow
@given(
    st.lists(
        st.tuples(
            st.integers(1, 6), st.integers(1, 4), st.integers(0, 3), st.integers(1, 2), st.integers(1, 3)
        ),
        min_size=1,
        max_size=3,
    )
)
def test_context_is_what_the_outputs_of_an_input_depend_on(sizes: list[tuple[int, ...]]) -> None:
    layers = [
        {"kernel_size": k, "stride": s, "padding": min(p, k - 1), "dilation": d, "down": m}
        for k, s, p, d, m in sizes
    ]
    length, whole = 45, convt.chain_geometry(layers)
    ratio = Fraction(whole.stride, whole.down)
    needs = dependence(layers, length)
    assert len(needs) == whole.output_length(length)
    lefts, rights = [0], [0]
    for output, row in enumerate(needs):
        own, inputs = int(output / ratio), np.flatnonzero(row)
        if 18 <= own < 27 and inputs.size:
            lefts.append(own - inputs[0])
            rights.append(inputs[-1] - own)
    # Taps of a dilated kernel have gaps, so that the bounds are not always reached.
    slack = 0 if all(layer["dilation"] == 1 for layer in layers) else max(whole.left_context, 8)
    assert 0 <= whole.left_context - max(lefts) <= slack
    assert 0 <= whole.right_context - max(rights) <= slack


@pytest.mark.parametrize("padding", ["hifigan", "encodec", "encodec-causal", 0, 5])
def test_a_chunk_with_its_context_has_the_outputs_of_the_whole(padding: Any) -> None:
    layers = [stage(1, 2, 3, 16, 8, padding, "float64"), stage(3, 3, 1, 10, 5, padding, "float64")]
    whole = convt.chain_geometry(layers)
    assert whole.stride == 40
    x = numbers(5, (2, 50), "float64")
    y = layers[1](layers[0](x))
    begin, stop = 20, 30
    chunk = x[:, begin - whole.left_context : stop + whole.right_context]
    own = layers[1](layers[0](chunk))[:, whole.left_context * 40 :][:, : (stop - begin) * 40]
    np.testing.assert_allclose(own, y[:, begin * 40 : stop * 40], rtol=0, atol=1e-12)


def test_what_each_padding_drops() -> None:
    layers: list[Any] = [
        {"kernel_size": 16, "stride": 8, "padding": "encodec"},
        {"kernel_size": 10, "stride": 5, "padding": "encodec"},
        {"kernel_size": 7, "padding": 3, "transposed": False},
        {"kernel_size": 4, "stride": 2, "padding": "encodec-causal"},
        {"kernel_size": 6, "stride": 3, "padding": "dac"},
    ]
    whole = convt.chain_geometry(layers)
    assert whole.dropped == ((4, 4), (3, 2), (3, 3), (0, 2), (2, 1))
    for length in (1, 2, 100):
        assert whole.output_length(length) == length * 8 * 5 * 2 * 3


def test_layers_that_cannot_be() -> None:
    with pytest.raises(convt.ParameterError, match="at least one layer"):
        convt.chain_geometry([])
    with pytest.raises(convt.ParameterError, match=r"must have the keys .*, got 'taps'"):
        convt.chain_geometry([{"taps": 3}])
    with pytest.raises(convt.ParameterError, match="must have a kernel_size"):
        convt.chain_geometry([{"stride": 3}])
    with pytest.raises(convt.ParameterError, match="got 'down'"):
        convt.chain_geometry([{"kernel_size": 3, "down": 2, "transposed": False}])
    with pytest.raises(convt.ParameterError, match="layer 1: the output must have at least 1 sample"):
        convt.chain_geometry([{"kernel_size": 1}, {"kernel_size": 3, "transposed": False}]).output_length(2)


def test_a_decoder_is_that_of_torch_frame_by_frame() -> None:
    torch: Any = pytest.importorskip("torch")
    functional, x = torch.nn.functional, numbers(9, (64, 20), "float32")
    layers, expected = list[Any](), torch.from_numpy(x)
    for seed, (cin, cout, taps, stride) in enumerate(
        [(64, 32, 16, 8), (32, 16, 10, 5), (16, 8, 8, 4), (8, 4, 4, 2)]
    ):
        weight = numbers(seed, (cin, cout, taps), "float32") / np.float32(np.sqrt(cin * taps / stride))
        layers += [convt.Upsampler(weight, stride=stride, padding="encodec"), leaky]
        left, kept = -(-(taps - stride) // 2), stride * expected.shape[1]
        expected = functional.conv_transpose1d(expected, torch.from_numpy(weight), stride=stride)
        expected = functional.leaky_relu(expected[:, left : left + kept], 0.1)
    y = pushed(convt.Chain(*layers), x, [1] * 20)
    np.testing.assert_allclose(y, expected.numpy(), rtol=0, atol=1e-5)


def test_a_signal_without_samples() -> None:
    shared, wide = convt.Upsampler([1.0, 1.0], stride=2), convt.Upsampler(np.ones((2, 3, 4)), stride=2)
    for chain, channels in ((convt.Chain(shared, wide), 3), (convt.Chain(wide, shared), 1)):
        assert chain.flush().shape == (channels, 0)
        chain.reset()
        assert chain(np.ones((2, 3))).shape[0] == 3


def test_functions_cannot_change_the_samples_of_others() -> None:
    x = np.array([-1.0, 2.0])
    chain = convt.Chain(lambda y: np.maximum(y, 0, out=y), convt.Upsampler([1.0]))
    with pytest.raises(ValueError, match="read-only"):
        chain(x)
    np.testing.assert_array_equal(x, [-1, 2])


def test_chains_within_lists_of_layers_count_as_their_layers() -> None:
    up = convt.Upsampler([1.0, 1.0], stride=2)
    assert convt.chain_geometry([convt.Chain(up, up), np.tanh, up]).stride == 8
    assert convt.chain_geometry(convt.Chain(up)).stride == 2

    class Module:
        kernel_size = 16

        def __call__(self) -> None: ...

    with pytest.raises(
        convt.ParameterTypeError, match="a layer must be an Upsampler, a function, or a map"
    ):
        convt.chain_geometry([Module(), up])  # type: ignore[list-item]
    with pytest.raises(convt.ParameterTypeError, match="layers must be a Chain or a sequence of layers"):
        convt.chain_geometry(3)  # type: ignore[arg-type]
    with pytest.raises(convt.ParameterError, match="kernel_size must be at most"):
        convt.chain_geometry([{"kernel_size": 10**12, "transposed": False}])
