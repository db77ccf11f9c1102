"""DEAP's toolbox of a run: the operators of variation by their names, and the steps of a generation."""

from collections.abc import Sequence
from typing import Literal

from deap import base
from numpy.typing import ArrayLike

from gi.search.parts import Parts
from gi.search.select import contribution_tournament, survivors, tournament, volume_survivors


def run_toolbox(parts: Parts, survival: Literal["hypervolume", "nsga2"] = "hypervolume") -> base.Toolbox:
    """The toolbox that the loop uses, like the one that `deap.algorithms` takes.

    `toolbox.cut`, `toolbox.tweak` and so on are the operators, `toolbox.vary(parents, rng=..., known=...)` draws among
    them by `toolbox.vary.keywords["shares"]` as `varOr` does by `cxpb` and `mutpb`; `select` is mating selection,
    `evaluate` returns the future of the outcome, `survive` is survival. Both selections go by non-dominated ranks and,
    within a front, by contribution to the hypervolume or (NSGA-II) by crowding. An operator that is registered again or
    decorated is the one that is drawn. DEAP's own operators draw from the global generator, so none is used; each of
    these takes the slot's stream.
    """
    toolbox = base.Toolbox()
    for name, operator in parts.operators.items():
        toolbox.register(name, operator)
    toolbox.register("vary", parts.vary, operators=vars(toolbox), shares=parts.shares)
    toolbox.register("evaluate", parts.executor.submit)
    toolbox.register("select", tournament if survival == "nsga2" else contribution_tournament)
    toolbox.register("survive", _by_crowding if survival == "nsga2" else volume_survivors)
    return toolbox


def _by_crowding(values: ArrayLike, k: int, violation: ArrayLike = (), **_: Sequence[float]) -> list[int]:
    return survivors(values, k, violation)
