"""The attributes that are configuration: the text sets them to numbers, texts, tuples and layers only.

Such a value cannot be changed in place, so it holds no state between calls. A layer's weights can, which is how a
network learns; any other state of a layer is an attribute of its own.
"""

import ast
from collections import defaultdict

from gi.source.gate.given import Given
from gi.source.gate.program import GatedProgram

_NUMBERS = frozenset({"int", "float", "bool", "len", "str", "round", "abs", "isinstance", "callable", "repr"})
_PICKING = frozenset({"max", "min", "sum", "tuple"})
_NUMBER_METHODS = frozenset(
    {"item", "size", "numel", "dim", "lower", "upper", "replace", "strip", "startswith", "endswith"}
)
#: Attributes that a layer of torch was built with: numbers, texts and tuples.
_OF_LAYERS = frozenset({
    "in_features", "out_features", "in_channels", "out_channels", "num_features", "kernel_size", "stride", "padding",
    "dilation", "groups", "normalized_shape", "embed_dim", "num_heads", "shape", "dtype", "device", "ndim", "training",
})  # fmt: skip
#: Containers of layers or parameters, which can be extended.
HOLDING = frozenset(f"torch.nn.{name}" for name in (
    "ModuleList", "ModuleDict", "Sequential", "ParameterList", "ParameterDict",
))  # fmt: skip


class Configuration:
    """The attributes that are configuration wherever a program sets them, and which values are plain."""

    def __init__(self, program: GatedProgram, given: Given) -> None:
        self.program, self.given = program, given
        values = self._values()
        self._set = values.keys()
        #: The greatest set of attributes that are set to plain values and to attributes of the set only.
        self.attributes = {name for name, each in values.items() if None not in each}
        while True:
            kept = {n for n in self.attributes if all(v is not None and self.is_plain(v, set()) for v in values[n])}
            if kept == self.attributes:
                break
            self.attributes = kept

    def has(self, name: str) -> bool:
        """Whether an attribute is configuration, set by the text or by torch's layers and tensors."""
        return name in self.attributes or (name in _OF_LAYERS and name not in self._set)

    def _values(self) -> dict[str, list[ast.expr | None]]:
        """By attribute, the expressions that it is set to, None for one that is no single expression."""
        values: dict[str, list[ast.expr | None]] = defaultdict(list)
        for node in self.program.nodes:
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                values[node.attr].append(self._set_to(node))
            elif isinstance(node, ast.ClassDef):
                # A record's field is set by a generated constructor; a method may be a property.
                for name in self.program.bound.get(node, ()):
                    values[name].append(None)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_module":
                values.update({str(n.value): [None] for n in node.args if isinstance(n, ast.Constant)})
        return values

    def _set_to(self, node: ast.Attribute) -> ast.expr | None:
        above = self.program.parent[node]
        if isinstance(above, ast.AnnAssign) or (isinstance(above, ast.Assign) and node in above.targets):
            return above.value
        around = self.program.parent[above]
        if isinstance(above, ast.Tuple) and isinstance(around, ast.Assign) and isinstance(around.value, ast.Tuple):
            same = len(above.elts) == len(around.value.elts) and above in around.targets
            return around.value.elts[above.elts.index(node)] if same else None
        return None

    def is_plain(self, value: ast.expr, seen: set[object]) -> bool:
        """Whether an expression gives a number, a text, a tuple of these, or a layer that is no container."""
        match value:
            case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.UnaryOp():
                return True
            case ast.BoolOp(values=parts) | ast.Tuple(elts=parts):
                return all(self.is_plain(part, seen) for part in parts)
            case ast.BinOp(left=first, right=second) | ast.IfExp(body=first, orelse=second):
                return self.is_plain(first, seen) and self.is_plain(second, seen)
            case ast.Attribute(attr=name):
                return self.has(name) or bool(self.program.qualified(value))
            case ast.Subscript(value=whole):  # an element of a plain tuple
                return self.is_plain(whole, seen)
            case ast.Name():
                return self._is_plain_name(value, seen)
            case ast.Call():
                return self._is_plain_call(value, seen)
        return False

    def _is_plain_call(self, call: ast.Call, seen: set[object]) -> bool:
        name = self.program.qualified(call.func)
        if name:
            layer = name.startswith("torch.nn.") and name not in HOLDING
            return layer or name.startswith("math.") or name in {"torch.device", "torch.Size"}
        if isinstance(call.func, ast.Attribute):
            return call.func.attr in _NUMBER_METHODS
        if not isinstance(call.func, ast.Name) or (call.keywords and call.func.id in _PICKING):
            return False
        if call.func.id in self.program.classes:
            return not self._hold
        if call.func.id in self.program.functions:
            return self._gives_plain(call.func.id, seen)
        picked = call.func.id in _PICKING and all(self.is_plain(argument, seen) for argument in call.args)
        return picked or call.func.id in _NUMBERS

    def _gives_plain(self, name: str, seen: set[object]) -> bool:
        """Whether all functions of a name return only plain values."""
        if name in seen:
            return True
        seen.add(name)
        functions = self.program.functions[name]
        returned = [n.value for function in functions for n in ast.walk(function) if isinstance(n, ast.Return)]
        return all(value is None or self.is_plain(value, seen) for value in returned)

    @property
    def _hold(self) -> bool:
        """Whether a class of the text derives from a container of layers."""
        bases = (base for node in self.program.nodes if isinstance(node, ast.ClassDef) for base in node.bases)
        return any(self.program.qualified(base) in HOLDING for base in bases)

    def _is_plain_name(self, name: ast.Name, seen: set[object]) -> bool:
        scope = self.program.binding(name)
        if name.id == self.program.first_argument(self.program.function_of(name)):
            return False
        if scope is None or name.id in self.program.imports:
            return name.id in self.program.imports
        if (scope, name.id) in seen:
            return True  # a cycle: the other bindings decide
        seen.add((scope, name.id))
        return all(self._is_plain_binding(binding, seen) for binding in self.program.bound[scope][name.id])

    def _is_plain_binding(self, binding: ast.AST, seen: set[object]) -> bool:
        if isinstance(binding, (ast.FunctionDef, ast.ClassDef)):
            return True
        if isinstance(binding, ast.arg):
            passed = self.given.expressions(binding)
            return passed is not None and all(self.is_plain(value, seen) for value in passed)
        above = self.program.parent[binding]
        if isinstance(above, ast.AugAssign):
            return self.is_plain(above.value, seen)
        if isinstance(above, ast.Assign) and binding in above.targets:
            return self.is_plain(above.value, seen)
        if isinstance(above, ast.AnnAssign) and above.value is not None:
            return self.is_plain(above.value, seen)
        if not isinstance(above, (ast.For, ast.comprehension)) or not isinstance(above.iter, ast.Call):
            return False
        return isinstance(above.iter.func, ast.Name) and above.iter.func.id == "range"
