"""Values that may be assigned at the top of a file or class, or be a default: no program can write to them.

This includes a list or dictionary at the top, which the rules over state protect from changes.
"""

import ast
from collections.abc import Iterator

from gi.source.gate.program import GatedProgram

_CONTAINERS = frozenset({"dict", "list", "tuple", "frozenset"})
_MAKING = frozenset({"functools.partial", "collections.OrderedDict"})


def is_constant(value: ast.expr | None) -> bool:
    """Whether an expression is a number, a text, None, or a tuple of these."""
    if isinstance(value, ast.Tuple):
        return all(map(is_constant, value.elts))
    if isinstance(value, ast.UnaryOp):
        return is_constant(value.operand)
    if isinstance(value, ast.BinOp):
        return is_constant(value.left) and is_constant(value.right)
    return value is None or isinstance(value, ast.Constant)


def is_table(program: GatedProgram, value: ast.expr | None) -> bool:
    """Whether a value is a constant, an allowed name, a name of the text, or a list or dictionary of these."""
    if value is None or is_constant(value):
        return True
    if isinstance(value, (ast.List, ast.Tuple)):
        return all(is_table(program, item) for item in value.elts)
    if isinstance(value, ast.Dict):
        return all(key is not None and is_table(program, key) for key in value.keys) and all(
            is_table(program, item) for item in value.values
        )
    if isinstance(value, ast.IfExp):
        return all(is_table(program, part) for part in (value.test, value.body, value.orelse))
    if isinstance(value, ast.BinOp):
        return is_table(program, value.left) and is_table(program, value.right)
    if isinstance(value, ast.Call):
        return _is_making(program, value)
    if isinstance(value, ast.Subscript):  # an alias of a type
        return program.qualified(value.value).startswith("typing.")
    return is_function_or_class(program, value) or _is_top_name(program, value) or bool(program.qualified(value))


def makes_function(program: GatedProgram, value: ast.expr) -> bool:
    """Whether a call returns a function of the text, as `def relu_of(slope): return lambda: nn.ReLU(slope)` does.

    Such a function is a definition with numbers filled in. Other rules refuse any other state of it: closures that are
    changed or that hold tensors, and functions that return them.
    """
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Name):
        return False
    arguments = [*value.args, *(keyword.value for keyword in value.keywords)]
    makers = program.functions.get(value.func.id, [])
    at_top = all(program.parent[maker] is program.tree for maker in makers)
    return bool(makers) and at_top and all(map(_gives_functions, makers)) and all(
        is_constant(argument) or is_function_or_class(program, argument) or makes_function(program, argument)
        for argument in arguments
    )  # fmt: skip


def _gives_functions(maker: ast.FunctionDef) -> bool:
    """Whether every value that a function returns is a lambda, or a function defined in it."""
    inner = {s.name for s in maker.body if isinstance(s, ast.FunctionDef)}
    bound = [n.id for n in ast.walk(maker) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)]
    values = list(_returned(maker.body))
    named = all(isinstance(v, ast.Lambda) or (isinstance(v, ast.Name) and v.id in inner - set(bound)) for v in values)
    return bool(values) and named and not maker.decorator_list


def _returned(body: list[ast.stmt]) -> Iterator[ast.expr | None]:
    """The values of a function's own return statements, without those of nested functions."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return):
            yield node.value
        elif not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))


def is_function_or_class(program: GatedProgram, value: ast.expr) -> bool:
    """Whether an expression is the name of a function or class at the top of the text, bound to nothing else."""
    if not isinstance(value, ast.Name) or program.binding(value) is not program.tree:
        return False
    bound = program.bound[program.tree][value.id]
    return all(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in bound)


def _is_top_name(program: GatedProgram, value: ast.expr) -> bool:
    """Whether an expression is a name bound at the top of the file, whose value the same rule checks."""
    return isinstance(value, ast.Name) and value.id in program.bound.get(program.tree, ())


def _is_making(program: GatedProgram, call: ast.Call) -> bool:
    """Whether a call at the top returns a constant or a container of constants."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    name = program.qualified(call.func)
    if name == "torch.device":
        return not call.keywords and all(_is_device(program, argument) for argument in call.args)
    if name == "collections.namedtuple":  # it compiles the names of its fields, which it checks
        return not call.keywords and len(call.args) == 2 and all(map(_is_naming, call.args))
    if name in _MAKING or (isinstance(call.func, ast.Name) and call.func.id in _CONTAINERS):
        return all(keyword.arg for keyword in call.keywords) and all(is_table(program, a) for a in arguments)
    return makes_function(program, call)


def _is_naming(value: ast.expr) -> bool:
    return is_constant(value) or (isinstance(value, ast.List) and all(map(is_constant, value.elts)))


def _is_device(program: GatedProgram, value: ast.expr) -> bool:
    """Whether an expression is a device's name, or the choice of one by `is_available`."""
    if isinstance(value, ast.IfExp) and isinstance(value.test, ast.Call) and not value.test.args:
        there = program.qualified(value.test.func).endswith(".is_available")
        return there and is_constant(value.body) and is_constant(value.orelse)
    return is_constant(value)
