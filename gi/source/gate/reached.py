"""The part of a program that can run: its import, its entry, its recipe, and the definitions that these mention.

A user's file holds more than a network: the script that trained it, loaders, other networks. A definition whose name
no reached code mentions is never called, since the gate allows no lookup of names by text.
"""

import ast
from collections.abc import Iterable

from gi.source.gate.program import EVERY_BUILTIN

#: Modules whose import only defines names. What reached code does with one is checked as usual.
_QUIET = frozenset({
    "abc", "argparse", "collections", "copy", "csv", "datetime", "enum", "functools", "glob", "io", "itertools",
    "json", "logging", "math", "operator", "os", "os.path", "pathlib", "pickle", "pprint", "random", "re", "shutil",
    "string", "sys", "tempfile", "time", "typing", "warnings", "numpy", "torch", "torch.autograd", "torch.backends",
    "torch.backends.cudnn", "torch.cuda", "torch.cuda.amp", "torch.distributed", "torch.hub", "torch.jit",
    "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.parallel", "torch.nn.utils", "torch.optim",
    "torch.optim.lr_scheduler", "torch.utils", "torch.utils.checkpoint", "torch.utils.data", "torch.utils.model_zoo",
    "torchvision", "torchvision.datasets", "torchvision.models", "torchvision.transforms",
    "torchvision.transforms.functional", "torchvision.utils",
})  # fmt: skip
#: Packages from which a name may be a submodule, which has to be quiet, too.
_PACKAGES = frozenset({"torch", "torch.utils", "torch.nn", "torchvision"})
_FACTS = frozenset({"__all__", "__author__", "__version__", "__license__"})
#: The nodes of an annotation or base whose evaluation runs no code of the text.
_NAMING = (
    ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.List, ast.BinOp, ast.BitOr, ast.expr_context,
)  # fmt: skip
#: Methods that only an object's use calls, and so never without an object.
_OF_OBJECTS = frozenset(
    {"__init__", "__len__", "__getitem__", "__iter__", "__next__", "__call__", "__repr__", "__str__"}
)


_SCRIPT = ast.dump(ast.parse("__name__ == '__main__'", mode="eval").body)


def reached_part(tree: ast.Module, entry: str) -> ast.Module:
    """The module without top-level definitions, imports and facts that reached code does not use; nodes are shared."""
    waiting = {s: s.name for s in tree.body if isinstance(s, (ast.FunctionDef, ast.ClassDef)) and _is_passive(s, tree)}
    kept = {s for s in tree.body if s not in waiting and not _is_script(s) and not _is_fact(s)}
    mentioned = {entry, "recipe"} | _mentions(s for s in kept if not isinstance(s, (ast.Import, ast.ImportFrom)))
    while found := {s for s, name in waiting.items() if name in mentioned}:
        waiting = {s: name for s, name in waiting.items() if s not in found}
        kept |= found
        mentioned |= _mentions(found)
    in_order = [used for s in tree.body if s in kept for used in [_used(s, mentioned)] if used is not None]
    return ast.Module(in_order, [])


def _is_script(statement: ast.stmt) -> bool:
    """Whether a statement is `if __name__ == "__main__":`, which an import does not run."""
    return isinstance(statement, ast.If) and not statement.orelse and ast.dump(statement.test) == _SCRIPT


def _is_fact(statement: ast.stmt) -> bool:
    """Whether a statement only sets `__all__`, `__version__` or the like to literals."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    value = statement.value if isinstance(statement, ast.Assign) else None
    items = value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]
    names = [t.id for t in targets if isinstance(t, ast.Name) and t.id in _FACTS]
    return bool(targets) and len(names) == len(targets) and all(map(_is_plain, items))


def _is_passive(statement: ast.FunctionDef | ast.ClassDef, tree: ast.Module) -> bool:
    """Whether a definition runs no code of the text when it is executed."""
    if isinstance(statement, ast.FunctionDef):
        rebinds = statement.name.startswith("__") or statement.name in EVERY_BUILTIN
        return _is_passive_function(statement) and not rebinds
    if statement.keywords or statement.decorator_list:
        return False
    own = {n.name for n in tree.body if isinstance(n, ast.ClassDef)}
    imported = {(a.asname or a.name).partition(".")[0] for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))
                for a in n.names}  # fmt: skip
    return all(_head(base) in own | imported for base in statement.bases) and all(
        map(_is_passive_member, statement.body)
    )


def _is_passive_member(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef):
        dunder = statement.name.startswith("__") and statement.name not in _OF_OBJECTS
        return not dunder and _is_passive_function(statement, decorators=("staticmethod", "classmethod", "property"))
    if isinstance(statement, ast.Assign):
        plain = all(isinstance(t, ast.Name) and not t.id.startswith("__") for t in statement.targets)
        return plain and _is_plain(statement.value)
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass) or is_text


def _is_passive_function(function: ast.FunctionDef, decorators: Iterable[str] = ()) -> bool:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    annotations = [a.annotation for a in every if a is not None and a.annotation is not None]
    named = [*annotations, *([function.returns] if function.returns else [])]
    return (
        all(isinstance(d, ast.Name) and d.id in decorators for d in function.decorator_list)
        and all(isinstance(n, _NAMING) for annotation in named for n in ast.walk(annotation))
        and all(_is_plain(d) for d in (*arguments.defaults, *arguments.kw_defaults))
    )


def _is_plain(value: ast.expr | None) -> bool:
    """Whether a value is a literal, or absent (None)."""
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        return isinstance(value.operand, ast.Constant)
    return (
        value is None
        or isinstance(value, ast.Constant)
        or (isinstance(value, ast.Tuple) and all(map(_is_plain, value.elts)))
    )


def _head(base: ast.expr) -> str:
    while isinstance(base, ast.Attribute):
        base = base.value
    return base.id if isinstance(base, ast.Name) else ""


def _mentions(statements: Iterable[ast.stmt]) -> set[str]:
    nodes = [node for statement in statements for node in ast.walk(statement)]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def _is_quiet_name(module: str, name: str) -> bool:
    return name != "*" and (module not in _PACKAGES or f"{module}.{name}" in _QUIET)


def _used(statement: ast.stmt, mentioned: set[str]) -> ast.stmt | None:
    """The statement; for an import of quiet modules its mentioned names alone, None where there are none."""
    if isinstance(statement, ast.Import):
        names = [a for a in statement.names
                 if (a.asname or a.name).partition(".")[0] in mentioned or a.name not in _QUIET]  # fmt: skip
    elif isinstance(statement, ast.ImportFrom) and not statement.level and statement.module in _QUIET:
        names = [a for a in statement.names
                 if (a.asname or a.name) in mentioned or not _is_quiet_name(statement.module, a.name)]  # fmt: skip
    else:
        return statement
    if not names:
        return None
    if isinstance(statement, ast.Import):
        return ast.copy_location(ast.Import(names), statement)
    return ast.copy_location(ast.ImportFrom(statement.module, names, 0), statement)
