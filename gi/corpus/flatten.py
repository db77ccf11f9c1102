"""One class of a source -> the text of a self-contained module: the class with everything that it uses."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gi.corpus.bare import bare
from gi.corpus.known import AVAILABLE
from gi.corpus.package import Defined, Inside, Package
from gi.source.tree.module import Imported, ModuleScope, Unit, renaming
from gi.source.tree.tree import Replacement

# A class that needs more is a framework and no block.
MAX_CHARACTERS = 60_000


class UnusableError(Exception):
    """A class that cannot be made self-contained: a short stable reason, and the detail of this one."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def flattened(package: Package, module: str, name: str) -> tuple[str, str]:
    """The text of a module that defines the class `name` of `module` by itself, and the class's name there.

    What the class does not need to compute is left out (`gi.corpus.bare`).

    Raises `UnusableError` where it uses a package outside `AVAILABLE`, or more than `MAX_CHARACTERS` of text.
    """
    flat = _Flat(package)
    flat.need(Defined(module, name))
    flat.spell(Defined(module, name))
    text = bare(flat.text(package.order(module)), flat.spelled[Defined(module, name)])
    if len(text) > MAX_CHARACTERS:
        raise UnusableError("uses too much other code", f"{len(text):,} characters with all that it uses")
    return text, flat.spelled[Defined(module, name)]


