import numpy as np
import pytest

import convt
from convt.engines.buffers import Scratch
from convt.engines.kernel_spectrum import folds
from convt.engines.planning import EngineName, Plan, candidates, cheaper_by_definition, plan
from convt.geometry import Geometry
from tests.support.oracles import Array

SINGLE, DOUBLE = np.dtype("float32"), np.dtype("float64")


@pytest.mark.parametrize(
    ("taps", "stride", "dilation", "cin", "cout", "engine"),
    [
        (9, 2, 1, 1, 1, "toeplitz"),
        (129, 2, 1, 1, 1, "toeplitz"),
        (33, 2, 1, 2, 2, "toeplitz"),
        (1025, 2, 1, 1, 1, "spectral"),
        (4097, 8, 1, 2, 2, "spectral"),
        (16, 8, 1, 512, 256, "col2im"),
        (15, 8, 1, 384, 192, "col2im"),
        (17, 8, 1, 512, 256, "polyphase"),
        (4, 2, 1, 64, 32, "col2im"),
        (2, 2, 1, 64, 64, "col2im"),
        (1024, 256, 1, 1026, 1, "col2im"),
        (3, 1, 512, 64, 64, "polyphase"),
        (3, 1, 64, 1, 1, "polyphase"),
    ],
)
@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
def test_each_engine_has_its_kernels(
    taps: int, stride: int, dilation: int, cin: int, cout: int, engine: str, dtype: np.dtype[np.generic]
) -> None:
    chosen = plan(Geometry.of(taps, stride, dilation=dilation), (1, cin, cout, taps), dtype)
    assert chosen.engine == engine
    assert chosen.outputs == chosen.inputs * stride
    assert chosen.inputs % chosen.step == 0


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
@pytest.mark.parametrize("engine", [None, "toeplitz", "polyphase"])
def test_blocks_and_matrices_stay_small_for_extreme_kernels(
    taps: int, stride: int, groups: int, cin: int, engine: EngineName | None
) -> None:
    chosen = plan(Geometry.of(taps, stride), (groups, cin, 1, taps), SINGLE, engine)
    assert 1 <= chosen.inputs <= max(2**17, 16 * taps)
    assert chosen.outputs <= max(2**20, 16 * taps * stride)
    assert chosen.matrix <= max(2**22, 4 * groups * cin * (taps + stride))
    assert chosen.elements / chosen.parts <= max(2**23, 64 * taps)


@pytest.mark.parametrize("engine", ["toeplitz", "polyphase", "spectral"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_an_engine_can_be_asked_for(engine: EngineName, dtype: str) -> None:
    for taps, channels in ((5, 1), (2049, 1), (16, 64)):
        chosen = plan(Geometry.of(taps, 2), (1, channels, channels, taps), np.dtype(dtype), engine)
        assert chosen.engine == engine


def test_col2im_is_for_a_few_taps_a_phase_and_every_output() -> None:
    convt.Upsampler(np.ones(48), stride=3, engine="col2im")
    wanted = r"engine='col2im' needs down=1 and dilation\*\(K - 1\) \+ 1 <= 16\*stride, got .*"
    with pytest.raises(convt.ParameterError, match=wanted + "down=3"):
        convt.Upsampler(np.ones(9), stride=2, down=3, engine="col2im")
    with pytest.raises(convt.ParameterError, match=wanted + "kernel_size=49"):
        convt.Upsampler(np.ones(49), stride=3, engine="col2im")


@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE])
@pytest.mark.parametrize(("taps", "cin"), [(4, 64), (8, 128), (2, 32), (16, 512), (32, 3)])
def test_blocks_of_col2im_are_whole_tiles_with_their_lag(
    taps: int, cin: int, dtype: np.dtype[np.generic]
) -> None:
    geometry = Geometry.of(taps, 2)
    chosen = plan(geometry, (1, cin, 32, taps), dtype, "col2im")
    assert (chosen.inputs + geometry.lag) % 16 == 0


def test_an_engine_that_is_not_there_is_refused() -> None:
    with pytest.raises(convt.ParameterError, match=r"engine must be one of toeplitz, .*, got 'fft'"):
        convt.conv_transpose1d([[1.0]], [[[1.0]]], engine="fft")  # type: ignore[arg-type]
    with pytest.raises(convt.ParameterError, match=r"engine must be one of toeplitz, .*, got 'fft'"):
        convt.Upsampler([1.0], engine="fft")  # type: ignore[arg-type]


