"""How a layer is put in or taken out, in each style that people write; see `gi.source.places.places`."""

import ast
from collections.abc import Iterable

from gi.source.places.places import (
    Anywhere,
    Appended,
    Attribute,
    Element,
    Functional,
    Place,
    functional_place,
    place_of,
)
from gi.source.tree.arithmetic import brackets
from gi.source.tree.elements import delete_elements, insert_element_after, insert_element_before
from gi.source.tree.imports import spelling, with_import
from gi.source.tree.statements import delete_statements, insert_after, insert_before
from gi.source.tree.tree import Function, Replacement, Source

__all__ = ["Anywhere", "Appended", "Attribute", "Element", "Functional", "Place", "attribute_names", "bypass"]
__all__ += ["constructor_of", "definition", "fresh", "functional_place", "insertion", "place_of", "removal"]
__all__ += ["spelled", "stem_of", "uses_of"]

# Taking out ----------------------------------------------------------------------------------------------------------


def removal(source: Source, places: Iterable[Place]) -> list[Replacement]:
    """What takes the layers out and rejoins the data's way."""
    replacements: list[Replacement] = []
    statements: list[ast.stmt] = []
    elements: dict[int, list[Element]] = {}
    for place in places:
        if isinstance(place, Element):
            # Elements of one call are deleted together: single deletions next to each other would both take the comma
            # between.
            elements.setdefault(id(source.parents[place.node]), []).append(place)
        elif isinstance(place, Appended):
            statements.append(place.statement)
        elif isinstance(place, Attribute):
            statements.append(place.statement)
            replacements.extend(r for use in place.uses for r in bypass(source, use, use.args[0]))
        elif isinstance(place, Anywhere):
            replacements.extend(_replaced(source, place, "torch.nn.Identity", ""))
        else:
            replacements.extend(bypass(source, place.node, place.data))
    for group in elements.values():
        replacements.extend(_element_runs(source, group))
    return replacements + delete_statements(source, statements)


def _replaced(source: Source, place: Anywhere, symbol: str, arguments: str) -> list[Replacement]:
    code, imports = spelled(source, symbol, arguments)
    return [source.replace(place.node, code), *imports]


def _element_runs(source: Source, group: list[Element]) -> list[Replacement]:
    """Elements that go together, as one replacement for each run of neighbours."""
    siblings = group[0].siblings
    going = {siblings.index(e.node) for e in group}
    replacements = []
    for first in sorted(i for i in going if i - 1 not in going):
        last = first
        while last + 1 in going:
            last += 1
        replacements.append(delete_elements(source, siblings, first, last))
    return replacements


def bypass(source: Source, call: ast.Call, data: ast.expr) -> list[Replacement]:
    """A call becomes its operand: what is around the operand goes, so that nested calls can go together."""
    # Two replacements around the operand instead of one over the call: an inner call that goes as well lies between
    # them.
    (start, end), (first, last) = source.bytes_of(call), source.bytes_of(data)
    opening, closing = brackets(data)
    return [Replacement(start, first, opening), Replacement(last, end, closing)]


# Putting in ----------------------------------------------------------------------------------------------------------


def insertion(source: Source, place: Place, calls: list[tuple[str, str]], *, after: bool = True) -> list[Replacement]:
    """What puts layers behind (or in front of) a place: `calls` are (constructor call, attribute stem)."""
    if isinstance(place, Element):
        texts = [_like(place, code, stem) for code, stem in calls]
        insert = insert_element_after if after else insert_element_before
        return [insert(source, place.node, *texts)]
    if isinstance(place, Appended):
        lines = [_statement_like(source, place, code, stem) for code, stem in calls]
        return [(insert_after if after else insert_before)(source, place.statement, *lines)]
    if isinstance(place, Anywhere):
        # Joined in a Sequential, since a conditional, a default or a `return` takes one expression.
        codes, own = [code for code, _ in calls], [source.code(place.node)]
        return _replaced(source, place, "torch.nn.Sequential", ", ".join([*own, *codes] if after else [*codes, *own]))
    return _in_forward(source, place, calls, after=after)


def _like(place: Element, code: str, stem: str) -> str:
    if not isinstance(place.node, ast.Tuple):
        return code
    # `OrderedDict` and `nn.Sequential` would drop the earlier of two layers of one name.
    taken = {
        s.elts[0].value for s in place.siblings if isinstance(s, ast.Tuple) and isinstance(s.elts[0], ast.Constant)
    }
    return f'("{fresh(stem, {str(t) for t in taken})}", {code})'


