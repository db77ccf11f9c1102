"""The plan of a run and whether its budget pays for it, estimated from a few short trainings beforehand."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gi.core.errors import BudgetError, SourceError
from gi.core.figures import duration_text
from gi.core.protocols import Job
from gi.core.settings import PROMOTED_SHARE, RunConfig, pace_s
from gi.core.streams import torch_seed
from gi.core.types import Cost, Failed, Outcome, Program, Scored
from gi.sandbox.process_cpu import Clock
from gi.search.events import Planned
from gi.search.parts import Parts

_PROBES = 3  # seed programs that are tried, evenly spaced: their costs differ by a factor of four on digits
_SHARE = 10  # of an evaluation's images that a probe presents, as a divisor
_TOO_LONG = ("too slow", "cpu limit", "wall limit")
_LEVERS = "--epochs (or --images and --final-images)"
_UNBOUNDED_S = 60.0  # of a probe, where nothing bounds the run
_OPTIMISM = 0.75  # with several seed programs the estimate may be a third too high before a run is refused


def planned(config: RunConfig, rungs: Sequence[int], parts: Parts, seeds: Sequence[Program], clock: Clock) -> Planned:
    """The plan of a run. Raises `BudgetError` where its bound is below what the seed programs and one final training
    take.

    A probe trains a seed program on a tenth of the lowest rung's images. If no probe is scored, or with a modelled
    clock and no bound, nothing is estimated and nothing refused.
    """
    programs = len(seeds) + max(config.population - len(seeds), 0) + config.generations * config.population
    counts = _counts(programs, len(rungs), config, len(seeds))
    # A training of the top rung is the first final training of its individual (decision 019).
    finals = config.finals * (config.final_seeds - (1 if len(rungs) > 1 and not config.final_images else 0))
    plan = Planned(programs, tuple(zip(rungs, counts, strict=True)), finals, None, parts.executor.capacity)
    bound = _bound(config, parts.executor.capacity)
    if bound is None and config.clock == "model":
        return plan
    longer = rungs[0] / _probe_images(rungs), (config.final_images or rungs[-1]) / _probe_images(rungs)
    costs = _costs(config, rungs, parts, seeds, clock, bound)
    if not costs:
        return plan
    if bound is not None:
        used_s = clock.used_s(sum(cost.cpu_s for cost in costs))
        needed_s = used_s + _expected_s(costs, len(seeds), longer)
        if used_s + _least_s(costs, len(seeds), longer) > bound.cpu_s:
            raise BudgetError(
                f"{bound.text}: evaluating {_counted(seeds)} and one final training take about "
                f"{duration_text(needed_s)} here. Pass {bound.longer(needed_s)} or more, or lower {_LEVERS}."
            )
    mean_s = [_mean_s(costs, n / _probe_images(rungs)) for n in rungs]
    # Individuals that reach the top are among the more accurate ones, and these take longer than the mean.
    dearer = sorted(costs, key=lambda cost: cost.cpu_s)[len(costs) // 2 :]
    final_s = _mean_s(dearer, longer[1])
    if len(rungs) > 1:
        mean_s[-1] = _mean_s(dearer, rungs[-1] / _probe_images(rungs))
    expected_s = sum(count * each for count, each in zip(counts, mean_s, strict=True)) + finals * final_s
    return dataclasses.replace(plan, cpu_s=min(expected_s, math.inf if bound is None else bound.cpu_s))


def _counts(programs: int, rungs: int, config: RunConfig, seeds: int) -> list[int]:
    """The estimated number of trainings of each rung, the lowest first."""
    counts = [programs]
    for rung in range(1, rungs):
        # The top rung is filled up to twice the finalists, however few `PROMOTED_SHARE` of the programs are.
        least = config.finals * (2 if rung == rungs - 1 else 1)
        # Seed programs go up to the rung below the top one whatever the outcomes of others.
        by_right = seeds if rung < rungs - 1 else 0
        counts.append(max(math.ceil(programs * PROMOTED_SHARE**rung), least) + by_right)
    return counts


@dataclass(frozen=True, slots=True)
class _Bound:
    """The bound of a run in CPU seconds, and the option that set it."""

    cpu_s: float
    text: str
    option: str
    workers: int

    def longer(self, cpu_s: float) -> str:
        """The option and value that would allow `cpu_s` CPU seconds."""
        return f"{self.option} {rounded_up(cpu_s / self.workers)}"


def _bound(config: RunConfig, workers: int) -> _Bound | None:
    """The tighter of budget and time; None without both."""
    bounds = []
    if config.budget_cpu_s is not None:
        bounds.append(_Bound(config.budget_cpu_s, f"budget is {duration_text(config.budget_cpu_s)}", "--budget", 1))
    if config.time_s is not None:
        text = f"time is {duration_text(config.time_s)}"
        bounds.append(_Bound(config.time_s * workers, text, "--time", workers))
    return min(bounds, key=lambda bound: bound.cpu_s, default=None)


def _costs(
    config: RunConfig, rungs: Sequence[int], parts: Parts, seeds: Sequence[Program], clock: Clock, bound: _Bound | None
) -> list[Cost]:
    """The costs of the scored probes. Raises `BudgetError` where one exceeds what is left of the bound."""
    left_s = max((bound.cpu_s if bound else _UNBOUNDED_S) - clock.used_s(), 1.0)
    outcomes = list(_probes(config, rungs, parts, seeds, left_s))
    if bound and any(isinstance(outcome, Failed) and outcome.reason in _TOO_LONG for outcome in outcomes):
        raise BudgetError(
            f"{bound.text}: a tenth of one evaluation takes more than is left. "
            f"Pass {bound.longer(_SHARE * bound.cpu_s)} or more, or lower {_LEVERS}."
        )
    return [outcome.cost for outcome in outcomes if isinstance(outcome, Scored)]


def _expected_s(costs: Sequence[Cost], seeds: int, longer: tuple[float, float]) -> float:
    """The CPU seconds of all seed programs' evaluations and the cheapest final training, scaled from probes' `costs`.

    `longer` has their images as multiples of a probe's, evaluation and final training.
    """
    evaluation, final = longer
    return seeds * _mean_s(costs, evaluation) + min(_longer_s(cost, final) + cost.measure_cpu_s for cost in costs)


def _mean_s(probes: Sequence[Cost], longer: float) -> float:
    return sum(_longer_s(probe, longer) for probe in probes) / len(probes)


def _longer_s(probe: Cost, longer: float) -> float:
    # Only training grows with the images: start, scoring and measuring are paid once.
    return probe.cpu_s + (longer - 1) * probe.train_cpu_s


def _least_s(costs: Sequence[Cost], seeds: int, longer: tuple[float, float]) -> float:
    """A lower estimate of `_expected_s`: seed programs that were not tried may be cheaper."""
    return _expected_s(costs, seeds, longer) * (_OPTIMISM if seeds > len(costs) else 1.0)


def rounded_up(seconds: float) -> str:
    """A duration a tenth longer, rounded up: to whole seconds up to 10, to 5 seconds up to 60, then to 30 seconds."""
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
        # A seed program that cannot be fitted costs nothing and says nothing about the others.
        try:
            text = parts.repair(seeds[position].text, parts.task, parts.check)
        except SourceError:
            continue
        yield parts.executor.submit(Job(f"probe-{position}", text, seed, images, cpu_limit_s=limit_s)).result()


def _probe_images(rungs: Sequence[int]) -> int:
    return max(rungs[0] // _SHARE, 1)


def _counted(seeds: Sequence[Program]) -> str:
    return "the seed program" if len(seeds) == 1 else f"the {len(seeds)} seed programs"
