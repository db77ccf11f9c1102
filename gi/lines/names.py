"""The free names of a call's arguments, which a program that borrows the call has to bind."""

import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import libcst as cst

from gi.lines.meaning import Meanings
from gi.lines.tree import children
from gi.lines.value import Scope, Value, dotted

_BUILTINS: Final = frozenset(dir(builtins))
_ANYWHERE: Final = ("torch", "torchvision", "math")  # every program can import them: written out, not free
_BOUND: Final = Value(("",))  # marks names that a comprehension or lambda in the arguments binds; compared by identity


@dataclass(slots=True)
class FreeNames:
    """Free names of a call's arguments with their literals, and the nodes that are spelled by their symbol instead.

    An attribute of a value is named with it ("self.width"); a method's receiver is named alone.
    """

    meanings: Meanings
    names: dict[str, str | None] = field(default_factory=dict)
    spelled: dict[cst.CSTNode, str] = field(default_factory=dict)

    def visit(self, node: cst.CSTNode, scope: Scope) -> None:
        """Takes in an argument, or a part of one."""
        if isinstance(node, cst.Name | cst.Attribute) and (chain := dotted(node)):
            self._chain(node, chain, scope)
        elif isinstance(node, cst.BaseComp | cst.Lambda):
            inner = Scope(parent=scope, layers=[dict.fromkeys(_bound_inside(node), _BOUND)])
            self._parts(node, inner)
        elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            receiver = node.func.value
            # For `x.size(1)` a program has to bind `x`, which brings `size` along. A function of a module
            # (`math.prod(s)`) and a method of `self` are named whole: there is no such value before the dot.
            known = self.meanings.value(node.func, scope).symbols or scope.receiver_class(dotted(receiver))
            self.visit(node.func if known else receiver, scope)
            for argument in node.args:
                self.visit(argument.value, scope)
        else:
            self._parts(node, scope)

    def _parts(self, node: cst.CSTNode, scope: Scope) -> None:
        for child in children(node):
            self.visit(child, scope)

    def _chain(self, node: cst.Name | cst.Attribute, chain: str, scope: Scope) -> None:
        root = chain.partition(".")[0]
        known = scope.find(root)
        if known is _BOUND or (known is None and root in _BUILTINS):  # a file may rebind a builtin's name
            return
        value = self.meanings.value(node, scope)
        symbol = self.meanings.shown(value.symbols[0]) if value.symbols else ""
        if symbol.partition(".")[0] not in _ANYWHERE:
            self.names.setdefault(chain, value.literal)
        elif symbol != chain:
            self.spelled[node] = symbol


def free_names(call: cst.Call, scope: Scope, meanings: Meanings) -> FreeNames:
    """The free names of a call's arguments, as they stand when the call runs."""
    free = FreeNames(meanings)
    for argument in call.args:
        free.visit(argument.value, scope)
    return free


def _bound_inside(node: cst.BaseComp | cst.Lambda) -> Iterator[str]:
    if isinstance(node, cst.Lambda):
        yield from (param.name.value for param in children(node.params) if isinstance(param, cst.Param))
        return
    loop: cst.CompFor | None = node.for_in
    while loop is not None:
        yield from _target_names(loop.target)
        loop = loop.inner_for_in


def _target_names(target: cst.CSTNode) -> Iterator[str]:
    if isinstance(target, cst.Name):
        yield target.value
    else:
        for child in children(target):
            yield from _target_names(child)
