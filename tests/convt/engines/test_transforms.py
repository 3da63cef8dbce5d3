"""The transforms of the spectral engine, and what stands in where scipy is not as it is known."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import fft

import convt
from convt.engines import transforms


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    transforms.transforms.cache_clear()
    yield
    transforms.transforms.cache_clear()


def use(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVT_FFT", library)
    transforms.transforms.cache_clear()


def numbers(dtype: Any) -> Any:
    rng = np.random.default_rng(1)
    return (rng.standard_normal((3, 5, 60)) + 1j * rng.standard_normal((3, 5, 60))).astype(dtype)


def check(found: transforms.Transforms, dtype: Any, atol: float = 0) -> None:
    """Compare all of them with scipy's, to the bit or within a tolerance."""

    def compare(made: Any, expected: Any) -> None:
        np.testing.assert_allclose(made, expected, rtol=0, atol=atol)

    for x in (numbers(dtype), numbers(dtype)[:, ::2, :30]):
        made = x.copy() if x.base is None else numbers(dtype)[:, ::2, :30]
        found.forth(made)
        compare(made, fft.fft(np.ascontiguousarray(x)))
        expected = fft.ifft(made)
        found.back(made)
        compare(made, expected)
        np.testing.assert_allclose(made, x, atol=1e-5)
    real = numbers(dtype).real[:, :, ::2]
    spectra = np.empty((3, 5, 20), dtype)[..., 2:18]  # rows that are apart, as in the engine
    found.forth_real(real, spectra)
    compare(spectra, fft.rfft(np.ascontiguousarray(real)))
    kept, samples = spectra.copy(), np.empty((3, 5, 30), real.dtype)
    found.back_real(spectra, samples)
    compare(samples, fft.irfft(kept, 30))
    np.testing.assert_array_equal(spectra, kept)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_they_are_scipys_to_the_bit(dtype: Any) -> None:
    check(transforms.transforms(), dtype)


class Changed:
    """A module of another scipy."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def r2c(self, *_: Any) -> Any:
        return None

    def c2c(self, *_: Any) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    "module", [object(), Changed(np.zeros(2)), Changed(TypeError()), Changed(ValueError()), None]
)
def test_where_the_module_is_another_scipys_public_ones_serve(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if module is None:
        monkeypatch.setattr(transforms, "_MODULES", ())
    else:
        for folder, name in transforms._MODULES:
            monkeypatch.setitem(sys.modules, f"scipy.fft.{folder}.{name}", module)
    with pytest.raises(ImportError, match=r"compiled transforms have changed|has no such module"):
        transforms.load_without_importing_scipy_fft()
    check(transforms.transforms(), np.complex64)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize(("is_forth", "factor"), [(True, 0), (False, 2)])
def test_the_compiled_module_of_this_scipy_is_as_known(dtype: Any, is_forth: bool, factor: int) -> None:
    """If this fails, a new scipy made every start slower: adapt the function, and the versions it names."""
    c2c = transforms.load_without_importing_scipy_fft().c2c
    x = numbers(dtype)
    expected = (fft.fft if is_forth else fft.ifft)(x)
    assert c2c(x, (-1,), is_forth, factor, x, 1) is x  # in place
    np.testing.assert_array_equal(x, expected)


def test_they_bring_nothing_else_along_and_scipy_can_follow() -> None:
    code = (
        "import sys, numpy as np, convt\n"
        "from convt.engines.transforms import transforms\n"
        "stream = convt.Upsampler(np.hanning(999), stride=2, engine='spectral')\n"
        "y = stream(np.ones((1, 2000)))\n"
        "assert not {'scipy.fft', 'scipy.special', 'scipy'} & set(sys.modules)\n"
        "import scipy.fft, scipy.signal\n"
        "assert abs(scipy.fft.fft(np.ones(8))[0] - 8) < 1e-12\n"
        "assert (stream(np.ones((1, 2000))) == y).all()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- ducc0 ---


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_those_of_ducc0_are_scipys_to_rounding(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    use("ducc0", monkeypatch)
    found = transforms.transforms()
    assert found.name == "ducc0"
    check(found, dtype, atol=float(100 * np.finfo(dtype).eps))


@pytest.mark.parametrize("rates", [(1, 2), (160, 147), (44_100, 44_101)])
@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
@pytest.mark.parametrize("latency", [None, 480])
def test_with_ducc0_too_bytes_depend_on_neither_pieces_nor_company_nor_threads(
    rates: tuple[int, int], dtype: Any, latency: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("ducc0", monkeypatch)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((5, 30_000)).astype(dtype)

    def made(signals: Any, threads: int, cuts: list[int]) -> Any:
        stream = convt.Resampler(*rates, latency=latency, threads=threads)
        pieces = [stream.process(piece) for piece in np.split(signals, cuts, axis=1)]
        return np.concatenate([*pieces, stream.flush()], axis=1)

    whole = made(x, 1, [])
    np.testing.assert_array_equal(made(x, 2, [1, 700, 12_345, 12_346, 29_000]), whole)
    for row in (0, 3):
        np.testing.assert_array_equal(made(x[row : row + 1], 1, [15_000])[0], whole[row])
    np.testing.assert_array_equal(made(x[1:3], 2, [5000]), whole[1:3])
    if latency is None:
        np.testing.assert_array_equal(convt.resample(x, *rates), whole)
        use("scipy", monkeypatch)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(convt.resample(x, *rates), whole, rtol=0, atol=64 * eps)


def test_the_library_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = convt.Upsampler(np.hanning(999), stride=2, engine="spectral").plan
    assert (plan.fft, str(plan).partition(",")[0]) == ("scipy", "spectral engine")
    use("ducc0", monkeypatch)
    assert (plan.fft, str(plan).partition(",")[0]) == ("ducc0", "spectral engine with ducc0")
    use("", monkeypatch)
    assert transforms.transforms().name == "ducc0"
    monkeypatch.setitem(sys.modules, "ducc0", None)
    transforms.transforms.cache_clear()
    assert transforms.transforms().name == "scipy"
    use("ducc0", monkeypatch)
    with pytest.raises(convt.ParameterError, match=r"CONVT_FFT=ducc0: pip install 'convt\[fast\]'"):
        transforms.transforms()
    use("fftw", monkeypatch)
    with pytest.raises(convt.ParameterError, match="CONVT_FFT must be ducc0 or scipy, got 'fftw'"):
        transforms.transforms()
    assert convt.Upsampler([1.0, 1.0], stride=2).plan.fft is None
