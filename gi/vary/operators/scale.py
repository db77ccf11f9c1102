"""Scale: all widths of the network by one factor, but for its input and its classes (Howard et al. 2017: a width
multiplier; Tan and Le 2019)."""

import ast
import math
from collections.abc import Iterator

from gi.core.types import Edit, LineType
from gi.source.repair.repair import find_argument
from gi.source.tree.literals import repetitions, whole_numbers
from gi.source.tree.tree import Replacement
from gi.vary.binding.expressions import INPUTS, OUTPUTS
from gi.vary.genes import Gene
from gi.vary.hosts.host import Host
from gi.vary.operators.proposal import Example, OperatorContext, Proposal, proposal

_FACTORS = (0.35, 0.5, 0.71, 0.84, 1.19, 1.41, 2.0)
_LEAST = 4
"""Smaller numbers are factors, more likely than widths."""
_PARTS = ("groups", "num_groups", "num_heads", "nhead")

EXAMPLES = (
    Example(
        before=("nn.Conv2d(1, 8, 3)", "nn.ReLU()", "nn.Conv2d(8, 16, 3)", "nn.BatchNorm2d(16)", "nn.Flatten()",
                "nn.Linear(256, 10)"),
        after=("nn.Conv2d(1, 16, 3)", "nn.ReLU()", "nn.Conv2d(16, 32, 3)", "nn.BatchNorm2d(32)", "nn.Flatten()",
               "nn.Linear(256, 10)"),
    ),
)  # fmt: skip


def scale(host: Host, means: OperatorContext) -> Proposal | None:
    """Every width times a factor, as round as before; what computes with the old ones is left to repair."""
    factor = means.rng.choice(_FACTORS)
    parts = _parts(host)
    new = {n: scaled(int(str(n.value)), factor, parts) for n in _widths(host)}
    changed = [n for n, width in new.items() if width != n.value]
    if not changed:
        return None
    changes = [host.source.replace(n, str(new[n])) for n in changed]
    return proposal(host, changes, *_edits(host, changed, changes))


def scaled(width: int, factor: float, parts: int = 1) -> int:
    """A width times a factor, rounded to a multiple of 8, 4 or 2 as its size allows, or of `parts` if it is one."""
    exact = width * factor
    # Round numbers stay round: matrix kernels run multiples of 8 faster, and people write these.
    step = 8 if exact >= 32 else 4 if exact >= 12 else 2
    step = parts if parts > 1 and width % parts == 0 else step
    return max(1, round(exact / step)) * step


def _parts(host: Host) -> int:
    """What divides the widths wherever channels are dealt with in groups or heads, but for depthwise convolutions."""
    settings = [dict(gene.settings) for gene in host.genes]
    # Depthwise groups follow the channels and restrict nothing.
    counts = [s.get(name, "1") for s in settings for name in _PARTS if s.get(name) != s.get("in_channels")]
    return math.lcm(*(int(count) for count in counts if count.isdigit() and int(count) > 0))


def _widths(host: Host) -> Iterator[ast.Constant]:
    """The literals that give the widths, those of the connections' outputs first."""
    source, classes = host.source, set[ast.Constant]()
    counts = repetitions(source)
    if host.classifier is not None:
        classes.update(_literals(host, host.classifier, OUTPUTS, counts))
    genes = [g for g in host.genes if g is not host.classifier]
    out = [n for g in genes for n in _literals(host, g, OUTPUTS, counts)]
    yield from (n for n in out if n not in classes)
    # Inputs only where an output has the same number: another number there may be the pixels of a flattened image.
    widths = {n.value for n in out}
    for gene in host.genes:
        if gene.input.shape != host.task.input_shape and gene.type in (LineType.CONNECTION, LineType.NORMALIZATION):
            literals = _literals(host, gene, (*INPUTS, "groups"), counts)
            yield from (n for n in literals if n.value in widths and n not in classes)


def _literals(
    host: Host, gene: Gene, parameters: tuple[str, ...], counts: tuple[ast.Constant, ...]
) -> Iterator[ast.Constant]:
    """The literals behind a call's arguments for these parameters that may be a width."""
    for at, (name, _) in enumerate(gene.settings):
        node = find_argument(gene.call, name, at) if name in parameters else None
        for literal in whole_numbers(host.source, node, counts) if node is not None else ():
            if type(literal.value) is int and literal.value >= _LEAST and host.is_reached(literal):
                yield literal


def _edits(host: Host, literals: list[ast.Constant], changes: list[Replacement]) -> Iterator[Edit]:
    """One edit for each line of the text."""
    source = host.source
    for line in sorted({n.lineno for n in literals}):
        start, end = source.line_starts[line], source.line_starts[line + 1]
        before = after = source.data[start:end]
        here = [c for n, c in zip(literals, changes, strict=True) if n.lineno == line]
        for change in sorted(here, key=lambda c: -c.start):
            after = after[: change.start - start] + change.text.encode() + after[change.end - start :]
        yield Edit("scale", LineType.CONNECTION, line, before.decode().strip(), after.decode().strip())
