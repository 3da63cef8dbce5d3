import pytest

from convt.geometry import Geometry
from convt.planning import cheaper_by_definition, plan


@pytest.mark.parametrize(
    ("taps", "stride", "dilation", "cin", "cout", "engine"),
    [
        (33, 2, 1, 1, 1, "toeplitz"),
        (629, 2, 1, 1, 1, "toeplitz"),
        (33, 2, 1, 2, 2, "toeplitz"),
        (16, 8, 1, 512, 256, "polyphase"),
        (4, 2, 1, 64, 32, "polyphase"),
        (1024, 256, 1, 1026, 1, "polyphase"),
        (3, 1, 512, 64, 64, "polyphase"),
        (3, 1, 64, 1, 1, "polyphase"),
    ],
)
def test_few_channels_go_through_windows_and_many_or_sparse_taps_through_phases(
    taps: int, stride: int, dilation: int, cin: int, cout: int, engine: str
) -> None:
    chosen = plan(Geometry.of(taps, stride, dilation=dilation), 1, cin, cout)
    assert chosen.engine == engine
    assert chosen.outputs == chosen.inputs * stride


@pytest.mark.parametrize(
    ("taps", "stride", "groups", "cin"),
    [
        (1_000_001, 2, 1, 1),
        (100_000, 100_000, 1, 1),
        (1, 1_000_000, 1, 1),
        (16, 8, 1, 4096),
        (4097, 2, 1024, 1),
        (9, 1, 1, 1),
    ],
)
def test_blocks_and_matrices_stay_small_for_extreme_kernels(
    taps: int, stride: int, groups: int, cin: int
) -> None:
    chosen = plan(Geometry.of(taps, stride), groups, cin, 1)
    assert 1 <= chosen.inputs <= 8192
    assert chosen.outputs <= max(2**20, 2 * stride)
    assert chosen.workspace < 2**26
    assert chosen.matrix <= max(2**22, 2 * groups * cin * (taps + stride))


@pytest.mark.parametrize(
    ("shape", "stride", "samples", "definition"),
    [
        ((1, 512, 512, 16), 8, 1, True),  # one frame of a decoder
        ((1, 1, 1, 1_000_000), 1, 1, True),  # a signal much shorter than the kernel
        ((1, 1, 1, 33), 2, 3, True),
        ((1, 1, 1, 33), 2, 1000, False),
        ((1, 1, 1, 629), 2, 4000, False),
        ((1, 512, 256, 16), 8, 120, False),
    ],
)
def test_few_samples_are_added_by_definition(
    shape: tuple[int, int, int, int], stride: int, samples: int, definition: bool
) -> None:
    chosen = plan(Geometry.of(shape[3], stride), *shape[:3])
    blocks = -(-(samples * stride + shape[3]) // chosen.outputs)
    assert cheaper_by_definition(chosen, shape, samples, blocks, ready=True) == definition
