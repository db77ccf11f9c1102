"""Index over a package's modules: classes with their bases, aliases and re-exports, read from texts alone.

A file is read when a name first leads to it. `ast` is used here and LibCST is not: only module-level names are
wanted, never the layout, and `ast` parses ten times as fast.
"""

import ast
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from gi.core.types import LineType
from gi.lines.taxonomy import canonical, line_type


@dataclass(frozen=True, slots=True)
class ModuleNames:
    """The module-level names of one file.

    `aliases` maps a name to its possible meanings: absolute symbols for imports, names of this file (with a leading
    ":") for assignments. `classes` maps a class to its bases, written like aliases. `stars` are the modules whose
    names are all imported.
    """

    aliases: dict[str, list[str]] = field(default_factory=dict)
    classes: dict[str, list[str]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)


def absolute(module: str, is_package: bool, level: int, target: str) -> str:
    """The absolute name of what `from ...target import x` names inside a module; "" where it leaves the top."""
    if not level:
        return target
    parts = module.split(".") if module else []
    # One dot in a package's `__init__` means the package itself; in any other module it means the package around it.
    drop = level - 1 if is_package else level
    if drop > len(parts):
        return ""
    return ".".join([*parts[: len(parts) - drop], *([target] if target else [])])


def dotted(node: ast.expr) -> str | None:
    """A chain of names such as "nn.Conv2d"; None for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Module-level statements, those under `if`, `try` and `with` included, in source order."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for name in ("body", "handlers", "orelse", "finalbody"):
                for child in getattr(statement, name, ()):
                    yield from _statements(child.body if isinstance(child, ast.ExceptHandler) else [child])


def _stands_for(value: ast.expr | None) -> list[str]:
    """Possible meanings of an assigned expression: a chain of names, either side of a choice, what a partial wraps."""
    # By its name alone, `partial` or `functools.partial`: imports are not resolved yet.
    if isinstance(value, ast.Call) and value.args and (dotted(value.func) or "").endswith("partial"):
        value = value.args[0]
    if isinstance(value, ast.IfExp):
        return _stands_for(value.body) + _stands_for(value.orelse)
    if isinstance(value, ast.BoolOp):
        return [name for operand in value.values for name in _stands_for(operand)]
    name = dotted(value) if value is not None else None
    return [f":{name}"] if name else []


def _read_imports(names: ModuleNames, node: ast.Import | ast.ImportFrom, module: str, is_package: bool) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            names.aliases.setdefault(bound, []).append(alias.name if alias.asname else bound)
        return
    base = absolute(module, is_package, node.level, node.module or "")
    for alias in node.names:
        if alias.name == "*":
            names.stars.append(base)
        elif base:
            names.aliases.setdefault(alias.asname or alias.name, []).append(f"{base}.{alias.name}")


def module_names(text: str, module: str, is_package: bool) -> ModuleNames:
    """The module-level names of a file; none where Python cannot parse it."""
    names = ModuleNames()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in a foreign file is not the user's
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return names
    # Aliases are collected, not replaced: which branch of an `if` or a `try` runs is not known here.
    for node in _statements(body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            _read_imports(names, node, module, is_package)
        elif isinstance(node, ast.ClassDef):
            names.classes[node.name] = [name for base in node.bases for name in _stands_for(base)]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    names.aliases.setdefault(target.id, []).extend(_stands_for(node.value))
    return names


class ClassIndex:
    """Resolves the symbols of a package to where they are defined, and to their line types.

    `load` gives a module's text by its name, or None; `is_package` says whether a module is a package's `__init__`.
    """

    def __init__(self, load: Callable[[str], str | None], is_package: Callable[[str], bool]) -> None:
        self._load = load
        self.is_package = is_package
        self._modules: dict[str, ModuleNames | None] = {}
        self._resolved: dict[str, str] = {}
        self._looked_up: dict[tuple[str, str], str | None] = {}
        self._types: dict[str, LineType | None] = {}

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> "ClassIndex":
        """An index over modules by dotted name; a package goes by its own name or as "package.__init__"."""
        by_name = {name.removesuffix(".__init__"): text for name, text in texts.items()}
        # Whatever holds a module is a package: a harvest may lack its `__init__.py`, and Python imports from such a
        # folder too.
        packages = {name.rpartition(".")[0] for name in by_name} | {
            name.removesuffix(".__init__") for name in texts if name.endswith(".__init__")
        }
        return cls(by_name.get, packages.__contains__)

    def module(self, name: str) -> ModuleNames | None:
        """The names of a module, None where the index has no such module."""
        if name not in self._modules:
            text = self._load(name)
            self._modules[name] = None if text is None else module_names(text, name, self.is_package(name))
        return self._modules[name]

    def public_names(self, module: str) -> tuple[str, ...]:
        """The names that `from module import *` may bind, those of its own star imports included."""
        seen: dict[str, None] = {}
        # `done` ends a circle of modules that star-import each other.
        queue, done = [module], set()
        while queue:
            name = queue.pop()
            names = None if name in done else self.module(name)
            done.add(name)
            if names is not None:
                seen.update(dict.fromkeys(n for n in (*names.aliases, *names.classes) if not n.startswith("_")))
                queue += names.stars
        return tuple(seen)

    def resolve(self, symbol: str) -> str:
        """The symbol where it is defined, through aliases and re-exports; itself where the index does not know it."""
        if symbol not in self._resolved:
            self._resolved[symbol] = symbol  # set before the recursion, so that a cycle of re-exports ends here
            self._resolved[symbol] = self._follow(symbol)
        return self._resolved[symbol]

    def bases(self, symbol: str) -> tuple[str, ...]:
        """The resolved bases of a class of the package; empty for everything else."""
        module, _, name = symbol.rpartition(".")
        names = self.module(module) if module else None
        if names is None or name not in names.classes:
            return ()
        return tuple(self._meaning(module, base) for base in names.classes[name])

    def is_class(self, symbol: str) -> bool:
        """Whether a resolved symbol is a class of the package."""
        module, _, name = symbol.rpartition(".")
        names = self.module(module) if module else None
        return names is not None and name in names.classes

    def type_of(self, symbol: str) -> LineType | None:
        """The type of a symbol: torch's own, else that of the first base that has one."""
        if symbol not in self._types:
            self._types[symbol] = None  # set before the recursion, so that a cycle of bases ends here
            resolved = self.resolve(symbol)
            bases = (self.type_of(base) for base in self.bases(resolved))
            self._types[symbol] = line_type(resolved) or next((t for t in bases if t), None)
        return self._types[symbol]

    def _follow(self, symbol: str) -> str:
        # Torch's own symbols are typed by table: its sources are never read, even where the index could.
        if line_type(symbol) is not None:
            return canonical(symbol)
        module, rest = self._split(symbol)
        name, _, tail = rest.partition(".")
        target = self._lookup(module, name) if module and name else None
        return symbol if target is None else self._joined(target, tail)

    def _joined(self, owner: str, tail: str) -> str:
        return self.resolve(f"{owner}.{tail}") if tail else owner

    def _split(self, symbol: str) -> tuple[str, str]:
        """The longest module of the index that a symbol starts with, and the rest."""
        module, rest = symbol, ""
        while module:
            if self.module(module) is not None:
                return module, rest
            module, _, last = module.rpartition(".")
            rest = f"{last}.{rest}" if rest else last
        return "", symbol

    def _lookup(self, module: str, name: str) -> str | None:
        """The symbol that a module-level name means: the first meaning that has a type, else the first of all."""
        key = (module, name)
        if key not in self._looked_up:
            self._looked_up[key] = None  # set before the recursion, so that a cycle of aliases ends here
            self._looked_up[key] = self._search(module, name)
        return self._looked_up[key]

    def _search(self, module: str, name: str) -> str | None:
        names = self.module(module)
        if names is None:
            return None
        # A class of the file wins over an import of its name (`try: ... except ImportError: class Norm`): its bases
        # are at hand.
        if name in names.classes:
            return f"{module}.{name}"
        meanings = [self._meaning(module, alias) for alias in names.aliases.get(name, ())]
        if meanings:
            return next((symbol for symbol in meanings if self.type_of(symbol)), meanings[0])
        # A star import may also lead out of the package: then the table of torch's symbols decides.
        stars = (self._star(star, name) for star in names.stars)
        return next((symbol for symbol in stars if symbol is not None), None)

    def _star(self, star: str, name: str) -> str | None:
        if self.module(star) is not None:
            return self._lookup(star, name)
        return f"{star}.{name}" if line_type(f"{star}.{name}") else None  # nothing else of it is known

    def _meaning(self, module: str, alias: str) -> str:
        """The absolute symbol of an alias written as in `ModuleNames`."""
        if not alias.startswith(":"):
            return self.resolve(alias)  # an import: the symbol is absolute already
        name, _, tail = alias[1:].partition(".")
        target = self._lookup(module, name)
        return alias[1:] if target is None else self._joined(target, tail)


@lru_cache(maxsize=1)
def empty_index() -> ClassIndex:
    """The index that knows no package."""
    return ClassIndex.of({})
