"""Operators in an order in which they can run: ONNX asks for it, and not every writer keeps to it."""

import heapq
from collections.abc import Sequence

from gi.kernels.onnx.graphs import Operator


def in_order(operators: Sequence[Operator]) -> list[Operator]:
    """The operators, each behind what makes its inputs, else as they stand; those of a cycle come last."""
    makers = {name: at for at, operator in enumerate(operators) for name in operator.outputs if name}
    needs = [{makers[name] for name in operator.reads if name in makers} for operator in operators]
    # An operator that reads its own output is broken by itself, and is no cycle of others.
    for at, needed in enumerate(needs):
        needed.discard(at)
    # ONNX asks for this order, and nearly every file has it.
    if all(max(needed, default=-1) < at for at, needed in enumerate(needs)):
        return list(operators)
    readers: dict[int, list[int]] = {}
    for at, needed in enumerate(needs):
        for maker in needed:
            readers.setdefault(maker, []).append(at)
    ready = [at for at, needed in enumerate(needs) if not needed]
    order = []
    while ready:
        at = heapq.heappop(ready)
        order.append(at)
        for reader in readers.get(at, ()):
            needs[reader].discard(at)
            if not needs[reader]:
                heapq.heappush(ready, reader)
    # What stands in a cycle can never run: last, where it harms nothing.
    left = sorted(set(range(len(operators))) - set(order))
    return [operators[at] for at in (*order, *left)]
