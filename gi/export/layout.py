"""Puts source texts together into one formatted module: imports first and once, then the parts."""

import ast
from collections.abc import Collection, Iterable

import black

from gi.source.identity.dead_code import without_dead_code
from gi.source.tree.tree import parse

LINE_LENGTH = 120


def formatted(text: str) -> str:
    """The text in Black's layout."""
    return black.format_str(text, mode=black.Mode(line_length=LINE_LENGTH))


def without_docstring(text: str) -> str:
    """The text less its module docstring."""
    body = ast.parse(text).body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return _without_lines(text, [body[0]])
    return text


def without_main(text: str, entry: str) -> str:
    """The text less what it does when run as a script, and less what only that used.

    An exported file has a main of its own, and what it is built from would run first.
    """
    source = parse(text)
    guards = [node for node in source.tree.body if isinstance(node, ast.If) and _asks_for_main(node.test)]
    if not guards:
        return text
    return without_dead_code(source.edited(source.delete_statements(guards)), before=text, entry=entry)


def _asks_for_main(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


def split_imports(text: str) -> tuple[tuple[str, ...], str]:
    """The import statements at the top level of a module, and the text without them.

    A statement that shares its lines with another one stays in the text.
    """
    body = ast.parse(text).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom) and _alone(node, body)]
    return tuple(ast.unparse(node) for node in imports), _without_lines(text, imports)


def merged_imports(statements: Iterable[str], used: Collection[str]) -> tuple[str, ...]:
    """The import statements that bind a `used` name, each name once, in isort's order."""
    plain, names = set[str](), dict[str, set[str]]()
    for node in ast.parse("\n".join(statements)).body:
        aliases = [a for a in getattr(node, "names", ()) if (a.asname or a.name).partition(".")[0] in used]
        if isinstance(node, ast.Import):
            plain.update(ast.unparse(ast.Import([alias])) for alias in aliases)
        elif isinstance(node, ast.ImportFrom) and aliases:
            names.setdefault(node.module or "", set()).update(ast.unparse(alias) for alias in aliases)
    return (*sorted(plain), *(f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)))


def imported_package(statement: str) -> str:
    """The top-level package that an import statement of `merged_imports` names."""
    return statement.split()[1].partition(".")[0]


def used_names(text: str) -> frozenset[str]:
    """The names that a module reads anywhere."""
    nodes = ast.walk(ast.parse(text))
    return frozenset(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))


def defined_names(text: str) -> frozenset[str]:
    """The names that a module binds at its top level."""
    found = set[str]()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        else:
            found.update(n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return frozenset(found)


def with_free_names(text: str, taken: Collection[str]) -> str:
    """The text with an underscore after every top-level name of its own that is `taken`."""
    clashes = {name for name in defined_names(text) if name in taken}
    return ast.unparse(_Renaming(clashes).visit(ast.parse(text))) if clashes else text


class _Renaming(ast.NodeTransformer):
    def __init__(self, names: Collection[str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id += "_" if node.id in self.names else ""
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name += "_" if node.name in self.names else ""
        return self.generic_visit(node)


def _alone(node: ast.stmt, body: list[ast.stmt]) -> bool:
    return not any(
        o is not node and o.lineno <= (node.end_lineno or 0) and (o.end_lineno or 0) >= node.lineno for o in body
    )


def _without_lines(text: str, nodes: Iterable[ast.stmt]) -> str:
    gone = {line for node in nodes for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    return "\n".join(line for n, line in enumerate(text.split("\n"), 1) if n not in gone)
