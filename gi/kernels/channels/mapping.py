"""Maps channels to channels: channel numbers pass through a graph, and are read at each convolution as segments."""

from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gi.kernels.channels import keeping, mixing
from gi.kernels.channels.branches import either, equal
from gi.kernels.channels.expected import expected_channels
from gi.kernels.channels.moving import moved, scattered
from gi.kernels.channels.producers import (
    NO_PRODUCER,
    OPAQUE,
    THROUGH,
    ChannelFlow,
    Shape,
    TooLargeError,
    Value,
    channel_numbers,
    flow_of,
    pairs,
)
from gi.kernels.channels.rules import DOMAINS, MERGING, MOVING, RULES, SCATTERING
from gi.kernels.channels.segments import segments
from gi.kernels.channels.sides import Sides, let_through
from gi.kernels.channels.sizes import transposed_sizes, window_sizes
from gi.kernels.onnx.convolutions import is_convolution
from gi.kernels.onnx.evaluator import FOLDED, LARGEST_CONSTANT, NotEvaluatedError, Sizes, fold, result_shapes
from gi.kernels.onnx.graphs import OnnxGraph, Operator
from gi.kernels.onnx.tensors import TensorError
from gi.kernels.records import Ints, Layer, Segment

#: The assumed spatial size of an input of unknown size: the strides of common networks divide it.
_ANY_SIZE = 256
_MOST_ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Mapped:
    """A convolution of the graph and its layer in the index."""

    operator: Operator
    layer: Layer


@dataclass(frozen=True, slots=True)
class ChannelMap:
    """The segments in the order of the layers, and the operators at which tracing of some channel ended."""

    segments: list[Segment]
    ends: tuple[Operator, ...]


def map_channels(graph: OnnxGraph, mapped: Sequence[Mapped]) -> ChannelMap:
    """The segments of these layers, which may lie in subgraphs.

    Sizes that the file leaves open are assumed to be 1 (batch) and 256 (height, width), or what a literal shape needs.
    """
    tracer = _Tracer(mapped)
    tracer.enter(graph, {})
    return ChannelMap(tracer.segments(), tuple(tracer.ends.values()))


