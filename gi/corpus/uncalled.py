"""Methods of a module's classes that neither building nor calling an object of one class reaches.

Packages give their classes methods for training scripts, loaders and pruners beside what computes. A method is reached
by its name: if no reached code mentions that, as an attribute, a name or in a text, it is never called.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from gi.source.gate.allowed import allowed

_PLAIN_BASES = frozenset({"nn.Module", "torch.nn.Module", "Module", "object", "torch.nn.modules.Module"})
#: What looks a name up by a text, and which argument that is.
_BY_NAME = {
    "getattr": 1, "hasattr": 1, "setattr": 1, "attrgetter": 0, "methodcaller": 0, "operator.attrgetter": 0,
    "operator.methodcaller": 0,
}  # fmt: skip


def uncalled(tree: ast.Module, name: str, cut: set[ast.AST]) -> set[ast.stmt]:
    """The methods, in a module that defines the class `name`, that can go; what is `cut` counts as gone already."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if name not in classes:
        return set()
    waiting = {m for c in classes.values() if _is_plain(c, classes) for m in c.body
               if isinstance(m, ast.FunctionDef) and m not in cut and not _is_called_by_torch(m.name)}  # fmt: skip
    reached = _Reached()
    reached.add(tree, {*cut, *waiting})
    while found := {method for method in waiting if reached.has(method.name)}:
        waiting -= found
        for method in found:
            reached.add(method, cut)
    return set[ast.stmt](waiting)


def _is_plain(node: ast.ClassDef, classes: dict[str, ast.ClassDef], below: tuple[str, ...] = ()) -> bool:
    """Whether all bases are `nn.Module` or classes of this module: a layer of torch may call methods by name."""
    for base in node.bases:
        name = ast.unparse(base)
        own = name in classes and name not in below and _is_plain(classes[name], classes, (*below, name))
        if not own and name not in _PLAIN_BASES:
            return False
    return True


def _is_called_by_torch(name: str) -> bool:
    return name == "forward" or name.startswith("__") or name in allowed().module_members


@dataclass
class _Reached:
    """The names that reached code mentions, and the beginnings of those that it looks up by a text made on the way."""

    names: set[str] = field(default_factory=set)
    beginnings: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        return name in self.names or any(name.startswith(beginning) for beginning in self.beginnings)

    def add(self, node: ast.AST, cut: set[ast.AST]) -> None:
        waiting = [node]
        while waiting:
            inner = waiting.pop()
            if inner in cut and inner is not node:
                continue
            self._mention(inner)
            waiting.extend(_undocumented(inner))

    def _mention(self, node: ast.AST) -> None:
        if isinstance(node, ast.Name):
            self.names.add(node.id)
        elif isinstance(node, ast.Attribute):
            self.names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.names.update(part for part in node.value.replace(".", " ").split() if part.isidentifier())
        elif isinstance(node, ast.Call) and (place := _BY_NAME.get(ast.unparse(node.func))) is not None:
            self.beginnings.update(map(_beginning, node.args[place : place + 1]))


def _undocumented(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield child


def _beginning(name: ast.expr) -> str:
    first = name.values[0] if isinstance(name, ast.JoinedStr) and name.values else name
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
