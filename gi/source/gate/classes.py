"""Rules over classes and functions: bases, hooks, decorators, defaults, what stands at the top of a class or file."""

import ast
from collections.abc import Iterator

from gi.source.gate.program import COMPILERS, GatedProgram
from gi.source.gate.refusal import GateRefusal, refused

_DECORATORS = frozenset({"staticmethod", "property"})
# Of the compilers, which gi leaves out where it runs a program; the others give back the function that they got.
_MARKS = frozenset({"torch.jit.unused", "torch.jit.ignore", "torch.jit.export", *COMPILERS})


def class_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Metaclasses and class hooks, bases that are no layers, replaced members, state at class level."""
    for node in program.nodes:
        if not isinstance(node, ast.ClassDef):
            continue
        yield from (refused(k.value, "class", f"the keyword {k.arg} of a class") for k in node.keywords)
        yield from (refused(d, "decorator", ast.unparse(d)) for d in node.decorator_list)
        if len(node.bases) != 1 or not all(_is_layer(program, base) for base in node.bases):
            yield refused(node, "class", f"{node.name} derives from something else than one class of layers")
        for statement in node.body:
            yield from _member(program, statement)


def _is_layer(program: GatedProgram, base: ast.expr) -> bool:
    if isinstance(base, ast.Name) and base.id in program.classes:
        return True
    name = program.qualified(base)
    is_class = name.rpartition(".")[0] == "torch.nn" and not name.endswith(("Parameter", "Buffer"))
    return is_class and name in program.allowed.names


def _member(program: GatedProgram, statement: ast.stmt) -> Iterator[GateRefusal]:
    if isinstance(statement, ast.FunctionDef):
        names = [statement.name]
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        if statement.value is None:
            return
        names = [statement.target.id]
    elif isinstance(statement, ast.Assign):
        names = [target.id if isinstance(target, ast.Name) else "" for target in statement.targets]
    elif isinstance(statement, ast.Pass) or _is_text(statement):
        return
    else:
        yield refused(statement, "class state", "a class holds methods and constants")
        return
    for name in names:
        if name in program.allowed.module_members or (name == "forward" and not isinstance(statement, ast.FunctionDef)):
            yield refused(statement, "override", f"{name} is torch.nn.Module's own")
        elif name in program.allowed.denied:
            yield refused(statement, "override", f"{name} belongs to what a program's values are made of")
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and not is_constant(statement.value):
        yield refused(statement, "class state", "a class's own value is a constant")


def function_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Foreign decorators, defaults that live on between calls, constructors outside of classes."""
    for node in program.nodes:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                plain = isinstance(decorator, ast.Name) and decorator.id in _DECORATORS
                call = isinstance(decorator, ast.Call) and program.qualified(decorator.func) == "torch.no_grad"
                if not (plain or call or program.qualified(decorator) in _MARKS):
                    yield refused(decorator, "decorator", ast.unparse(decorator))
            if node.name == "__init__" and not program.is_method(node):
                yield refused(node, "dunder", "__init__ outside of a class")
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
                for inner in ast.walk(default):
                    if isinstance(inner, (ast.List, ast.Dict, ast.ListComp, ast.DictComp, ast.GeneratorExp)) or (
                        isinstance(inner, ast.Call) and program.qualified(inner.func) != "functools.partial"
                    ):
                        yield refused(inner, "default", "a default that is made once and kept")


def top_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """What stands at the top of the file beside imports, classes, functions and constants."""
    for statement in program.tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)) or _is_text(statement):
            continue
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if all(isinstance(t, ast.Name) for t in targets) and _is_table(program, statement.value):
                continue
        yield refused(statement, "top", "a statement at the top of the file that is no import, definition or constant")


def is_constant(value: ast.expr | None) -> bool:
    """Whether an expression is a number, a text, None, or a tuple of such."""
    if isinstance(value, ast.Tuple):
        return all(map(is_constant, value.elts))
    if isinstance(value, ast.UnaryOp):
        return is_constant(value.operand)
    if isinstance(value, ast.BinOp):
        return is_constant(value.left) and is_constant(value.right)
    return value is None or isinstance(value, ast.Constant)


def _is_table(program: GatedProgram, value: ast.expr | None) -> bool:
    """A constant, an allowed name, or a list or dictionary of such: what is never written (see `state`)."""
    if isinstance(value, (ast.List, ast.Tuple)):
        return all(_is_table(program, item) for item in value.elts)
    if isinstance(value, ast.Dict):
        return all(key is not None and _is_table(program, key) for key in value.keys) and all(
            _is_table(program, item) for item in value.values
        )
    if isinstance(value, ast.Call) and program.qualified(value.func) == "torch.device":
        return not value.keywords and all(_is_device(program, argument) for argument in value.args)
    if isinstance(value, ast.Subscript):  # an alias of a type
        return program.qualified(value.value).startswith("typing.")
    return is_constant(value) or bool(program.qualified(value)) if value is not None else True


def _is_device(program: GatedProgram, value: ast.expr) -> bool:
    """A device's name, or the choice of one by whether it is there."""
    if isinstance(value, ast.IfExp) and isinstance(value.test, ast.Call) and not value.test.args:
        there = program.qualified(value.test.func).endswith(".is_available")
        return there and is_constant(value.body) and is_constant(value.orelse)
    return is_constant(value)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
