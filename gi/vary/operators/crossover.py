"""Crossover, one line for a line of its type: the host's line becomes one of the other parent's, or of the corpus's."""

import ast
from collections.abc import Sequence

from gi.core.types import Ingredient, LineType
from gi.source.places import placing
from gi.source.places.carry import carried
from gi.source.places.placing import Attribute, Functional, spelled, stem_of
from gi.source.tree.tree import Replacement, Source, parse
from gi.vary.binding.bind import bound_arguments
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host, donor
from gi.vary.hosts.sameness import same_as_function, same_function, same_layer, same_pixel
from gi.vary.operators.proposal import (
    RECIPE_SHARE,
    Example,
    OperatorContext,
    Proposal,
    as_layer,
    call_text,
    edit,
    editable,
    proposal,
)
from gi.vary.operators.recipe_crossover import recipe_crossover

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1)", "nn.GELU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        donor=("nn.Conv2d(1, 4, 5)", "nn.GELU()", "nn.Flatten()", "nn.Linear(64, 10)"),
    ),
    Example(  # the donor's widths give way to those of the place
        before=("nn.Flatten(2)", "nn.LayerNorm(64)", "nn.Flatten()", "nn.Linear(64, 10)"),
        after=("nn.Flatten(2)", "nn.RMSNorm(64)", "nn.Flatten()", "nn.Linear(64, 10)"),
        donor=("nn.Flatten(2)", "nn.Linear(64, 16)", "nn.RMSNorm(16)", "nn.Flatten()", "nn.Linear(16, 10)"),
    ),
)


def crossover(host: Host, means: OperatorContext) -> Proposal | None:
    """One line becomes another of its type, from the stock (the other parent, or the corpus)."""
    if means.rng.random() < RECIPE_SHARE:
        return recipe_crossover(host, means)
    genes = editable(host, place=False)
    if not genes:
        return None
    gene = means.rng.choice(genes)
    ingredient = donor(means.stock, gene.type, gene.input, means.rng)
    return replaced(host, gene, ingredient, means) if ingredient else None


def replaced(host: Host, gene: Gene, ingredient: Ingredient, means: OperatorContext) -> Proposal | None:
    """The host with an ingredient in a gene's place."""
    change = replacement(host, gene, ingredient, means)
    if change is None:
        return None
    code, edits = change
    return proposal(host, edits, edit("crossover", host, gene, code, ingredient))


def replacement(
    host: Host, gene: Gene, ingredient: Ingredient, means: OperatorContext
) -> tuple[str, list[Replacement]] | None:
    """The new call's text, and the replacements that put it in the gene's place; None where nothing would change."""
    around, source = host.around(gene, replaced=True), host.source
    if isinstance(gene.place, Functional):
        return _functional_replacement(host, gene, gene.place, ingredient, means)
    layer = as_layer(ingredient, means)
    written = call_text(host, layer, around, means) if layer else None
    if written is None or layer is None:
        return None
    code, imports = written
    signature = means.lookup.signature(layer.symbol) or ()
    if same_layer(gene, layer.symbol, code, signature) or same_pixel(gene, layer.symbol, code):
        return None
    renamed = (
        _renamed(source, gene.place, stem_of(layer.symbol)) if layer.type != gene.type or _misnamed(gene, layer) else []
    )
    return code, [source.replace(gene.call, code), *renamed, *imports]


def _misnamed(gene: Gene, layer: Ingredient) -> bool:
    """Whether the attribute's name is the old layer's stem and the new layer has another (self.relu1 = nn.GELU())."""
    if not isinstance(gene.place, Attribute):
        return False
    old, new = stem_of(gene.symbol), stem_of(layer.symbol)
    return old != new and gene.place.name.rstrip("0123456789_") == old


def _renamed(source: Source, place: placing.Place | None, stem: str) -> list[Replacement]:
    if not isinstance(place, Attribute):
        return []
    name = placing.fresh(stem, placing.attribute_names(source))
    target = place.statement.targets[0] if isinstance(place.statement, ast.Assign) else None
    nodes = [target, *(use.func for use in place.uses)] if target is not None else []
    return [source.replace(node, f"self.{name}") for node in nodes]


def _functional_replacement(
    host: Host, gene: Gene, place: Functional, ingredient: Ingredient, means: OperatorContext
) -> tuple[str, list[Replacement]] | None:
    """A function for a function where there is one without state, else a layer defined in the constructor."""
    source, around = host.source, host.around(gene, replaced=True)
    data = source.code(place.data)
    if ingredient.source:
        return _own_function(source, gene, data, ingredient)
    is_function = ingredient.symbol.rpartition(".")[2][:1].islower()
    symbol = ingredient.symbol if is_function else means.lookup.counterpart(ingredient.symbol)
    if ingredient.type == LineType.NORMALIZATION and not is_function:
        symbol = None  # its weights are the class's, and the function would ask for them, or for another shape
    # F.dropout also drops in evaluation unless `training` is passed; a layer knows its mode.
    if symbol and ingredient.type != LineType.REGULARIZATION:
        signature, own = means.lookup.signature(symbol), means.lookup.signature(ingredient.symbol)
        arguments = bound_arguments(ingredient, around, own, means.rng) if own is not None else None
        if arguments is not None and _accepts(signature, arguments):
            code, imports = spelled(source, symbol, ", ".join(filter(None, (data, arguments))))
            if symbol == gene.symbol and same_function(code, source.code(gene.call), signature or ()):
                return None
            if same_pixel(gene, symbol, code):
                return None
            return code, [source.replace(gene.call, code), *imports]
    layer = as_layer(ingredient, means)
    written = call_text(host, layer, around, means) if layer else None
    if written is None or layer is None or placing.constructor_of(source, gene.call) is None:
        return None
    code, imports = written
    signatures = (means.lookup.signature(s) or () for s in (layer.symbol, gene.symbol))
    if same_as_function(gene, layer.symbol, code, *signatures) or same_pixel(gene, layer.symbol, code):
        return None
    defined, name = placing.definition(source, gene.call, code, stem_of(layer.symbol))
    return code, [defined, source.replace(gene.call, f"self.{name}({data})"), *imports]


def _own_function(
    source: Source, gene: Gene, data: str, ingredient: Ingredient
) -> tuple[str, list[Replacement]] | None:
    """A function that the donor defines itself, brought along; None where it would be called by itself, without end."""
    brought, around = carried(source, parse(ingredient.source), [ingredient.symbol]), source.function(gene.call)
    if around is not None and around.name in brought.spelled.values():
        return None
    code = f"{brought.spelled[ingredient.symbol]}({data})"
    return code, [source.replace(gene.call, code), *brought.replacements]


def _accepts(signature: Sequence[tuple[str, bool]] | None, arguments: str) -> bool:
    """Whether a function takes these arguments behind its data."""
    call = ast.parse(f"f({arguments})", mode="eval").body
    assert isinstance(call, ast.Call)
    names = {name for name, _ in signature or ()}
    # The data comes first and is not among the arguments.
    required = sum(needed for _, needed in signature or ()) - 1
    enough = len(call.args) + len(call.keywords) >= required
    return signature is not None and enough and {k.arg for k in call.keywords} <= names
