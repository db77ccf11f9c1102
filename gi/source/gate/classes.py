"""Rules over classes and functions: bases, hooks, decorators, defaults, what stands at the top of a class or file."""

import ast
from collections.abc import Iterator

from gi.source.gate.constants import is_constant, is_function_or_class, is_table, makes_function
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
        yield from (refused(d, "decorator", ast.unparse(d)) for d in node.decorator_list if not _is_record(program, d))
        # One without a base is a record: its methods and attributes are held to the same rules as a layer's.
        if not _is_enumeration(program, node) and (
            len(node.bases) > 1 or not all(_is_base(program, base) for base in node.bases)
        ):
            yield refused(node, "class", f"{node.name} derives from something else than one class of layers")
        if _is_enumeration(program, node) and any(name.startswith("_") for name in program.bound.get(node, ())):
            yield refused(node, "class", f"{node.name} is an enumeration with a constructor or a hook")
        derivative = program.is_derivative(node)
        for statement in node.body:
            if not (derivative and isinstance(statement, ast.FunctionDef) and statement.name == "backward"):
                yield from _member(program, statement, node)


def _is_layer(program: GatedProgram, node: ast.ClassDef) -> bool:
    """Whether a class derives from `torch.nn.Module` itself."""
    return any(program.qualified(base) == "torch.nn.Module" for base in node.bases)


def _is_enumeration(program: GatedProgram, node: ast.ClassDef) -> bool:
    """`class Format(str, Enum)`: names for texts or numbers, which nothing can change."""
    texts = all(isinstance(base, ast.Name) and base.id in {"str", "int"} for base in node.bases[:-1])
    return 1 <= len(node.bases) <= 2 and texts and program.qualified(node.bases[-1]) == "enum.Enum"


def _is_record(program: GatedProgram, decorator: ast.expr) -> bool:
    """`@dataclass`, with literal settings or none: it writes a constructor and comparisons for the fields."""
    if isinstance(decorator, ast.Call):
        settings = all(k.arg and isinstance(k.value, ast.Constant) for k in decorator.keywords)
        return settings and not decorator.args and _is_record(program, decorator.func)
    return program.qualified(decorator) == "dataclasses.dataclass"


def _is_base(program: GatedProgram, base: ast.expr) -> bool:
    if isinstance(base, ast.Name) and base.id in program.classes:
        return True
    name = program.qualified(base)
    if name in {"typing.NamedTuple", "torch.autograd.Function"} or (isinstance(base, ast.Name) and base.id == "object"):
        return True
    is_class = name.rpartition(".")[0] == "torch.nn" and not name.endswith(("Parameter", "Buffer"))
    return is_class and name in program.allowed.names


def _member(program: GatedProgram, statement: ast.stmt, of: ast.ClassDef) -> Iterator[GateRefusal]:
    is_layer, is_enumeration = _is_layer(program, of), _is_enumeration(program, of)
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
        elif name in program.allowed.denied and not (name in program.allowed.of_tensors_alone and is_layer):
            yield refused(statement, "override", f"{name} belongs to what a program's values are made of")
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and not _is_kept_value(
        program, statement.value, is_enumeration=is_enumeration
    ):
        yield refused(statement, "class state", "a class's own value is a constant")


def _is_kept_value(program: GatedProgram, value: ast.expr | None, *, is_enumeration: bool) -> bool:
    """A constant, the name of a function or class, or a filled table of these: `cfg = [(1, 16), (6, 24)]`.

    Nothing changes a table where an image runs through (`flow`); an empty one has no other use than to be changed.
    """
    if isinstance(value, (ast.List, ast.Tuple, ast.Dict)):
        # Members of an enumeration are objects, whose contents the analysis does not follow.
        items = [*value.keys, *value.values] if isinstance(value, ast.Dict) else value.elts
        is_filled = bool(items) and not is_enumeration
        return (is_filled or isinstance(value, ast.Tuple)) and all(
            item is not None and _is_kept_value(program, item, is_enumeration=is_enumeration) for item in items
        )
    named = value is not None and (is_function_or_class(program, value) or program.qualified(value) != "")
    return is_constant(value) or named


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
                yield from _default(program, default)


def _default(program: GatedProgram, default: ast.expr) -> Iterator[GateRefusal]:
    if _is_filled(default):
        return
    made = (ast.List, ast.Dict, ast.ListComp, ast.DictComp, ast.GeneratorExp)
    for inner in _evaluated(default):
        if isinstance(inner, ast.Call):
            name = program.qualified(inner.func)
            number = name.startswith("math.") and all(map(is_constant, inner.args)) and not inner.keywords
            allowed = number or name == "functools.partial" or makes_function(program, inner)
        else:
            allowed = not isinstance(inner, made)
        if not allowed:
            yield refused(inner, "default", "a default that is made once and kept")


def _is_filled(default: ast.expr) -> bool:
    """A list of numbers or texts: nothing changes it where an image runs through (`flow`). An empty one is a memory."""
    if isinstance(default, ast.BinOp) and isinstance(default.op, ast.Mult):
        return is_constant(default.right) and _is_filled(default.left)
    return isinstance(default, ast.List) and bool(default.elts) and all(map(is_constant, default.elts))


def _evaluated(value: ast.expr) -> Iterator[ast.AST]:
    """The nodes of an expression that are evaluated where it stands: not the bodies of lambdas."""
    yield value
    for child in ast.iter_child_nodes(value):
        if isinstance(child, ast.expr) and not (isinstance(value, ast.Lambda) and child is value.body):
            yield from _evaluated(child)


def top_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """What stands at the top of the file beside imports, classes, functions and constants."""
    for statement in program.tree.body:
        if isinstance(statement, (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)) or _is_text(statement):
            continue
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if all(isinstance(t, ast.Name) for t in targets) and is_table(program, statement.value):
                continue
        yield refused(statement, "top", "a statement at the top of the file that is no import, definition or constant")


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
