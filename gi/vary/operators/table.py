"""The typed operators, and how often each is drawn."""

from collections.abc import Mapping

from gi.vary.operators import (
    augmentation,
    blocks,
    class_weights,
    classifier,
    crossover,
    deletion,
    depth,
    head,
    insertion,
    residual,
    scale,
    schedule,
    separable,
    stem,
    tweak,
    unit,
    window,
)
from gi.vary.operators import cut as tail_swap
from gi.vary.operators.proposal import Example, Operator

OPERATORS: Mapping[str, Operator] = {
    "cut": tail_swap.cut,
    "crossover": crossover.crossover,
    "insertion": insertion.insertion,
    "deletion": deletion.deletion,
    "tweak": tweak.tweak,
    "block": blocks.block,
    "unit": unit.unit,
    "scale": scale.scale,
    "head": head.head,
    "classifier": classifier.classifier,
    "stem": stem.stem,
    "separable": separable.separable,
    "window": window.window,
    "depth": depth.depth,
    "residual": residual.residual,
    "schedule": schedule.schedule,
    "augmentation": augmentation.augmentation,
    "class_weights": class_weights.class_weights,
}

#: Relative to each other. The order counts too: a draw goes through them one after the other.
# `cut` and `block` have the least: of their 17 and 3 children in a run on MNIST none dominated a parent
# (docs/decisions/020-structure-in-one-edit.md).
SHARES: Mapping[str, float] = {
    "cut": 0.05,
    "crossover": 0.2,
    "insertion": 0.1,
    "deletion": 0.1,
    "tweak": 0.3,
    "block": 0.03,
    "unit": 0.15,
    "scale": 0.1,
    "head": 0.08,
    "classifier": 0.05,
    "stem": 0.06,
    "separable": 0.06,
    "window": 0.06,
    "depth": 0.08,
    "residual": 0.05,
    "schedule": 0.15,
    "augmentation": 0.12,
    "class_weights": 0.06,
}

#: Those that have nothing to do without a second parent: they are not drawn for one parent alone.
FOR_TWO_PARENTS = frozenset({"cut"})

#: Those that have nothing to do where every class has about as many samples.
FOR_UNEVEN_CLASSES = frozenset({"class_weights"})

EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    "cut": tail_swap.EXAMPLES,
    "crossover": crossover.EXAMPLES,
    "insertion": insertion.EXAMPLES,
    "deletion": deletion.EXAMPLES,
    "tweak": tweak.EXAMPLES,
    "block": blocks.EXAMPLES,
    "unit": unit.EXAMPLES,
    "scale": scale.EXAMPLES,
    "head": head.EXAMPLES,
    "classifier": classifier.EXAMPLES,
    "stem": stem.EXAMPLES,
    "separable": separable.EXAMPLES,
    "window": window.EXAMPLES,
    "depth": depth.EXAMPLES,
    "residual": residual.EXAMPLES,
    "schedule": schedule.EXAMPLES,
    "augmentation": augmentation.EXAMPLES,
    "class_weights": class_weights.EXAMPLES,
}

__all__ = ["EXAMPLES", "FOR_TWO_PARENTS", "FOR_UNEVEN_CLASSES", "OPERATORS", "SHARES"]
