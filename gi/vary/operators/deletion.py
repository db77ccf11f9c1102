"""Deletion: one layer, or one optional part of the recipe, goes."""

from gi.core.types import Edit, LineType
from gi.source.places import placing
from gi.source.tree.elements import delete_element
from gi.vary.binding.expressions import is_joined
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.operators.proposal import (
    RECIPE_SHARE,
    Example,
    OperatorContext,
    Proposal,
    edit,
    editable,
    listed,
    proposal,
)

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1)", "nn.Flatten()", "nn.Linear(512, 10)"),
    ),
)


def deletion(host: Host, means: OperatorContext) -> Proposal | None:
    """One layer, or one optional part of the recipe, goes."""
    if means.rng.random() < RECIPE_SHARE:
        return _recipe_deletion(host, means)
    # Without the classifier nothing gives the classes, and repair would have to invent a layer that does.
    genes = [g for g in editable(host, place=True) if g is not host.classifier and not holds_together(host, g)]
    if not genes:
        return None
    gene = means.rng.choice(genes)
    assert gene.place is not None
    return proposal(host, placing.removal(host.source, [gene.place]), edit("deletion", host, gene, ""))


def holds_together(host: Host, gene: Gene) -> bool:
    """Whether the rest cannot do without it: a pool that makes an image as small as the one that it is joined with, a
    convolution that brings the width of a block down again, without which it would grow with every block, a connection
    that makes the channels for what is cut into heads, or the tokens of an image."""
    if gene.type == LineType.CONNECTION and gene.is_laid_out and gene.input.shape != gene.output.shape:
        return True
    if gene.type == LineType.CONNECTION:
        return gene.instances > 1 and any(given.channels > out.channels for given, out in gene.uses)
    shrinks = gene.type == LineType.POOLING and gene.input.shape[1:] != gene.output.shape[1:]
    return shrinks and not gene.is_function and is_joined(host.source, gene)


def _recipe_deletion(host: Host, means: OperatorContext) -> Proposal | None:
    # A training goes without a schedule and without augmentation, never without an optimizer or a loss.
    parts = [p for p in host.parts if p.type in (LineType.SCHEDULER, LineType.AUGMENTATION) and not p.is_empty]
    if not parts:
        return None
    part = means.rng.choice(parts)
    elements = listed(part)
    before = host.source.code(part.expression)
    if len(elements) > 1:
        going = means.rng.choice(elements)
        before, replacement = host.source.code(going), delete_element(host.source, going, elements)
    else:
        replacement = host.source.replace(part.expression, "None")
    return proposal(host, [replacement], Edit("deletion", part.type, part.expression.lineno, before, ""))
