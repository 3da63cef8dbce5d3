"""The presets, and the lengths of their shortest kernels, which would take tenths of a second to search.

``tests/convt/design/test_presets.py`` repeats the search.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Quality = Literal["fast", "high", "best"]


class Preset(NamedTuple):
    """The edge of the passband, in input Nyquist frequencies, and the rejection of images, in dB."""

    passband: float
    rejection: float


QUALITIES: Mapping[Quality, Preset] = MappingProxyType(
    {"fast": Preset(0.90, 110.0), "high": Preset(0.96, 195.0), "best": Preset(0.975, 240.0)}
)

# By preset, stride and fade: the taps on each side of the middle tap, and the rejection to aim at.
SHORTEST = {
    (QUALITIES["fast"], 2, 0): (130, 110.1),
    (QUALITIES["fast"], 3, 0): (195, 110.1),
    (QUALITIES["fast"], 4, 0): (260, 110.1),
    (QUALITIES["fast"], 5, 0): (325, 110.1),
    (QUALITIES["fast"], 6, 0): (390, 110.1),
    (QUALITIES["fast"], 7, 0): (455, 110.1),
    (QUALITIES["fast"], 8, 0): (519, 110.20165729197105),
    (QUALITIES["fast"], 3, 8): (207, 110.1),
    (QUALITIES["fast"], 4, 8): (276, 110.1),
    (QUALITIES["high"], 2, 0): (540, 195.1),
    (QUALITIES["high"], 3, 0): (810, 195.1),
    (QUALITIES["high"], 4, 0): (1080, 195.1),
    (QUALITIES["high"], 5, 0): (1349, 195.1),
    (QUALITIES["high"], 6, 0): (1619, 195.1),
    (QUALITIES["high"], 7, 0): (1889, 195.1),
    (QUALITIES["high"], 8, 0): (2159, 195.1),
    (QUALITIES["high"], 3, 8): (822, 195.1),
    (QUALITIES["high"], 4, 8): (1096, 195.1),
    (QUALITIES["best"], 2, 0): (1037, 240.1),
    (QUALITIES["best"], 3, 0): (1555, 240.1),
    (QUALITIES["best"], 4, 0): (2073, 240.1),
    (QUALITIES["best"], 5, 0): (2591, 240.1),
    (QUALITIES["best"], 6, 0): (3109, 240.1),
    (QUALITIES["best"], 7, 0): (3627, 240.1),
    (QUALITIES["best"], 8, 0): (4145, 240.1),
    (QUALITIES["best"], 3, 8): (1567, 240.1),
    (QUALITIES["best"], 4, 8): (2089, 240.1),
}

# By rejection, at a ripple of 0.01 dB: beta, and the widths of the step around the cutoff; see kaiser.py.
STEPS = {
    110.0: (11.18, 2.916, 3.5601),
    110.1: (11.191, 2.9178, 3.5637),
    110.20165729197105: (11.203, 2.9198, 3.5674),
    195.0: (20.73, 4.1869, 6.5972),
    195.1: (20.741, 4.1882, 6.601),
    240.0: (25.828, 4.7263, 8.2198),
    240.1: (25.837, 4.7272, 8.2225),
}
