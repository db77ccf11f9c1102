"""Where a layer stands in a program, in each style that people write."""

import ast
from dataclasses import dataclass
from typing import TypeAlias

from gi.source.tree.imports import imported, resolve
from gi.source.tree.tree import Source, dotted


@dataclass(frozen=True)
class Element:
    """One element among the arguments of a call, or of a list: `nn.Sequential(conv, relu)`, `[conv, relu]`."""

    node: ast.expr  # the constructor call, or the ("name", call) pair around it
    siblings: list[ast.expr]


@dataclass(frozen=True)
class Appended:
    """A statement of its own that adds one layer: `layers.append(nn.ReLU())`, `self.net.add_module("a", nn.ReLU())`."""

    node: ast.Call  # the constructor call
    statement: ast.stmt


@dataclass(frozen=True)
class Attribute:
    """`self.name = nn.Conv2d(...)` with the calls `self.name(x)` that use it."""

    node: ast.Call
    name: str
    statement: ast.stmt
    uses: tuple[ast.Call, ...]


@dataclass(frozen=True)
class Functional:
    """A call that data flows through: `F.relu(x)`, `x.flatten(1)`; `data` is the operand."""

    node: ast.Call
    data: ast.expr


@dataclass(frozen=True)
class Anywhere:
    """A constructor call in any other style: returned by a helper, in a comprehension, a default, a conditional.

    Something has to stand there: a layer is joined to it in an `nn.Sequential`, and `nn.Identity()` is left of it.
    """

    node: ast.Call


Place: TypeAlias = Element | Appended | Attribute | Functional | Anywhere


def place_of(source: Source, call: ast.Call) -> Place | None:
    """The place of a constructor call; None where its layer is no plain function of one tensor: `self.a(x, y)`."""
    node: ast.expr = call
    parent = source.parents.get(call)
    if isinstance(parent, ast.Tuple) and len(parent.elts) == 2 and parent.elts[1] is call:
        node, parent = parent, source.parents.get(parent)  # ("conv1", nn.Conv2d(...)) of an OrderedDict
    place: Place | None = None
    if isinstance(parent, ast.List):
        place = Element(node, list(parent.elts))
    elif isinstance(parent, ast.Call) and node in parent.args:
        if _is_torchs(source, parent):  # torch.nn.utils.weight_norm(nn.Conv2d(...)) needs its weight
            return None
        place = _in_call(source, parent, call, node)
    elif isinstance(parent, (ast.Assign, ast.AnnAssign)):
        return _attribute(source, parent, call)
    return place or Anywhere(call)


def _in_call(source: Source, parent: ast.Call, call: ast.Call, node: ast.expr) -> Place | None:
    statement, func = source.parents.get(parent), parent.func
    if isinstance(func, ast.Attribute) and func.attr in ("append", "add_module", "register_module"):
        # A layer that is registered under a name is called by that name in a forward, unless the class is a Sequential.
        by_name = _is_self(func.value) and not _is_sequential(source, parent)
        return Appended(call, statement) if isinstance(statement, ast.Expr) and not by_name else None
    of_base = isinstance(func, ast.Attribute) and func.attr == "__init__" and _is_sequential(source, parent)
    if of_base or resolve(source, func).endswith(("Sequential", "ModuleList")) or _runs_in_turn(source, parent):
        return Element(node, list(parent.args))
    return None


def _is_torchs(source: Source, call: ast.Call) -> bool:
    name = resolve(source, call.func)
    return name.startswith("torch") and not name.endswith(("Sequential", "ModuleList"))


def _is_sequential(source: Source, node: ast.AST) -> bool:
    """Whether the class around a node is an `nn.Sequential` that runs its layers in their order."""
    owner = source.enclosing(node, ast.ClassDef)
    if owner is None or not any(resolve(source, base).endswith("Sequential") for base in owner.bases):
        return False
    # With a forward of its own a Sequential may run its layers in any order, or one of them twice.
    return not any(isinstance(f, ast.FunctionDef) and f.name == "forward" for f in owner.body)


def _runs_in_turn(source: Source, call: ast.Call) -> bool:
    """Whether a call builds a class of the module whose `*layers` run one after the other: `nn.Sequential(*layers)`."""
    owner = source.classes.get(dotted(call.func))
    inits = [f for f in (owner.body if owner else []) if isinstance(f, ast.FunctionDef) and f.name == "__init__"]
    if not inits or inits[0].args.vararg is None or len(inits[0].args.args) != 1 or call.keywords:
        return False
    stars = (
        a.value
        for n in source.under(inits[0])
        if isinstance(n, ast.Call) and resolve(source, n.func).endswith("Sequential")
        for a in n.args
        if isinstance(a, ast.Starred)
    )
    return any(dotted(star) == inits[0].args.vararg.arg for star in stars)


def _attribute(source: Source, statement: ast.Assign | ast.AnnAssign, call: ast.Call) -> Place | None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    target, owner = targets[0], source.enclosing(statement, ast.ClassDef)
    if len(targets) > 1 or owner is None or not isinstance(target, ast.Attribute) or not _is_self(target.value):
        return Anywhere(call)
    # In the class that defines it: another class of the file may have an attribute of the same name.
    references = [n for n in source.under(owner) if _is_self_attribute(n, target.attr) and n is not target]
    references = [_with_forward(source, n) for n in references]
    around = [source.parents.get(n) for n in references]
    uses = tuple(c for c, n in zip(around, references, strict=True) if isinstance(c, ast.Call) and c.func is n)
    # `self.conv.weight` or `self.layers[0]` is read: without the layer that line fails.
    is_opened = any(isinstance(p, (ast.Attribute, ast.Subscript)) and p.value in references for p in around)
    if is_opened or not all(_takes_one(use) for use in uses):
        return None
    # Something passes the layer on (`nn.Sequential(self.conv, ...)`) or calls it from elsewhere.
    if not uses or len(uses) != len(references) or _is_read_from_outside(source, owner, target.attr):
        return Anywhere(call)
    return Attribute(call, target.attr, statement, uses)


def _with_forward(source: Source, layer: ast.AST) -> ast.AST:
    """What is called where a layer is: `self.conv`, or `self.conv.forward`."""
    parent = source.parents.get(layer)
    return parent if isinstance(parent, ast.Attribute) and parent.attr == "forward" else layer


def _is_read_from_outside(source: Source, owner: ast.ClassDef, name: str) -> bool:
    """Whether something reads `block.name`, or `self.name` in a class that inherits it."""
    heirs = [c for c in source.classes.values() if any(owner.name == dotted(base) for base in c.bases)]
    of_heirs = (n for heir in heirs for n in source.under(heir) if _is_self_attribute(n, name))
    of_others = (
        n
        for n in source.under(source.tree)
        if isinstance(n, ast.Attribute)
        and n.attr == name
        and not _is_self(n.value)
        # `F.conv2d` is no attribute of an object: names of imported modules do not count.
        and not imported(source).get(dotted(n).partition(".")[0])
    )
    return any(True for _ in of_heirs) or any(True for _ in of_others)


def _takes_one(call: ast.Call) -> bool:
    return len(call.args) == 1 and not isinstance(call.args[0], ast.Starred)


def _is_self_attribute(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name and _is_self(node.value)


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def functional_place(source: Source, call: ast.Call) -> Functional | None:
    """The place of a call in `forward`: a function of torch or a method of a tensor."""
    name = resolve(source, call.func)
    if name.startswith("torch") and call.args:
        return Functional(call, call.args[0])
    if isinstance(call.func, ast.Attribute) and not name.startswith(("torch", "self.")):
        return Functional(call, call.func.value)
    return None
