"""Whether a budget can pay for a run at all, told by a few short trainings before the run begins."""

import math
from collections.abc import Iterator, Sequence

from gi.core.errors import BudgetError, SourceError
from gi.core.figures import duration_text
from gi.core.protocols import Job
from gi.core.settings import RunConfig, pace_s
from gi.core.streams import torch_seed
from gi.core.types import Cost, Failed, Outcome, Program, Scored
from gi.sandbox.process_cpu import Clock
from gi.search.parts import Parts

_PROBES = 3  # seed programs that are tried, spread over all of them: their costs differ by a factor of four on digits
_SHARE = 10  # of an evaluation's images that a probe presents, as a divisor
_TOO_LONG = ("too slow", "cpu limit", "wall limit")
_LEVERS = "--epochs (or --images and --final-images)"
_OPTIMISM = 0.75  # with several seed programs the estimate may be a third too high before a run is refused


def refuse_short_budget(
    config: RunConfig, rungs: Sequence[int], parts: Parts, seeds: Sequence[Program], clock: Clock
) -> None:
    """Raises `BudgetError` where the budget cannot pay for the seed programs and one final training.

    A probe trains a seed program on a tenth of the lowest rung's images; where none can be judged nothing is refused.
    """
    if config.budget_cpu_s is None:
        return
    left_s = config.budget_cpu_s - clock.used_s()
    outcomes = list(_probes(config, rungs, parts, seeds, max(left_s, 1.0)))
    if any(isinstance(outcome, Failed) and outcome.reason in _TOO_LONG for outcome in outcomes):
        raise BudgetError(
            f"budget is {duration_text(config.budget_cpu_s)}: a tenth of one evaluation takes more than is left. "
            f"Pass --budget {rounded_up(_SHARE * config.budget_cpu_s)} or more, or lower {_LEVERS}."
        )
    costs = [outcome.cost for outcome in outcomes if isinstance(outcome, Scored)]
    used_s = clock.used_s(sum(outcome.cost.cpu_s for outcome in outcomes))
    longer = rungs[0] / _probe_images(rungs), (config.final_images or rungs[-1]) / _probe_images(rungs)
    if costs and used_s + _least_s(costs, len(seeds), longer) > config.budget_cpu_s:
        needed_s = used_s + _expected_s(costs, len(seeds), longer)
        raise BudgetError(
            f"budget is {duration_text(config.budget_cpu_s)}: evaluating {_counted(seeds)} and one final training take "
            f"about {duration_text(needed_s)} here. Pass --budget {rounded_up(needed_s)} or more, or lower {_LEVERS}."
        )


def _expected_s(costs: Sequence[Cost], seeds: int, longer: tuple[float, float]) -> float:
    """The CPU seconds of all seed programs' evaluations and the cheapest final training, from those of probes.

    `longer` says how many times as long as a probe both are.
    """
    evaluation, final = longer
    mean_s = sum(_longer_s(cost, evaluation) for cost in costs) / len(costs)
    return seeds * mean_s + min(_longer_s(cost, final) + cost.measure_cpu_s for cost in costs)


def _longer_s(probe: Cost, longer: float) -> float:
    return probe.cpu_s + (longer - 1) * probe.train_cpu_s


def _least_s(costs: Sequence[Cost], seeds: int, longer: tuple[float, float]) -> float:
    """What these may take at the least: the seed programs that were not tried may be cheaper."""
    return _expected_s(costs, seeds, longer) * (_OPTIMISM if seeds > len(costs) else 1.0)


def rounded_up(seconds: float) -> str:
    """A duration that is a tenth longer and reads well: whole seconds up to 10, then steps of 5 or 30 seconds."""
    longer_s = 1.1 * seconds
    step = 1 if longer_s <= 10 else 5 if longer_s <= 60 else 30
    return duration_text(math.ceil(longer_s / step) * step)


def _probes(
    config: RunConfig, rungs: Sequence[int], parts: Parts, seeds: Sequence[Program], left_s: float
) -> Iterator[Outcome]:
    """The outcomes of short trainings of a few seed programs, none of which may take longer than `left_s`."""
    seed, images = torch_seed(config.seed, "probe"), _probe_images(rungs)
    limit_s = pace_s(left_s, images)
    for position in sorted({round(n * (len(seeds) - 1) / (_PROBES - 1)) for n in range(_PROBES)}):
        try:
            text = parts.repair(seeds[position].text, parts.task, parts.check)
        except SourceError:
            continue
        yield parts.executor.submit(Job(f"probe-{position}", text, seed, images, cpu_limit_s=limit_s)).result()


def _probe_images(rungs: Sequence[int]) -> int:
    return max(rungs[0] // _SHARE, 1)


def _counted(seeds: Sequence[Program]) -> str:
    return "the seed program" if len(seeds) == 1 else f"the {len(seeds)} seed programs"
