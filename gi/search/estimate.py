"""The plan of a run and whether its budget pays for it, estimated from a few short trainings beforehand."""

import dataclasses
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from gi.core.errors import BudgetError, SourceError
from gi.core.figures import duration_text
from gi.core.protocols import Job
from gi.core.settings import LEAST_RUNG_IMAGES, PROMOTED_SHARE, RunConfig, pace_s
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
_PLANNED_SHARE = 2 / 3  # of a bound at most is for what every run trains, so that children get a third
_OPTIMISM = 0.75  # with several seed programs the estimate may be a third too high before a run is refused
_LONGER = (4.0, 2.8, 2.0, 1.4)  # times as long trainings may become where a bound leaves room


def planned(config: RunConfig, samples: int, parts: Parts, seeds: Sequence[Program], clock: Clock) -> Planned:
    """The plan of a run on `samples` training samples, with its rungs. Raises `BudgetError` where its bound is below
    what the seed programs and one final training take.

    A probe trains a seed program on a tenth of the lowest rung's images, and on `LEAST_RUNG_IMAGES` where it has as
    many: first steps are slow. Where the settings leave the epochs open, trainings are lengthened as far as the bound
    pays for all programs, or the longest rungs left out until what every run trains fits in it. If no probe is scored,
    or with a modelled clock and no bound, nothing is estimated and nothing refused.
    """
    programs = len(seeds) + max(config.population - len(seeds), 0) + config.generations * config.population
    rungs, bound = config.ladder(samples), _bound(config, parts.executor.capacity)
    whole = _Estimate(config, rungs, len(seeds), ())
    plan = Planned(programs, whole.trainings(programs), whole.final_trainings, None, parts.executor.capacity)
    if bound is None and config.clock == "model":
        return plan
    probed = _probe_images(rungs)
    costs = _costs(config, probed, parts, seeds, clock, bound)
    if not costs:
        return plan
    estimate = _Estimate(config, rungs, len(seeds), tuple(_Price(cost, probed) for cost in costs))
    if bound is None:
        return dataclasses.replace(plan, cpu_s=estimate.expected_s(programs))
    used_s = clock.used_s(sum(cost.cpu_s for cost in costs))
    if config.epochs is None and config.images is None:
        estimate = _lengthened(estimate, bound.cpu_s - used_s, programs, samples)
        estimate = _shortened(estimate, bound.cpu_s - used_s, programs)
    if used_s + estimate.least_s() > bound.cpu_s:
        needed_s = used_s + estimate.needed_s()
        raise BudgetError(
            f"{bound.text}: evaluating {_counted(seeds)} and one final training take about "
            f"{duration_text(needed_s)} here. Pass {bound.longer(needed_s)} or more, or lower {_LEVERS}."
        )
    # The most programs whose trainings the bound pays for, and the seed programs whatever it pays for.
    paid = range(len(seeds), programs)
    wanted = programs
    programs = len(seeds) + bisect_right(paid, bound.cpu_s, key=lambda some: used_s + estimate.expected_s(some + 1))
    return dataclasses.replace(
        plan,
        programs=programs,
        rungs=estimate.trainings(programs),
        final_trainings=estimate.final_trainings,
        cpu_s=min(used_s + estimate.expected_s(programs), bound.cpu_s),
        bound_cpu_s=bound.cpu_s if programs < wanted else None,
    )


@dataclass(frozen=True, slots=True)
class _Price:
    """What a probe cost that presented so many images, and with it what a longer training of its program costs."""

    probe: Cost
    images: int

    def of(self, images: int) -> float:
        """The CPU seconds of a training and measurement that presents so many images."""
        # Only training grows with the images: start, scoring and measuring are paid once.
        return self.probe.cpu_s + (images / self.images - 1) * self.probe.train_cpu_s


