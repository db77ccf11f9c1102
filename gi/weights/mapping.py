"""stub"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gi.weights.graphs import Graph, Operator
from gi.weights.records import Layer, Segment


@dataclass(frozen=True, slots=True)
class Mapped:
    operator: Operator
    layer: Layer


def map_channels(graph: Graph, layers: Sequence[Mapped]) -> tuple[list[Segment], "Counter[str]"]:
    return [], Counter()
