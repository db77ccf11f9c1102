"""A program's module scope: what it imports and defines, in units that can be carried into another program."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from gi.source.tree.scopes import Mention, bound_names, local_name, mentions
from gi.source.tree.tree import Replacement, Source

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an imported name stands for, and the modules that must be loaded for its attributes to be there.

    `from torch import nn` and `import torch.nn as nn` stand for the same; `import torch.nn` binds `torch`.
    """

    symbol: str
    is_module: bool
    loads: frozenset[str] = frozenset()

    def line(self, name: str) -> str:
        """The import that binds `name`."""
        module, _, last = self.symbol.rpartition(".")
        if self.is_module:
            return f"import {self.symbol}" if name == self.symbol else f"import {self.symbol} as {name}"
        if set(module) <= {"."}:  # from . import layers
            module = self.symbol[: len(self.symbol) - len(last)]
        return f"from {module} import {last}" + (f" as {name}" if name != last else "")


@dataclass(frozen=True, eq=False)
class Unit:
    """One statement of the module with the names that it binds; `start` and `end` in bytes, decorators included."""

    statement: ast.stmt
    names: tuple[str, ...]
    start: int
    end: int

    @cached_property
    def mentions(self) -> list[Mention]:
        """The names of the module's scope in it."""
        return mentions(self.statement)

    @property
    def mentions_in_annotations(self) -> Iterator[Mention]:
        """Those that stand in annotations."""
        return (m for m in self.mentions if m.annotation)

    @property
    def is_definition(self) -> bool:
        """Whether it is a class or a function."""
        return isinstance(self.statement, _DEFINITIONS)

    @property
    def is_for_type_checkers(self) -> bool:
        """Whether it never runs: `if TYPE_CHECKING:`."""
        return isinstance(self.statement, ast.If) and ast.unparse(self.statement.test).endswith("TYPE_CHECKING")

    @cached_property
    def shape(self) -> tuple[str, tuple[str, ...]]:
        """Its structure without formatting, docstrings and names of the module, and those names in order."""
        places = {id(m.node): m.name for m in self.mentions}
        names: list[str] = []
        return "".join(_dumped(self.statement, places, names)), tuple(names)


def _dumped(node: object, places: Mapping[int, str], names: list[str]) -> Iterator[str]:
    if isinstance(node, list):
        yield "["
        for item in node:
            yield from _dumped(item, places, names)
            yield ","
        yield "]"
        return
    if not isinstance(node, ast.AST):
        yield repr(node)
        return
    if id(node) in places:
        names.append(places[id(node)])
    yield f"{type(node).__name__}("
    for field, value in ast.iter_fields(node):
        hidden = id(node) in places and field in ("id", "name", "asname") and not isinstance(node, ast.alias)
        yield from () if hidden else _dumped(_undocumented(node, field, value), places, names)
        yield ","
    yield ")"


