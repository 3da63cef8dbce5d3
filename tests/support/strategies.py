"""What Hypothesis draws: kernels, geometries, signals and the ways to cut them."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from convt.engines.col2im import Col2im
from convt.engines.planning import Plan
from convt.engines.polyphase import Polyphase
from convt.engines.spectral import Spectral
from convt.engines.toeplitz import Toeplitz
from convt.geometry import Geometry
from tests.support.oracles import Array

DTYPES = ["float32", "float64", "complex64", "complex128"]


@dataclass(frozen=True)
class Case:
    """One call of the operator, with an output of at least one sample."""

    x: Array
    weight: Array
    bias: Array | None
    arguments: dict[str, Any]

    @property
    def geometry(self) -> Geometry:
        spatial = {name: value for name, value in self.arguments.items() if name != "groups"}
        return Geometry.of(self.weight.shape[2], **spatial)


def numbers(seed: int, shape: tuple[int, ...], dtype: str) -> Array:
    """Normal numbers, complex where the dtype is, float32's rounding already done."""
    rng = np.random.default_rng(seed)
    drawn: Array = rng.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        drawn = drawn + 1j * rng.standard_normal(shape)
    return drawn.astype(dtype)


@st.composite
def cases(draw: st.DrawFn, max_length: int = 60) -> Case:
    groups = draw(st.integers(1, 3))
    cin, cout = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    taps, length = draw(st.integers(1, 12)), draw(st.integers(1, max_length))
    stride, dilation = draw(st.integers(1, 9)), draw(st.integers(1, 5))
    output_padding = draw(st.integers(0, max(stride, dilation) - 1))
    full = (length - 1) * stride + dilation * (taps - 1) + output_padding + 1
    padding = draw(st.integers(0, (full - 1) // 2))
    down = draw(st.sampled_from([1, 1, 1, 2, 3, 5, 8]))
    dtype, seed = draw(st.sampled_from(DTYPES)), draw(st.integers(0, 2**32 - 1))
    weight = numbers(seed, (groups * cin, cout, taps), dtype)
    bias = numbers(seed + 1, (groups * cout,), dtype) if draw(st.booleans()) else None
    arguments: dict[str, Any] = {
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "groups": groups,
        "dilation": dilation,
        "down": down,
    }
    return Case(numbers(seed + 2, (groups * cin, length), dtype), weight, bias, arguments)


@st.composite
def chunkings(draw: st.DrawFn, length: int) -> list[int]:
    """Sizes, zeros among them, that add up to `length`."""
    cuts = sorted(draw(st.lists(st.integers(0, length), max_size=8)))
    return [stop - start for start, stop in zip([0, *cuts], [*cuts, length], strict=True)]


def small_plans(case: Case) -> list[Plan]:
    """Every engine on blocks so small that even a short signal spans many, in one part and in two.

    Each comes twice: blocks that cost nothing, and blocks so dear that the signal's end is added by
    definition.
    """
    inputs, outputs = case.geometry.period
    points = (case.geometry.lag // inputs + 8) * inputs
    engines: list[tuple[Any, Any, int, int]] = [  # blocks and steps in periods
        ("toeplitz", partial(Toeplitz, width=4 * inputs), 12, 4),
        ("polyphase", Polyphase, 5, 1),
        ("spectral", partial(Spectral, hop=5 * inputs, points=points), 15, 5),
    ]
    if case.geometry.down == 1:
        engines.append(("col2im", Col2im, 5, 1))
    return [
        Plan(
            engine=name,
            inputs=block * inputs,
            outputs=block * outputs,
            step=step * inputs,
            parts=parts,
            elements=1,
            matrix=0,
            cost=cost,
            prepare=prepare,
        )
        for name, prepare, block, step in engines
        for cost, parts in ((1e-9, 2), (1e9, 1))
    ]


def layouts(array: Array) -> dict[str, Any]:
    """The same numbers in every layout that an array can have."""
    reversed_twice = array[..., ::-1].copy()[..., ::-1]
    read_only = array.copy()
    read_only.flags.writeable = False
    every_other = np.repeat(array, 2, axis=-1)[..., ::2]
    unaligned = np.frombuffer(b"x" + array.tobytes(), array.dtype, offset=1).reshape(array.shape)
    return {
        "Fortran order": np.asfortranarray(array),
        "negative strides": reversed_twice,
        "read-only": read_only,
        "every other": every_other,
        "swapped bytes": array.astype(array.dtype.newbyteorder()),
        "unaligned": unaligned,
        "nested lists": array.tolist(),
    }


def tolerance(case: Case) -> float:
    """Rounding of as many products as an output can be the sum of."""
    eps = float(np.finfo(case.weight.dtype).eps)
    return 40 * eps * (float(np.abs(case.weight).sum()) * float(np.abs(case.x).max()) + 1)
