"""A class without what it does not need to compute, which is what most of a package's bookkeeping is about.

That is the package's usage log, texts for people, the reading of checkpoints, marks for compilers and tracers, methods
that neither building nor calling it gets to, caches (`gi.corpus.caches`), and what never runs where gi runs it
(`gi.corpus.settled`). It would be
dead weight in a program, and reaches for what no program may (`gi.source.gate`).
"""

import ast
from collections.abc import Iterator

from gi.corpus.caches import computed_each_time, passing_on, unread_caches
from gi.corpus.settled import settled
from gi.corpus.uncalled import uncalled

#: Functions of packages whose calls only report usage to their makers, or mark a function for a tracer.
_CALLS = frozenset({"_log_api_usage_once", "torch.fx.wrap", "fx.wrap"})
_MEMBERS = frozenset({
    "__repr__", "extra_repr", "_load_from_state_dict", "_version", "__annotations__", "__constants__", "fuse_model",
    "_apply",  # where numbers get another type, which no network does in gi
})  # fmt: skip
_MARKS = frozenset({
    "register_notrace_module", "register_notrace_function", "register_leaf_module", "torch.fx.wrap", "disable_compiler",
    "torch.jit._script_if_tracing", "torch.jit.script_if_tracing", "torch.jit.ignore()",
})  # fmt: skip
#: Decorators of a signature for type checkers and compilers, whose function is defined again below.
_SIGNATURES = frozenset({"overload", "typing.overload", "torch.jit._overload_method", "torch.jit._overload"})
_ROUNDS = 8  # what goes in one lets something else go in the next; a few do


def bare(text: str, name: str) -> str:
    """The text of a module that defines the class `name`, line by line what is left of it. Comments stay.

    A text that does not parse comes back as it is.
    """
    for _ in range(_ROUNDS):
        left = computed_each_time(_stripped(text, name))
        left = left if (answered := settled(left, whole=True)) == left else _collapsed(answered)
        if left == text:
            break
        text = left
    return text


def _stripped(text: str, name: str) -> str:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    cut = {node for body in _bodies(tree) for node in _needless(body)}
    cut |= _kept_whole(tree, unread_caches(tree) | passing_on(tree) | _log_entries(tree))
    cut |= {method for method in uncalled(tree, name, cut) if _stands_alone(method, _around(tree, method))}
    unused = set(_unused(tree, name, cut))
    cut |= unused if cut else {s for s in unused if isinstance(s, ast.Import) and _only_loads(s)}
    if not cut:
        return text
    left = _without(text, cut)
    try:
        ast.parse(left)
    except SyntaxError:  # what was left out stood in a line with something else
        return text
    return left


def _log_entries(tree: ast.Module) -> set[ast.stmt]:
    """What writes to a log of the module's own, `_logger = logging.getLogger(__name__)`, and guards nothing else."""
    logs = {target.id for statement in tree.body if isinstance(statement, ast.Assign)
            and isinstance(statement.value, ast.Call) and ast.unparse(statement.value.func) == "logging.getLogger"
            for target in statement.targets if isinstance(target, ast.Name)}  # fmt: skip
    nodes = list(ast.walk(tree)) if logs else []
    found: set[ast.stmt] = {node for node in nodes if isinstance(node, ast.Expr) and _writer(node.value) in logs}
    return found | {n for n in nodes if isinstance(n, ast.If) and not n.orelse and found.issuperset(n.body)}


def _writer(call: ast.expr) -> str:
    """The name that a call calls a method of, "" for others."""
    method = call.func if isinstance(call, ast.Call) else None
    return method.value.id if isinstance(method, ast.Attribute) and isinstance(method.value, ast.Name) else ""


def _kept_whole(tree: ast.Module, found: set[ast.stmt]) -> set[ast.AST]:
    """Of statements that can go, those whose blocks keep another one."""
    bodies = [body for node in ast.walk(tree) for body in _statements(node)]
    whole = {statement for body in bodies if found.issuperset(body) for statement in body[:1]}
    return {s for body in bodies for s in body if s in found - whole and _stands_alone(s, body)}


