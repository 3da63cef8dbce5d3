"""Report on the layers of a decoder: a table and a verdict, or JSON."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from convt_cli.kernels.layers import Layer, total

_SILENT = -250.0  # dB; lower levels are rounding errors
_AUDIBLE = -60.0  # dB; lines below are lost in the output of the layer
_MEASURE = "Later layers change them: measure the audio with convt lines."
_LIKE = 1.0  # dB: layers whose lines differ by less contribute alike
_SHOWN = 4  # frequencies that are listed one by one
_HEADS = (
    "layer",
    "channels",
    "taps per phase",
    "line frequencies",
    "lines",
    "power ripple",
    "images",
    "delay",
    "frames around",
    "pad to align",
)


def layer_lines(source: str, layers: Sequence[Layer], rate: int | None) -> Iterator[str]:
    """Yield a table with a row for each layer, and a sentence on their tonal lines.

    `rate` is the output rate of the last layer.
    """
    rows = [_HEADS, *(_row(layer, rate) for layer in layers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    product = math.prod(layer.stride for layer in layers)
    strides = "*".join(str(layer.stride) for layer in layers)
    whole = f"{strides} = {product}" if len(layers) > 1 else strides
    input_rate = f", {_hertz(rate / product)} to {_hertz(rate)}" if rate else ""
    yield f"{source}: {whole} output samples per input sample{input_rate}"
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells).rstrip()}"
    yield f"  {verdict(layers)}"
    if not rate:
        yield "  (frequencies as a fraction of the output rate; add --rate for Hz)"


def _row(layer: Layer, rate: int | None) -> tuple[str, ...]:
    channels_in, channels_out = layer.channels
    left, right = layer.context
    return (
        layer.name,
        f"{channels_in} -> {channels_out}" + (f" in {layer.groups} groups" if layer.groups > 1 else ""),
        f"{layer.taps / layer.stride:.3g} ({layer.taps}/{layer.stride})",
        _places(layer, rate),
        decibels_or_none(layer.lines_level),
        decibels_or_none(total(layer.response.power_ripple)),
        decibels_or_none(total(layer.response.images)),
        f"{layer.response.delay:.3g}",
        f"{left} + {right}",
        str(layer.padding),
    )


def decibels_or_none(level: float) -> str:
    """Format a level."""
    return f"{level:.1f} dB" if level > _SILENT else "none"


def _places(layer: Layer, rate: int | None) -> str:
    places = [f"{float(one) * (rate or 1):.5g}" for one in layer.frequencies]
    unit = " Hz" if rate and places else ""
    if len(places) > _SHOWN:
        return f"multiples of {places[0]}{unit} up to {places[-1]}{unit}"
    return (", ".join(places) or "-") + unit


def _hertz(frequency: float) -> str:
    return f"{frequency:.5g} Hz"


def verdict(layers: Sequence[Layer]) -> str:
    """Return a sentence that names the layer with the loudest lines, or says that no layer has any."""
    loudest = max(layers, key=lambda layer: layer.lines_level)
    level = loudest.lines_level
    if level < _AUDIBLE:
        return f"No layer has tonal lines above {_AUDIBLE:.0f} dB relative to its own output."
    if len(layers) == 1:
        return f"{loudest.name} has tonal lines, {level:+.1f} dB relative to its own output."
    like = [layer.name for layer in layers if layer.lines_level > level - _LIKE]
    if len(like) > 1:
        names = f"{', '.join(like[:-1])} and {like[-1]}"
        return (
            f"{names} have the strongest lines relative to their own outputs, about {level:+.1f} dB."
            f" {_MEASURE}"
        )
    next_ = max((layer for layer in layers if layer is not loudest), key=lambda layer: layer.lines_level)
    return (
        f"{loudest.name} has the strongest lines relative to its own output, {level:+.1f} dB; next is"
        f" {next_.name}, {decibels_or_none(next_.lines_level)}. {_MEASURE}"
    )


def layers_as_json(source: str, layers: Sequence[Layer], rate: int | None) -> dict[str, Any]:
    """Return the figures of each layer for JSON; frequencies in Hz if the output rate is known."""
    return {
        "source": source,
        "strides": [layer.stride for layer in layers],
        "frequency_unit": "Hz" if rate else "output rate of the last layer",
        "layers": [_as_json(layer, rate or 1) for layer in layers],
        "verdict": verdict(layers),
    }


def _as_json(layer: Layer, unit: int) -> dict[str, Any]:
    response, (left, right) = layer.response, layer.context
    places = [float(frequency) * unit for frequency in layer.frequencies]
    return {
        "name": layer.name,
        "shape": list(layer.weights.weight.shape),
        "dtype": str(layer.weights.weight.dtype),
        "tensors": list(layer.weights.tensors),
        "stride": layer.stride,
        "groups": layer.groups,
        "taps_per_phase": layer.taps / layer.stride,
        "input_rate": float(layer.rate) * unit,
        "lines": [
            {"frequency": place, "level_db": json_level(line), "power_ripple_db": json_level(ripple)}
            for place, line, ripple in zip(places, response.lines, response.power_ripple, strict=True)
        ],
        "lines_db": json_level(layer.lines_level),
        "images_db": [json_level(level) for level in response.images],
        "gain_db": json_level(response.gain),
        "phase_powers": response.phase_powers.mean(0).tolist(),
        "delay": response.delay if math.isfinite(response.delay) else None,
        "context": [left, right],
        "padding": layer.padding,
    }


def json_level(level: float) -> float | None:
    """Return a level for JSON; None for that of nothing."""
    return float(level) if level > -2000 else None  # dB: of nothing
