"""The files of one source as one namespace: where a name of a module is defined, through imports and re-exports."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gi.core.errors import SourceError
from gi.corpus.settled import settled
from gi.lines.index import absolute
from gi.source.tree.module import Imported, ModuleScope
from gi.source.tree.tree import Source

_MAX_HOPS = 30  # of re-exports: more is a cycle


@dataclass(frozen=True, slots=True)
class Defined:
    """A name that a module of the source defines in its own text."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Inside:
    """A name that is bound to a module of the source."""

    module: str


Meaning = Defined | Inside | Imported | None
"""The meaning of a name; `Imported` comes from outside the source, None is bound by nothing."""


class Package:
    """The modules below one root, by dotted name as `gi.corpus.modules.texts_below` gives them; parsed when needed."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {name.removesuffix(".__init__"): text for name, text in texts.items()}
        self._packages = {name.removesuffix(".__init__") for name in texts if name.endswith("__init__")}
        self._modules: dict[str, ModuleScope | None] = {}
        self._tops = {name.split(".")[0] for name in self._texts}

    def module(self, name: str) -> ModuleScope | None:
        """A module's scope, its relative and star imports written out; None where there is none that parses."""
        if name not in self._modules:  # parsed on demand: most files without torch are never needed
            self._modules[name] = None  # set before the recursion, so that a cycle of star imports ends here
            self._modules[name] = self._read(name)
        return self._modules[name]

    def names(self) -> list[str]:
        """The modules' names."""
        return sorted(self._texts)

    def meaning(self, module: str, name: str) -> Meaning:
        """The meaning of a module's name, followed through imports and re-exports."""
        for _ in range(_MAX_HOPS):
            scope = self.module(module)
            if scope is None:
                return None
            if name in scope.units:
                return Defined(module, name)
            imported = scope.imports.get(name)
            if imported is None:
                return Inside(f"{module}.{name}") if f"{module}.{name}" in self._texts else None
            if imported.symbol.split(".")[0] not in self._tops:
                return imported
            place = self._split(imported.symbol)
            if place is None:
                return None
            module, name = place
            if not name:
                return Inside(module)
        return None

    def order(self, start: str) -> list[str]:
        """The modules in the order in which importing `start` would run them; each runs after what it imports."""
        done: dict[str, None] = {}
        entered: set[str] = set()

        def enter(name: str) -> None:
            scope = self.module(name)
            if name in entered or scope is None:
                return
            entered.add(name)
            for imported in scope.imports.values():
                place = self._split(imported.symbol)
                if place is not None:
                    enter(place[0])
            done[name] = None

        enter(start)
        return list(done)

    def _split(self, symbol: str) -> tuple[str, str] | None:
        """The module that a symbol starts with and the one name behind it, "" where it is the module itself."""
        module, _, name = symbol.rpartition(".")
        scope = self.module(module) if module in self._texts else None
        if scope is not None and name in scope.bound and scope.imports.get(name) != Imported(symbol, False):
            return module, name  # a package may give a name of its own to what one of its modules is called
        if symbol in self._texts:
            return symbol, ""
        return (module, name) if scope is not None else None

    def _read(self, name: str) -> ModuleScope | None:
        text = self._texts.get(name)
        try:
            settled_text = None if text is None else settled(text, frozenset(self._tops))
            return None if settled_text is None else ModuleScope(self._written_out(name, Source(settled_text)))
        except SourceError:
            return None

    def _written_out(self, module: str, source: Source) -> Source:
        """The source with relative imports made absolute, and star imports of its own modules written out by name."""
        edits = []
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.ImportFrom):
                continue
            base = absolute(module, module in self._packages, node.level, node.module or "")
            names = [alias for a in node.names for alias in self._starred(base, a)]
            if (node.level and base) or names != node.names:
                edits.append(source.replace(node, ast.unparse(ast.ImportFrom(base, names, 0)) if names else "pass"))
        return Source(source.edited(edits)) if edits else source

    def _starred(self, base: str, alias: ast.alias) -> Iterator[ast.alias]:
        scope = self.module(base) if alias.name == "*" and base in self._texts else None
        if scope is None:
            yield alias
        else:
            yield from (ast.alias(name) for name in sorted(scope.bound) if not name.startswith("_"))
