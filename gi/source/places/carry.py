"""Carries definitions from one program into another: with all that they use, and renamed where names collide."""

import ast
import builtins
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gi.source.tree.module import Imported, ModuleScope, Unit, module_of
from gi.source.tree.statements import insert_before
from gi.source.tree.tree import Replacement, Source

_BUILTINS = frozenset(dir(builtins))
# Black's width: lines are joined as far as most people let them grow.
_MAX_IMPORT_LINE = 88


@dataclass(frozen=True, slots=True)
class Carried:
    """What brings definitions into a host: edits of its text, and what each carried name is called there."""

    replacements: tuple[Replacement, ...]
    spelled: Mapping[str, str]


def carried(host: Source, donor: Source, names: Collection[str]) -> Carried:
    """Everything of the donor's module that `names` use, transitively, as edits of the host.

    An import or definition that the host has already, under any name that carrying would give it, is used as it
    stands; one whose name means something else there is renamed. Names that the donor does not define stand for
    themselves. Ask once for all names of one donor: the edits of two askings would bring shared definitions twice.
    """
    plan = _Plan(module_of(host), module_of(donor))
    for name in names:
        plan.need(name)
    plan.name_everything(frozenset(names))
    return Carried(tuple(plan.replacements()), {**{name: name for name in names}, **plan.spelled})


@dataclass
class _Plan:
    """What one carrying brings: first the names that are needed, then what each is called in the host."""

    host: ModuleScope
    donor: ModuleScope
    imports: dict[str, Imported] = field(default_factory=dict)
    units: dict[Unit, None] = field(default_factory=dict)
    stars: dict[str, None] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    reused: set[str] = field(default_factory=set)

    def need(self, name: str) -> None:
        """Adds a name of the donor's module with all that it uses."""
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name in self.donor.imports:
                self.imports.setdefault(name, self.donor.imports[name])
                continue
            # A name that is bound nowhere may come from a star import; then all of them come, for no text says which.
            if name not in self.donor.units and name not in _BUILTINS:
                self.stars.update(dict.fromkeys(self.donor.stars))
            for unit in self.donor.units.get(name, ()):
                if unit not in self.units:
                    self.units[unit] = None
                    waiting.extend(mention.name for mention in unit.mentions)

    def name_everything(self, asked: Collection[str]) -> None:
        """Decides for each name whether the host's own is used, and what a new one is called."""
        taken = self.host.bound | _BUILTINS
        # In sorted order, as no decision of a run may depend on the order of a set.
        for name, imported in sorted(self.imports.items()):
            known = self.host.importing(imported, name)
            self.spelled[name] = known or self._free(name, asked, taken)
            taken.add(self.spelled[name])
            self.reused.update([name] if known else [])
        names = {name: self._equal(name) for unit in self.units for name in unit.names}
        for name in names:
            together = {n for unit in self.donor.units[name] for n in unit.names}  # bound by one statement
            known = names[name] if all(names.get(n) for n in together) else ""
            self.spelled[name] = known or self._free(name, asked, taken)
            taken.add(self.spelled[name])
            self.reused.update([name] if known else [])

    def _equal(self, name: str) -> str:
        """The host's name for what the donor defines as `name`, where the host defines the same; else ""."""
        # A definition that was carried before may have been given a number: `Block1` is tried as the donor's `Block`.
        candidates = [c for c in self.host.units if re.fullmatch(rf"{re.escape(name)}\d*", c)]
        # The shortest name first, so that the host's own comes before a copy of it.
        same = (c for c in sorted(candidates, key=len) if self.donor.equal(name, self.host, c))
        return next(same, "")

    def _free(self, name: str, asked: Collection[str], taken: Collection[str]) -> str:
        """The name itself, or with a number behind it, so that it stands for nothing else.

        A name that was asked for is used inside the host's functions, so it must not be one of their own either.
        """
        used = {*taken, *(self.host.every_name if name in asked else ())}
        if name not in used:
            return name
        # Not the host's names alone: inside the definition that is carried, the new one must mean nothing else either.
        used |= self.donor.every_name
        number = 1
        while f"{name}{number}" in used:
            number += 1
        return f"{name}{number}"

    # Edits ------------------------------------------------------------------------------------------------------------

    def replacements(self) -> Iterator[Replacement]:
        """The future import, the imports and the definitions, each at its place."""
        # In the donor's order, in which Python has run them there: a base class stands before its heirs.
        units = sorted((u for u in self.units if not self.reused.issuperset(u.names)), key=lambda u: u.start)
        source = self.host.source
        # Without it Python would evaluate the annotations where the definition runs, in another order than in the
        # donor.
        if self._needs_future(units):
            yield _at_top(source, "from __future__ import annotations")
        lines = [*self.stars, *(line for name in sorted(self.imports) for line in self._import_lines(name))]
        lines = _joined_imports(line for line in dict.fromkeys(lines) if line not in self.host.lines)
        if lines:
            yield _imports(source, lines)
        if units:
            reused = {self.spelled[name] for name in self.reused if name in self.donor.units}
            after = max((u.end for name in reused for u in self.host.units[name]), default=0)
            yield _definitions(source, self._joined(units), after, first=not lines)

    def _import_lines(self, name: str) -> list[str]:
        imported = self.imports[name]
        own = [] if name in self.reused else [imported.line(self.spelled[name])]
        return [*own, *(f"import {loaded}" for loaded in sorted(imported.loads - self.host.loads))]

    def _needs_future(self, units: list[Unit]) -> bool:
        """Whether an annotation names what is not there yet when it would be read."""
        if not self.donor.has_future or self.host.has_future:
            return False
        return any(self._is_early(unit, mention.name) for unit in units for mention in unit.mentions_in_annotations)

    def _is_early(self, unit: Unit, name: str) -> bool:
        known = name in self.donor.imports or name in _BUILTINS
        there = (u for u in self.donor.units.get(name, ()) if u.start < unit.start and not u.is_for_type_checkers)
        return not known and next(there, None) is None

    def _joined(self, units: list[Unit]) -> str:
        text = ""
        for before, unit in zip([None, *units], units, strict=False):
            blank = "" if before is None else "\n\n\n" if before.is_definition or unit.is_definition else "\n"
            text += blank + self.donor.text_of(unit, self.spelled)
        return text


