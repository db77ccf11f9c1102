"""Rules over names: imports, what a name may mean, dunders."""

import ast
from collections.abc import Iterator

from gi.source.gate.program import COMPILERS, EVERY_BUILTIN, GatedProgram
from gi.source.gate.refusal import GateRefusal, refused
from gi.source.gate.syntax import MIXED_PRECISION

_NO_PLAIN_LAYERS = frozenset({"Parameter", "Buffer", "UninitializedParameter", "ModuleList", "ModuleDict",
                              "ParameterList", "ParameterDict"})  # fmt: skip
#: Classes that make functions out of code, and may be asked for alone.
_OF_TYPES = frozenset({"types.FunctionType"})


#: What `from __future__` may name: features that Python has anyway, and annotations that are not evaluated.
_FEATURES = frozenset(
    {"absolute_import", "annotations", "division", "generator_stop", "generators", "nested_scopes", "print_function"}
    | {"unicode_literals", "with_statement"}
)


def import_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Imports of anything but the allowed modules and names, or not at the top of the file."""
    allowed, features = program.allowed, set[str]()
    for node in program.nodes:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if program.parent[node] is not program.tree:
            yield refused(node, "import", "an import that does not stand at the top of the file")
        if isinstance(node, ast.ImportFrom):
            if node.module == "__future__" and all(a.name in _FEATURES and not a.asname for a in node.names):
                features |= {a.name for a in node.names}
                continue
            for alias in node.names:
                name = f"{'.' * node.level}{node.module or ''}.{alias.name}"
                if node.level or alias.name == "*" or name not in allowed.modules | allowed.names:
                    yield refused(node, "import", f"{name} is not allowed")
        else:
            for alias in node.names:
                if alias.name not in allowed.modules:
                    yield refused(node, "import", f"{alias.name} is not allowed")
    # What such an import binds is an object like any other.
    used = (node for node in program.nodes if isinstance(node, ast.Name) and node.id in features)
    yield from (refused(node, "name", f"{node.id} is a feature of Python's") for node in used)


def name_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Names that mean nothing allowed, bare modules as values, names bound over what the rules rely on."""
    for node in program.nodes:
        for name in _identifiers(node):
            if name.startswith("__") and not _is_call_of_record(program, node):
                yield refused(node, "dunder", name)
    for names in program.bound.values():
        for name, nodes in names.items():
            for node in nodes:
                if name in program.imports and not isinstance(node, (ast.Import, ast.ImportFrom)):
                    yield refused(node, "rebound", f"{name} is imported and bound again")
                elif name in program.allowed.builtins and not program.is_method(node):
                    yield refused(node, "rebound", f"{name} is a builtin")
    for name, nodes in program.bound.get(program.tree, {}).items():
        # At the top of a file a name that is read before it is bound is the builtin's.
        if name in EVERY_BUILTIN:
            yield refused(nodes[0], "rebound", f"{name} is a builtin")
    for node in program.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield from _meaning(program, node)


def _is_call_of_record(program: GatedProgram, node: ast.AST) -> bool:
    """Whether a function is what calling a record does; a layer's `forward` is called by torch."""
    own = program.parent[node]
    return (
        isinstance(node, ast.FunctionDef)
        and node.name == "__call__"
        and isinstance(own, ast.ClassDef)
        and not (own.bases or own.decorator_list or node.decorator_list)
    )


def _meaning(program: GatedProgram, node: ast.Name) -> Iterator[GateRefusal]:
    if node.id in program.imports:
        yield from _qualified(program, node)
    elif program.binding(node) is None and node.id not in program.allowed.builtins and not node.id.startswith("__"):
        read = {"type": _is_type_read, "set": _is_read_set, "setattr": _is_layer_set}.get(node.id)
        if read is None or not read(program, node):
            yield refused(node, "name", f"{node.id} is not allowed")


def _qualified(program: GatedProgram, node: ast.Name) -> Iterator[GateRefusal]:
    top = end_of_modules(program, node)
    name = program.qualified(top)
    if name in program.allowed.modules:
        if not _is_argument_annotation(program, top):
            yield refused(node, "module", f"the module {name} as a value")
    elif name not in program.allowed.names and not (name in COMPILERS and _is_decorator(program, top)):
        yield refused(node, "name", f"{name} is not allowed")
    elif name in _OF_TYPES and not _is_asked(program, top):
        yield refused(node, "name", f"{name} other than in isinstance")
    elif name in MIXED_PRECISION and not isinstance(program.parent[program.parent[top]], ast.withitem):
        yield refused(node, "name", f"{name} other than as a context")


