"""Adaptive pools in ONNX, which has none: written with the operators that it has, for every size.

torch's exporter refuses `adaptive_avg_pool2d(x, 2)` of a 7x7 image, since no pool with one kernel and one stride gives
that. Each output of an adaptive pool is the mean (or the most) over rows floor(i n / o) to ceil((i + 1) n / o) and the
same of the columns, so that one axis after the other is cut into its windows, reduced and put together again.
"""

from collections.abc import Callable
from typing import Any

import torch

_REDUCTIONS = {
    "avg": ("ReduceMean", "AveragePool", "GlobalAveragePool"),
    "max": ("ReduceMax", "MaxPool", "GlobalMaxPool"),
}


def register_adaptive_pools(opset: int) -> None:
    """Has torch's exporter write adaptive pools this way, in this process."""
    for kind in _REDUCTIONS:
        for dimensions in (1, 2, 3):
            name = f"aten::adaptive_{kind}_pool{dimensions}d"
            # At run time, as the exporter keeps its table for the process.
            torch.onnx.register_custom_op_symbolic(name, _symbolic(kind, dimensions), opset)  # type: ignore[attr-defined]


def windows(size: int, outputs: int) -> list[tuple[int, int]]:
    """First and one past the last of what each output of an adaptive pool is taken over, along one axis."""
    return [(i * size // outputs, -(-(i + 1) * size // outputs)) for i in range(outputs)]


def _symbolic(kind: str, dimensions: int) -> Callable[[Any, Any, Any], Any]:
    def written(graph: Any, x: Any, _: Any) -> Any:
        # Sizes as traced, those asked for as a share of the input's among them: only the batch is free.
        sizes_of = torch.onnx.symbolic_helper._get_tensor_sizes
        sizes = [sizes_of(each) for each in (x, graph.original_node.outputsAt(0))]
        if any(each is None or None in each[-dimensions:] for each in sizes):
            raise ValueError("an adaptive pool of a size that is not known when it is traced has no form in ONNX")
        pooled = _pooled(graph, x, kind, *(list(each[-dimensions:]) for each in sizes))
        # Pools of maxima give their places as well; no network of a front asks for these.
        return (pooled, None) if kind == "max" else pooled

    return written


def _pooled(graph: Any, x: Any, kind: str, sides: list[int], outputs: list[int]) -> Any:
    reduce, pool, whole = _REDUCTIONS[kind]
    if set(outputs) == {1}:
        return graph.op(whole, x)
    if all(side % o == 0 for side, o in zip(sides, outputs, strict=True)):
        kernel = [side // o for side, o in zip(sides, outputs, strict=True)]
        return graph.op(pool, x, kernel_shape_i=kernel, strides_i=kernel)
    for axis, (side, o) in enumerate(zip(sides, outputs, strict=True), start=-len(sides)):
        parts = [
            graph.op(reduce, _cut(graph, x, axis, start, end), axes_i=[axis], keepdims_i=1)
            for start, end in windows(side, o)
        ]
        x = graph.op("Concat", *parts, axis_i=axis) if o > 1 else parts[0]
    return x


def _cut(graph: Any, x: Any, axis: int, start: int, end: int) -> Any:
    return torch.onnx.symbolic_helper._slice_helper(graph, x, axes=[axis], starts=[start], ends=[end])
