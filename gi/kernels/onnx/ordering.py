"""Sorts operators topologically: ONNX requires that order, but not every writer keeps it."""

import heapq
from collections.abc import Sequence

from gi.kernels.onnx.graphs import Operator


def in_order(operators: Sequence[Operator]) -> list[Operator]:
    """The operators in topological order, otherwise in their own; those of a cycle come last."""
    makers = {name: at for at, operator in enumerate(operators) for name in operator.outputs if name}
    needs = [{makers[name] for name in operator.reads if name in makers} for operator in operators]
    # An operator that reads its own output does not count as a cycle.
    for at, needed in enumerate(needs):
        needed.discard(at)
    # Nearly every file is in order already.
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
    # Operators in a cycle can never run; at the end they do not affect others.
    left = sorted(set(range(len(operators))) - set(order))
    return [operators[at] for at in (*order, *left)]
