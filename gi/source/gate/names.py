"""Rules over names: imports, bindings of names, attributes, dunders."""

import ast
import re
from collections.abc import Iterator

from gi.source.gate.program import COMPILERS, EVERY_BUILTIN, Function, GatedProgram
from gi.source.gate.refusal import GateRefusal, refused
from gi.source.gate.syntax import MIXED_PRECISION

_NO_PLAIN_LAYERS = frozenset({"Parameter", "Buffer", "UninitializedParameter", "ModuleList", "ModuleDict",
                              "ParameterList", "ParameterDict"})  # fmt: skip
#: Methods that set an attribute of a module, named by their first argument.
REGISTERING = frozenset({"add_module", "register_buffer", "register_parameter"})


def import_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Refuses imports of other than the allowed modules and names, and imports below the top level."""
    allowed = program.allowed
    for node in program.nodes:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if program.parent[node] is not program.tree:
            yield refused(node, "import", "an import that does not stand at the top of the file")
        if isinstance(node, ast.ImportFrom):
            if node.module == "__future__" and [a.name for a in node.names] == ["annotations"]:
                continue
            for alias in node.names:
                name = f"{'.' * node.level}{node.module or ''}.{alias.name}"
                if node.level or alias.name == "*" or name not in allowed.modules | allowed.names:
                    yield refused(node, "import", f"{name} is not allowed")
        else:
            for alias in node.names:
                if alias.name not in allowed.modules:
                    yield refused(node, "import", f"{alias.name} is not allowed")


def name_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Refuses names that are not allowed, modules as values, and rebinding of names that the rules rely on."""
    for node in program.nodes:
        for name in _identifiers(node):
            if name.startswith("__"):
                yield refused(node, "dunder", name)
    for names in program.bound.values():
        for name, nodes in names.items():
            for node in nodes:
                if name in program.imports and not isinstance(node, (ast.Import, ast.ImportFrom)):
                    yield refused(node, "rebound", f"{name} is imported and bound again")
                elif name in program.allowed.builtins and not program.is_method(node):
                    yield refused(node, "rebound", f"{name} is a builtin")
    for name, nodes in program.bound.get(program.tree, {}).items():
        # A name at the top of the file that is read before it is bound would be the builtin.
        if name in EVERY_BUILTIN:
            yield refused(nodes[0], "rebound", f"{name} is a builtin")
    for node in program.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield from _meaning(program, node)


def _meaning(program: GatedProgram, node: ast.Name) -> Iterator[GateRefusal]:
    if node.id in program.imports:
        yield from _qualified(program, node)
    elif program.binding(node) is None and node.id not in program.allowed.builtins and not node.id.startswith("__"):
        read = {"type": _is_type_read, "set": _is_read_set, "setattr": _is_layer_set}.get(node.id)
        if read is None or not read(program, node):
            yield refused(node, "name", f"{node.id} is not allowed")


def _qualified(program: GatedProgram, node: ast.Name) -> Iterator[GateRefusal]:
    top = _end_of_modules(program, node)
    name = program.qualified(top)
    if name in program.allowed.modules:
        yield refused(node, "module", f"the module {name} as a value")
    elif name not in program.allowed.names and not (name in COMPILERS and _is_decorator(program, top)):
        yield refused(node, "name", f"{name} is not allowed")
    elif name in MIXED_PRECISION and not isinstance(program.parent[program.parent[top]], ast.withitem):
        yield refused(node, "name", f"{name} other than as a context")


def _is_decorator(program: GatedProgram, node: ast.expr) -> bool:
    return node in getattr(program.parent[node], "decorator_list", ())


def _end_of_modules(program: GatedProgram, node: ast.expr) -> ast.expr:
    """The shortest attribute chain from an imported name that is no module."""
    while program.qualified(node) in program.allowed.modules:
        above = program.parent[node]
        if not isinstance(above, ast.Attribute):
            break
        node = above
    return node


def attribute_refusals(program: GatedProgram) -> Iterator[GateRefusal]:
    """Refuses attributes that are neither allowed nor defined by the program."""
    through = set()
    for node in program.nodes:
        if isinstance(node, ast.Name) and node.id in program.imports:
            top: ast.AST = _end_of_modules(program, node)
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
        elif _is_read_attribute(program, node):
            continue
        # A name that no value of a program has by itself is an attribute of the program's classes, or an error.
        elif node.attr in allowed.denied or (node.attr.startswith("_") and node.attr not in own):
            yield refused(node, "attribute", f".{node.attr} is not allowed")


