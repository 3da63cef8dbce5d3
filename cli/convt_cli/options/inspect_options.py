"""The options of ``convt inspect``."""

from dataclasses import dataclass

from convt_cli.options import kernel_options, report_options


@dataclass(eq=False, repr=False)  # which would take time to make
class InspectOptions:
    """The options of ``convt inspect``."""

    weights: kernel_options.WeightFile
    tensor: kernel_options.Tensor = None
    layout: kernel_options.Layout = "torch"
    stride: kernel_options.Stride = 2
    down: kernel_options.Down = 1
    rate: kernel_options.InputRate = None
    plot: kernel_options.Plot = None
    overwrite: report_options.Overwrite = False
    as_json: report_options.Json = False
