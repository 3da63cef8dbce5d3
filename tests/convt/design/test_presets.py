"""The shortest kernels of the presets, searched for again."""

import pytest

from convt.design.kaiser import found_step, kaiser, kaiser_taps
from convt.design.presets import SHORTEST, STEPS, Preset
from convt.design.search import Specification, shortest


@pytest.mark.parametrize(("preset", "stride", "fade"), SHORTEST)
def test_they_are_what_the_search_finds(preset: Preset, stride: int, fade: int) -> None:
    wanted = Specification(stride, *preset, fade=fade, phases=stride)
    found = shortest(kaiser, wanted, kaiser_taps(wanted))
    assert found
    half, rejection = SHORTEST[preset, stride, fade]
    assert found.kernel.size == 2 * half + 1
    assert found.aim.rejection == pytest.approx(rejection, abs=1e-6)


@pytest.mark.parametrize("rejection", STEPS)
def test_the_steps_are_read_off_the_curve(rejection: float) -> None:
    assert found_step(rejection, Specification(2, 0.9, 100.0).ripple) == pytest.approx(
        STEPS[rejection], abs=2e-3
    )
