"""Computes weights that pass through operators: every deterministic operator on constants is folded.

A weight's path is followed backwards from the convolution to stored tensors, then computed forwards: the most frequent
operators of trained networks by numpy views, others by ONNX's reference within bounds on size and time. Where the path
contains an input, a random draw or an unsupported operator, the reason names it.
"""

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto
from onnx.helper import tensor_dtype_to_np_dtype

from gi.kernels.onnx.evaluator import NotEvaluatedError, cost, evaluate, is_drawn
from gi.kernels.onnx.graphs import OnnxGraph, Operator
from gi.kernels.onnx.tensors import Array, TensorError
from gi.kernels.onnx.weight_rules import WEIGHT_RULES
from gi.kernels.records import plain

# The constants of a small file could expand to any size.
_MOST_COMPUTED = 1 << 30  # elements, for one graph
_DEAREST_OPERATOR = 1 << 27
# A file could have a chain of any length, which is followed for each weight.
_LONGEST_PATH = 20_000
_LEAST_SPENT = 1 << 14  # the cost of a call of the reference on small operands
_DOMAINS = {"", "com.microsoft"}
_INTEGERS = {int(getattr(TensorProto, name)) for name in ("UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64", "BOOL")}
#: Operators that move or cast values, and do not scale them.
_MOVES = {"Identity", "Cast", "CastLike", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice"}
_BOOL_RESULTS = {"Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Not", "And", "Or", "Xor", "IsNaN"}


class NotConstantError(TensorError):
    """A value that does not follow from the file alone, with the reason."""


class Constants:
    """The values of a graph that follow from the file alone."""

    def __init__(self, graph: OnnxGraph, left: float = 0.0) -> None:
        self._graph = graph
        self._stored = graph.stored
        self._makers = graph.makers
        self._left = left or float(_MOST_COMPUTED)
        self._reasons: dict[str, str] = {}

    def maker(self, name: str) -> Operator | None:
        """The operator that makes a value; None for inputs and stored tensors."""
        return self._makers.get(name)

    def array(self, name: str) -> Array | None:
        """The value called `name`; None where it is no constant. Raises `TensorError`."""
        try:
            return self.known(name)
        except NotConstantError:
            return None

    def known(self, name: str) -> Array:
        """The value called `name`. Raises `NotConstantError` with the reason, `TensorError` for invalid data."""
        if name in self._stored:
            return self._stored[name].array()
        # Intermediate values are dropped after each weight.
        known: dict[str, Array] = {}
        for maker in self._path(name):
            operands = [self._operand(maker, given, known) for given in maker.inputs]
            known.update(zip(maker.outputs, self._results(maker, operands), strict=False))
        if name not in known:
            raise NotConstantError(f"weights that {_called(self._makers[name])} does not return")
        return known[name]

    def is_bare_integer(self, name: str) -> bool:
        """Whether a value is stored integers that are only moved or cast, so that their scale is unknown."""
        # Without recursion: a chain of operators may be longer than Python's stack.
        for _ in range(_LONGEST_PATH):
            maker = self._makers.get(name)
            if name in self._stored or maker is None or maker.type not in _MOVES or not maker.inputs:
                break
            name = maker.inputs[0]
        return name in self._stored and self._stored[name].element_type in _INTEGERS

    def _operand(self, maker: Operator, name: str, known: Mapping[str, Array]) -> Array | None:
        if not name:
            return None
        if name in known:
            return known[name]
        if name in self._stored:
            return self._stored[name].array()
        if maker.type == "CastLike":  # only the type of the second operand counts
            return np.zeros((), tensor_dtype_to_np_dtype(self._element_type(name)))
        raise NotConstantError(f"weights that {_called(maker)} computes from its own output")

    def _path(self, name: str) -> list[Operator]:
        """The operators that compute a value, in the order of execution. Raises `NotConstantError`."""
        path: list[Operator] = []
        entered: set[int] = set()
        # Depth first, so that operands precede their readers.
        stack: list[tuple[str, Operator | None]] = [(name, None)]  # an operator entry is appended after its inputs
        while stack:
            value, left = stack.pop()
            if left is not None:
                path.append(left)
                continue
            if value in self._stored:
                continue
            maker = self._maker_of(value, name)
            if id(maker) in entered:
                continue
            entered.add(id(maker))
            if len(entered) > _LONGEST_PATH:
                raise NotConstantError(f"weights behind more than {_LONGEST_PATH} operators")
            stack.append(("", maker))
            # CastLike reads only the type of its second input, which may depend on the network's input.
            needed = maker.inputs[:1] if maker.type == "CastLike" else maker.inputs
            stack += [(given, None) for given in reversed(needed) if given]
        return path

    def _maker_of(self, value: str, wanted: str) -> Operator:
        """The operator that makes a value. Raises `NotConstantError` where it cannot be constant."""
        reason = self._reasons.get(value)
        maker = self._makers.get(value)
        # Cached, since many weights depend on the same value.
        if reason is None:
            reason = self._why_not(value, maker)
            self._reasons[value] = reason
        if maker is None or reason:
            last = self._makers.get(wanted)
            by = f" by {_called(last)}" if last is not None and last is not maker else ""
            raise NotConstantError(f"weights that the network computes{by}: {reason}")
        return maker

    def _why_not(self, value: str, maker: Operator | None) -> str:
        if maker is None:
            return f"none are stored, {plain(value)[:60]!r} is an input"
        if is_drawn(maker):
            return f"{_called(maker)} draws other ones at each run"
        # Of com.microsoft's operators only those with a rule are supported.
        if maker.node.domain not in _DOMAINS or (maker.node.domain and maker.type not in WEIGHT_RULES):
            return f"{_called(maker)} of {plain(maker.node.domain)[:60]} is none of ONNX's own operators"
        return f"{_called(maker)} is not followed" if maker.bodies and maker.type != "If" else ""

    def _results(self, maker: Operator, operands: list[Array | None]) -> list[Array]:
        try:
            if maker.bodies:
                # The branch shares the remaining bound, so that nesting cannot multiply it.
                body = Constants(maker.bodies["then_branch" if operands[0] else "else_branch"], self._left)
                results = [body.known(name) for name in body._graph.outputs]
                self._left = body._left
                return results
            if maker.type in WEIGHT_RULES:
                results = [np.asarray(WEIGHT_RULES[maker.type](maker, *operands))]
                self._spend(maker, float(sum(value.size for value in results)))
                return results
            self._spend(maker, max(_LEAST_SPENT, cost(maker, operands)))
            return evaluate(maker, operands)
        except NotEvaluatedError as error:
            raise TensorError(f"{_called(maker)} of constants cannot be computed ({plain(str(error))[:80]})") from error
        except TensorError:
            raise
        except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
            raise TensorError(f"{_called(maker)} of constants that do not fit ({plain(str(error))[:80]})") from error

    def _spend(self, maker: Operator, spent: float) -> None:
        if spent > _DEAREST_OPERATOR and maker.type not in WEIGHT_RULES:
            raise TensorError(f"{_called(maker)} of constants takes {spent:.1g} steps: more than 1e+08 are refused")
        self._left -= spent
        if self._left < 0:
            raise TensorError(f"more than {_MOST_COMPUTED} numbers computed from its constants: refused")

    def _element_type(self, name: str) -> int:
        """The element type of a value, followed back through operators; float where they do not set another."""
        # The chain may be a cycle in a broken file, hence the bound.
        for _ in range(_LONGEST_PATH):
            if name in self._stored:
                return self._stored[name].element_type
            if name in self._graph.inputs:
                return self._graph.inputs[name].element_type or int(TensorProto.FLOAT)
            maker = self._makers.get(name)
            if maker is None or not maker.inputs:
                break
            if maker.type == "Cast":
                return maker.int("to", TensorProto.FLOAT)
            if maker.type in _BOOL_RESULTS:
                return int(TensorProto.BOOL)
            name = maker.inputs[1 if maker.type in ("CastLike", "Where", "DequantizeLinear") else 0]
        return int(TensorProto.FLOAT)


def _called(operator: Operator) -> str:
    name = operator.name
    return f"{operator.type[:40]} {name[:60]!r}" if name else operator.type[:40]
