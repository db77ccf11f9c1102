"""Crossover by a one-point cut over the typed sequence: the host's head, the other parent's tail."""

from gi.core.types import Edit
from gi.source.places import placing
from gi.source.places.placing import Appended, Attribute, Element, Functional
from gi.source.tree.tree import Replacement
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.operators.crossover import replacement
from gi.vary.operators.deletion import holds_together
from gi.vary.operators.insertion import inserted
from gi.vary.operators.proposal import Example, OperatorContext, Proposal, edit, editable, proposal, same

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3, padding=1)", "nn.ReLU()", "nn.Flatten()", "nn.Linear(512, 10)"),
        after=("nn.Conv2d(1, 8, 3, padding=1)", "nn.GELU()", "nn.MaxPool2d(2)", "nn.Flatten()", "nn.Linear(512, 10)"),
        donor=("nn.Conv2d(1, 4, 5)", "nn.GELU()", "nn.MaxPool2d(2)", "nn.Flatten()", "nn.Linear(16, 10)"),
    ),
)


def cut(host: Host, means: OperatorContext) -> Proposal | None:
    """The host's genes up to a point, the other parent's behind one: line for line, the rest inserted or deleted."""
    other = means.other
    if other is None:
        return None
    mine = [g for g in editable(host, place=True) if g is not host.classifier]
    # Both classifiers stay out: the widths in front of them differ, and the classes are the same.
    theirs = [g for g in editable(other, place=True) if g is not other.classifier]
    if not mine or not theirs:
        return None
    point = means.rng.randrange(len(mine))
    tail, coming = mine[point:], theirs[means.rng.randrange(len(theirs)) :]
    first = tail[0]
    # Of one style and one kind of form: a line of `forward` cannot stand in a list, nor a convolution behind the
    # flattening.
    tail = [g for g in tail if type(g.place) is type(first.place) and g.input.kind == first.input.kind]
    coming = [g for g in coming if g.input.kind == first.input.kind]
    return _tail_swapped(host, other, tail, coming, means)


def _tail_swapped(
    host: Host, other: Host, tail: list[Gene], coming: list[Gene], means: OperatorContext
) -> Proposal | None:
    replacements: list[Replacement] = []
    edits: list[Edit] = []
    defined: set[str] = set()
    for gene, new in zip(tail, coming, strict=False):
        if isinstance(gene.place, (Functional, Attribute)) and gene.type != new.type:
            continue
        swapped = replacement(host, gene, other.ingredient(new), means)
        name = swapped[0].partition("(")[0] if swapped and isinstance(gene.place, Functional) else ""
        if name.startswith("self.") and name in defined:
            continue  # two new layers of one name: the names are chosen before either is in the text
        defined.add(name)
        if swapped and not same(swapped[0], host.source.code(gene.call)):
            replacements.extend(swapped[1])
            edits.append(edit("cut", host, gene, swapped[0], other.ingredient(new)))
    # What is beyond the other's tail goes, or a cut could only make networks longer.
    gone = [g for g in tail[len(coming) :] if g.place is not None and not holds_together(host, g)]
    replacements.extend(placing.removal(host.source, [g.place for g in gone if g.place is not None]))
    edits.extend(edit("cut", host, g, "") for g in gone)
    if len(coming) > len(tail) and isinstance(tail[-1].place, (Element, Appended)):
        more = inserted(host, tail[-1], [other.ingredient(g) for g in coming[len(tail) :]], means)
        replacements.extend(more[0])
        edits.extend(more[1])
    return proposal(host, replacements, *edits) if edits else None
