"""The typed operators, and how often each is drawn."""

from collections.abc import Mapping

from gi.vary.operators import blocks, crossover, deletion, insertion, tweak
from gi.vary.operators import cut as tail_swap
from gi.vary.operators.proposal import Example, Operator

OPERATORS: Mapping[str, Operator] = {
    "cut": tail_swap.cut,
    "crossover": crossover.crossover,
    "insertion": insertion.insertion,
    "deletion": deletion.deletion,
    "tweak": tweak.tweak,
    "block": blocks.block,
}

#: Relative to each other. The order counts too: a draw goes through them one after the other.
SHARES: Mapping[str, float] = {
    "cut": 0.18,
    "crossover": 0.3,
    "insertion": 0.2,
    "deletion": 0.15,
    "tweak": 0.35,
    "block": 0.08,
}

#: Those that have nothing to do without a second parent: they are not drawn for one parent alone.
FOR_TWO_PARENTS = frozenset({"cut"})

EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    "cut": tail_swap.EXAMPLES,
    "crossover": crossover.EXAMPLES,
    "insertion": insertion.EXAMPLES,
    "deletion": deletion.EXAMPLES,
    "tweak": tweak.EXAMPLES,
    "block": blocks.EXAMPLES,
}

__all__ = ["EXAMPLES", "FOR_TWO_PARENTS", "OPERATORS", "SHARES"]