def _statements(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for _, value in ast.iter_fields(node):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            yield value


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            yield node.body


def _needless(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """What can go of a body, which keeps at least one statement."""
    found = [statement for statement in body if _is_needless(statement) and _stands_alone(statement, body)]
    yield from found if len(found) < len(body) else found[1:]
    for statement in body:
        for decorator in getattr(statement, "decorator_list", ()):
            if ast.unparse(decorator) in _MARKS:
                yield decorator


def _stands_alone(statement: ast.stmt, body: list[ast.stmt]) -> bool:
    """Whether no other statement shares its lines."""
    first, last = statement.lineno, statement.end_lineno or statement.lineno
    return sum(other.lineno <= last and first <= (other.end_lineno or 0) for other in body) == 1


def _is_needless(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return ast.unparse(statement.value.func) in _CALLS
    if isinstance(statement, ast.If):  # that guards a log
        return not statement.orelse and all(map(_is_needless, statement.body))
    if isinstance(statement, ast.FunctionDef):
        return statement.name in _MEMBERS or any(ast.unparse(d) in _SIGNATURES for d in statement.decorator_list)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return isinstance(statement, (ast.Assign, ast.AnnAssign)) and all(
        isinstance(target, ast.Name) and target.id in _MEMBERS for target in targets
    )


def _unused(tree: ast.Module, name: str, cut: set[ast.AST]) -> Iterator[ast.stmt]:
    """Imports and definitions at the top that nothing which is left mentions."""
    left = {statement for statement in tree.body if statement not in cut}
    named = {statement: names for statement in left if (names := _bound(statement))}
    reached = {s for s in left if s not in named or name in named[s]}
    mentioned = _mentions(reached, cut)
    while found := {s for s, names in named.items() if s not in reached and names & mentioned}:
        mentioned |= _mentions(found, cut)
        reached |= found
    yield from (statement for statement in left - reached if _stands_alone(statement, tree.body))


def _only_loads(statement: ast.Import) -> bool:
    """Whether an import is there for what is read of a package behind another name: `import torch.fx`."""
    return all("." in alias.name and not alias.asname for alias in statement.names)


def _bound(statement: ast.stmt) -> frozenset[str]:
    """The names that an import, a definition or a plain assignment binds; none for what has to stay."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return frozenset({statement.name})
    if isinstance(statement, ast.Import):
        # `import torch.fx` beside `import torch` is there for what is read of it.
        return frozenset(alias.asname or alias.name for alias in statement.names)
    if isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
        return frozenset(alias.asname or alias.name for alias in statement.names)
    if isinstance(statement, ast.Assign) and all(isinstance(target, ast.Name) for target in statement.targets):
        return frozenset(target.id for target in statement.targets if isinstance(target, ast.Name))
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return frozenset({statement.target.id})
    return frozenset()


def _around(tree: ast.Module, method: ast.stmt) -> list[ast.stmt]:
    return next(body for body in _bodies(tree) if method in body)


def _mentions(statements: set[ast.stmt], cut: set[ast.AST]) -> set[str]:
    found, waiting = set[str](), list[ast.AST](statements)
    while waiting:
        node = waiting.pop()
        if node in cut:
            continue
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(ast.unparse(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            # An annotation in quotes may name a class.
            found.update(part for part in node.value.replace("[", " ").replace("]", " ").replace(".", " ").split()
                         if part.isidentifier())  # fmt: skip
        waiting.extend(ast.iter_child_nodes(node))
    return found


def _without(text: str, cut: set[ast.AST]) -> str:
    lines, gone = text.split("\n"), set[int]()
    for node in cut:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])  # type: ignore[attr-defined]
        gone.update(range(first - 1, node.end_lineno))  # type: ignore[attr-defined]
    left: list[str] = []
    for number, line in enumerate(lines):
        # An empty line on either side of what goes would be two.
        doubled = number - 1 in gone and not line.strip() and (not left or not left[-1].strip())
        if number not in gone and not doubled:
            left.append(line)
        elif doubled:
            gone.add(number)
    return "\n".join(left).rstrip("\n") + "\n"


def _collapsed(text: str) -> str:
    """The text without the empty lines that branches have left, those in texts of several lines aside."""
    tree, lines = ast.parse(text), text.split("\n")
    texts = (n for n in ast.walk(tree) if isinstance(n, (ast.Constant, ast.JoinedStr)))
    inside = {line for n in texts for line in range(n.lineno, (n.end_lineno or n.lineno) + 1)}
    kept: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.strip() or number in inside:
            # Two empty lines stand between definitions at the top, one in what is indented, none where a block begins.
            before = next((filled for filled in reversed(kept) if filled), "")
            most = 0 if before.endswith(":") else 1 if line[:1].isspace() else 2
            while number - 1 not in inside and len(kept) > most and not any(kept[-most - 1 :]):
                del kept[-1]
            kept.append(line)
        else:
            kept.append("")
    return "\n".join(kept)
