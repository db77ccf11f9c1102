"""The typed operators and how often each is drawn. `cut` needs two parents and is drawn apart."""

from gi.vary.blocks import block
from gi.vary.crossover import crossover
from gi.vary.cut import cut
from gi.vary.deletion import deletion
from gi.vary.insertion import insertion
from gi.vary.proposal import Means, Operator, Proposal
from gi.vary.tweak import tweak

OPERATORS: dict[str, tuple[Operator, float]] = {
    "crossover": (crossover, 0.3),
    "insertion": (insertion, 0.2),
    "deletion": (deletion, 0.15),
    "tweak": (tweak, 0.35),
    "block": (block, 0.08),
}

__all__ = ["OPERATORS", "Means", "Proposal", "cut"]
