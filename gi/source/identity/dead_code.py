"""Dead code: definitions that nothing uses, found by name alone, and their removal."""

import ast
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias

from gi.source.tree.entry import entry_name
from gi.source.tree.imports import imported
from gi.source.tree.statements import delete_statements
from gi.source.tree.tree import Source, dotted, parse

Definition: TypeAlias = tuple[str, str, str]  # kind, owner, name

# Called or read from outside of the text: by the training loop, by torch, by `from file import *`.
_ENTRIES = frozenset({"recipe", "forward", "__all__"})
# Each round takes out at least one statement, and a chain of definitions that use each other is short.
_MAX_ROUNDS = 20


@lru_cache(maxsize=256)
def dead(source: Source, entry: str = "Net") -> dict[Definition, ast.stmt]:
    """The statements that define what nothing in the module uses.

    Attributes of `self` that are never read, local names that are assigned and never read, imports, and private
    functions and classes that nothing mentions. What `entry` names is used, and so is a class with a `forward` where
    the module does not define what `entry` names. One source is looked through once: leave the answer as it is.
    """
    unused: dict[Definition, ast.stmt] = {}
    nodes = source.under(source.tree)
    # By name alone, without scopes: a name that is used anywhere keeps every definition of that name. What is kept by
    # mistake costs a line; what goes by mistake breaks the program.
    loaded = _mentioned(nodes) | {entry_name(entry)}
    read = {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)}
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            unused.update(_dead_attributes(source, node, read))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            unused.update(_dead_locals(source, node))
    for statement in source.tree.body:
        for kind, name in _module_names(statement):
            if name not in loaded and name not in _ENTRIES:
                unused[(kind, "", name)] = statement
    # Without an entry of its own definitions nothing says which class is the network: all of them may be.
    if entry_name(entry) in {*source.classes, *source.functions}:
        unused.update(_dead_modules(source, entry_name(entry)))
    return unused


def _dead_modules(source: Source, entry: str) -> Iterator[tuple[Definition, ast.stmt]]:
    """Classes with a `forward` that nothing outside of them mentions: blocks whose last line went."""
    mentioned = [(s, _mentioned(source.under(s))) for s in source.tree.body]
    for name, owner in source.classes.items():
        is_used = any(name in names for statement, names in mentioned if statement is not owner)
        # A decorator may register the class somewhere, and then no name mentions it.
        if _has_forward(owner) and not owner.decorator_list and name != entry and not is_used:
            yield ("definition", "", name), owner


def without_dead_code(text: str, before: str = "", entry: str = "Net") -> str:
    """The text without what is dead in it and was not dead in `before` (all that is dead, where that is empty)."""
    # What the author left unused stays: an edit must change nothing that it was not about.
    spared = set(dead(parse(before), entry)) if before else set()
    return _stripped(text, lambda source: [s for key, s in dead(source, entry).items() if key not in spared])


def without_idle_code(text: str, entry: str = "Net") -> str:
    """The text without what is dead in it and does nothing either: it has no weights, and calls nothing with effects.

    `self.extra = nn.Linear(500, 500)` stays, for it costs parameters where nothing reads it too; `y = self.norm(x)`
    stays, for it moves running statistics.
    """
    return _stripped(text, lambda source: [s for s in dead(source, entry).values() if _is_idle(source, s)])


def _stripped(text: str, going_in: Callable[[Source], list[ast.stmt]]) -> str:
    """The text without the statements that `going_in` names, round by round: with one go what only that one used."""
    for _ in range(_MAX_ROUNDS):
        source = parse(text)
        going = {id(s): s for s in going_in(source)}
        if not going:
            return text
        text = source.edited(delete_statements(source, going.values()))
    return text


# Layers without weights, buffers or random state of their own: that one of them exists changes neither the parameter
# count nor what anything else computes.
_IDLE_LAYERS = frozenset({
    "Identity", "Flatten", "Unflatten", "ReLU", "ReLU6", "LeakyReLU", "ELU", "CELU", "SELU", "GELU", "SiLU", "Mish",
    "GLU", "Sigmoid", "LogSigmoid", "Tanh", "Tanhshrink", "Softplus", "Softsign", "Softmax", "LogSoftmax", "Softmax2d",
    "Hardtanh", "Hardswish", "Hardsigmoid", "Hardshrink", "Softshrink", "Threshold", "Dropout", "Dropout2d",
    "AlphaDropout", "FeatureAlphaDropout", "MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d", "LPPool2d",
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "ZeroPad2d", "ConstantPad2d",
    "ReflectionPad2d", "ReplicationPad2d", "Upsample", "PixelShuffle", "PixelUnshuffle", "ChannelShuffle",
})  # fmt: skip
_IDLE_FUNCTIONS = frozenset(
    {"len", "int", "float", "str", "bool", "min", "max", "sum", "abs", "range", "tuple", "list"}
)


