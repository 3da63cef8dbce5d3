"""Warnings about a kernel of the user's own: its level, its images, its phases and its delay."""

import numpy as np

import convt
from convt_cli.kernels.selection import SAME, Ratio, SelectedKernel
from convt_cli.options.upsample_options import UpsampleOptions

_LEVEL, _IMAGES = 0.5, -40.0  # dB: a change of level, and images, that can be heard
_TONES = 0.8  # of the input's band: tones up to there, whose images count
_UNEVEN = 0.05  # of the mean of the phases' gains
_WHOLE = 1e-3  # by which a sum of taps may miss a whole number, relative to it
_LATE = 1.0  # output samples


def kernel_advice(
    options: UpsampleOptions,
    kernel: SelectedKernel,
    ratio: Ratio,
    stream: convt.Upsampler | convt.Resampler,
) -> tuple[str, ...]:
    """Return what speaks against a kernel that serves every channel; layers of decoders are not judged.

    Parameters
    ----------
    options : UpsampleOptions
        The options.
    kernel : SelectedKernel
        The kernel.
    ratio : Ratio
        Output rate over input rate.
    stream : Upsampler or Resampler
        What runs with it.
    """
    if options.weights is None or not isinstance(stream, convt.Upsampler):
        return ()
    if ratio == SAME or kernel.weight.ndim != 1 or kernel.weight.dtype.kind != "f":
        return ()
    span = options.dilation * (kernel.taps - 1)
    centred = stream.delay + (stream.crop - span // 2) / ratio.down
    lines = _gains(kernel, ratio) if options.dilation == 1 else []
    if options.padding != "causal":
        lines += _delay(stream.delay, centred)
    return tuple(f"{kernel.name}: {line}" for line in lines)


def _gains(kernel: SelectedKernel, ratio: Ratio) -> list[str]:
    stride, taps = ratio.stride, kernel.weight
    if taps.size < stride:
        empty = stride - taps.size
        return [f"{taps.size} taps leave {empty} of {stride} phases empty: use at least {stride} taps"]
    response = convt.Response(taps, stride)
    gains = response.phase_gains
    level = float(gains.mean())
    lines = []
    if not level:
        return ["its taps sum to 0: the output has no low frequencies"]
    decibels = 20 * np.log10(abs(level))
    other = round(float(taps.sum()))
    if abs(decibels) > _LEVEL and other > 1 and abs(float(taps.sum()) / other - 1) < _WHOLE:
        return [f"its taps sum to {other}, as those for --stride {other} do, and not to {stride}"]
    if abs(decibels) > _LEVEL:
        factor = f"multiply the taps by {1 / level:.6g}, or add --normalize"
        lines.append(f"changes the level by {decibels:+.2f} dB: {factor}")
    mismatch = float(np.abs(gains / level - 1).max())
    if mismatch > _UNEVEN:
        hint = "convt design --from W --balance makes them even"
        lines.append(f"its phases differ in gain by up to {100 * mismatch:.0f} %, which adds tones: {hint}")
    image = response.worst_image(_TONES)
    if stride > 1 and image.level > _IMAGES:
        lines.append(f"leaves images of {float(image.level):.0f} dB (a designed filter: -195 dB)")
    return lines


def _delay(late: float, centred: float) -> list[str]:
    """Return a line about a delay in output samples, given the one that there is with --padding center."""
    if not abs(late) > _LATE:
        return []
    hint = "; --padding center aligns it" if abs(centred) <= _LATE else ""
    return [f"the output is {abs(late):.6g} samples {'late' if late > 0 else 'early'}{hint}"]
