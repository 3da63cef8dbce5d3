"""The positions of samples in a transposed convolution, as integers.

Tap ``k`` adds sample ``i`` of the input to position ``i*stride + k*dilation`` of the *full* convolution.
Any padding, a number or a name, keeps one stretch of it: the first ``crop`` samples are dropped, and the
next ``stride*L + surplus`` are kept::

    full    |<--- crop --->|<------------ stride*L + surplus ------------>|  dropped
            0            crop

Beyond the end of the full convolution the output holds zeros (and the bias). The first sample of the
stretch and every `down`-th after it are kept: for a ratio of rates L/M the stride is L, and `down` is M.
Engines compute these samples, counted from the first of them in the full convolution, and their work
repeats after a *period*::

    full    .|...|...|...|...|...|     down = 4, crop = 9: offset 1, skipped 2
    made     0   1   2   3   4   5
    output           0   1   2   3
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, get_args

from convt.arguments import Integer, as_integer
from convt.errors import ParameterError

NamedPadding = Literal["full", "center", "same", "causal"]
DecoderPadding = Literal["hifigan", "encodec", "encodec-causal", "dac"]
Padding = Integer | NamedPadding | DecoderPadding

_NAMED = (*get_args(NamedPadding), *get_args(DecoderPadding))
_SYNONYMS = {"encodec": "same", "encodec-causal": "causal"}
_FARTHEST = 1 << 53  # positions up to here are exact in floating point, too


@dataclass(frozen=True)
class Geometry:
    """Kernel size, stride, padding, output padding, dilation and down, checked by :meth:`of` and frozen.

    Derived numbers and checks are computed once, which keeps short calls fast.

    Attributes
    ----------
    kernel_size : int
        Taps of the kernel, K.
    stride : int
        Output samples per input sample.
    padding : int or {"full", "center", "same", "causal"}
        Samples to drop at both ends of the full convolution, or a name (see :attr:`crop`).
    output_padding : int
        Additional samples to keep at the end.
    dilation : int
        Output samples from one tap to the next.
    down : int
        Every `down`-th output sample is kept.
    """

    kernel_size: int
    stride: int
    padding: int | NamedPadding
    output_padding: int
    dilation: int
    down: int = 1

    @classmethod
    def of(
        cls,
        kernel_size: Integer,
        stride: Integer = 1,
        padding: Padding = 0,
        output_padding: Integer = 0,
        dilation: Integer = 1,
        down: Integer = 1,
    ) -> "Geometry":
        """Check the arguments of a caller.

        Raises
        ------
        ParameterTypeError, ParameterError
            An argument is not an int or a sequence of one (or, for `padding`, a name) or is out of range,
            or `output_padding` is not below max(stride, dilation).
        """
        taps, step = as_integer("kernel_size", kernel_size, 1), as_integer("stride", stride, 1)
        extra, gap = as_integer("output_padding", output_padding, 0), as_integer("dilation", dilation, 1)
        crop = _as_padding(padding)
        if crop == "hifigan":
            crop = _hifigan(gap * (taps - 1) + 1, step)
        elif crop == "dac":
            crop, extra = -(-step // 2), extra or (step % 2 if step > 1 else 0)
        crop = _SYNONYMS.get(crop, crop)
        return _checked(taps, step, crop, extra, gap, as_integer("down", down, 1))

    def check(self) -> None:
        """Raise a ParameterError if the numbers do not fit together."""
        limit = max(self.stride, self.dilation)
        if self.output_padding >= limit:
            raise ParameterError(
                f"output_padding must be below max(stride, dilation) = {limit}, got {self.output_padding}"
            )
        if self.output_padding and self._fixes_length:
            raise ParameterError(
                f"output_padding must be 0 with padding={self.padding!r}, which makes the output exactly"
                f" stride*L samples long; got {self.output_padding}"
            )
        if self.span + self.stride * self.down + self.crop > _FARTHEST:
            raise ParameterError(f"sample positions must be at most {_FARTHEST}, got {self}")

    @cached_property
    def _fixes_length(self) -> bool:
        return self.padding in ("center", "same", "causal")

    @cached_property
    def span(self) -> int:
        """Output samples from the first tap to the last, D = dilation*(kernel_size - 1) + 1."""
        return self.dilation * (self.kernel_size - 1) + 1

    @cached_property
    def lag(self) -> int:
        """Input samples before the current one that an output sample can depend on."""
        return -(-self.span // self.stride) - 1

    @cached_property
    def crop(self) -> int:
        """Samples of the full convolution dropped before the first output sample.

        A number drops that many at both ends. ``full`` drops none. The other names make the output exactly
        stride*L samples long. On the left, ``center`` drops floor((D - 1)/2) (a symmetric kernel is then
        time-aligned), ``same`` drops ceil((D - stride)/2) (as neural decoders do; none if that is
        negative), and ``causal`` drops none; D is the :attr:`span`.
        """
        if isinstance(self.padding, int):
            return self.padding
        if self.padding == "center":
            return (self.span - 1) // 2
        if self.padding == "same":
            return max(0, -((self.stride - self.span) // 2))
        return 0

    @cached_property
    def skipped(self) -> int:
        """Number of every `down`-th samples of the full convolution before the first output sample."""
        return self.crop // self.down

    @cached_property
    def offset(self) -> int:
        """Position of the first of these samples in the full convolution, 0 to down - 1."""
        return self.crop % self.down

    @cached_property
    def period(self) -> tuple[int, int]:
        """Numbers of input samples and of outputs after which the phases of the taps repeat."""
        common = math.gcd(self.stride, self.down)
        return self.down // common, self.stride // common

    @cached_property
    def surplus(self) -> int:
        """Samples by which the stretch is longer than stride*L; negative if it is shorter."""
        if self._fixes_length:
            return 0
        return self.span + self.output_padding - 2 * self.crop - self.stride

    def output_length(self, length: int) -> int:
        """Return the output's length for an input of `length` samples.

        Raises
        ------
        ParameterTypeError, ParameterError
            `length` is not an int of at least 1, or the output would have no samples.
        """
        length = as_integer("length", length, 1)
        outputs = self.outputs(length)
        if outputs > _FARTHEST:
            raise ParameterError(f"the output must have at most {_FARTHEST} samples, got {outputs}")
        if outputs < 1:
            raise ParameterError(
                f"the output must have at least 1 sample, got {outputs} for length={length}, {self}:"
                " use less padding or a longer input"
            )
        return outputs

    def outputs(self, length: int) -> int:
        """Return the output's length, ceil((stride*length + surplus)/down), which may be below 1."""
        return -(-(self.stride * length + self.surplus) // self.down)

    def __str__(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding},"
            f" output_padding={self.output_padding}, dilation={self.dilation}, down={self.down}"
        )


