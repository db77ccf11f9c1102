"""A program cut into what an exported file is put together from: its imports, and the rest in Black's layout.

Nothing here, and nothing that uses its results, looks for a line by its text: a formatter lays one text out in several
ways (by the newest syntax in a file, for one, which adds a comma behind `**kwargs`). Statements are found
by their nodes, and what a cut or a layout may have changed is compared as syntax trees.
"""

import ast
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

import black
from black.mode import TargetVersion
from black.parsing import parse_ast, stringify_ast

from gi.core.errors import RunError, SourceError
from gi.export.names import Import, movable_imports
from gi.source.identity.dead_code import without_dead_code
from gi.source.tree.statements import delete_statements
from gi.source.tree.tree import parse

LINE_LENGTH = 120
# With a target: without one Black guesses it from the newest syntax in the file.
_MODE = black.Mode(line_length=LINE_LENGTH, target_versions={TargetVersion.PY311})


@dataclass(frozen=True, slots=True)
class ProgramParts:
    """A module cut apart: its `__future__` imports, the imports that can stand anywhere above it, and all else."""

    future: tuple[str, ...]
    imports: tuple[str, ...]
    body: str


@lru_cache(maxsize=64)  # most of an exported file is gi's own code, the same in every member of a front
def formatted(text: str) -> str:
    """The text in Black's layout; as it is where Black cannot read it, or would make another program of it."""
    try:
        layout = black.format_str(text, mode=_MODE)
        same = list(stringify_ast(parse_ast(text))) == list(stringify_ast(parse_ast(layout)))
    except Exception:  # Black's own faults on a foreign text: the layout is a nicety, the program is not
        return text
    return layout if same else text


def cut(text: str) -> ProgramParts:
    """A module's parts, less its docstring, the body formatted. Raises `SourceError`."""
    source = parse(re.sub(r"\r\n?", "\n", text))  # as Python itself reads line ends, within strings too
    try:
        imports = [node for node in movable_imports(source.tree) if _alone(node, source.tree.body)]
    except SyntaxError as error:  # what `ast` lets pass, such as a `return` outside of a function
        raise SourceError(f"line {error.lineno}: {error.msg}") from None
    future = [n for n in source.tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
    gone: list[ast.stmt] = [*_docstring(source.tree), *future, *imports]
    body = source.edited(delete_statements(source, gone)) if gone else source.text
    _refuse_another(ast.parse(body).body, [node for node in source.tree.body if node not in gone])
    return ProgramParts(tuple(map(ast.unparse, future)), tuple(map(ast.unparse, imports)), formatted(body).strip("\n"))


def _docstring(tree: ast.Module) -> list[ast.stmt]:
    return tree.body[:1] if ast.get_docstring(tree, clean=False) is not None else []


def _alone(node: ast.stmt, body: list[ast.stmt]) -> bool:
    """Whether a statement shares its lines with no other one."""
    return not any(
        o is not node and o.lineno <= (node.end_lineno or 0) and (o.end_lineno or 0) >= node.lineno for o in body
    )


def _refuse_another(left: list[ast.stmt], expected: list[ast.stmt]) -> None:
    """Raises `RunError` where a cut has left something else; `pass` stands where one of two on a line was."""
    trees = [[ast.dump(node) for node in body if not isinstance(node, ast.Pass)] for body in (left, expected)]
    if trees[0] != trees[1]:
        raise RunError("the program cannot be taken apart into imports and the rest: put each on a line of its own.")


def without_main(text: str, entry: str) -> str:
    """The text without its `if __name__ == "__main__"` blocks, and without what only they used.

    An exported file has a main of its own, and the program's would run first.
    """
    source = parse(text)
    guards = [node for node in source.tree.body if isinstance(node, ast.If) and _asks_for_main(node.test)]
    if not guards:
        return text
    return without_dead_code(source.edited(delete_statements(source, guards)), before=text, entry=entry)


def _asks_for_main(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(test))


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


def imports_package(text: str, package: str) -> bool:
    """Whether a module imports a package anywhere, within functions too."""
    return _names_package(ast.walk(ast.parse(text)), package)


def imports_package_at_start(text: str, package: str) -> bool:
    """Whether a module imports a package as soon as it is imported itself: not only within functions."""
    return _names_package(_outside_functions(ast.parse(text)), package)


def _outside_functions(node: ast.AST) -> Iterable[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _outside_functions(child)


def _names_package(nodes: Iterable[ast.AST], package: str) -> bool:
    imports = [node for node in nodes if isinstance(node, Import)]
    named = [n.module or "" if isinstance(n, ast.ImportFrom) else alias.name for n in imports for alias in n.names]
    return any(name.partition(".")[0] == package for name in named)


def identifiers(text: str) -> frozenset[str]:
    """Every name that a module mentions: variables, attributes, imports."""
    return frozenset(re.findall(r"[^\W\d]\w*", " ".join(_mentions(ast.parse(text)))))


def _mentions(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "asname"):
            if isinstance(value := getattr(node, field, None), str):
                yield value


def used_names(text: str) -> frozenset[str]:
    """The names that a module reads anywhere."""
    nodes = ast.walk(ast.parse(text))
    return frozenset(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
