"""What became of a file: the facts that are told to people, or as JSON."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import convt
from convt_cli.audio.formats import Format, named_container
from convt_cli.audio.levels import Levels
from convt_cli.audio.quantise import Dither
from convt_cli.kernels import Choice
from convt_cli.names import STREAM, input_name, output_name
from convt_cli.request import Request


@dataclass(slots=True)
class Outcome:
    """One input and its output; `frames` and `formats` are those of both, None where there are none."""

    request: Request
    kernel: Choice
    upsampler: convt.Upsampler
    dtype: np.dtype[Any]
    frames: tuple[int | None, int | None]
    formats: tuple[Format | None, Format | None]
    channels: tuple[int, int]
    gain: float = 1.0
    dither: Dither = "none"
    levels: Levels | None = None
    is_rf64: bool = False
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bytes_out: int | None = None
    memory: int = 0
    seconds: float = 0.0

    def lines(self) -> tuple[str, str]:
        """Return what became of what, and by which kernel."""
        return self._files(), self._kernel()

    def _files(self) -> str:
        request, (before, after) = self.request, self.formats
        parts = ["{} -> {} samples".format(*("unknown" if n is None else n for n in self.frames))]
        if before and after:
            parts.insert(0, f"{before.rate} -> {after.rate} Hz")
            parts.append(f"{after.container} {after.subtype}")
        if self.dither != "none":
            parts.append("dithered")
        return f"{input_name(request.source)} -> {output_name(request.target)}: {', '.join(parts)}"

    def _kernel(self) -> str:
        computed = np.promote_types(self.dtype, np.float32)  # float16 is computed in float32
        kernel, delay = self.kernel, self.upsampler.delay
        return (
            f"{kernel.name}: {kernel.taps} taps, stride {self.request.stride}, padding {kernel.padding},"
            f" delay {delay:.6g} output samples, computed in {computed}"
        )

    def plan(self) -> str:
        """Return by which engine, and on how many threads."""
        up = self.upsampler
        return f"{up.plan}, " + ("1 thread" if up.threads == 1 else f"up to {up.threads} threads")

    def size(self) -> str:
        """Return how much the output takes, and the memory it takes to make it."""
        size = "of unknown size" if self.bytes_out is None else f"{self.bytes_out} bytes"
        return f"{output_name(self.request.target)}: {size}; some {self.memory / 1e6:.0f} MB of memory"

    def document(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        request, kernel, levels = self.request, self.kernel, self.levels
        rate = self.formats[0].rate if self.formats[0] else None
        duration = self.frames[0] / rate if rate and self.frames[0] is not None else None
        return {
            "input": {"path": input_name(request.source), **self._side(0)},
            "output": {"path": output_name(request.target), "bytes": self.bytes_out, **self._side(1)},
            "geometry": {
                "stride": request.stride,
                "padding": kernel.padding,
                "output_padding": request.output_padding,
                "dilation": request.dilation,
                "groups": kernel.groups,
            },
            "kernel": {
                "source": kernel.name,
                "shape": list(kernel.weight.shape),
                "sha256": digest(kernel.weight),
                "delay": _number(self.upsampler.delay),
            },
            "computed": {
                "dtype": str(np.promote_types(self.dtype, np.float32)),
                "plan": str(self.upsampler.plan),
                "engine": self.upsampler.plan.engine,
                "threads": self.upsampler.threads,
                "memory": self.memory,
            },
            "level": {
                "gain_db": _number(_decibels(self.gain)),
                "dither": "none" if self.dither == "none" else "tpdf",
                "overs": levels and levels.overs,
                "peak_dbfs": levels and _number(_decibels(levels.peak)),
                "peak_at": levels and self.seconds_at(levels.peak_at),
            },
            "warnings": list(self.warnings()),
            "seconds": self.seconds,
            "realtime_factor": duration / self.seconds if duration and self.seconds else None,
        }

    def _side(self, which: int) -> dict[str, Any]:
        chosen = self.formats[which]
        facts: dict[str, Any] = {"frames": self.frames[which], "channels": self.channels[which]}
        if chosen:
            facts |= {"rate": chosen.rate, "container": chosen.container, "subtype": chosen.subtype}
        return facts

    def seconds_at(self, frame: int) -> float | None:
        """Return the time of an output frame, where there is a rate."""
        return frame / self.formats[1].rate if self.formats[1] else None

    def warnings(self) -> Iterator[str]:
        """Yield what a user might not expect of the output."""
        source, target = input_name(self.request.source), output_name(self.request.target)
        yield from self.notes
        if self.frames[0] == 0:
            yield f"{source} has no samples, and so has {target}"
        if self.lost:
            yield f"{target}: does not keep of {source}: {', '.join(dict.fromkeys(self.lost))}"
        before, after = self.formats
        if not before or not after:
            return
        if not self.request.subtype and after.subtype != before.subtype:
            old, new = before.subtype, after.subtype
            yield f"{target}: {after.container} cannot hold {old} samples; they are {new}"
        if self.is_rf64 and before.container != "RF64":
            yield f"{target}: is RF64, since a WAV file cannot hold more than 4 GB"
        if self.request.target != STREAM:
            yield from self._misnamed(after)
        yield from self._levels(after)

    def _misnamed(self, after: Format) -> Iterator[str]:
        target = self.request.target
        named = named_container(target)
        if (not named and target.suffix != self.request.source.suffix) or (
            self.request.container
            and named not in (None, after.container)
            and after.container not in ("WAVEX", "RF64")
        ):
            yield f"{target}: is a {after.container} file, which its name does not say"

    def _levels(self, after: Format) -> Iterator[str]:
        target, levels = output_name(self.request.target), self.levels
        if not levels:
            return
        if levels.not_finite:
            yield f"{target}: {levels.not_finite} sample(s) are not finite numbers, and were kept"
        if levels.overs:
            fate = "kept" if after.is_real and self.request.overs != "clip" else "clipped"
            yield (
                f"{target}: {levels.overs} sample(s) beyond full scale were {fate};"
                f" peak {_decibels(levels.peak):+.2f} dBFS at {self.seconds_at(levels.peak_at):.6f} s"
            )
        if self.request.overs == "guard" and self.gain < 10 ** (self.request.gain / 20):
            yield f"{target}: is {_decibels(self.gain):+.2f} dB in level, so that nothing clips"


def digest(weight: np.ndarray[Any, Any]) -> str:
    """Return the SHA-256 of a kernel's taps as they are computed with, little-endian and in C order."""
    return hashlib.sha256(
        np.ascontiguousarray(weight, weight.dtype.newbyteorder("<")).tobytes()
    ).hexdigest()


def _decibels(ratio: float) -> float:
    return 20 * math.log10(ratio) if ratio else -math.inf


def _number(value: float) -> float | None:
    """Return what JSON can hold."""
    return value if math.isfinite(value) else None
