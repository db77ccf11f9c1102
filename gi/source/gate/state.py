"""Rules over state: what runs for an image writes to nothing that outlives it, parameters and buffers aside.

A program that could remember would answer from what it saw: labels of an earlier call, or an answer kept between calls.
"""

import ast
from collections.abc import Iterator

from gi.source.gate.constants import is_constant
from gi.source.gate.flow.flow import Flow
from gi.source.gate.program import Function, GatedProgram
from gi.source.gate.refusal import GateRefusal, refused

#: Numbers that a layer of torch was built with, and may get anew.
_SETTINGS = frozenset(
    {"ceil_mode", "inplace", "requires_grad", "eps", "momentum", "p", "stride", "padding", "dilation"}
)


def state_refusals(program: GatedProgram, flow: Flow) -> Iterator[GateRefusal]:
    """Attributes set outside of constructors, and containers changed that may outlive the call."""
    if flow.given_up:
        yield refused(program.tree, "state", "values go more ways than are followed")
    for met in flow.hidden.iterators():
        yield refused(met, "iterator", "holds an iterator that was made while building")
    for node, detail in flow.changes.found:
        yield refused(node, "state", detail)
    yield from _StateRules(program).refusals()


class _StateRules:
    def __init__(self, program: GatedProgram) -> None:
        self.program = program

    def refusals(self) -> Iterator[GateRefusal]:
        for node in self.program.nodes:
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                function = self.program.function_of(node)
                yield from self._attribute(node, function, self.program.runs(function))
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
                yield refused(node, "state", "del")

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
            yield refused(node, "state", f".{node.attr} of something else is set")

    def _is_object(self, node: ast.expr, function: Function | None) -> bool:
        """Whether a node is what the method was called on: its first argument, bound to nothing else."""
        name = self.program.first_argument(function)
        once = function is not None and len(self.program.bound[function].get(name, ())) == 1
        return once and isinstance(node, ast.Name) and node.id == name != ""

    def _is_setting(self, node: ast.Attribute, function: Function | None) -> bool:
        """Whether a constructor sets something of a layer or record that it has: `self.conv.stddev = 0.01`.

        That is no name of torch's: behind a variable may stand one of its classes, whose methods it would swap.
        """
        above, root = self.program.parent[node], _root(node)
        whole = isinstance(above, ast.Assign) and node in above.targets
        local = isinstance(root, ast.Name) and function is not None and self.program.binding(root) is function
        if not whole or not local or getattr(function, "name", "") == "recipe" or not isinstance(above, ast.Assign):
            return False
        if node.attr in self.program.allowed.attributes:
            return node.attr in _SETTINGS and is_constant(above.value)
        return True


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node
