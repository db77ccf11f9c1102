"""Helpers that read a program for the transformations: the network's methods, layers, symbols, literals."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import libcst as cst
import libcst.matchers as m

Names: TypeAlias = Mapping[str, str]

MISSING = object()  # the value of an expression that is no literal


def method(tree: cst.Module, name: str) -> cst.FunctionDef | None:
    """A method of the class `Net`; None unless there is exactly one such class and method."""
    nets = [s for s in tree.body if isinstance(s, cst.ClassDef) and s.name.value == "Net"]
    found = [s for net in nets for s in net.body.body if isinstance(s, cst.FunctionDef) and s.name.value == name]
    return found[0] if len(nets) == len(found) == 1 and isinstance(found[0].body, cst.IndentedBlock) else None


def code(node: cst.CSTNode) -> str:
    """The text of a node."""
    return cst.Module([]).code_for_node(node)


def symbol(node: cst.BaseExpression, names: Names) -> str:
    """The qualified name of a name or a chain of attributes through the imports; "" for anything else."""
    if isinstance(node, cst.Name):
        return names.get(node.value, node.value)
    if isinstance(node, cst.Attribute):
        owner = symbol(node.value, names)
        return f"{owner}.{node.attr.value}" if owner else ""
    return ""


def layer_name(node: cst.BaseExpression, names: Names) -> str:
    """The class of `torch.nn` that an expression builds, such as "Conv2d"; "" for anything else."""
    called = symbol(node.func, names) if isinstance(node, cst.Call) else ""
    return called.removeprefix("torch.nn.") if called.startswith("torch.nn.") and called.count(".") == 2 else ""


def literal_value(node: cst.CSTNode) -> Any:
    """The value of a literal; `MISSING` for anything else."""
    try:
        return ast.literal_eval(code(node).strip())
    except (ValueError, SyntaxError, TypeError):
        return MISSING


def arguments(call: cst.Call, parameters: Sequence[str]) -> dict[str, Any] | None:
    """The literal arguments of a call by parameter; None where one is no literal, starred or unknown."""
    given: dict[str, Any] = {}
    for position, arg in enumerate(call.args):
        if arg.star or (arg.keyword is None and position >= len(parameters)):
            return None
        given[arg.keyword.value if arg.keyword else parameters[position]] = literal_value(arg.value)
    return None if MISSING in given.values() else given


def self_attribute(node: cst.CSTNode) -> str:
    """NAME in `self.NAME`; "" for anything else."""
    return node.attr.value if m.matches(node, m.Attribute(m.Name("self"))) else ""  # type: ignore[attr-defined]


def assignment(statement: cst.CSTNode) -> tuple[cst.BaseExpression, cst.BaseExpression] | None:
    """Target and value of a line that is one plain assignment to one target; None for other lines."""
    if not m.matches(statement, m.SimpleStatementLine([m.Assign([m.AssignTarget()])])):
        return None
    assign = statement.body[0]  # type: ignore[attr-defined]
    return assign.targets[0].target, assign.value


def assigned_attribute(statement: cst.CSTNode) -> str:
    """NAME in a line `self.NAME = ...`; "" for anything else."""
    pair = assignment(statement)
    return self_attribute(pair[0]) if pair else ""


def order_of_use(tree: cst.Module) -> list[str]:
    """The attributes that the network's `forward` calls, in the order of their first call; [] if it has branches."""
    forward = method(tree, "forward")
    if forward is None:
        return []
    visitor = _Calls()
    forward.visit(visitor)
    # With branches and loops the order in the text may not be that of the calls.
    return [] if visitor.has_branches else list(dict.fromkeys(visitor.called))


class _Calls(cst.CSTVisitor):
    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []
        self.has_branches = False

    def visit_If(self, _: cst.If) -> None:  # noqa: N802
        self.has_branches = True

    def visit_For(self, _: cst.For) -> None:  # noqa: N802
        self.has_branches = True

    def visit_While(self, _: cst.While) -> None:  # noqa: N802
        self.has_branches = True

    def leave_Call(self, original_node: cst.Call) -> None:  # noqa: N802
        # On leaving, so that calls in arguments come first, as in execution.
        if name := self_attribute(original_node.func):
            self.called.append(name)


def sequence(tree: cst.Module, names: Names) -> tuple[str, cst.Call] | None:
    """The attribute and the `nn.Sequential(...)` literal of a network whose forward only calls it.

    None for other networks.
    """
    init, forward = method(tree, "__init__"), method(tree, "forward")
    if init is None or forward is None:
        return None
    params = forward.params.params
    plain = m.SimpleStatementLine([m.Return(m.Call(m.Attribute(m.Name("self")), [m.Arg(m.Name(), star="")]))])
    if len(forward.body.body) != 1 or not m.matches(forward.body.body[0], plain) or len(params) != 2:
        return None
    called = forward.body.body[0].body[0].value  # type: ignore[union-attr]
    if called.args[0].value.value != params[1].name.value:
        return None
    name = called.func.attr.value
    built = [pair[1] for s in init.body.body if (pair := assignment(s)) and self_attribute(pair[0]) == name]
    if len(built) != 1 or layer_name(built[0], names) != "Sequential" or not isinstance(built[0], cst.Call):
        return None
    return (name, built[0]) if all(not arg.star and arg.keyword is None for arg in built[0].args) else None
