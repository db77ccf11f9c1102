"""The typed operators and how often each is drawn. `cut` needs two parents and is drawn apart."""

from gi.vary.operators import blocks as _blocks
from gi.vary.operators import crossover as _crossover
from gi.vary.operators import cut as _cut
from gi.vary.operators import deletion as _deletion
from gi.vary.operators import insertion as _insertion
from gi.vary.operators import tweak as _tweak
from gi.vary.operators.proposal import Example, Operator, OperatorContext, Proposal

OPERATORS: dict[str, tuple[Operator, float]] = {
    "crossover": (_crossover.crossover, 0.3),
    "insertion": (_insertion.insertion, 0.2),
    "deletion": (_deletion.deletion, 0.15),
    "tweak": (_tweak.tweak, 0.35),
    "block": (_blocks.block, 0.08),
}
cut = _cut.cut

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "crossover": _crossover.EXAMPLES,
    "insertion": _insertion.EXAMPLES,
    "deletion": _deletion.EXAMPLES,
    "tweak": _tweak.EXAMPLES,
    "block": _blocks.EXAMPLES,
    "cut": _cut.EXAMPLES,
}

__all__ = ["EXAMPLES", "OPERATORS", "OperatorContext", "Proposal", "cut"]
