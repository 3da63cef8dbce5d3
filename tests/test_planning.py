import pytest

from convt.geometry import Geometry
from convt.planning import plan


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
    chosen = plan(Geometry.of(taps, stride, dilation=dilation), cin, cout)
    assert chosen.engine == engine
    assert chosen.outputs == chosen.inputs * stride


@pytest.mark.parametrize(
    ("taps", "stride", "cin"), [(1_000_001, 2, 1), (100_000, 100_000, 1), (16, 8, 4096), (9, 1, 1)]
)
def test_blocks_stay_small_for_extreme_kernels(taps: int, stride: int, cin: int) -> None:
    chosen = plan(Geometry.of(taps, stride), cin, 1)
    assert 1 <= chosen.inputs <= 8192
    assert chosen.workspace < 2**26
