"""DEAP's toolbox of a run: the operators of variation by their names, and the steps of a generation."""

from deap import base

from gi.search.parts import Parts
from gi.search.select import survivors, tournament


def run_toolbox(parts: Parts) -> base.Toolbox:
    """The toolbox that the loop works with, as `deap.algorithms` would with its own.

    `toolbox.cut`, `toolbox.tweak` and so on are the operators, `toolbox.vary(parents, rng=..., known=...)` draws among
    them by `toolbox.vary.keywords["shares"]` as `varOr` does by `cxpb` and `mutpb`; `select` is mating selection,
    `evaluate` gives the outcome to come, `survive` is NSGA-II's survival. One that is registered anew or decorated is
    the one that is drawn. DEAP's own operators draw from the global generator: none of them is here, each of these
    takes the slot's stream.
    """
    toolbox = base.Toolbox()
    for name, operator in parts.operators.items():
        toolbox.register(name, operator)
    toolbox.register("vary", parts.vary, operators=vars(toolbox), shares=parts.shares)
    toolbox.register("select", tournament)
    toolbox.register("evaluate", parts.executor.submit)
    toolbox.register("survive", survivors)
    return toolbox
