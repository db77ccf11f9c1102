"""The module classes of a harvest, with the literals that its programs call them with."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from gi.core.types import Origin
from gi.corpus.modules import modules, texts_below
from gi.corpus.package import Defined, Inside, Package
from gi.harvest import Harvest
from gi.source.model_file.class_calls import Call, calls_by_class
from gi.source.tree.module import Imported, Unit
from gi.source.tree.tree import dotted

_MODULES = "torch.nn."


@dataclass(frozen=True, slots=True)
class ModuleClass:
    """A class of a harvest that derives from `torch.nn.Module`: its package and module there, and its origin."""

    package: Package
    module: str
    name: str
    origin: Origin
    calls: tuple[Call, ...]


def module_classes(harvest: Harvest) -> Iterator[ModuleClass]:
    """The module classes at the top of a harvest's programs, in order."""
    texts = {file.origin.path: file.text for file in (*harvest.programs, *harvest.others)}
    # The rest of the files are needed for what the programs import from them.
    places = modules(texts)
    packages: dict[str, Package] = {}
    calls = calls_by_class(texts.values())
    for program in harvest.programs:
        place = places[program.origin.path]
        if place.root not in packages:
            packages[place.root] = Package(texts_below(place.root, texts))
        package, module, at = packages[place.root], place.name.removesuffix(".__init__"), program.origin
        for unit in _classes(package, module):
            name, line = unit.names[0], unit.statement.lineno
            origin = Origin(at.repository, at.commit, at.path, line, at.licence)
            yield ModuleClass(package, module, name, origin, tuple(calls.get(name, ())))


def _classes(package: Package, module: str) -> list[Unit]:
    scope = package.module(module)
    # Of definitions under one name (`try: ... except ImportError: class X`) the last one is what an import gets.
    last = {name: units[-1] for name, units in scope.units.items()} if scope else {}
    classes = {name: unit for name, unit in last.items() if isinstance(unit.statement, ast.ClassDef)}
    derived = (unit for name, unit in classes.items() if _is_module(package, module, name, ()))
    return sorted(derived, key=lambda unit: unit.start)


def _is_module(package: Package, module: str, name: str, below: tuple[str, ...]) -> bool:
    """Whether a class derives from a module of torch; `below` are the classes already visited, which ends cycles."""
    scope = package.module(module)
    statements = [u.statement for u in scope.units.get(name, ())] if scope else []
    bases = [b for s in statements if isinstance(s, ast.ClassDef) for b in s.bases]
    key = f"{module}.{name}"
    return key not in below and any(_is_module_base(package, module, dotted(b), (*below, key)) for b in bases)


def _is_module_base(package: Package, module: str, chain: str, below: tuple[str, ...]) -> bool:
    head, _, rest = chain.partition(".")
    meaning = package.meaning(module, head)
    while isinstance(meaning, Inside) and rest:
        head, _, rest = rest.partition(".")
        meaning = package.meaning(meaning.module, head)
    if isinstance(meaning, Imported):
        return f"{meaning.symbol}.{rest}".startswith(_MODULES)
    return isinstance(meaning, Defined) and not rest and _is_module(package, meaning.module, meaning.name, below)
