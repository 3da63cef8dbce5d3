"""A run as one JSON document."""

from typing import Any

from convt_cli.files.checksums import array_sha256, file_sha256
from convt_cli.run.run_state import Outcome, decibels
from convt_cli.text.pytorch_snippet import pytorch_call
from convt_cli.text.report import json_number
from convt_cli.text.upsample_text import time_line, warnings


def document(outcome: Outcome) -> dict[str, Any]:
    """Return everything that is known of a run."""
    request, rate = outcome.request, outcome.formats[0] and outcome.formats[0].rate
    duration = (outcome.frames[0] or 0) / rate if rate else 0
    before, after = (
        None if request.dry_run else file_sha256(path) for path in (request.source, request.target)
    )
    return {
        "input": {"path": outcome.source, "sha256": before, **_side(outcome, 0)},
        "output": {
            "path": outcome.target,
            "sha256": after,
            "bytes": outcome.bytes_out,
            **_side(outcome, 1),
        },
        "weights": _weights(outcome),
        "copied": outcome.is_copy,
        "geometry": {
            "stride": request.ratio.stride,
            "down": request.ratio.down,
            "padding": outcome.kernel.padding,
            "output_padding": request.output_padding,
            "dilation": request.dilation,
            "groups": outcome.kernel.groups,
        },
        "alignment": time_line(outcome),
        "pytorch": None if outcome.is_copy else pytorch_call(outcome),
        "kernel": None if outcome.is_copy else _kernel(outcome),
        "computed": None if outcome.is_copy else _computed(outcome),
        "level": _level(outcome),
        "plot": request.plot and str(request.plot),
        "warnings": list(warnings(outcome)),
        "seconds": outcome.seconds,
        "realtime_factor": duration / outcome.seconds if duration and outcome.seconds else None,
    }


def _weights(outcome: Outcome) -> dict[str, Any] | None:
    request = outcome.request
    if request.weights is None:
        return None
    names, layout = list(outcome.kernel.tensors), request.layout
    path = request.weights
    return {"path": str(path), "sha256": file_sha256(path), "tensors": names, "layout": layout}


def _kernel(outcome: Outcome) -> dict[str, Any]:
    kernel = outcome.kernel
    return {
        "source": kernel.name,
        "shape": list(kernel.weight.shape),
        "sha256": array_sha256(kernel.weight),
        "bias": None
        if kernel.bias is None
        else {"shape": list(kernel.bias.shape), "sha256": array_sha256(kernel.bias)},
        "delay": json_number(outcome.upsampler.delay),
        "measured": kernel.measured and kernel.measured._asdict(),
    }


def _computed(outcome: Outcome) -> dict[str, Any]:
    return {
        "dtype": str(outcome.computed),
        "engine": outcome.upsampler.plan.engine,
        "plan": str(outcome.upsampler.plan),
        "threads": outcome.upsampler.threads,
        "memory": outcome.memory,
    }


def _side(outcome: Outcome, which: int) -> dict[str, Any]:
    """Return what there is to say of the input (0) or the output (1)."""
    facts: dict[str, Any] = {"frames": outcome.frames[which], "channels": outcome.channels[which]}
    if chosen := outcome.formats[which]:
        facts |= {"rate": chosen.rate, "container": chosen.container, "subtype": chosen.subtype}
    return facts


def _level(outcome: Outcome) -> dict[str, Any]:
    levels = outcome.levels
    return {
        "gain_db": json_number(decibels(outcome.gain)),
        "dither": "none" if outcome.dither == "none" else "tpdf",
        "overs": levels and levels.overs,
        "peak_dbfs": levels and json_number(decibels(levels.peak)),
        "peak_at": levels and outcome.peak_at,
    }
