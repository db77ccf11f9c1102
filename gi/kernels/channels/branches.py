"""Values with several possible origins: either branch of an If, or any round of a loop."""

from collections.abc import Sequence

import numpy as np

from gi.kernels.channels.keeping import as_flow
from gi.kernels.channels.producers import OPAQUE, ChannelFlow, Value, flow_of


def either(values: Sequence[Value]) -> Value:
    """The value that covers several alternatives: a flow with all their producers, or `OPAQUE`."""
    # Equal constants stay constants: a shape is often computed in both branches.
    if all(isinstance(value, np.ndarray) for value in values):
        return values[0] if all(np.array_equal(values[0], other) for other in values[1:]) else OPAQUE  # type: ignore[arg-type]
    flows = [flow for flow in map(as_flow, values) if flow is not None]
    if not flows or len({len(flow.shape) for flow in flows}) > 1:
        # Planes with different numbers of axes cannot be merged.
        return OPAQUE
    sizes = zip(*(flow.shape for flow in flows), strict=True)
    # A size that differs between the alternatives is unknown.
    shape = tuple(each[0] if len(set(each)) == 1 else None for each in sizes)
    return flow_of(shape, [plane for flow in flows for plane in flow.planes])


def equal(first: Value, second: Value) -> bool:
    """Whether two values are equal: the same constant, or flows with the same planes."""
    if isinstance(first, ChannelFlow) and isinstance(second, ChannelFlow):
        planes = [{(plane.shape, plane.tobytes()) for plane in flow.planes} for flow in (first, second)]
        return first.shape == second.shape and planes[0] == planes[1]
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return np.array_equal(first, second)
    return first is second
