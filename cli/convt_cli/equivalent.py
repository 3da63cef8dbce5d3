"""The same operator in PyTorch, as text: for a colleague who wants to check a result."""

from convt_cli.outcome import Outcome


def pytorch_call(outcome: Outcome) -> str:
    """Return an expression of the signal `x`, and of `weight` and `bias` as the report gives their shapes.

    `x` is (C, L) or (N, C, L), or with channels last as the layout has it. The call is the operator alone:
    gain, dither and rounding come after it.
    """
    last = outcome.request.channels_last
    x, back = ("x.transpose(-1, -2)", ".transpose(-1, -2)") if last else ("x", "")
    weight, groups = "weight", outcome.kernel.groups
    if outcome.kernel.weight.ndim == 1:
        groups = outcome.channels[0]
        weight = f"weight.expand({groups}, 1, -1)"
    bias = "None" if outcome.kernel.bias is None else "bias"
    padding, output_padding, kept = _geometry(outcome, frames=f"x.shape[{-2 if last else -1}]")
    stride, dilation = outcome.request.ratio.stride, outcome.request.dilation
    return (
        f"torch.nn.functional.conv_transpose1d({x}, {weight}, {bias}, stride={stride}, padding={padding},"
        f" output_padding={output_padding}, groups={groups}, dilation={dilation}){kept}{back}"
    )


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
    crop = {"center": (span - 1) // 2, "same": max(0, -((stride - span) // 2)), "causal": 0}[padding]
    return 0, max(0, crop + stride - span), f"[..., {crop}:{crop} + {stride}*{frames}{step}]"
