"""A run as one JSON document."""

import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import convt
from convt_cli.files.checksums import array_sha256
from convt_cli.files.paths import input_name, output_name
from convt_cli.run.run_plan import RunPlan, RunResult
from convt_cli.samples.levels import decibels
from convt_cli.text.pytorch_snippet import pytorch_call
from convt_cli.text.report import json_number
from convt_cli.text.upsample_text import losses, time_line, warnings


def result_as_json(result: RunResult) -> dict[str, Any]:
    """Return everything that is known of a run."""
    plan, options = result.plan, result.plan.options
    rate = plan.formats[0] and plan.formats[0].rate
    duration = (result.frames[0] or 0) / rate if rate else 0
    return {
        "input": {**_path(plan.source), "sha256": result.sha256[0], **_side(result, 0)},
        "output": {
            **_path(plan.target),
            "sha256": result.sha256[1],
            "bytes": result.bytes_out,
            **_side(result, 1),
        },
        "weights": _weights(plan),
        "copied": plan.is_copy,
        "geometry": {
            "stride": plan.ratio.stride,
            "down": plan.ratio.down,
            "padding": plan.kernel.padding,
            "output_padding": options.output_padding,
            "dilation": options.dilation,
            "groups": plan.kernel.groups,
        },
        "alignment": time_line(plan),
        "pytorch": _pytorch(plan),
        "kernel": None if plan.is_copy else _kernel(plan),
        "computed": None if plan.is_copy else _computed(plan),
        "level": _level(result),
        "plot": options.plot and str(options.plot),
        "warnings": [*losses(result), *warnings(result)],
        "seconds": result.seconds,
        "realtime_factor": duration / result.seconds if duration and result.seconds else None,
    }


def failed_as_json(source: Path) -> dict[str, Any]:
    """Return the input of a run that has failed, to which the error is added."""
    return {"input": _path(input_name(source))}


def skipped_as_json(source: Path, target: Path) -> dict[str, Any]:
    """Return input and output of a run that is left out, since the output exists."""
    return {"input": _path(input_name(source)), "output": _path(output_name(target)), "skipped": True}


def _path(name: str) -> dict[str, str]:
    """Return a file's name, and also its bytes, in base64, if it is not UTF-8."""
    raw = os.fsencode(name)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return {"path": name, "path_base64": b64encode(raw).decode()}
    return {"path": name}


def _pytorch(plan: RunPlan) -> str | None:
    is_operator = isinstance(plan.upsampler, convt.Upsampler)  # and not more than it
    return pytorch_call(plan) if is_operator and not plan.is_copy else None


def _weights(plan: RunPlan) -> dict[str, Any] | None:
    path = plan.options.weights
    if path is None:
        return None
    names, layout = list(plan.kernel.tensors), plan.options.layout
    return {"path": str(path), "sha256": plan.kernel.sha256, "tensors": names, "layout": layout}


def _kernel(plan: RunPlan) -> dict[str, Any]:
    kernel = plan.kernel
    return {
        "source": kernel.name,
        "shape": list(kernel.weight.shape),
        "sha256": array_sha256(kernel.weight),
        "bias": None
        if kernel.bias is None
        else {"shape": list(kernel.bias.shape), "sha256": array_sha256(kernel.bias)},
        "delay": json_number(plan.upsampler.delay),
        "measured": kernel.measured and kernel.measured._asdict(),
    }


def _computed(plan: RunPlan) -> dict[str, Any]:
    return {
        "dtype": str(plan.compute_dtype),
        "engine": plan.upsampler.plan.engine,
        "fft": plan.upsampler.plan.fft,
        "plan": str(plan.upsampler.plan),
        "threads": plan.upsampler.threads,
        "memory": plan.memory,
    }


def _side(result: RunResult, which: int) -> dict[str, Any]:
    """Return the facts about the input (0) or the output (1)."""
    facts: dict[str, Any] = {"frames": result.frames[which], "channels": result.plan.channels[which]}
    if chosen := result.plan.formats[which]:
        facts |= {"rate": chosen.rate, "container": chosen.container, "subtype": chosen.subtype}
        facts["bitrate"] = (result.plan.bitrates[0], result.bitrate)[which]
    return facts


def _level(result: RunResult) -> dict[str, Any]:
    levels = result.levels
    return {
        "gain_db": json_number(decibels(result.gain)),
        "dither": "none" if result.plan.dither == "none" else "tpdf",
        "overs": levels and levels.overs,
        "peak_dbfs": levels and json_number(decibels(levels.peak)),
        "peak_at": levels and result.peak_at,
    }
