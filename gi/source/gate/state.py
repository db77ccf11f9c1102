"""Rules over state: code that runs for an image changes nothing that outlives the call but parameters and buffers.

A program with other state could answer from what it saw before: labels of an earlier call, or a cached answer.
"""

import ast
from collections.abc import Iterator
from functools import cached_property

from gi.source.gate.configuration import HOLDING
from gi.source.gate.constants import is_constant
from gi.source.gate.outliving import CALLING, CHANGING, READING, Outliving
from gi.source.gate.program import Function, GatedProgram
from gi.source.gate.refusal import GateRefusal, refused

#: Settings of torch's layers that a constructor may set again.
_SETTINGS = frozenset(
    {"ceil_mode", "inplace", "requires_grad", "eps", "momentum", "p", "stride", "padding", "dilation"}
)
#: Builtins that call a function which they are given.
_CALLING_BUILTINS = frozenset({"map", "filter"})


def state_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Refuses attributes set outside of constructors, and changes of containers that may outlive the call."""
    return iter(_StateRules(program).refusals())


class _StateRules:
    def __init__(self, program: GatedProgram) -> None:
        self.program, self.outliving = program, Outliving(program)

    def refusals(self) -> Iterator[GateRefusal]:
        for node in self.program.nodes:
            function = self.program.function_of(node)
            runs = self.program.runs(function)
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                yield from self._attribute(node, function, runs)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
                yield refused(node, "state", "del")
            elif isinstance(node, ast.Lambda):
                if self._gives_kept(node.body):
                    yield refused(node, "state", "returns a value that may outlive the call")
            elif runs:
                yield from self._running(node)

    def _running(self, node: ast.AST) -> Iterator[GateRefusal]:
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            if not self.outliving.is_fresh(node.value):
                yield refused(node, "state", "an element set in what may outlive the call")
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            # Only a number or a tensor supports an augmented assignment with a number.
            if not isinstance(node.value, ast.Constant) and self.outliving.is_kept(node.target):
                yield refused(node, "state", f"{node.target.id} may be kept, and is changed in place")
        elif isinstance(node, ast.Call):
            changes = (
                isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING and not self._differs(node.func)
            )
            if isinstance(node.func, ast.Attribute) and changes and not self.outliving.is_fresh(node.func.value):
                yield refused(node, "state", f".{node.func.attr}() of what may outlive the call")
            yield from self._handed_on(node)
        elif isinstance(node, ast.Attribute) and node.attr in CHANGING | READING - {"values"}:
            if not self._is_called(node):
                yield refused(node, "state", f".{node.attr} as a value")
        elif isinstance(node, ast.Return) and node.value is not None and self._gives_kept(node.value):
            yield refused(node, "state", "returns a value that may outlive the call")

    def _differs(self, method: ast.Attribute) -> bool:
        """Whether a method is `apply` of a class that defines a derivative (`torch.autograd.Function`)."""
        applied = method.attr == "apply" and isinstance(method.value, ast.Name)
        scope = self.program.binding(method.value) if isinstance(method.value, ast.Name) else None
        return applied and scope is self.program.tree and method.value.id in self.program.derivatives  # type: ignore[attr-defined]

    def _is_called(self, node: ast.expr) -> bool:
        above = self.program.parent[node]
        return isinstance(above, ast.Call) and above.func is node

    # Arguments of layers ---------------------------------------------------------------------------------------------

    def _handed_on(self, call: ast.Call) -> Iterator[GateRefusal]:
        """Refuses a list or dictionary that outlives the call as an argument of a layer, which may change it.

        A function that is called as a value may do so, too.
        """
        if not self._is_layer(call):
            return
        for value in (*call.args, *(keyword.value for keyword in call.keywords)):
            if self._containers_kept.holds_kept(value):
                yield refused(value, "state", "a list or dictionary that may outlive the call is passed on")

    def _is_layer(self, call: ast.Call) -> bool:
        name = self.program.qualified(call.func)
        if name or (isinstance(call.func, ast.Name) and call.func.id in _CALLING_BUILTINS):
            return name in CALLING or not name
        # For other functions of the text, `Given` knows the arguments of their calls.
        known = (self.program.allowed.builtins | self.program.functions.keys()) - {"forward"}
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        return name not in known and name not in self.outliving.tensor_methods

    @cached_property
    def _containers_kept(self) -> Outliving:
        return Outliving(self.program, only=self._containers)

    @cached_property
    def _containers(self) -> frozenset[str]:
        """The attributes that may be a list or dictionary, or a container of layers."""
        attributes = {
            node.attr for node in self.program.nodes
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and self._may_contain(node)
        }  # fmt: skip
        return frozenset(attributes - self.outliving.configuration.attributes)

    def _may_contain(self, target: ast.Attribute) -> bool:
        value = self.outliving.value(target)
        if not isinstance(value, ast.Call):
            return True
        name = self.program.qualified(value.func)
        return not name.startswith("torch.") or name in HOLDING

    # Attributes ------------------------------------------------------------------------------------------------------

    def _attribute(self, node: ast.Attribute, function: Function | None, runs: bool) -> Iterator[GateRefusal]:
        own = self._is_object(node.value, function)
        shared = node.attr in {"weight", "bias"} and self._is_object(_root(node), function)
        allowed = self.program.allowed
        if isinstance(node.ctx, ast.Del) or runs:
            yield refused(node, "state", f".{node.attr} is set outside of a constructor")
        elif node.attr in allowed.module_members or node.attr == "forward":
            yield refused(node, "override", f"{node.attr} is torch.nn.Module's own")
        elif not own and not shared and not self._is_setting(node, function):
            yield refused(node, "state", f".{node.attr} of another object is set")

    def _is_object(self, node: ast.expr, function: Function | None) -> bool:
        """Whether a node is the method's own object: its first parameter, which nothing rebinds."""
        name = self.program.first_argument(function)
        once = function is not None and len(self.program.bound[function].get(name, ())) == 1
        return once and isinstance(node, ast.Name) and node.id == name != ""

    def _is_setting(self, node: ast.Attribute, function: Function | None) -> bool:
        """Whether a constructor sets an attribute of a layer or record that it holds: `self.conv.stddev = 0.01`.

        Of torch's names only `_SETTINGS`: the variable may hold a class of torch, whose method would be replaced.
        """
        above, root = self.program.parent[node], _root(node)
        whole = isinstance(above, ast.Assign) and node in above.targets
        local = isinstance(root, ast.Name) and function is not None and self.program.binding(root) is function
        if not whole or not local or getattr(function, "name", "") == "recipe" or not isinstance(above, ast.Assign):
            return False
        if node.attr in self.program.allowed.attributes:
            return node.attr in _SETTINGS and is_constant(above.value)
        return True

    def _gives_kept(self, value: ast.expr) -> bool:
        if isinstance(value, (ast.Tuple, ast.List)):
            return any(map(self._gives_kept, value.elts))
        if isinstance(value, ast.Dict):
            return any(map(self._gives_kept, value.values))
        if isinstance(value, ast.IfExp):
            return self._gives_kept(value.body) or self._gives_kept(value.orelse)
        return self.outliving.is_kept(value, given=frozenset())


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node