def _undocumented(node: ast.AST, field: str, value: object) -> object:
    if field == "body" and isinstance(node, _DEFINITIONS) and isinstance(value, list) and len(value) > 1:
        first = value[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            return value[1:]
    return value


class ModuleScope:
    """The module scope of one program."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.imports: dict[str, Imported] = {}
        self.units: dict[str, list[Unit]] = {}
        self.stars: list[str] = []
        self.loads: set[str] = set()
        self.lines: set[str] = set()
        self.has_future = False
        for statement in source.tree.body:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                self._read_import(statement)
            elif not _is_main_guard(statement):
                self._read_unit(statement)
        for name in self.imports.keys() & self.units.keys():  # bound twice: no plain import
            del self.imports[name]

    def _read_import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            self.has_future = any(alias.name == "annotations" for alias in node.names) or self.has_future
            return
        for alias in node.names:
            if alias.name == "*":
                self.stars.append(ast.unparse(node))
                self.lines.add(ast.unparse(node))
                continue
            name, before = local_name(alias), self.imports.get(local_name(alias))
            imported = _imported(node, alias)
            if before is not None and before.symbol == imported.symbol:
                imported = Imported(imported.symbol, imported.is_module, imported.loads | before.loads)
            self.imports[name] = imported
            self.loads |= imported.loads | {imported.symbol}
            self.lines.add(imported.line(name))

    def _read_unit(self, statement: ast.stmt) -> None:
        names = tuple(sorted(bound_names([statement])))
        decorators = getattr(statement, "decorator_list", [])
        start, end = self.source.bytes_of(statement)
        if decorators:
            start = self.source.data.rfind(b"@", 0, self.source.bytes_of(decorators[0])[0])
        unit = Unit(statement, names, start, end)
        for name in names:
            self.units.setdefault(name, []).append(unit)

    @cached_property
    def bound(self) -> set[str]:
        """The names that the module binds."""
        return {*self.imports, *self.units}

    @cached_property
    def every_name(self) -> set[str]:
        """Every name in the text, whatever it stands for."""
        nodes = list(ast.walk(self.source.tree))
        arguments = {n.arg for n in nodes if isinstance(n, ast.arg)}
        return self.bound | arguments | {n.id for n in nodes if isinstance(n, ast.Name)}

    def importing(self, imported: Imported, name: str) -> str:
        """The name that the module imports a symbol under, `name` where it can be chosen, "" where there is none."""
        names = sorted(n for n, i in self.imports.items() if i.symbol == imported.symbol)
        return name if name in names else next(iter(names), "")

    def text_of(self, unit: Unit, spelled: Mapping[str, str]) -> str:
        """A unit's text with its module names spelled anew."""
        data, offset = self.source.data[unit.start : unit.end], unit.start
        renamings = {r for m in unit.mentions if (r := renaming(self.source, m, spelled)) is not None}
        for edit in sorted(renamings, key=lambda r: r.start, reverse=True):
            data = data[: edit.start - offset] + edit.text.encode() + data[edit.end - offset :]
        return data.decode()

    def equal(self, name: str, other: "ModuleScope", its: str) -> bool:
        """Whether a name stands for the same in both modules: definitions alike in all that they use."""
        return _equal(self, name, other, its, set())


def _equal(one: ModuleScope, name: str, other: ModuleScope, its: str, assumed: set[tuple[str, str]]) -> bool:
    if (name, its) in assumed:
        return True
    if name in one.imports or its in other.imports:
        symbols = [m.imports[n].symbol if n in m.imports else None for m, n in ((one, name), (other, its))]
        return symbols[0] == symbols[1]
    units, others = one.units.get(name, []), other.units.get(its, [])
    if not units or not others:
        return name == its and not units and not others
    assumed.add((name, its))
    return len(units) == len(others) and all(
        _equal_units(one, unit, other, twin, assumed) for unit, twin in zip(units, others, strict=True)
    )


def _equal_units(one: ModuleScope, unit: Unit, other: ModuleScope, twin: Unit, assumed: set[tuple[str, str]]) -> bool:
    (shape, names), (its_shape, its_names) = unit.shape, twin.shape
    if shape != its_shape or len(names) != len(its_names):
        return False
    return all(_equal(one, name, other, its, assumed) for name, its in zip(names, its_names, strict=True))


def _imported(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> Imported:
    if isinstance(node, ast.ImportFrom):
        base = "." * node.level + (node.module or "")
        return Imported(f"{base}{'' if base.endswith('.') else '.'}{alias.name}", False)
    if alias.asname:
        return Imported(alias.name, True)
    top = alias.name.split(".")[0]
    return Imported(top, True, frozenset({alias.name} - {top}))


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


def renaming(source: Source, mention: Mention, spelled: Mapping[str, str]) -> Replacement | None:
    """What spells a mentioned name anew, None where it keeps its name."""
    name, node = spelled.get(mention.name, mention.name), mention.node
    if name == mention.name:
        return None
    start, end = source.bytes_of(node)
    if isinstance(node, ast.Name):
        return Replacement(start, end, name)
    if isinstance(node, ast.alias):
        return Replacement(start, end, f"{node.name} as {name}")
    if isinstance(node, ast.Global):
        return Replacement(start, end, f"global {', '.join(spelled.get(n, n) for n in node.names)}")
    match = re.compile(rb"(?:class|def|as)\s+(%s)\b" % mention.name.encode()).search(source.data, start, end)
    return Replacement(match.start(1), match.end(1), name) if match else None


@lru_cache(maxsize=512)
def module_of(source: Source) -> ModuleScope:
    """The module scope of a parsed program; each is read once."""
    return ModuleScope(source)