@lru_cache(maxsize=256)
def _checked(*numbers: Any) -> Geometry:
    geometry = Geometry(*numbers)
    geometry.check()
    return geometry


def _hifigan(span: int, stride: int) -> int:
    """Return the padding that HiFi-GAN computes from a kernel size and a stride.

    Raises
    ------
    ParameterError
        The kernel is shorter than the stride.
    """
    if span < stride:
        raise ParameterError(
            f"padding='hifigan' needs a kernel at least as long as the stride, got {span} for {stride=}"
        )
    return (span - stride) // 2


def _as_padding(padding: Padding) -> Any:
    if not isinstance(padding, str):
        return as_integer("padding", padding, 0)
    if padding not in _NAMED:
        raise ParameterError(f"padding must be an int or one of {', '.join(_NAMED)}, got {padding!r}")
    return padding


def output_length(
    length: int,
    kernel_size: int,
    stride: Integer = 1,
    padding: Padding = 0,
    output_padding: Integer = 0,
    dilation: Integer = 1,
    *,
    down: Integer = 1,
) -> int:
    """Return the length of the output of a transposed convolution for `length` input samples.

    ``L_out = (L - 1)*stride - 2*padding + dilation*(K - 1) + output_padding + 1``, or exactly ``stride*L``
    if `padding` is ``"center"``, ``"same"`` or ``"causal"``. With `down` it is ``ceil(L_out/down)``.

    Parameters
    ----------
    length : int
        Input samples, L, at least 1.
    kernel_size : int
        Taps of the kernel, K.
    stride, output_padding, dilation, down : int or sequence of one int
        Same as in :func:`conv_transpose1d`.
    padding : int, sequence of one int, or str
        Same as in :func:`conv_transpose1d`.

    Returns
    -------
    int
        Output samples, at least 1.

    Raises
    ------
    ParameterTypeError, ParameterError
        An argument is not an integer or is out of range, or the output would have no samples.

    Examples
    --------
    >>> output_length(3, kernel_size=4, stride=2, padding=1, output_padding=1)
    7
    """
    return Geometry.of(kernel_size, stride, padding, output_padding, dilation, down).output_length(length)