def _is_idle(source: Source, statement: ast.stmt) -> bool:
    """Whether running a statement leaves nothing behind but the names that it binds. A definition runs nothing."""
    # Imports, definitions and attributes with a plain value run nothing that could have an effect.
    if not isinstance(statement, ast.Assign):
        return True
    nodes = source.under(statement.value)
    effects = (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
    return not any(isinstance(n, effects) or (isinstance(n, ast.Call) and not _is_idle_call(source, n)) for n in nodes)


def _is_idle_call(source: Source, call: ast.Call) -> bool:
    name = dotted(call.func)
    head, _, rest = name.partition(".")
    # A function of the program may do anything; what torch and the builtins do is known.
    if head in {*source.classes, *source.functions}:
        return False
    full = f"{imported(source).get(head, head)}.{rest}".rstrip(".")
    return full in _IDLE_FUNCTIONS or (full.startswith("torch.nn.") and full.removeprefix("torch.nn.") in _IDLE_LAYERS)


def _mentioned(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that are read anywhere, as a name or inside a string."""
    names = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    # A name in a string may be an annotation, or read by `getattr`.
    return names | _strings(nodes)


def _strings(nodes: Iterable[ast.AST]) -> set[str]:
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _dead_attributes(
    source: Source, owner: ast.ClassDef, read: Collection[str]
) -> Iterator[tuple[Definition, ast.stmt]]:
    nodes = source.under(owner)
    # A name in a string reaches the attribute too: `getattr(self, "fc")`, `add_module("fc", ...)`.
    read = {*read, *_strings(nodes)}
    if _reads_by_computed_name(nodes):
        return
    for statement in nodes:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if (
                isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id == "self"
                and target.attr not in read
                # Only calls build layers; `self.expansion = 4` may be read from outside as a setting, and costs
                # nothing.
                and isinstance(statement.value, ast.Call)
            ):
                yield ("attribute", owner.name, target.attr), statement


def _reads_by_computed_name(nodes: list[ast.AST]) -> bool:
    """Whether a class reaches its attributes in ways that no name shows: `getattr(self, f"conv{i}")`, `children()`."""
    calls = (n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name))
    computed = (_is_computed(c) for c in calls)
    listings = ("children", "named_children", "_modules", "__dict__")
    return any(computed) or any(isinstance(n, ast.Attribute) and n.attr in listings for n in nodes)


def _is_computed(call: ast.Call) -> bool:
    name = call.args[1] if len(call.args) > 1 else None
    return (
        isinstance(call.func, ast.Name) and call.func.id in ("getattr", "vars") and not isinstance(name, ast.Constant)
    )


def _dead_locals(
    source: Source, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[tuple[Definition, ast.stmt]]:
    nodes = source.under(function)
    read = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Store)}
    declared = {n for s in nodes if isinstance(s, (ast.Global, ast.Nonlocal)) for n in s.names}
    # `x += 1` reads x, though the tree calls its name a store.
    read |= {s.target.id for s in nodes if isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Name)}
    for statement in nodes:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Name) and target.id not in read | declared:
                yield ("local", function.name, target.id), statement
            # `x = x` is what is left where a layer between the two was taken out.
            elif (
                isinstance(target, ast.Name)
                and isinstance(statement.value, ast.Name)
                and target.id == statement.value.id
            ):
                yield ("itself", function.name, target.id), statement


def _has_forward(statement: ast.stmt) -> bool:
    body = statement.body if isinstance(statement, ast.ClassDef) else []
    return any(isinstance(n, ast.FunctionDef) and n.name == "forward" for n in body)


def _module_names(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """The names that a statement of the module binds, if it does nothing else than bind one."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)) and len(statement.names) == 1:
        alias = statement.names[0]
        # Future imports and stars bind names that no mention would show.
        if alias.name != "*" and getattr(statement, "module", "") != "__future__":
            yield "import", alias.asname or alias.name.split(".")[0]
    elif isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        if not statement.decorator_list and not _has_forward(statement):
            yield "definition", statement.name
    elif (
        isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name)
    ) and isinstance(statement.value, (ast.Constant, ast.List, ast.Tuple, ast.Dict)):
        yield "constant", statement.targets[0].id
