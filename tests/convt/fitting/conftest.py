"""What tests of fits share."""

from collections.abc import Iterator

import pytest

from convt.design import design_kernel
from convt.fitting import evaluation
from tests.support.oracles import Array


@pytest.fixture
def one_designed_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have fits compared with one designed kernel: to design the others takes most of the time."""

    def hold(stride: int, taps: int) -> Iterator[tuple[str, Array]]:
        yield "hold", evaluation._centred(design_kernel(stride, kind="hold"), taps)

    monkeypatch.setattr(evaluation, "_designed_kernels", hold)
