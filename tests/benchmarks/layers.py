"""Upsampling layers of neural decoders, each for about one second of audio."""

import math
from collections.abc import Iterator

from tests.benchmarks.cases import Case
from tests.benchmarks.page import Row
from tests.benchmarks.race import Race, installed

# name, C_in, C_out, taps, stride, frames
_LAYERS = [
    ("HiFi-GAN V1, 1", 512, 256, 16, 8, 86),
    ("HiFi-GAN V1, 2", 256, 128, 16, 8, 689),
    ("HiFi-GAN V1, 3", 128, 64, 4, 2, 5512),
    ("HiFi-GAN V1, 4", 64, 32, 4, 2, 11_025),
    ("EnCodec, 1", 512, 256, 16, 8, 75),
    ("EnCodec, 2", 256, 128, 10, 5, 600),
    ("EnCodec, 3", 128, 64, 8, 4, 3000),
    ("EnCodec, 4", 64, 32, 4, 2, 12_000),
    ("DAC, 1", 1536, 768, 16, 8, 86),
    ("DAC, 2", 768, 384, 16, 8, 689),
    ("DAC, 3", 384, 192, 8, 4, 5512),
    ("DAC, 4", 192, 96, 4, 2, 22_050),
]


def cases() -> list[Case]:
    return [
        Case(name, "float32", cin, cout, taps, stride, length, math.ceil((taps - stride) / 2))
        for name, cin, cout, taps, stride, length in _LAYERS
    ]


def beside_peers() -> Iterator[Row]:
    names = installed(["convt", "torch", "onnxruntime"])
    names += ["polyphase", "col2im", "convt, one call"]
    with Race(names) as race:
        for case in cases():
            yield case, race.run(case, names, 9)