@dataclass(frozen=True, slots=True)
class _Estimate:
    """What a run on these rungs is expected to cost, in CPU seconds, by the prices of a few seed programs."""

    config: RunConfig
    rungs: tuple[int, ...]
    seeds: int
    prices: tuple[_Price, ...]

    @property
    def final_trainings(self) -> int:
        """Those that are no training of the top rung, which is the first of its individual (decision 019)."""
        has_first = len(self.rungs) > 1 and not self.config.final_images
        return self.config.finals * (self.config.final_seeds - (1 if has_first else 0))

    def trainings(self, programs: int) -> tuple[tuple[int, int], ...]:
        """(images, trainings) of each rung, the lowest first."""
        return tuple(zip(self.rungs, _counts(programs, len(self.rungs), self.config, self.seeds), strict=True))

    def expected_s(self, programs: int) -> float:
        """All trainings of a run of so many programs."""
        search_s = sum(count * self._rung_s(images) for images, count in self.trainings(programs))
        return search_s + self.final_trainings * self._final_s()

    def planned_s(self) -> float:
        """What a run trains whatever it finds: the seed programs below the top rung, and a small front there."""
        below_s = sum(self._mean_s(images) for images in self.rungs[:-1])
        return self.seeds * below_s + self.config.population * self._rung_s(self.rungs[-1])

    def needed_s(self) -> float:
        """The seed programs on the lowest rung and the cheapest final training, which is scored on two splits."""
        final = self._final_images()
        finals_s = [price.of(final) + price.probe.measure_cpu_s for price in self.prices]
        return self.seeds * self._mean_s(self.rungs[0]) + min(finals_s)

    def least_s(self) -> float:
        """A lower estimate of `needed_s`: seed programs that were not tried may be cheaper."""
        return self.needed_s() * (_OPTIMISM if self.seeds > len(self.prices) else 1.0)

    def _rung_s(self, images: int) -> float:
        is_top = len(self.rungs) > 1 and images == self.rungs[-1]
        return self._dearer_s(images) if is_top else self._mean_s(images)

    def _final_s(self) -> float:
        return self._dearer_s(self._final_images())

    def _final_images(self) -> int:
        return self.config.final_images or self.rungs[-1]

    def _mean_s(self, images: int) -> float:
        mean_s = fmean(price.of(images) for price in self.prices)
        # The lowest of several rungs is not timed, and scored on few samples.
        is_measured = len(self.rungs) == 1 or images > self.rungs[0]
        return mean_s if is_measured else mean_s - fmean(price.probe.measure_cpu_s for price in self.prices)

    def _dearer_s(self, images: int) -> float:
        # Individuals that reach the top are among the more accurate ones, and these take longer than the mean.
        dearer = sorted(self.prices, key=lambda price: price.probe.train_cpu_s)[len(self.prices) // 2 :]
        return fmean(price.of(images) for price in dearer)


def _lengthened(estimate: _Estimate, left_s: float, programs: int, samples: int) -> _Estimate:
    """The estimate with the longest trainings for which `left_s` still pays for all programs; as it is where none do.

    A run that ends before its bound has trained less than it was given the time for.
    """
    epochs = estimate.rungs[-1] / samples
    for factor in _LONGER:
        config = dataclasses.replace(estimate.config, epochs=factor * epochs)
        longer = dataclasses.replace(estimate, rungs=config.ladder(samples))
        if longer.expected_s(programs) <= left_s:
            return longer
    return estimate


def _shortened(estimate: _Estimate, left_s: float, programs: int) -> _Estimate:
    """The estimate without the longest rungs, as many as it takes until children get their share of `left_s`.

    A rung stays where the run would end before its bound without it: longer trainings are the better use of the rest.
    """
    while len(estimate.rungs) > 1 and estimate.planned_s() > _PLANNED_SHARE * left_s:
        shorter = dataclasses.replace(estimate, rungs=estimate.rungs[:-1])
        if estimate.planned_s() <= left_s and shorter.expected_s(programs) < _PLANNED_SHARE * left_s:
            break
        estimate = shorter
    return estimate


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
    config: RunConfig, images: int, parts: Parts, seeds: Sequence[Program], clock: Clock, bound: _Bound | None
) -> list[Cost]:
    """The costs of the scored probes. Raises `BudgetError` where one exceeds what is left of the bound."""
    left_s = max((bound.cpu_s if bound else _UNBOUNDED_S) - clock.used_s(), 1.0)
    outcomes = list(_probes(config, images, parts, seeds, left_s))
    if bound and any(isinstance(outcome, Failed) and outcome.reason in _TOO_LONG for outcome in outcomes):
        raise BudgetError(
            f"{bound.text}: a tenth of one evaluation takes more than is left. "
            f"Pass {bound.longer(_SHARE * bound.cpu_s)} or more, or lower {_LEVERS}."
        )
    return [outcome.cost for outcome in outcomes if isinstance(outcome, Scored)]


def rounded_up(seconds: float) -> str:
    """A duration a tenth longer, rounded up: to whole seconds up to 10, to 5 seconds up to 60, then to 30 seconds."""
    longer_s = 1.1 * seconds
    step = 1 if longer_s <= 10 else 5 if longer_s <= 60 else 30
    return duration_text(math.ceil(longer_s / step) * step)


def _probes(config: RunConfig, images: int, parts: Parts, seeds: Sequence[Program], left_s: float) -> Iterator[Outcome]:
    """The outcomes of short trainings of a few seed programs, none of which may take longer than `left_s`."""
    seed, limit_s = torch_seed(config.seed, "probe"), pace_s(left_s, images)
    for position in sorted({round(n * (len(seeds) - 1) / (_PROBES - 1)) for n in range(_PROBES)}):
        # A seed program that cannot be fitted costs nothing and says nothing about the others.
        try:
            text = parts.repair(seeds[position].text, parts.task, parts.check)
        except SourceError:
            continue
        yield parts.executor.submit(Job(f"probe-{position}", text, seed, images, cpu_limit_s=limit_s)).result()


def _probe_images(rungs: Sequence[int]) -> int:
    return min(max(rungs[0] // _SHARE, LEAST_RUNG_IMAGES), rungs[0])


def _counted(seeds: Sequence[Program]) -> str:
    return "the seed program" if len(seeds) == 1 else f"the {len(seeds)} seed programs"
