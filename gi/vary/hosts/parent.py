"""The other parent as a stock: its own lines, its activation functions, and its own module classes as blocks."""

import ast
import random
from dataclasses import dataclass
from functools import lru_cache

from gi.core.protocols import Lookup
from gi.core.types import Ingredient, LineType, Origin
from gi.source.model_file.class_calls import block_of, calls_by_class, ingredient_of
from gi.source.places.carry import carried
from gi.source.tree.tree import parse
from gi.vary.hosts.host import Host
from gi.vary.hosts.parent_line import parent_line

_OWN_SHARE = 0.5
"""Of the activations drawn where the parent has functions of its own for that."""


@dataclass(frozen=True, slots=True)
class Parent:
    """A program that lines and module classes are taken from."""

    host: Host
    lookup: Lookup

    def sample(self, rng: random.Random, line_type: LineType) -> Ingredient | None:
        """One of its lines of a type; for a block, one of its classes that trying shows to be one."""
        if line_type == LineType.BLOCK:
            names = [n for n in _module_classes(self.host.text) if n != self.host.trace.network]
            rng.shuffle(names)
            return next((block for n in names if (block := self._block(n)) is not None), None)
        # Functions of a file's own are no genes, so that nothing else would ever pass them on.
        own = self.host.own_activations if line_type == LineType.ACTIVATION else ()
        if own and rng.random() < _OWN_SHARE:
            return self._function(rng.choice(own))
        return self.host.sample(rng, line_type)

    def _function(self, name: str) -> Ingredient:
        call, text = f"{name}(data)", _alone(self.host.text, name)
        return Ingredient(LineType.ACTIVATION, name, call, call, (), self._origin(name), text)

    def _origin(self, name: str) -> Origin:
        source = self.host.source
        defined = source.classes.get(name) or source.functions[name]
        return parent_line(defined.lineno)

    def _block(self, name: str) -> Ingredient | None:
        text = _alone(self.host.text, name)
        answer = self.lookup.block(text, name, calls_by_class([self.host.text]).get(name, []))
        return None if "reason" in answer else ingredient_of(block_of(name, text, answer, self._origin(name)))


@lru_cache(maxsize=256)
def _module_classes(text: str) -> list[str]:
    """The classes of a program that derive from something."""
    return [s.name for s in parse(text).tree.body if isinstance(s, ast.ClassDef) and s.bases]


@lru_cache(maxsize=256)
def _alone(text: str, name: str) -> str:
    """A class or function of a program with all that it uses, as a program: independent of the rest of the text."""
    nothing = parse("")
    return nothing.edited(carried(nothing, parse(text), [name]).replacements)
