"""Those who compute the operator: each makes, for a case, a function that computes it once."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests.benchmarks.cases import Case
from tests.support.oracles import Array

Run = Callable[[], Any]

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def convt(case: Case, engine: Any = None) -> Run:
    """A prepared kernel, called with a whole signal."""
    from convt import Upsampler

    x = case.signal()
    padding: Any = "center" if case.quality else case.padding
    upsample = Upsampler(case.weight(), stride=case.stride, down=case.down, padding=padding, engine=engine)
    return lambda: upsample(x)


def convt_resample(case: Case, fft: str) -> Run:
    """The function for rates, on one thread, with one of the libraries for Fourier transforms."""
    os.environ["CONVT_FFT"] = fft  # this process has no other contender
    from convt import resample

    x, quality = case.signal(), case.quality
    return lambda: resample(x, case.down, case.stride, quality=quality, threads=1)


def convt_once(case: Case) -> Run:
    """The function, which prepares the kernel at each call."""
    from convt import conv_transpose1d

    x, weight = case.signal(), case.weight()
    return lambda: conv_transpose1d(x, weight, stride=case.stride, padding=case.padding)


def convt_push(case: Case) -> Run:
    """A stream that gets the same signal again and again."""
    from convt import Upsampler

    x = case.signal()
    stream = Upsampler(case.weight(), stride=case.stride)
    return lambda: stream.process(x)


def convt_stream(case: Case, latency: int) -> Run:
    """A stream that gets 10 ms at a time, and answers as soon as `latency` samples have come."""
    from convt import Upsampler

    pieces = np.split(case.signal(), range(480, case.length, 480), axis=1)
    stream = Upsampler(case.weight(), stride=case.stride, latency=latency)

    def run() -> Array:
        stream.reset()
        return np.concatenate([*map(stream.process, pieces), stream.flush()], axis=1)

    return run


def scipy(case: Case) -> Run:
    from scipy.signal import upfirdn

    x, kernel = case.signal()[0], case.weight()[0, 0]
    return lambda: upfirdn(kernel, x, case.stride)[np.newaxis]


def scipy_ratio(case: Case) -> Run:
    from scipy.signal import resample_poly

    x, window = case.signal()[0], case.weight() / np.array(case.stride, case.dtype)
    return lambda: resample_poly(x, case.stride, case.down, window=window)[np.newaxis]


def torch(case: Case) -> Run:
    import torch

    torch.set_num_threads(THREADS)
    torch.inference_mode(True).__enter__()
    x, weight = torch.from_numpy(case.signal())[None], torch.from_numpy(case.weight())
    conv = torch.nn.functional.conv_transpose1d
    return lambda: conv(x, weight, stride=case.stride, padding=case.padding)[0]


def onnxruntime(case: Case) -> Run:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    kind = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}[case.dtype]
    x, padding = case.signal()[np.newaxis], [case.padding] * 2
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[case.stride], pads=padding)
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", kind, x.shape)],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(case.weight(), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"x": x})[0][0]


def soxr(case: Case, quality: str) -> Run:
    """Its own kernel, of the case's class: a reference line, not the same result."""
    import soxr

    x = case.signal()[0]
    return lambda: soxr.resample(x, case.down, case.stride, quality)[np.newaxis]


CONTENDERS: dict[str, Callable[[Case], Run]] = {
    "convt": convt,
    **{name: partial(convt, engine=name) for name in ("toeplitz", "polyphase", "col2im", "spectral")},
    "convt, one call": convt_once,
    "convt, a push": convt_push,
    "convt, ratio": convt,
    "convt, scipy FFT": lambda case: convt_resample(case, "scipy"),
    "convt, ducc0 FFT": lambda case: convt_resample(case, "ducc0"),
    "convt, latency 480": lambda case: convt_stream(case, 480),
    "convt, latency 48": lambda case: convt_stream(case, 48),
    "scipy upfirdn": scipy,
    "scipy resample_poly": scipy_ratio,
    "torch": torch,
    "onnxruntime": onnxruntime,
    "soxr HQ": lambda case: soxr(case, "HQ"),
    "soxr VHQ": lambda case: soxr(case, "VHQ"),
}


def result(run: Run) -> Array:
    """What a run returns, as an array (C_out, n)."""
    return np.asarray(run())
