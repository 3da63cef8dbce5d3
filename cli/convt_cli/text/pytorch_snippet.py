"""The same operator in PyTorch, as text: for a colleague who wants to check a result."""

import convt
from convt_cli.run.run_plan import RunPlan


def pytorch_call(plan: RunPlan) -> str:
    """Return an expression of the signal `x`, and of `weight` and `bias` as the report gives their shapes.

    `x` is the array; of audio, samples (C, L) within +-1. The call is the operator alone: gain,
    dither and rounding come after it.
    """
    dtype = f".to(torch.{plan.compute_dtype})"
    weight, groups = "weight", plan.kernel.groups
    if plan.kernel.weight.ndim == 1:
        groups = plan.channels[0]
        weight = f"weight.expand({groups}, 1, -1)"
    bias = "None" if plan.kernel.bias is None else f"bias{dtype}"
    stride, dilation = plan.ratio.stride, plan.options.dilation
    x, frames, back = _axes(plan)
    padding, output_padding, kept = _geometry(plan, frames)
    return (
        f"torch.nn.functional.conv_transpose1d({x}{dtype}, {weight}{dtype}, {bias}, stride={stride},"
        f" padding={padding}, output_padding={output_padding}, groups={groups},"
        f" dilation={dilation}){kept}{back}"
    )


def _axes(plan: RunPlan) -> tuple[str, str, str]:
    """Return `x` with the axes that PyTorch wants, its length, and what undoes that to the result."""
    is_array = plan.formats[0] is None
    last = plan.options.channels_last and is_array
    turned = ".transpose(-1, -2)"
    if is_array and plan.dimensions == 1:
        one = plan.dimensions_out == 1
        return "x[None]", "x.shape[-1]", "[0]" if one else turned if last else ""
    return ("x" + turned, "x.shape[-2]", turned) if last else ("x", "x.shape[-1]", "")


def _geometry(plan: RunPlan, frames: str) -> tuple[int, int, str]:
    """Return padding, output padding, and as text what is kept: PyTorch has no named paddings."""
    assert isinstance(plan.upsampler, convt.Upsampler)  # noqa: S101  # or there is no such call
    options, padding = plan.options, plan.upsampler.padding
    stride, down = plan.ratio
    step = f":{down}" if down > 1 else ""
    if isinstance(padding, int) or padding == "full":
        return (
            padding if isinstance(padding, int) else 0,
            plan.upsampler.output_padding,
            step and f"[..., :{step}]",
        )
    span = options.dilation * (plan.kernel.taps - 1) + 1
    crop = plan.upsampler.crop
    return 0, max(0, crop + stride - span), f"[..., {crop}:{crop} + {stride}*{frames}{step}]"