@dataclass
class _Flat:
    """The definitions needed so far by place, imports from outside by symbol, and the names that both get."""

    package: Package
    units: dict[tuple[str, Unit], None] = field(default_factory=dict)
    outside: dict[str, tuple[str, Imported]] = field(default_factory=dict)
    future: bool = False
    size: int = 0
    spelled: dict[Defined | str, str] = field(default_factory=dict)

    def need(self, start: Defined) -> None:
        """Adds a definition with all that it uses."""
        waiting, seen = [start], {start}
        while waiting:
            place = waiting.pop()
            # All definitions under the name: either branch of an `if` or a `try` may be the one that runs.
            for unit in self._scope(place.module).units.get(place.name, ()):
                if (place.module, unit) not in self.units:
                    self._take(place.module, unit)
                    unseen = [d for d in self._uses(place.module, unit) if d not in seen]
                    seen.update(unseen)
                    waiting.extend(unseen)

    def _scope(self, module: str) -> ModuleScope:
        scope = self.package.module(module)
        assert scope is not None, "a definition stands in a module that parses"
        return scope

    def _take(self, module: str, unit: Unit) -> None:
        self.units[module, unit] = None
        self.size += unit.end - unit.start
        self.future = self.future or self._scope(module).has_future
        # Counted in the sources, before names and layout change them: a bound for the search, not for the block.
        if self.size > 4 * MAX_CHARACTERS:
            raise UnusableError("uses too much other code", f"more than {4 * MAX_CHARACTERS:,} characters")

    def _uses(self, module: str, unit: Unit) -> Iterator[Defined]:
        """The definitions of the source that a unit mentions; imports from outside are noted."""
        for name in unit.names:
            yield Defined(module, name)
        for mention in unit.mentions:
            meaning = self.package.meaning(module, mention.name)
            if isinstance(meaning, Inside):
                meaning = self._member(module, mention.node, meaning)
            if isinstance(meaning, Imported):
                self._import(mention.name, meaning)
            elif isinstance(meaning, Defined):
                yield meaning
            elif mention.name in self._scope(module).imports:
                raise UnusableError("imports what its source lacks", self._scope(module).imports[mention.name].symbol)

    def _member(self, module: str, node: ast.AST, inside: Inside) -> Defined | Imported | None:
        """The meaning of `layers.DropPath`, where `layers` is a module of the source."""
        chain = _chain(self._scope(module), node)
        for part in chain[1:]:
            meaning = self.package.meaning(inside.module, part.attr) if isinstance(part, ast.Attribute) else None
            if not isinstance(meaning, Inside):
                return meaning
            inside = meaning
        # What is done with a module as a value (`getattr(layers, name)`) cannot be written as a name.
        raise UnusableError("uses a module as a value", inside.module)

    def _import(self, name: str, imported: Imported) -> None:
        # Modules that import one symbol under several names share one import here, under the first name.
        top = imported.symbol.split(".")[0]
        if top not in AVAILABLE:
            raise UnusableError("uses another package", top or imported.symbol)
        before = self.outside.get(imported.symbol)
        if before is not None:
            name = before[0]
            imported = Imported(imported.symbol, before[1].is_module, imported.loads | before[1].loads)
        self.outside[imported.symbol] = (name, imported)

    # Names and text ---------------------------------------------------------------------------------------------------

    def spell(self, first: Defined) -> None:
        """Gives every definition and import a name of its own; `first` keeps its own."""
        # The class comes first: it keeps its name, and whatever else has that name in another module gives way.
        places = [Defined(module, name) for module, unit in self.units for name in unit.names]
        imported = [(symbol, name) for symbol, (name, _) in self.outside.items()]
        wanted: list[tuple[Defined | str, str]] = [(place, place.name) for place in [first, *places]]
        taken: set[str] = set()
        for key, name in [*wanted, *imported]:
            if key not in self.spelled:
                self.spelled[key] = _free(name, taken)
                taken.add(self.spelled[key])

    def text(self, order: list[str]) -> str:
        """The module's text: imports, then definitions in the order in which Python would have run them."""
        ranks = {module: rank for rank, module in enumerate(order)}
        units = sorted(self.units, key=lambda place: (ranks.get(place[0], len(ranks)), place[0], place[1].start))
        parts = [self._unit_text(module, unit) for module, unit in units]
        text = ""
        for before, (_, unit), part in zip([None, *units], units, parts, strict=False):
            blank = "" if before is None else "\n\n\n" if before[1].is_definition or unit.is_definition else "\n"
            text += blank + part
        imports = "".join(f"{line}\n" for line in self._import_lines())
        return f"{imports}\n\n{text}\n" if imports else f"{text}\n"

    def _import_lines(self) -> list[str]:
        lines = ["from __future__ import annotations"] if self.future else []
        for symbol, (_, imported) in sorted(self.outside.items()):
            lines.append(imported.line(self.spelled[symbol]))
            lines.extend(f"import {loaded}" for loaded in sorted(imported.loads))
        return list(dict.fromkeys(lines))

    def _unit_text(self, module: str, unit: Unit) -> str:
        scope, names, chains = self._scope(module), dict[str, str](), list[Replacement]()
        for mention in unit.mentions:
            meaning = self.package.meaning(module, mention.name)
            if isinstance(meaning, Inside):
                chains.append(self._chain_replaced(scope, mention.node, meaning))
            elif isinstance(meaning, Defined):
                names[mention.name] = self.spelled[meaning]
            elif isinstance(meaning, Imported):
                names[mention.name] = self.spelled[meaning.symbol]
        renamed = (renaming(scope.source, mention, names) for mention in unit.mentions)
        return _edited(scope, unit, {*chains, *(r for r in renamed if r is not None)})

    def _chain_replaced(self, scope: ModuleScope, node: ast.AST, inside: Inside) -> Replacement:
        for part in _chain(scope, node)[1:]:
            meaning = self.package.meaning(inside.module, part.attr) if isinstance(part, ast.Attribute) else None
            if isinstance(meaning, Inside):
                inside = meaning
            elif isinstance(meaning, Defined):
                return scope.source.replace(part, self.spelled[meaning])
            elif isinstance(meaning, Imported):
                return scope.source.replace(part, self.spelled[meaning.symbol])
            else:
                break
        raise UnusableError("uses a module as a value", inside.module)


def _chain(scope: ModuleScope, node: ast.AST) -> list[ast.AST]:
    """A name with the attributes read of it, one after the other: a, a.b, a.b.c."""
    chain = [node]
    while isinstance(parent := scope.source.parents.get(chain[-1]), ast.Attribute):
        chain.append(parent)
    return chain


def _edited(scope: ModuleScope, unit: Unit, edits: set[Replacement]) -> str:
    data = scope.source.data[unit.start : unit.end]
    # From the end, so that the offsets of earlier edits stay valid.
    for edit in sorted(edits, key=lambda r: r.start, reverse=True):
        data = data[: edit.start - unit.start] + edit.text.encode() + data[edit.end - unit.start :]
    return re.sub(r"\r\n|\r", "\n", data.decode())


def _free(name: str, taken: set[str]) -> str:
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}{number}"
    return free