def _statement_like(source: Source, place: Appended, code: str, stem: str) -> str:
    outer = source.parents[place.node]
    assert isinstance(outer, ast.Call)
    head = source.code(outer.func)
    if len(outer.args) == 2:  # add_module("name", layer)
        return f'{head}("{fresh(stem, attribute_names(source))}", {code})'
    return f"{head}({code})"


def _in_forward(
    source: Source, place: Attribute | Functional, calls: list[tuple[str, str]], *, after: bool
) -> list[Replacement]:
    """Definitions in the constructor, and uses around the one place in `forward`."""
    call = place.uses[0] if isinstance(place, Attribute) and place.uses else place.node
    constructor = constructor_of(source, call)
    if constructor is None:
        return []
    taken, names = attribute_names(source), []
    for _, stem in calls:
        names.append(fresh(stem, taken))
        taken.add(names[-1])
    # Behind the attribute that it follows, where a reader looks for it; else at the constructor's end, where all exist.
    last = place.statement if isinstance(place, Attribute) else constructor.body[-1]
    lines = [f"self.{name} = {code}" for name, (code, _) in zip(names, calls, strict=True)]
    replacements = [insert_after(source, last, *lines)]
    data = call.args[0] if isinstance(place, Attribute) else place.data
    return replacements + uses_of(source, call if after else data, names)


def uses_of(source: Source, expression: ast.expr, names: list[str]) -> list[Replacement]:
    """Sends the value of an expression through `self.name(...)` for each name, on lines of their own if it can."""
    statement = source.parents.get(expression)
    # A line of its own, as people write forward; within an expression the calls are nested.
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        target = statement.targets[0].id
        lines = [f"{target} = self.{name}({target})" for name in names]
        return [insert_after(source, statement, *lines)]
    return source.wrap(expression, "".join(f"self.{name}(" for name in reversed(names)), ")" * len(names))


def constructor_of(source: Source, node: ast.AST) -> Function | None:
    """The `__init__` of the class that a node stands in."""
    owner = source.enclosing(node, ast.ClassDef)
    body = owner.body if owner else []
    return next((f for f in body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)


# Strings too: a name may be read by `getattr`, or be a key of a ModuleDict.
def attribute_names(source: Source) -> set[str]:
    """Every attribute name that the program mentions."""
    return {n.attr for n in source.under(source.tree) if isinstance(n, ast.Attribute)} | {
        n.value for n in source.under(source.tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }


def definition(source: Source, node: ast.AST, code: str, stem: str) -> tuple[Replacement, str]:
    """`self.NAME = code` at the end of the constructor of the class around a node, and the NAME it got."""
    constructor = constructor_of(source, node)
    assert constructor is not None, "a class with a constructor"
    name = fresh(stem, attribute_names(source))
    return insert_after(source, constructor.body[-1], f"self.{name} = {code}"), name


def fresh_variable(source: Source, stem: str) -> str:
    """A name for a value that nothing in the source uses."""
    return fresh(stem, {node.id for node in ast.walk(source.tree) if isinstance(node, ast.Name)})


def fresh(stem: str, taken: set[str]) -> str:
    """The first of stem1, stem2, ... that is not taken."""
    number = 1
    while f"{stem}{number}" in taken:
        number += 1
    return f"{stem}{number}"


def spelled(source: Source, symbol: str, arguments: str) -> tuple[str, list[Replacement]]:
    """A call of `symbol` as this program writes it, with the import it may need."""
    name, line = spelling(source, symbol)
    return f"{name}({arguments})", [with_import(source, line)] if line else []


def stem_of(symbol: str) -> str:
    """The attribute stem that people give a layer: Conv2d -> conv, BatchNorm2d -> bn, Linear -> fc, ReLU -> relu."""
    name = symbol.rpartition(".")[2]
    known = {
        "BatchNorm": "bn",
        "Linear": "fc",
        "Conv": "conv",
        "Dropout": "dropout",
        "MaxPool": "pool",
        "AvgPool": "pool",
    }
    for head, stem in known.items():
        if name.startswith(head):
            return stem
    return name.rstrip("0123456789d_").lower() or "layer"
