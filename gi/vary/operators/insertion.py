"""Insertion: one more layer behind a gene, or one more step in a recipe that has none of its kind."""

from collections.abc import Iterable

from gi.core.types import Edit, Ingredient, LineType
from gi.source.places import placing
from gi.source.places.placing import stem_of
from gi.source.tree.elements import insert_element_after
from gi.source.tree.tree import Replacement
from gi.vary.genes import RECIPE_FORM, Gene
from gi.vary.hosts.host import Host, donor
from gi.vary.hosts.recipe_code import with_fitting_rate
from gi.vary.hosts.sameness import is_idle
from gi.vary.operators.proposal import (
    RECIPE_SHARE,
    Example,
    OperatorContext,
    Proposal,
    as_layer,
    call_text,
    edit,
    listed,
    proposal,
)

_INSERTED = (
    LineType.CONNECTION,
    LineType.ACTIVATION,
    LineType.NORMALIZATION,
    LineType.POOLING,
    LineType.REGULARIZATION,
)


EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1)", "nn.BatchNorm2d(8)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        donor=("nn.Conv2d(1, 4, 5)", "nn.BatchNorm2d(4)", "nn.Flatten()", "nn.Linear(64, 10)"),
    ),
    Example(  # behind tokens, what takes the last axis
        before=("nn.Flatten(2)", "nn.Linear(64, 16)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(16, 10)"),
        after=(
            "nn.Flatten(2)",
            "nn.Linear(64, 16)",
            "nn.ReLU()",
            "nn.LayerNorm(16)",
            "nn.Flatten()",
            "nn.Linear(16, 10)",
        ),
        donor=("nn.Flatten(2)", "nn.LayerNorm(64)", "nn.Flatten()", "nn.Linear(64, 10)"),
    ),
)


def insertion(host: Host, means: OperatorContext) -> Proposal | None:
    """One more layer behind a gene, or one more step in a recipe that has none of its kind."""
    if means.rng.random() < RECIPE_SHARE:
        return _recipe_insertion(host, means)
    genes = [g for g in host.genes if g.place is not None and g is not host.classifier and g.output.shape]
    if not genes:
        return None
    gene = means.rng.choice(genes)
    ingredient = donor(means.stock, means.rng.choice(_INSERTED), gene.output, means.rng)
    # A second ReLU behind a ReLU changes nothing; the fingerprint would refuse it after a whole check.
    if ingredient is None or (ingredient.symbol == gene.symbol and ingredient.type == LineType.ACTIVATION):
        return None
    replacements, edits = inserted(host, gene, [ingredient], means)
    return proposal(host, replacements, *edits) if replacements else None


def inserted(
    host: Host, gene: Gene, ingredients: Iterable[Ingredient], means: OperatorContext
) -> tuple[list[Replacement], list[Edit]]:
    """The replacements that put ingredients behind a gene, and their edits; empty where the host cannot take them."""
    calls, edits, imports = [], list[Edit](), list[Replacement]()
    for ingredient in ingredients:
        layer = as_layer(ingredient, means)
        written = call_text(host, layer, host.around(gene, replaced=False), means) if layer else None
        if layer is not None and written is not None and not is_idle(layer.symbol, host.genes, gene):
            calls.append((written[0], stem_of(layer.symbol)))
            imports.extend(written[1])
            edits.append(edit("insertion", host, gene, written[0], ingredient))
    if not calls or gene.place is None:
        return [], []
    placed = placing.insertion(host.source, gene.place, calls)
    return ([*placed, *imports], edits) if placed else ([], [])


def _recipe_insertion(host: Host, means: OperatorContext) -> Proposal | None:
    """A scheduler or an augmentation where the recipe has None, or one more augmentation in a list of them."""
    parts = [
        p for p in host.parts if p.type in (LineType.SCHEDULER, LineType.AUGMENTATION) and (p.is_empty or listed(p))
    ]
    part = means.rng.choice(parts) if parts else None
    ingredient = donor(means.stock, part.type, RECIPE_FORM, means.rng) if part else None
    written = call_text(host, ingredient, host.recipe_names, means) if ingredient else None
    if part is None or ingredient is None or written is None:
        return None
    code, imports = written
    # OneCycleLR of a donor sets the donor's rate, which is fifty times too large for Adam where it came with SGD.
    code, _ = with_fitting_rate(host, part.type, ingredient, code)
    elements = listed(part)
    if elements:
        placed = insert_element_after(host.source, means.rng.choice(elements), code)
    else:
        placed = host.source.replace(part.expression, code)
    line = part.expression.lineno
    edit = Edit("insertion", part.type, line, "", code, ingredient.origin)
    return proposal(host, [placed, *imports], edit)
