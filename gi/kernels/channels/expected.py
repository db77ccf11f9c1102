"""The number of channels that the readers of a value require, for values of otherwise unknown shape."""

from collections.abc import Mapping

from gi.kernels.channels.rules import SAME
from gi.kernels.onnx.convolutions import is_convolution
from gi.kernels.onnx.graphs import OnnxGraph, Operator

_KEEP_CHANNELS = SAME | {
    "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "Resize", "Upsample"
}  # fmt: skip


def expected_channels(graph: OnnxGraph) -> Mapping[str, tuple[int, int]]:
    """(axes, channels) that convolutions require of values, also through operators that keep both."""
    expected: dict[str, tuple[int, int]] = {}
    # Backwards: a reader's requirement passes to the operator that makes its input.
    for operator in reversed(graph.operators):
        if not operator.inputs:
            continue
        if is_convolution(operator):
            required = _required(operator, graph)
            if required is not None:
                expected[operator.inputs[0]] = required
        elif operator.type in _KEEP_CHANNELS and operator.outputs and operator.outputs[0] in expected:
            expected.setdefault(operator.inputs[0], expected[operator.outputs[0]])
    return expected


def _required(operator: Operator, graph: OnnxGraph) -> tuple[int, int] | None:
    place = 3 if operator.type == "QLinearConv" else 1  # after the scale and the zero point of its input
    stored = graph.stored.get(operator.inputs[place]) if len(operator.inputs) > place else None
    if stored is None or len(stored.dims) < 3:
        return None
    groups = max(1, operator.int("group", 1))
    return len(stored.dims), stored.dims[0] if operator.type == "ConvTranspose" else stored.dims[1] * groups
