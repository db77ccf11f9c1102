"""Rules over attributes: what may be read of any value, what the text calls its own, what is known of a value."""

import ast
import re
from collections.abc import Iterator
from typing import Protocol

from gi.source.gate.names import end_of_modules
from gi.source.gate.program import Function, GatedProgram
from gi.source.gate.refusal import GateRefusal, refused

#: Methods that give a module an attribute under the name in their first argument.
REGISTERING = frozenset({"add_module", "register_buffer", "register_parameter"})


class Bases(Protocol):
    """What attributes are read of or set on."""

    def are_own_layers(self, node: ast.Attribute) -> bool:
        """Whether these are layers of the text's classes that have nothing of torch's but what every layer has."""
        ...

    def are_partials(self, node: ast.Attribute) -> bool:
        """Whether these are `functools.partial`s that the text makes."""
        ...


def attribute_refusals(program: GatedProgram, bases: Bases) -> Iterator[GateRefusal]:
    """Attributes of values that are neither allowed nor the program's own.

    `bases` says of each attribute what it may be read of or set on (`gi.source.gate.flow`).
    """
    through = set()
    for node in program.nodes:
        if isinstance(node, ast.Name) and node.id in program.imports:
            top: ast.AST = end_of_modules(program, node)
            if program.qualified(top) not in program.allowed.names:  # refused for its name: one reason is enough
                while isinstance(program.parent[top], ast.Attribute):
                    top = program.parent[top]
            while isinstance(top, ast.Attribute):
                through.add(top)
                top = top.value
    own, allowed = own_names(program), program.allowed
    for node in program.nodes:
        if not isinstance(node, ast.Attribute) or node in through:
            continue
        if node.attr.startswith("__"):
            if not (_is_super_init(program, node) or _is_class_read(program, node) or _is_name_read(node)):
                yield refused(node, "dunder", node.attr)
        elif _is_read_attribute(program, node) or _is_of_known(program, node, bases):
            continue
        # What is no attribute of anything that a program's values may be is one of its own classes', or an error.
        elif node.attr in allowed.denied or (node.attr.startswith("_") and node.attr not in own):
            yield refused(node, "attribute", f".{node.attr} is not allowed")


def _is_read_attribute(program: GatedProgram, node: ast.Attribute) -> bool:
    return (
        (node.attr in program.allowed.attributes and isinstance(node.ctx, ast.Load))
        or (node.attr == "format" and _is_plain_format(program, node))
        or (node.attr == "_modules" and _is_modules_read(program, node))
        or (node.attr in {"train", "eval"} and _is_mode_set(program, node))
    )


def _is_of_known(program: GatedProgram, node: ast.Attribute, bases: Bases) -> bool:
    """Whether an attribute is denied for what it is of other values, and this is none of them.

    `self.resize` of a layer of the text's own is what the text set: tensors alone have another one. `norm.func` of a
    partial that the text made is the function that the text gave it.
    """
    name, function = node.value, program.function_of(node)
    if not isinstance(name, ast.Name):
        return False
    if node.attr == "func":
        return isinstance(node.ctx, ast.Load) and bases.are_partials(node)
    itself = name.id == program.first_argument(function) != ""
    once = function is not None and len(program.bound[function].get(name.id, ())) == 1
    return node.attr in program.allowed.of_tensors_alone and itself and once and bases.are_own_layers(node)


def _is_mode_set(program: GatedProgram, node: ast.Attribute) -> bool:
    """Whether a constructor switches a module between training and evaluation, as for a first call that finds sizes.

    Elsewhere the mode would be a mark that lives from one call to the next.
    """
    call = program.parent[node]
    if not isinstance(call, ast.Call) or call.func is not node or call.keywords:
        return False
    plain = all(isinstance(argument, ast.Constant) and isinstance(argument.value, bool) for argument in call.args)
    return plain and _is_built_once(program, program.function_of(node))


def _is_built_once(program: GatedProgram, function: Function | None) -> bool:
    """Whether a function is the constructor of a class that is called at the top or in other such constructors alone.

    What is constructed while the network runs has a constructor that runs then.
    """
    waiting, seen = [function], set[Function | None]()
    # Each function once: classes that construct two of each other would be asked for twice as often with each more.
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        owner = program.parent[function] if function is not None else None
        if (
            not isinstance(function, ast.FunctionDef)
            or function.name != "__init__"
            or not isinstance(owner, ast.ClassDef)
        ):
            return False
        mentions = [n for n in program.nodes if isinstance(n, ast.Name) and n.id == owner.name]
        constructing = [name for name in mentions if not _is_of_super(program, name)]
        if not all(_is_called(program, name) for name in constructing):
            return False
        waiting += [caller for name in constructing if (caller := program.function_of(name)) is not None]
    return True


def _is_called(program: GatedProgram, name: ast.Name) -> bool:
    call = program.parent[name]
    return isinstance(call, ast.Call) and call.func is name


def _is_of_super(program: GatedProgram, name: ast.Name) -> bool:
    call = program.parent[name]
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "super"


def _is_modules_read(program: GatedProgram, node: ast.Attribute) -> bool:
    """Whether a module's table of children is gone through, as `named_children` goes through it."""
    above = program.parent[node]
    called = program.parent.get(above)
    read = isinstance(above, ast.Attribute) and above.attr in {"keys", "values", "items"}
    return read and isinstance(node.ctx, ast.Load) and isinstance(called, ast.Call) and called.func is above


def _is_plain_format(program: GatedProgram, node: ast.Attribute) -> bool:
    """Whether a text that stands there is filled in, as an f-string is: with fields that read nothing of the values."""
    above, text = program.parent[node], node.value
    if not (isinstance(above, ast.Call) and above.func is node and isinstance(text, ast.Constant)):
        return False
    return isinstance(text.value, str) and not re.sub(r"{{|}}|{[A-Za-z0-9]*}", "", text.value).strip().count("{")


def own_names(program: GatedProgram) -> frozenset[str]:
    """What the program's classes call their own: methods, constants, what they set and register."""
    own = set()
    for node in program.nodes:
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            own.add(node.attr)
        elif isinstance(node, ast.ClassDef):
            own.update(program.bound.get(node, ()))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in REGISTERING
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            own.add(str(node.args[0].value))
    return frozenset(own)


def _is_super_init(program: GatedProgram, node: ast.Attribute) -> bool:
    above = program.parent[node]
    return (
        node.attr == "__init__"
        and isinstance(above, ast.Call)
        and above.func is node
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "super"
        and getattr(program.function_of(node), "name", "") == "__init__"
    )


def _is_class_read(program: GatedProgram, node: ast.Attribute) -> bool:
    """Whether a value's class is compared with one of the program's own, or asked for its name: a truth, a text."""
    above = program.parent[node]
    if node.attr == "__name__" and isinstance(node.ctx, ast.Load):
        return isinstance(node.value, ast.Attribute) and node.value.attr == "__class__"
    if node.attr != "__class__" or not isinstance(node.ctx, ast.Load):
        return False
    compared = isinstance(above, ast.Compare) and above.left is node and all(
        isinstance(o, ast.Name) and o.id in program.classes for o in above.comparators
    )  # fmt: skip
    named = isinstance(above, ast.Attribute) and above.attr == "__name__" and isinstance(above.ctx, ast.Load)
    return compared or named


def _is_name_read(node: ast.Attribute) -> bool:
    """Whether the name of a class or function is read, which is a text."""
    return node.attr == "__name__" and isinstance(node.ctx, ast.Load)
