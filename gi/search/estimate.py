"""What a run is about to do and whether its budget pays for it, told by a few short trainings before it begins."""

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

_PROBES = 3  # seed programs that are tried, spread over all of them: their costs differ by a factor of four on digits
_SHARE = 10  # of an evaluation's images that a probe presents, as a divisor
_TOO_LONG = ("too slow", "cpu limit", "wall limit")
_LEVERS = "--epochs (or --images and --final-images)"
_UNBOUNDED_S = 60.0  # of a probe, where nothing bounds the run
_OPTIMISM = 0.75  # with several seed programs the estimate may be a third too high before a run is refused


def planned(config: RunConfig, rungs: Sequence[int], parts: Parts, seeds: Sequence[Program], clock: Clock) -> Planned:
    """What a run is about to do. Raises `BudgetError` where it may not take as long as its seed programs and one final
    training do.

    A probe trains a seed program on a tenth of the lowest rung's images; where none can be judged, or the clock is a
    model without a bound, nothing is estimated and nothing refused.
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
    # Who gets that far is among the more accurate ones, and these take longer than the mean.
    dearer = sorted(costs, key=lambda cost: cost.cpu_s)[len(costs) // 2 :]
    final_s = _mean_s(dearer, longer[1])
    if len(rungs) > 1:
        mean_s[-1] = _mean_s(dearer, rungs[-1] / _probe_images(rungs))
    expected_s = sum(count * each for count, each in zip(counts, mean_s, strict=True)) + finals * final_s
    return dataclasses.replace(plan, cpu_s=min(expected_s, math.inf if bound is None else bound.cpu_s))


def _counts(programs: int, rungs: int, config: RunConfig, seeds: int) -> list[int]:
    """About how many trainings each rung will see, the lowest first."""
    counts = [programs]
    for rung in range(1, rungs):
        # The top rung is filled up to twice the finalists from the rung below, however few a share is.
        least = config.finals * (2 if rung == rungs - 1 else 1)
        # Seed programs go up to the rung below the top one whatever others give.
        by_right = seeds if rung < rungs - 1 else 0
        counts.append(max(math.ceil(programs * PROMOTED_SHARE**rung), least) + by_right)
    return counts


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a run may take: CPU seconds, and how the user gave it."""

    cpu_s: float
    text: str
    option: str
    workers: int

    def longer(self, cpu_s: float) -> str:
        """The option with which a run may take so many CPU seconds."""
        return f"{self.option} {rounded_up(cpu_s / self.workers)}"


def _bound(config: RunConfig, workers: int) -> _Bound | None:
    """The nearer of the budget and the time; None without either."""
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
    """What probes took. Raises `BudgetError` where one alone takes longer than the run may."""
    left_s = max((bound.cpu_s if bound else _UNBOUNDED_S) - clock.used_s(), 1.0)
    outcomes = list(_probes(config, rungs, parts, seeds, left_s))
    if bound and any(isinstance(outcome, Failed) and outcome.reason in _TOO_LONG for outcome in outcomes):
        raise BudgetError(
            f"{bound.text}: a tenth of one evaluation takes more than is left. "
            f"Pass {bound.longer(_SHARE * bound.cpu_s)} or more, or lower {_LEVERS}."
        )
    return [outcome.cost for outcome in outcomes if isinstance(outcome, Scored)]


def _expected_s(costs: Sequence[Cost], seeds: int, longer: tuple[float, float]) -> float:
    """The CPU seconds of all seed programs' evaluations and the cheapest final training, from those of probes.

    `longer` says how many times as long as a probe both are.
    """
    evaluation, final = longer
    return seeds * _mean_s(costs, evaluation) + min(_longer_s(cost, final) + cost.measure_cpu_s for cost in costs)


def _mean_s(probes: Sequence[Cost], longer: float) -> float:
    return sum(_longer_s(probe, longer) for probe in probes) / len(probes)


def _longer_s(probe: Cost, longer: float) -> float:
    # Only training grows with the images: start, scoring and measuring are paid once.
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
        # A seed program that cannot be fitted costs nothing and tells nothing about the others.
        try:
            text = parts.repair(seeds[position].text, parts.task, parts.check)
        except SourceError:
            continue
        yield parts.executor.submit(Job(f"probe-{position}", text, seed, images, cpu_limit_s=limit_s)).result()


def _probe_images(rungs: Sequence[int]) -> int:
    return max(rungs[0] // _SHARE, 1)


def _counted(seeds: Sequence[Program]) -> str:
    return "the seed program" if len(seeds) == 1 else f"the {len(seeds)} seed programs"