class _Tracer:
    def __init__(self, mapped: Sequence[Mapped]) -> None:
        self.ends: dict[int, Operator] = {}
        # By identity: two nodes of a file may have equal contents.
        self._layers = {id(each.operator): at for at, each in enumerate(mapped)}
        self._mapped = [each.layer for each in mapped]
        self._counts: Ints = np.array([layer.out_channels for layer in self._mapped], np.int64)
        self._firsts: Ints = np.cumsum([0, *self._counts])[:-1]
        self._ids: Ints = np.array([layer.id for layer in self._mapped], np.int64)
        self._read: dict[int, list[tuple[Ints, Ints]]] = {}
        self._graph = OnnxGraph([], ChainMap(), {})
        self._expected: Mapping[str, tuple[int, int]] = {}
        self._values: ChainMap[str, Value] = ChainMap()

    def segments(self) -> list[Segment]:
        """The segments read at each convolution, in the order of the layers."""
        order = sorted(self._read, key=lambda at: self._mapped[at].id)
        return [segment for at in order for segment in self._segments_of(at)]

    def _segments_of(self, at: int) -> list[Segment]:
        # Row and number in one integer, for `np.unique`: a marked number is below 2 * THROUGH.
        keys = [rows * (2 * THROUGH) + numbers for rows, numbers in self._read[at]]
        every = keys[0] if len(keys) == 1 else np.unique(np.concatenate(keys))  # a loop's body is read repeatedly
        rows, numbers = every // (2 * THROUGH), every % (2 * THROUGH)
        return segments(self._mapped[at].id, rows, numbers, self._firsts, self._ids)

    def enter(self, graph: OnnxGraph, given: Mapping[str, Value]) -> list[Value]:
        """Traces a graph with the `given` inputs, and returns its outputs. Others are inputs of the network."""
        around = self._graph, self._expected, self._values
        # A subgraph sees the outer values, and its own are dropped after it: two branches may use the same names.
        self._graph, self._expected, self._values = graph, expected_channels(graph), self._values.new_child()
        for name, declared in graph.inputs.items():
            self._values[name] = given[name] if name in given else self._shaped_like(declared.shape, name)
        for operator in graph.operators:
            self._run(operator)
        results = [self._value(name) for name in graph.outputs]
        self._graph, self._expected, self._values = around
        return results

    def _run(self, operator: Operator) -> None:
        """Computes the results of an operator."""
        given = [self._value(name) for name in operator.inputs]
        try:
            results = self._results(operator, given)
        # An operator that fits no rule ends its channels, but not the tracing of the file.
        except (NotEvaluatedError, TooLargeError, ValueError, IndexError, KeyError, OverflowError, MemoryError):
            results = []
        results = self._filled(operator, given, results)
        self._values.update(zip(operator.outputs, results, strict=False))
        is_shape = bool(results) and isinstance(results[0], np.ndarray)  # reading a shape ends no channels
        if _has_producers(given) and not _has_producers(results) and not is_convolution(operator) and not is_shape:
            self._end(operator)

    def _end(self, operator: Operator) -> None:
        self.ends[id(operator)] = operator

    def _filled(self, operator: Operator, given: Sequence[Value], results: Sequence[Value]) -> list[Value]:
        """The results, with unknown ones replaced by flows of their shapes where these can be inferred."""
        missing = len(operator.outputs) - len(results)
        results = [*results, *[OPAQUE] * missing]
        if not any(value is OPAQUE for value in results):
            return results
        shapes: Sequence[Sizes | None] = [None] * len(results)
        if operator.node.domain == "" and not operator.bodies:  # ONNX infers shapes for its own operators
            shapes = result_shapes(operator, [v if isinstance(v, np.ndarray) else _shape_of(v) for v in given])
        for at, (value, shape) in enumerate(zip(results, shapes, strict=False)):
            if value is OPAQUE:
                results[at] = ChannelFlow(shape) if shape is not None else self._shaped_like(None, operator.outputs[at])
        return results

    def _shaped_like(self, shape: Sequence[int | None] | None, name: str) -> Value:
        """A value without producers, with the shape from the file or from its readers."""
        if shape is not None:
            return ChannelFlow(tuple(size or (1 if axis == 0 else _ANY_SIZE) for axis, size in enumerate(shape)))
        if name not in self._expected:
            return OPAQUE
        axes, channels = self._expected[name]
        return ChannelFlow((1, channels, *(None,) * (axes - 2)))

    def _value(self, name: str) -> Value:
        if not name:
            return None
        if name not in self._values:
            self._values[name] = self._constant(name) if name in self._graph.stored else OPAQUE
        return self._values[name]

    def _constant(self, name: str) -> Value:
        stored = self._graph.stored[name]
        try:
            if stored.num_elements <= LARGEST_CONSTANT:  # a larger one is a weight, whose values no rule needs
                return stored.array()
        except TensorError:
            return OPAQUE
        return ChannelFlow(stored.dims)

    def _results(self, operator: Operator, given: list[Value]) -> list[Value]:
        kind = operator.type
        if operator.node.domain not in DOMAINS:
            return []
        if is_convolution(operator):
            return [self._convolved(operator, given)]
        if kind == "Shape":  # before folding: the shape of a value may be known where the value is not
            return [_shape(operator, given[0])]
        if kind in FOLDED and all(value is None or isinstance(value, np.ndarray) for value in given):
            return list(fold(operator, given))  # type: ignore[arg-type]
        if kind == "Concat":
            given = self._with_expected_size(operator, given)
        if kind in RULES:
            return [self._unless_mixed(operator, given, RULES[kind](operator, given))]
        if kind in MOVING:
            return moved(operator, given)
        if kind in SCATTERING:
            return scattered(operator, given)
        if kind == "If":
            return self._branched(operator, given)
        if operator.bodies:
            return self._repeated(operator, given)
        return [_quantized(operator, given)] if kind.startswith("QLinear") else []

    def _unless_mixed(self, operator: Operator, given: Sequence[Value], result: Value) -> Value:
        """The result of a rule, without producers if a merging operator mixes all channels of a layer."""
        if any(_has_producers([other]) for other in given[1:]) and RULES[operator.type] in _FIRST_ONLY:
            self._end(operator)  # channels of a second operand, such as a computed grid, are not followed
        if not isinstance(result, ChannelFlow) or operator.type not in MERGING or len(result.planes) < 2:
            return result
        depth = len(result.planes) - (len(given[0].planes) if isinstance(given[0], ChannelFlow) else 0)
        return ChannelFlow(result.shape) if depth > 0 and self._has_whole_layer(result) else result

    def _has_whole_layer(self, flow: ChannelFlow) -> bool:
        axes = len(flow.shape)
        full = np.broadcast_shapes(*(plane.shape for plane in flow.planes)) if axes else ()
        numbers = np.stack([np.broadcast_to(plane, full).reshape(-1) for plane in flow.planes])
        # Sorted over the planes, so that a producer in several planes counts once at a place.
        numbers = np.sort(np.where(numbers == NO_PRODUCER, NO_PRODUCER, numbers % THROUGH), axis=0)
        new = np.concatenate([np.ones_like(numbers[:1], bool), numbers[1:] != numbers[:-1]]) & (numbers != NO_PRODUCER)
        layer = np.searchsorted(self._firsts, numbers, side="right") - 1
        places = np.broadcast_to(np.arange(numbers.shape[1]), numbers.shape)
        keys, counts = np.unique((places * len(self._firsts) + layer)[new], return_counts=True)
        whole = self._counts[keys % len(self._firsts)]
        return bool(((counts == whole) & (whole > 1)).any())

    def _convolved(self, operator: Operator, given: Sequence[Value]) -> Value:
        """The output of a convolution: its own channels if the index has it, and those that pass a depthwise one."""
        at = self._layers.get(id(operator))
        layer = None if at is None else self._mapped[at]
        weight = _shape_of(given[3 if operator.type == "QLinearConv" else 1])
        sides = Sides.of_layer(layer) if layer is not None else Sides.of_weight(operator, weight)
        if sides is None:
            return OPAQUE
        flow, axes = given[0], len(sides.kernel) + 2
        fits = isinstance(flow, ChannelFlow) and len(flow.shape) == axes and flow.shape[1] in (sides.into, None)
        shape: Shape = (1, sides.out, *(None,) * len(sides.kernel))
        rows = numbers = np.zeros(0, np.int64)
        if fits and isinstance(flow, ChannelFlow):
            flow = ChannelFlow((flow.shape[0], sides.into, *flow.shape[2:]), flow.planes)
            rows, numbers = pairs(flow)
            sizes = transposed_sizes if operator.type == "ConvTranspose" else window_sizes
            shape = (flow.shape[0], sides.out, *sizes(operator, flow.shape[2:], sides.kernel))
        elif _has_producers([flow]):
            self._end(operator)
        # A convolution that the index refused has no channels, but a shape, so that later ones are followed.
        own = []
        if at is not None:
            self._read.setdefault(at, []).append((rows, numbers))
            own = [channel_numbers(shape, int(self._firsts[at]), sides.out)]
        passing = let_through(sides, rows, numbers, shape) if sides.is_depthwise else ()
        return flow_of(shape, [*own, *passing])

    def _with_expected_size(self, operator: Operator, given: Sequence[Value]) -> list[Value]:
        """The operands of a Concat; one of unknown size gets the rest of the result's expected size."""
        flows = [keeping.as_flow(value) for value in given]
        known = [flow for flow in flows if flow is not None and flow.shape[1:2] != (None,)]
        axes, channels = self._expected.get(operator.outputs[0], (0, 0))
        if len(known) != len(flows) - 1 or operator.int("axis", 1) not in (1, 1 - axes) or not known:
            return list(given)
        left = channels - sum(flow.shape[1] or 0 for flow in known if len(flow.shape) == axes)
        at = next(place for place, flow in enumerate(flows) if flow not in known)
        if left < 1 or any(len(flow.shape) != axes for flow in known):
            return list(given)
        planes = next((flow.planes for flow in flows[at : at + 1] if flow is not None), ())
        shape = (known[0].shape[0], left, *known[0].shape[2:])
        return [*given[:at], ChannelFlow(shape, planes), *given[at + 1 :]]

    def _branched(self, operator: Operator, given: Sequence[Value]) -> list[Value]:
        """If: the results of one branch, or of both where the condition is not constant."""
        branches = [operator.bodies[name] for name in ("then_branch", "else_branch") if name in operator.bodies]
        if isinstance(given[0], np.ndarray) and len(branches) == 2:
            branches = branches[:1] if given[0].all() else branches[1:]
        results = [self.enter(branch, {}) for branch in branches]
        return [either(values) for values in zip(*results, strict=True)]

    def _repeated(self, operator: Operator, given: Sequence[Value]) -> list[Value]:
        """Loop: its body, until its carried values do not change. Scan and others: only captured values."""
        bodies = list(operator.bodies.values())
        names = list(bodies[0].inputs)
        if operator.type != "Loop" or len(bodies) != 1 or len(given) != len(names):
            for body in bodies:
                self.enter(body, dict.fromkeys(body.inputs, OPAQUE))
            return []
        # The first inputs of ONNX's Loop are the number of rounds and a condition, those of its body the round and the
        # condition, and the body's first output is the condition.
        carried = list(given[2:])
        for _ in range(_MOST_ROUNDS):
            results = self.enter(bodies[0], dict(zip(names, [OPAQUE, OPAQUE, *carried], strict=True)))
            new = [either(pair) for pair in zip(carried, results[1:], strict=False)]
            if all(map(equal, carried, new)):
                return [*carried, *[OPAQUE] * (len(operator.outputs) - len(carried))]
            carried = new
        return []


#: Rules that use only their first operand.
_FIRST_ONLY = (keeping.same, keeping.sampled, keeping.pooled)


def _quantized(operator: Operator, given: Sequence[Value]) -> Value:
    """Operators on quantised values, whose inputs are each operand with its scale and zero point."""
    if operator.type in ("QLinearAdd", "QLinearMul"):
        return keeping.joined(operator, [given[0], given[3]])
    if operator.type == "QLinearConcat":
        return keeping.concatenated(operator, given[2::3])
    return mixing.multiplied(operator, [given[0], given[3]])


def _shape(operator: Operator, value: Value) -> Value:
    flow = keeping.as_flow(value)
    if flow is None:
        return OPAQUE
    end = operator.int("end", len(flow.shape))
    wanted = flow.shape[operator.int("start") : end]
    return OPAQUE if None in wanted else np.array(wanted, np.int64)


def _shape_of(value: Value) -> Sizes | None:
    flow = keeping.as_flow(value)
    return None if flow is None else flow.shape


def _has_producers(values: Iterable[Value]) -> bool:
    return any(isinstance(value, ChannelFlow) and value.planes for value in values)
