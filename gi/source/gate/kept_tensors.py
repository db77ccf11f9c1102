"""The rule that a tensor is kept as a parameter or a buffer, or not at all.

Weights in lists, attributes and closures are neither counted nor compared, and can be changed in place.
"""

import ast
from collections.abc import Iterable, Iterator

from gi.source.gate.program import COMPREHENSIONS, GatedProgram
from gi.source.gate.refusal import GateRefusal, refused

#: Methods of tensors that give numbers, or lists of them.
_NUMBERS = frozenset({"item", "tolist", "numel", "size", "dim", "shape", "dtype", "device", "ndim"})
_NUMBER_BUILTINS = frozenset({"int", "float", "bool", "len", "str", "isinstance", "round", "range"})
_KEEPING = frozenset({"append", "extend", "insert", "update", "setdefault"})


def kept_tensor_refusals(program: GatedProgram, hidden: Iterable[ast.expr]) -> Iterator[GateRefusal]:
    """Tensors that are set as attributes, put in containers, handed to own classes, or closed over.

    `hidden` are the expressions by which an image meets one that was made while building (`gi.source.gate.flow`).
    """
    for met in hidden:
        yield refused(met, "kept tensor", "holds a tensor that was made while building; register a buffer")
    for node in program.nodes:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            sets = any(isinstance(n, ast.Attribute) and not isinstance(n.ctx, ast.Load)
                       for t in targets if not isinstance(t, ast.Name) for n in ast.walk(t))  # fmt: skip
            # A parameter by another name is registered as what it is.
            shared = isinstance(node.value, ast.Attribute) and node.value.attr in program.tensors - {"data"}
            if sets and not shared and _is_tensor(program, node.value, set()):
                yield refused(node, "kept tensor", "a tensor set as an attribute; register a buffer")
        elif isinstance(node, ast.Call):
            yield from _handed(program, node)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in program.imports:
            scope, function = program.binding(node), program.function_of(node)
            here = scope is None or scope in (function, program.tree) or isinstance(scope, COMPREHENSIONS)
            if not here and _is_tensor(program, node, set()):
                yield refused(node, "kept tensor", f"the tensor {node.id} in a function's closure")


def _handed(program: GatedProgram, call: ast.Call) -> Iterator[GateRefusal]:
    """Arguments by which a tensor made here would be kept by something else."""
    function = program.function_of(call)
    if function is None or (isinstance(function, ast.FunctionDef) and function.name == "forward"):
        return
    keeps = (
        (isinstance(call.func, ast.Name) and call.func.id in program.classes)
        or (isinstance(call.func, ast.Attribute) and call.func.attr in _KEEPING)
        or program.qualified(call.func) in {"functools.partial", "collections.OrderedDict"}
    )
    if keeps:
        for value in (*call.args, *(keyword.value for keyword in call.keywords)):
            if _is_tensor(program, value, set()):
                yield refused(value, "kept tensor", "a tensor that is handed on to be kept")


def _is_tensor(program: GatedProgram, value: ast.AST, seen: set[object]) -> bool:
    """Whether an expression may be, or hold, a tensor that is neither a parameter nor a module's own."""
    if isinstance(value, ast.Call):
        return _gives_tensor(program, value, seen)
    if isinstance(value, ast.Attribute):
        if value.attr in program.tensors:
            return True
        return value.attr not in _NUMBERS and not program.qualified(value) and _is_tensor(program, value.value, seen)
    if isinstance(value, ast.Name):
        key = (program.binding(value), value.id)
        if value.id in program.imports or key in seen:
            return False
        seen.add(key)  # of what was asked already the answer is on its way, or no
        return any(_is_tensor(program, bound, seen) for bound in _bound_values(program, value))
    if isinstance(value, (ast.ListComp, ast.GeneratorExp)):
        return _is_tensor(program, value.elt, seen)
    if isinstance(value, ast.DictComp):
        return _is_tensor(program, value.value, seen)
    if isinstance(value, ast.Compare):
        return any(_is_tensor(program, side, seen) for side in (value.left, *value.comparators))
    if isinstance(value, ast.Lambda):
        return False
    if isinstance(value, ast.IfExp):
        return _is_tensor(program, value.body, seen) or _is_tensor(program, value.orelse, seen)
    if isinstance(value, ast.Subscript):
        return _is_tensor(program, value.value, seen)
    if isinstance(value, (ast.List, ast.Tuple, ast.Dict, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Starred)):
        return any(_is_tensor(program, child, seen) for child in ast.iter_child_nodes(value))
    return False


def _gives_tensor(program: GatedProgram, call: ast.Call, seen: set[object]) -> bool:
    name = program.qualified(call.func)
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    if name.startswith(("torch.nn.", "torch.optim.", "torch.ao.", "torchvision.", "math.")):
        # Layers hold parameters, as do what nn.functional gives where it is called at all while building.
        computes = name.startswith(("torch.nn.functional.", "torch.nn.init."))
        return computes and name != "torch.nn.init.calculate_gain"
    if name.startswith("torch."):
        return name not in {"torch.device", "torch.Size", "torch.finfo", "torch.iinfo", "torch.no_grad", "torch.numel"}
    if isinstance(call.func, ast.Attribute):
        if call.func.attr in program.functions:
            return _returns_tensor(program, call.func.attr, arguments, seen)
        if call.func.attr in _NUMBERS:
            return False
        registers = call.func.attr in {"register_buffer", "register_parameter"}
        return not registers and any(_is_tensor(program, part, seen) for part in (call.func.value, *arguments))
    if isinstance(call.func, ast.Name):
        if call.func.id in _NUMBER_BUILTINS or call.func.id in program.classes:
            return False
        if call.func.id in program.functions:
            return _returns_tensor(program, call.func.id, arguments, seen)
        return any(_is_tensor(program, argument, seen) for argument in arguments)
    return _is_tensor(program, call.func, seen)


def _returns_tensor(program: GatedProgram, name: str, arguments: list[ast.expr], seen: set[object]) -> bool:
    if any(_is_tensor(program, argument, seen) for argument in arguments):
        return True
    if name in seen:
        return False
    seen.add(name)
    returned = [n.value for function in program.functions[name] for n in ast.walk(function)
                if isinstance(n, ast.Return) and n.value is not None]  # fmt: skip
    return any(_is_tensor(program, value, seen) for value in returned)


def _bound_values(program: GatedProgram, name: ast.Name) -> Iterator[ast.AST]:
    scope = program.binding(name)
    for binding in program.bound.get(scope, {}).get(name.id, ()) if scope else ():
        for around in program.around(binding):
            if isinstance(around, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                if around.value is not None:
                    yield around.value
                break
            if isinstance(around, (ast.For, ast.comprehension)):
                yield around.iter
                break
            if isinstance(around, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
                break