@pytest.mark.parametrize("latency", [1, 2, 441, 479, 480, 4096])
@pytest.mark.parametrize("taps", [9, 375, 4097])
@pytest.mark.parametrize("engine", [None, "toeplitz", "polyphase", "spectral"])
def test_blocks_divide_the_latency(latency: int, taps: int, engine: EngineName | None) -> None:
    chosen = plan(Geometry.of(taps, 2), (1, 1, 1, taps), SINGLE, engine, latency)
    assert latency % chosen.inputs == 0
    assert chosen.inputs % chosen.step == 0


@pytest.mark.parametrize("groups", [2, 16])
@pytest.mark.parametrize("taps", [5, 33, 375, 1025])
def test_groups_are_planned_as_if_they_were_alone(groups: int, taps: int) -> None:
    one, many = (plan(Geometry.of(taps, 3), (n, 1, 1, taps), DOUBLE) for n in (1, groups))
    assert (one.engine, one.inputs, one.step) == (many.engine, many.inputs, many.step)
    assert many.cost == pytest.approx(groups * one.cost)


@pytest.mark.parametrize(
    ("shape", "stride", "samples", "definition"),
    [
        ((1, 512, 512, 16), 8, 1, True),  # one frame of a decoder
        ((1, 1, 1, 1_000_000), 1, 1, True),  # a signal much shorter than the kernel
        ((1, 1, 1, 33), 2, 3, True),
        ((1, 1, 1, 33), 2, 1000, False),
        ((1, 1, 1, 629), 2, 4000, False),
        ((1, 512, 256, 16), 8, 86, False),
    ],
)
def test_few_samples_are_added_by_definition(
    shape: tuple[int, int, int, int], stride: int, samples: int, definition: bool
) -> None:
    geometry = Geometry.of(shape[3], stride)
    chosen: Plan = plan(geometry, shape, SINGLE)
    steps = -(-(samples + shape[3] // stride) // chosen.step)
    assert cheaper_by_definition(chosen, geometry, shape, samples, steps, ready=False) == definition


RATIOS = [(160, 147), (3, 2), (6, 4), (441, 80), (2, 3), (1, 44_100), (44_101, 44_100), (9973, 9967)]


@pytest.mark.parametrize("taps", [1, 40, 100_000])
@pytest.mark.parametrize(("stride", "down"), RATIOS)
@pytest.mark.parametrize("engine", [None, "polyphase", "spectral"])
def test_blocks_of_ratios_are_whole_periods_and_small(
    stride: int, down: int, taps: int, engine: EngineName | None
) -> None:
    geometry = Geometry.of(taps, stride, down=down)
    chosen = plan(geometry, (1, 1, 1, taps), SINGLE, engine)
    inputs, outputs = geometry.period
    assert chosen.inputs * outputs == chosen.outputs * inputs
    assert chosen.inputs % chosen.step == chosen.step % inputs == 0
    lag = taps // stride + 1
    assert max(chosen.inputs, chosen.outputs) <= max(2**20, 64 * max(inputs, outputs, lag))
    if engine != "spectral":
        assert chosen.matrix <= max(2**22, 4 * (taps + stride))


@pytest.mark.parametrize(
    ("stride", "down"),
    [*RATIOS[:5], (1, 4409), (4410, 4409), (9973, 9967), (1, 100), (2, 997), (33, 17), (5, 64)],
)
def test_whatever_there_is_to_choose_from_can_be_prepared(stride: int, down: int) -> None:
    geometry, weight = Geometry.of(50, stride, down=down), np.ones((1, 1, 1, 50), "float32")
    plans = [each for each in candidates(geometry, weight.shape, weight.dtype) if each.matrix < 2**22]
    assert {"toeplitz", "polyphase"} <= {each.engine for each in plans}
    frames, bias = np.ones((1, 1, 1, geometry.lag + 2 * down), "float32"), np.zeros((1, 1, 1, 1), "float32")
    for each in plans:
        engine = each.prepare(weight, geometry, Scratch())
        if 2 * down % each.step == 0 and each.engine != "spectral":
            out = np.full((1, 1, 1, 2 * stride), np.nan, "float32")
            engine(frames, bias, out)
            assert np.isfinite(out).all()


@pytest.mark.parametrize("latency", [1, 146, 147, 441, 1000])
@pytest.mark.parametrize("engine", [None, "toeplitz", "polyphase", "spectral"])
def test_the_latency_of_a_ratio_is_whole_periods(latency: int, engine: EngineName | None) -> None:
    chosen = plan(Geometry.of(2000, 160, down=147), (1, 1, 1, 2000), SINGLE, engine, latency)
    assert max(latency // 147, 1) * 147 % chosen.inputs == 0


def test_products_are_counted_only_where_that_can_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convt.engines.planning.folds", None)
    x, weight = np.ones((64, 20)), np.ones((64, 64, 16))
    engines: list[EngineName | None] = [None, "polyphase", "spectral"]
    for engine in engines:
        made = convt.conv_transpose1d(x, weight, stride=8, down=3, engine=engine)
        plain = convt.conv_transpose1d(x, weight, stride=8)[:, ::3]
        np.testing.assert_allclose(made, plain, rtol=0, atol=1e-10)


def test_how_much_a_kernel_folds_decides_between_engines() -> None:
    low_pass = convt.design_kernel(160, down=147)
    noise = np.random.default_rng(1).standard_normal(low_pass.size)
    for dtype in ("float32", "float64"):
        plans = [
            convt.Upsampler(kernel.astype(dtype), stride=160, down=147).plan for kernel in (low_pass, noise)
        ]
        assert [chosen.engine for chosen in plans] == ["spectral", "toeplitz"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("taps", "stride"), [(375, 2), (1081, 2), (2162, 4), (8000, 8), (40_000, 2)])
def test_of_a_long_kernel_no_block_however_short_has_every_lag_copied(
    taps: int, stride: int, dtype: str
) -> None:
    """A copy is a call, which takes longer than all the products of a lag in a short block."""
    geometry = Geometry.of(taps, stride, 0, 0, 1, 1)
    engines = {plan(geometry, (1, 1, 1, taps), np.dtype(dtype), None, n).engine for n in range(1, 65)}
    assert engines <= {"toeplitz", "spectral"}


@pytest.mark.parametrize(
    ("taps", "arguments"),
    [
        (2, {"dilation": 2**30}),
        (40, {"stride": 3, "dilation": 2**26, "down": 2}),
        (40, {"down": 2**30}),
    ],
)
@pytest.mark.parametrize("engine", [None, "toeplitz", "polyphase", "spectral"])
def test_what_no_engine_could_hold_is_added_by_definition(
    taps: int, arguments: dict[str, int], engine: EngineName | None
) -> None:
    geometry = Geometry.of(taps, **arguments)
    assert plan(geometry, (1, 1, 1, taps), SINGLE, engine).engine == "definition"
    wide, held = Geometry.of(500, 2**20, dilation=2**30 + 1, down=10**6), engine in (None, "polyphase")
    assert plan(wide, (1, 1, 1, 500), SINGLE, engine).engine == ("polyphase" if held else "definition")
    assert plan(Geometry.of(2**26), (1, 1, 1, 2**26), SINGLE, engine).engine != "definition"


def test_products_are_counted_with_a_short_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    """In double precision, and of as few points as tell: all would take longer than a short signal."""
    kernel, rfft, transformed = convt.design_kernel(160, down=147), np.fft.rfft, list[object]()

    def counting(array: Array) -> Array:
        transformed.append((array.shape[-1], array.dtype))
        return rfft(array)

    monkeypatch.setattr(np.fft, "rfft", counting)
    assert convt.Upsampler(kernel, stride=160, down=147).plan.engine == "spectral"
    assert transformed == [(1 << 14, DOUBLE)]


@pytest.mark.parametrize(("band", "products"), [(0.05, 1), (0.3, 5), (0.55, 9), (1.0, 15)])
@pytest.mark.parametrize("taps", [3000, 60_001])
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_products_are_those_of_the_band_that_a_kernel_passes(
    band: float, products: int, taps: int, dtype: str
) -> None:
    time = np.arange(taps) - (taps - 1) / 2
    kernel = band * np.sinc(band * time) * np.kaiser(taps, 30) if band < 1 else np.eye(1, taps, 7)[0]
    geometry = Geometry.of(taps, 16, "center", down=15)
    assert folds(kernel.astype(dtype)[np.newaxis, np.newaxis, np.newaxis], geometry) == products
