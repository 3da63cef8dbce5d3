"""The same operator in PyTorch, as text: for a colleague who wants to check a result."""

from convt_cli.run.run_state import Outcome


def pytorch_call(outcome: Outcome) -> str:
    """Return an expression of the signal `x`, and of `weight` and `bias` as the report gives their shapes.

    `x` is the array as it is; of sound (C, L), in numbers within 1. The call is the operator alone: gain,
    dither and rounding come after it.
    """
    dtype = f".to(torch.{outcome.computed})"
    weight, groups = "weight", outcome.kernel.groups
    if outcome.kernel.weight.ndim == 1:
        groups = outcome.channels[0]
        weight = f"weight.expand({groups}, 1, -1)"
    bias = "None" if outcome.kernel.bias is None else f"bias{dtype}"
    stride, dilation = outcome.request.ratio.stride, outcome.request.dilation
    x, frames, back = _axes(outcome)
    padding, output_padding, kept = _geometry(outcome, frames)
    return (
        f"torch.nn.functional.conv_transpose1d({x}{dtype}, {weight}{dtype}, {bias}, stride={stride},"
        f" padding={padding}, output_padding={output_padding}, groups={groups},"
        f" dilation={dilation}){kept}{back}"
    )


def _axes(outcome: Outcome) -> tuple[str, str, str]:
    """Return `x` with the axes that PyTorch wants, its length, and what undoes that to the result."""
    is_array = outcome.formats[0] is None
    last = outcome.request.channels_last and is_array
    turned = ".transpose(-1, -2)"
    if is_array and outcome.dimensions == 1:
        one = outcome.dimensions_out == 1
        return "x[None]", "x.shape[-1]", "[0]" if one else turned if last else ""
    return ("x" + turned, "x.shape[-2]", turned) if last else ("x", "x.shape[-1]", "")


def _geometry(outcome: Outcome, frames: str) -> tuple[int, int, str]:
    """Return padding, output padding, and as text what is kept: PyTorch has no named paddings."""
    request, padding = outcome.request, outcome.kernel.padding
    stride, down = request.ratio
    step = f":{down}" if down > 1 else ""
    if isinstance(padding, int) or padding == "full":
        return (
            padding if isinstance(padding, int) else 0,
            request.output_padding,
            step and f"[..., :{step}]",
        )
    span = request.dilation * (outcome.kernel.taps - 1) + 1
    crop = outcome.upsampler.crop
    return 0, max(0, crop + stride - span), f"[..., {crop}:{crop} + {stride}*{frames}{step}]"
