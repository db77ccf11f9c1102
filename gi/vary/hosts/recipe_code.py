"""A recipe's parts as code that every program can take: full names of torch's, standard names of what a recipe gets."""

import ast
import builtins
import copy

from gi.core.types import Ingredient, LineType
from gi.source.tree.imports import resolve, spelling, with_import
from gi.source.tree.tree import Replacement, Source, dotted
from gi.vary.binding.learning_rate import fitting_rate, is_usual, number_in, peak_rate, with_number
from gi.vary.genes import RecipePart
from gi.vary.hosts.host import Host

_LIBRARIES = ("torch.", "torchvision.")
_DEPTH = 8  # names that stand for names; a recipe that assigns one to itself would never end


def portable(host: Host, part: RecipePart) -> str | None:
    """A part's code over the names `net`, `optimizer` and `steps`, what it names otherwise in its place.

    None where it uses something of the program's own: a function, a constant.
    """
    names = host.recipe_names
    given = {names.net: "net", names.optimizer: "optimizer", names.steps: "steps"}
    # The optimizer's own name is not known where the optimizer is made.
    if part.type == LineType.OPTIMIZER:
        given.pop(names.optimizer)
    try:
        return ast.unparse(_Portable(host.source, given, host.recipe_values).visit(copy.deepcopy(part.expression)))
    except _OwnNameError:
        return None


def written(host: Host, code: str) -> tuple[str, list[Replacement]]:
    """Portable code as this program writes it, with the imports that it may need."""
    writer = _Writer(host)
    tree = writer.visit(ast.parse(code, mode="eval").body)
    return ast.unparse(tree), [with_import(host.source, line) for line in dict.fromkeys(writer.imports)]


def with_fitting_rate(host: Host, kind: LineType, ingredient: Ingredient, code: str) -> tuple[str, list[Replacement]]:
    """An optimizer or a schedule with the learning rate that it needs here, and what follows for the other of the two.

    A schedule that sets the rate itself takes the host's; an optimizer brings its own where that is one, else what the
    host's corresponds to, and a schedule that sets the rate follows it.
    """
    optimizer, scheduler = (portable(host, part) for part in host.parts[:2])
    rate = peak_rate(optimizer, scheduler) if optimizer and scheduler else None
    if optimizer is None or scheduler is None or rate is None:
        return code, []
    if kind == LineType.SCHEDULER:
        return (with_number(code, "max_lr", rate), []) if number_in(code, "max_lr") else (code, [])
    if kind != LineType.OPTIMIZER:
        return code, []
    brought = number_in(ingredient.call, "lr")
    if brought is None or not is_usual(brought, ingredient.symbol):
        brought = fitting_rate(rate, optimizer, ingredient.symbol)
        code = with_number(code, "lr", brought)
    if number_in(scheduler, "max_lr") is None:
        return code, []
    text, imports = written(host, with_number(scheduler, "max_lr", brought))
    return code, [host.source.replace(host.parts[1].expression, text), *imports]


class _OwnNameError(Exception):
    """The code names something that only its program has."""


class _Portable(ast.NodeTransformer):
    def __init__(self, source: Source, given: dict[str, str], values: dict[str, ast.expr], depth: int = 0) -> None:
        self._source, self._given, self._values, self._depth = source, given, values, depth

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._given:
            return ast.Name(self._given[node.id], ast.Load())
        if node.id in self._values and self._depth < _DEPTH:
            deeper = _Portable(self._source, self._given, self._values, self._depth + 1)
            value = deeper.visit(copy.deepcopy(self._values[node.id]))
            assert isinstance(value, ast.expr)
            return value
        symbol = resolve(self._source, node)
        if symbol.startswith(_LIBRARIES):
            return ast.parse(symbol, mode="eval").body
        if symbol == node.id and hasattr(builtins, node.id):  # nothing in the program gives the name another meaning
            return node
        raise _OwnNameError(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        symbol = resolve(self._source, node)
        if symbol.startswith(_LIBRARIES) and dotted(node).partition(".")[0] not in {*self._given, *self._values}:
            return ast.parse(symbol, mode="eval").body
        return self.generic_visit(node)


class _Writer(ast.NodeTransformer):
    def __init__(self, host: Host) -> None:
        names = host.recipe_names
        self._source, self.imports = host.source, list[str]()
        self._names = {"net": names.net, "optimizer": names.optimizer, "steps": names.steps}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._names.get(node.id, node.id), ast.Load())

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        symbol = dotted(node)
        if not symbol.startswith(_LIBRARIES):
            return self.generic_visit(node)
        name, line = spelling(self._source, symbol)
        self.imports += [line] if line else []
        return ast.parse(name, mode="eval").body