# Places --------------------------------------------------------------------------------------------------------------


def _head(source: Source) -> list[ast.stmt]:
    """The module's first statements, down to the last import that stands before any class or function."""
    body, last = source.tree.body, 0
    for number, statement in enumerate(body):
        if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            # An import below a definition may depend on it; new ones go above.
            break
        if isinstance(statement, (ast.Import, ast.ImportFrom)) or (not number and _is_docstring(statement)):
            last = number + 1
    return body[:last]


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _at_top(source: Source, line: str) -> Replacement:
    body = source.tree.body
    first = next((s for s in body if not _is_docstring(s)), None)
    if first is None or _is_docstring(body[0]):
        return _behind(source, body[0], f"\n\n{line}") if body else Replacement(0, 0, f"{line}\n")
    return insert_before(source, first, line)


def _behind(source: Source, statement: ast.stmt, text: str) -> Replacement:
    """Text at the end of a statement's last line."""
    start = source.line_starts[statement.end_lineno or 0]
    end = start + len(source.data[start:].splitlines()[0])
    return Replacement(end, end, text)


def _joined_imports(lines: Iterable[str]) -> list[str]:
    """Import lines, what comes from one module on one line as long as that is no longer than people write."""
    joined: dict[str, str] = {}
    for line in lines:
        module, _, name = line.partition(" import ")
        before = joined.get(module, "")
        longer = f"{before}, {name}"
        if not module.startswith("from ") or name == "*" or not before or len(longer) > _MAX_IMPORT_LINE:
            module = module if module not in joined else line
            joined[module] = line
        else:
            joined[module] = longer
    return list(joined.values())


def _imports(source: Source, lines: Iterable[str]) -> Replacement:
    """Import lines behind the module's own."""
    head, text = _head(source), "\n".join(lines)
    if not head:
        return Replacement(0, 0, f"{text}\n")
    return _behind(source, head[-1], f"\n\n{text}" if _is_docstring(head[-1]) else f"\n{text}")


def _definitions(source: Source, text: str, after: int, *, first: bool) -> Replacement:
    """Definitions behind the imports and behind what they use of the host's own, which ends at byte `after`."""
    head = _head(source)
    own = next((s for s in source.tree.body if source.bytes_of(s)[1] == after), None) if after else None
    behind = max([*head[-1:], *([own] if own else [])], key=lambda s: s.end_lineno or 0, default=None)
    if behind is None:
        opening = "" if first else "\n\n"  # behind the imports that are put in at the same place
        return Replacement(0, 0, f"{opening}{text}" + ("\n\n\n" if source.text.strip() else "\n"))
    at = _behind(source, behind, "").start
    rest = source.data[at:]
    line_ends = len(re.findall(rb"\r\n|\r|\n", rest[: len(rest) - len(rest.lstrip())])) if rest.strip() else 3
    return Replacement(at, at, f"\n\n\n{text}" + "\n" * max(0, 3 - line_ends))
