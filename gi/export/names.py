"""Name clashes between two programs that share one file, and the renaming that resolves them.

An exported file is an evolved program followed by code that reads data, trains and scores. The two share a namespace.
Say that the program has a function `train`, a constant `struct` or `from torch import *`, which binds `sum`: the code
behind it then says `train_`, imports `struct as struct_` and takes `sum_` from `builtins`. What it cannot do: it does
not see names that the program binds through `globals()` or `exec`.
"""

import ast
import builtins
import re
import symtable
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

from gi.source.tree.tree import Replacement, Source, parse

Import: TypeAlias = ast.Import | ast.ImportFrom
STAR = "*"


def bound_names(text: str) -> frozenset[str]:
    """The names that a module binds in its own namespace, within functions too; `STAR` for a star import."""
    # Python's own table knows what a walk over nodes would miss: `global`, walrus targets, scopes of comprehensions.
    top = symtable.symtable(text, "<module>", "exec")
    names = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    for scope in _scopes(top):
        names.update(s.get_name() for s in scope.get_symbols() if s.is_declared_global() and s.is_assigned())
    stars = any(_is_star(node) for node in ast.walk(ast.parse(text)))
    return frozenset(names | ({STAR} if stars else set()))


def read_names(text: str) -> frozenset[str]:
    """The names that a module looks up in its own namespace, or among the builtins where it does not bind them."""
    top = symtable.symtable(text, "<module>", "exec")
    names = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    for scope in _scopes(top):
        names.update(s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced())
    return frozenset(names)


def meanings(imports: Iterable[Import]) -> dict[str, set[str]]:
    """The names that imports bind, each with the dotted names of all that it is bound to."""
    meant: dict[str, set[str]] = {}
    for node in imports:
        for name, meaning in _meanings(node):
            meant.setdefault(name, set()).add(meaning)
    return meant


def movable_imports(tree: ast.Module) -> list[Import]:
    """The imports at the top level of a module that mean the same at its very top.

    Not those of a name that something else binds too, not relative ones, and none behind a star import, which may bind
    any name.
    """
    imports = [node for node in tree.body if isinstance(node, Import)]
    bound = bound_names(ast.unparse(ast.Module([n for n in tree.body if not isinstance(n, Import)], [])))
    meant, movable = meanings(imports), list[Import]()
    for node in imports:
        if _is_star(node):
            break
        fixed = isinstance(node, ast.ImportFrom) and (node.level > 0 or node.module == "__future__")
        if not fixed and all(len(meant[name]) == 1 and name not in bound for name, _ in _meanings(node)):
            movable.append(node)
    return movable


def clashes(own: str, own_imports: Iterable[str], program: str, imports: Iterable[str]) -> frozenset[str]:
    """The names that `own` code with its imports cannot use behind `program` with its imports.

    The program binds them to something else, by a star import perhaps; or it looks them up and `own` would bind them.
    """
    bound, read = bound_names(program), read_names(program)
    ours, theirs = meanings(_nodes(own_imports)), meanings(_nodes(imports))
    defined = bound_names(own)
    used = {name for name in defined | ours.keys() | read_names(own) if not name.startswith("__")}
    if STAR in bound:  # what a star import binds is known only when it runs: no name of ours is safe behind it
        return frozenset(used)
    taken = bound | {name for name, meaning in theirs.items() if ours.get(name) != meaning} | (defined & read)
    return frozenset(used & taken)


def renamed(
    own: str, own_imports: Iterable[str], names: Collection[str], taken: Collection[str]
) -> tuple[str, list[str]]:
    """Code and its imports with an underscore behind each of `names`, or as many as make it differ from all `taken`."""
    new = {name: _free(name, taken) for name in names}
    source, statements = parse(own), list(own_imports)
    kept = [s for s in statements if not meanings(_nodes([s])).keys() & new.keys()]
    others = [pair for node in _nodes(s for s in statements if s not in kept) for pair in _meanings(node)]
    imported = [_import_text(meaning, new.get(name, name)) for name, meaning in others]
    native = sorted((new.keys() & vars(builtins).keys()) - bound_names(own) - {name for name, _ in others})
    called = [f"from builtins import {name} as {new[name]}" for name in native]
    return source.edited(_replacements(source, new)), [*kept, *imported, *called]


def _free(name: str, taken: Collection[str]) -> str:
    name += "_"
    return _free(name, taken) if name in taken else name


def _replacements(source: Source, new: dict[str, str]) -> Iterator[Replacement]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id in new:
            yield source.replace(node, new[node.id])
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in new:
            start, end = source.bytes_of(node)
            # A definition's name has no position of its own in `ast`: it stands behind the keyword.
            keyword = re.match(rb"\w+\s+", source.data[start:end])
            at = start + (keyword.end() if keyword else 0)
            yield Replacement(at, at + len(node.name.encode()), new[node.name])


def _import_text(meaning: str, name: str) -> str:
    module, _, last = meaning.rpartition(".")
    called = "" if name == last else f" as {name}"
    return f"from {module} import {last}{called}" if module else f"import {last}{called}"


def _nodes(statements: Iterable[str]) -> Iterator[Import]:
    return (node for node in ast.parse("\n".join(statements)).body if isinstance(node, Import))


def _meanings(node: Import) -> Iterator[tuple[str, str]]:
    """`import a.b` binds `a`, `import a.b as c` and `from a import b as c` both bind `c` to `a.b`."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}.{alias.name}"
        else:
            root = alias.name.partition(".")[0]
            yield alias.asname or root, alias.name if alias.asname else root


def _is_star(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.names[0].name == STAR


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _scopes(child)
