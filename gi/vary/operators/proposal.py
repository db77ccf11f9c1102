"""What an operator gives, and the steps that operators share."""

import ast
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gi.core.protocols import Ingredients, Lookup
from gi.core.types import Edit, Ingredient, LineType
from gi.source.places.placing import spelled
from gi.source.tree.tree import Replacement
from gi.vary.binding.bind import bound_arguments
from gi.vary.binding.parameter_rules import Surroundings
from gi.vary.genes import Gene, RecipePart
from gi.vary.hosts.host import Host


@dataclass(frozen=True, slots=True)
class OperatorContext:
    """What an operator may draw on: a stock of lines, what torch offers, and the one source of randomness.

    `other` is the second parent, None where there is one alone.
    """

    stock: Ingredients
    lookup: Lookup
    rng: random.Random
    other: Host | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """An edited text before repair, with the edits that made it."""

    text: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """What an operator may make of a network of (1, 8, 8) and ten classes, one of its parts and no other changed.

    `before` and `after` are the lines of an `nn.Sequential`, or (`is_recipe`) of a recipe without those of its parts
    that are plain; `donor` those of the network that lines come from, and `classes` the text of the module classes that
    it defines, `host_classes` that of the classes that the network itself defines, `class_shares` those of the data
    set. One test runs the examples of every operator.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    donor: tuple[str, ...] = ()
    classes: str = ""
    host_classes: str = ""
    is_recipe: bool = False
    class_shares: tuple[float, ...] = ()


Operator = Callable[[Host, OperatorContext], Proposal | None]
"""Pure functions; None where they find nothing to do."""

RECIPE_SHARE = 0.25
"""Of the edits go to the recipe, the rest to the network."""

FIXED = frozenset({LineType.RESHAPE})
"""Shape repair owns these lines."""


def editable(host: Host, *, place: bool) -> list[Gene]:
    """The genes that variation may change to some effect; with `place`, those that can be taken out.

    What gives another number of axes than it gets (`F.unfold`, an embedding) stays: no other line of its type does.
    """
    genes = (g for g in host.genes if g.type not in FIXED and not g.is_idle and g.keeps_rank)
    return [g for g in genes if g.place is not None or not place]


def call_text(
    host: Host, ingredient: Ingredient, around: Surroundings, means: OperatorContext
) -> tuple[str, list[Replacement]] | None:
    """The ingredient's call, bound and spelled for the host, with the imports it needs."""
    signature = means.lookup.signature(ingredient.symbol)
    arguments = bound_arguments(ingredient, around, signature, means.rng) if signature is not None else None
    return None if arguments is None else spelled(host.source, ingredient.symbol, arguments)


def as_layer(ingredient: Ingredient, means: OperatorContext) -> Ingredient | None:
    """The ingredient as a layer class: `F.max_pool2d(x, 2)` becomes `torch.nn.MaxPool2d(kernel_size=2)`."""
    name = ingredient.symbol.rpartition(".")[2]
    if name[:1].isupper():
        return ingredient
    symbol = means.lookup.counterpart(ingredient.symbol)
    function, layer = means.lookup.signature(ingredient.symbol), means.lookup.signature(symbol) if symbol else None
    call = ast.parse(ingredient.call, mode="eval").body
    if symbol is None or layer is None or not isinstance(call, ast.Call):
        return None
    # Where the function's signature is not known, its arguments are taken for the layer's.
    names = [n for n, _ in function or ()] or ["input", *(n for n, _ in layer)]
    named = [(n, a) for n, a in zip(names[1:], call.args[1:], strict=False)]  # without the data, which comes first
    named += [(k.arg or "", k.value) for k in call.keywords]
    kept = ", ".join(f"{n}={ast.unparse(a)}" for n, a in named if n in {n for n, _ in layer})
    return Ingredient(
        ingredient.type, symbol, ingredient.code, f"{symbol}({kept})", ingredient.names, ingredient.origin
    )


def listed(part: RecipePart) -> list[ast.expr]:
    """The elements of `v2.Compose([...])`."""
    call = part.expression
    if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.List):
        return list(call.args[0].elts)
    return []


def same(code: str, other: str) -> bool:
    """Whether two pieces of code differ in formatting alone."""
    return ast.dump(ast.parse(code)) == ast.dump(ast.parse(other))


def edit(operator: str, host: Host, gene: Gene, after: str, ingredient: Ingredient | None = None) -> Edit:
    """The record of a change at a gene."""
    origin = ingredient.origin if ingredient else None
    return Edit(operator, gene.type, gene.call.lineno, host.source.code(gene.call), after, origin)


def proposal(host: Host, replacements: Sequence[Replacement], *edits: Edit) -> Proposal:
    """The host after all replacements."""
    return Proposal(host.source.edited(replacements), edits)
