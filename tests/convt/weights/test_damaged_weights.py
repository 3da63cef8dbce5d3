"""Damaged weight files: whatever their bytes, they are read or refused in one line, in little memory."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given

import convt
from tests.support.arrays import npz
from tests.support.damage import FEW_EXAMPLES, HUGE, damaged, frugally, misdescribed, shaped

ARCHIVES = [npz(compressed=packed, weight=np.ones((1, 2, 30)), bias=np.ones(2)) for packed in (False, True)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as they are where no tests run
@FEW_EXAMPLES
@given(data=misdescribed() | damaged(ARCHIVES))
@example(data=HUGE[0])
@example(data=HUGE[1])
@example(data=HUGE[2])
@example(data=HUGE[4])
@example(data=shaped("(5L,)"))
@example(data=shaped("(5,)", "\\\\d"))
def test_any_weights_are_read_or_refused_and_take_little_memory(data: bytes) -> None:
    Path("w.npy").write_bytes(data)
    with frugally():
        try:
            weights = convt.load_weights("w.npy")
        except convt.WeightsError as error:
            assert "\n" not in str(error)  # noqa: PT017  # that it is one is no error
        else:
            assert weights.weight.size
