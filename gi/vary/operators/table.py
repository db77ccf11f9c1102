"""The typed operators and how often each is drawn. `cut` needs two parents and is drawn apart."""

from gi.vary.operators.blocks import block
from gi.vary.operators.crossover import crossover
from gi.vary.operators.cut import cut
from gi.vary.operators.deletion import deletion
from gi.vary.operators.insertion import insertion
from gi.vary.operators.proposal import Operator, OperatorContext, Proposal
from gi.vary.operators.tweak import tweak

OPERATORS: dict[str, tuple[Operator, float]] = {
    "crossover": (crossover, 0.3),
    "insertion": (insertion, 0.2),
    "deletion": (deletion, 0.15),
    "tweak": (tweak, 0.35),
    "block": (block, 0.08),
}

__all__ = ["OPERATORS", "OperatorContext", "Proposal", "cut"]