def _is_asked(program: GatedProgram, node: ast.expr) -> bool:
    """Whether a class is what `isinstance` asks for."""
    above: ast.AST = program.parent[node]
    if isinstance(above, ast.Tuple):
        node, above = above, program.parent[above]
    called = isinstance(above, ast.Call) and isinstance(above.func, ast.Name) and above.func.id == "isinstance"
    return called and isinstance(above, ast.Call) and node in above.args[1:]


def _is_argument_annotation(program: GatedProgram, node: ast.expr) -> bool:
    """Whether a name is all there is of an argument's annotation: a function keeps it where no program can read it."""
    above = program.parent[node]
    return isinstance(above, ast.arg) and above.annotation is node


def _is_decorator(program: GatedProgram, node: ast.expr) -> bool:
    return node in getattr(program.parent[node], "decorator_list", ())


def end_of_modules(program: GatedProgram, node: ast.expr) -> ast.expr:
    """The shortest chain from an imported name that is no module."""
    while program.qualified(node) in program.allowed.modules:
        above = program.parent[node]
        if not isinstance(above, ast.Attribute):
            break
        node = above
    return node


def _is_type_read(program: GatedProgram, node: ast.Name) -> bool:
    """Whether a value's class is compared, written out or asked for its name, and so goes nowhere; or it is `type`.

    `isinstance(layer, type)` asks whether something is a class.
    """
    call = program.parent[node]
    if isinstance(call, ast.Subscript) and call.value is node:
        return _is_annotation(program, call)
    if isinstance(call, ast.Tuple):
        call = program.parent[call]
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "isinstance":
        return node is not call.func
    if not (isinstance(call, ast.Call) and call.func is node and len(call.args) == 1 and not call.keywords):
        return False
    above = program.parent[call]
    named = isinstance(above, ast.Attribute) and above.attr == "__name__" and isinstance(above.ctx, ast.Load)
    return named or (isinstance(above, (ast.Compare, ast.FormattedValue)) and not isinstance(call.args[0], ast.Starred))


def _is_annotation(program: GatedProgram, node: ast.AST) -> bool:
    """Whether an expression stands in the annotation of an argument, a result or a variable."""
    for above in program.around(node):
        if isinstance(above, (ast.arg, ast.AnnAssign)) and above.annotation is node:
            return True
        if isinstance(above, ast.FunctionDef):
            return above.returns is node
        node = above
    return False


def _is_read_set(program: GatedProgram, node: ast.Name) -> bool:
    """Whether a set is made that goes nowhere: it is compared, counted, or asked for what it has in common."""
    call = program.parent[node]
    if not isinstance(call, ast.Call) or call.func is not node:
        return _is_annotation(program, call) if isinstance(call, ast.Subscript) else False
    above = program.parent[call]
    if isinstance(above, ast.Call) and call in above.args:
        return isinstance(above.func, ast.Name) and above.func.id in {"len", "sorted", "list", "tuple", "max", "min"}
    asked = isinstance(above, ast.Attribute) and above.attr in {"issubset", "issuperset", "isdisjoint"}
    return asked or isinstance(above, ast.Compare)


def _is_layer_set(program: GatedProgram, node: ast.Name) -> bool:
    """Whether a constructor sets a layer of torch under a name that it makes: `setattr(self, f"stage{i}", nn.ReLU())`.

    A module sets it as `add_module` does, beside its methods and not over them.
    """
    call, function = program.parent[node], program.function_of(node)
    if not (isinstance(call, ast.Call) and call.func is node and len(call.args) == 3 and not call.keywords):
        return False
    own, _, value = call.args
    layer = program.qualified(value.func) if isinstance(value, ast.Call) else ""
    is_layer = layer.rpartition(".")[0] == "torch.nn" and layer.rpartition(".")[2] not in _NO_PLAIN_LAYERS
    itself = isinstance(own, ast.Name) and own.id == program.first_argument(function) != ""
    return is_layer and itself and isinstance(function, ast.FunctionDef) and function.name == "__init__"


def _identifiers(node: ast.AST) -> list[str]:
    """Identifiers of a node, attributes aside, which have a rule of their own."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.FunctionDef):
        return [] if node.name == "__init__" else [node.name]
    if isinstance(node, ast.ClassDef):
        return [node.name]
    if isinstance(node, (ast.arg, ast.keyword)):
        return [node.arg or ""]
    if isinstance(node, ast.alias):
        return [node.asname or ""]
    return []