def _is_read_attribute(program: GatedProgram, node: ast.Attribute) -> bool:
    return (
        (node.attr in program.allowed.attributes and isinstance(node.ctx, ast.Load))
        or (node.attr == "format" and _is_plain_format(program, node))
        or (node.attr == "_modules" and _is_modules_read(program, node))
        or (node.attr in {"train", "eval"} and _is_mode_set(program, node))
    )


def _is_mode_set(program: GatedProgram, node: ast.Attribute) -> bool:
    """Whether a constructor switches a module between training and evaluation, as for a first call that finds sizes.

    Elsewhere the mode would be a mark that lives from one call to the next.
    """
    call = program.parent[node]
    if not isinstance(call, ast.Call) or call.func is not node or call.keywords:
        return False
    plain = all(isinstance(argument, ast.Constant) and isinstance(argument.value, bool) for argument in call.args)
    return plain and _is_built_once(program, program.function_of(node))


def _is_built_once(program: GatedProgram, function: Function | None, seen: frozenset[ast.Name] = frozenset()) -> bool:
    """Whether a function is the constructor of a class that is called at the top or in other such constructors alone.

    What is constructed while the network runs has a constructor that runs then.
    """
    owner = program.parent[function] if function is not None else None
    if not isinstance(function, ast.FunctionDef) or function.name != "__init__" or not isinstance(owner, ast.ClassDef):
        return False
    mentions = [n for n in program.nodes if isinstance(n, ast.Name) and n.id == owner.name and n not in seen]
    callers = {name: program.function_of(name) for name in mentions if not _is_of_super(program, name)}
    return all(
        _is_called(program, name) and (caller is None or _is_built_once(program, caller, seen | {name}))
        for name, caller in callers.items()
    )


def _is_called(program: GatedProgram, name: ast.Name) -> bool:
    call = program.parent[name]
    return isinstance(call, ast.Call) and call.func is name


def _is_of_super(program: GatedProgram, name: ast.Name) -> bool:
    call = program.parent[name]
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "super"


def _is_modules_read(program: GatedProgram, node: ast.Attribute) -> bool:
    """Whether `_modules` is only iterated over, as `named_children` does."""
    above = program.parent[node]
    called = program.parent.get(above)
    read = isinstance(above, ast.Attribute) and above.attr in {"keys", "values", "items"}
    return read and isinstance(node.ctx, ast.Load) and isinstance(called, ast.Call) and called.func is above


def _is_plain_format(program: GatedProgram, node: ast.Attribute) -> bool:
    """Whether `format` fills a literal text whose fields read no attribute or item of the values."""
    above, text = program.parent[node], node.value
    if not (isinstance(above, ast.Call) and above.func is node and isinstance(text, ast.Constant)):
        return False
    return isinstance(text.value, str) and not re.sub(r"{{|}}|{[A-Za-z0-9]*}", "", text.value).strip().count("{")


def own_names(program: GatedProgram) -> frozenset[str]:
    """The attributes of the program's classes: methods, constants, and what they set and register."""
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
    """Whether a value's class is only compared with classes of the program, or its name is read."""
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
    """Whether the name of a class or function, which is a text, is read."""
    return node.attr == "__name__" and isinstance(node.ctx, ast.Load)


def _is_type_read(program: GatedProgram, node: ast.Name) -> bool:
    """Whether `type` gives a class that is only compared, formatted or read the name of, or is an annotation.

    Also in `isinstance(layer, type)`, which checks whether something is a class.
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
    """Whether an expression is part of the annotation of a parameter, a result or a variable."""
    for above in program.around(node):
        if isinstance(above, (ast.arg, ast.AnnAssign)) and above.annotation is node:
            return True
        if isinstance(above, ast.FunctionDef):
            return above.returns is node
        node = above
    return False


def _is_read_set(program: GatedProgram, node: ast.Name) -> bool:
    """Whether a set is only compared, counted or passed to a builtin that reads it, so that nothing keeps it."""
    call = program.parent[node]
    if not isinstance(call, ast.Call) or call.func is not node:
        return _is_annotation(program, call) if isinstance(call, ast.Subscript) else False
    above = program.parent[call]
    if isinstance(above, ast.Call) and call in above.args:
        return isinstance(above.func, ast.Name) and above.func.id in {"len", "sorted", "list", "tuple", "max", "min"}
    asked = isinstance(above, ast.Attribute) and above.attr in {"issubset", "issuperset", "isdisjoint"}
    return asked or isinstance(above, ast.Compare)


def _is_layer_set(program: GatedProgram, node: ast.Name) -> bool:
    """Whether a constructor sets a layer of torch under a computed name: `setattr(self, f"stage{i}", nn.ReLU())`.

    Module registers it as `add_module` does, and replaces no method.
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
    """The identifiers of a node, without attributes, which have their own rule."""
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
