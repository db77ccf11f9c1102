"""Closing a generation: its archive row, its DEAP logbook record and its event for the display."""

from collections.abc import Callable, Sequence

from deap import tools

from gi.archive import Archive, Generation, members_on, run_summary
from gi.core.objectives import Objective
from gi.search.budget import RunCost
from gi.search.events import GenerationEnded, RunEvent
from gi.search.logbook import population_statistics
from gi.search.rungs import Rungs
from gi.search.scores import Scores


class Closing:
    """The numbers of a run's closed generations. One from an earlier session is only added to the logbook."""

    def __init__(self, archive: Archive, rungs: Rungs, cost: RunCost, notify: Callable[[RunEvent], None]) -> None:
        """Reads the closed generations from the archive."""
        run = archive.run()
        self._archive, self._rungs, self._cost, self._notify = archive, rungs, cost, notify
        self._config, self._objectives = run.config, run.objectives
        self._statistics = population_statistics(run.objectives)
        self.logbook = tools.Logbook()
        self._earlier = {closed.number: closed for closed in archive.generations.all()}
        # Numbers alone: the fronts of all generations would grow with the square of a run's length.
        self.closed = set(self._earlier)

    def close(self, number: int, *, ended: bool, finals_s: Callable[[], float]) -> None:
        """Records the parents to come, the front of the highest rung, and the top rung's hypervolume.

        `ended` marks the last generation of the search; `finals_s` estimates the final trainings in CPU seconds.
        """
        if number in self.closed:
            # The archive keeps the figures of the session that closed it; DEAP's logbook lives in memory alone.
            self._log(self._earlier.pop(number))
            return
        # Volumes of trainings of different lengths do not compare, so the curve over generations is the top rung's
        # alone.
        shown, top = self._rungs.highest(), self._rungs.scores[-1]
        closed = Generation(
            number,
            tuple(self._rungs.parents(self._rungs.breeding_rung())),
            tuple(shown.front()),
            top.hypervolume(list(top)) if len(top) else 0.0,
            {"seed": self._config.seed, "streams": ["mate", "vary"], "next": [number + 1, 0]},
            self._cost.cpu_s,
            ended,
            self._rungs.images[self._rungs.scores.index(shown)],
        )
        self._archive.generations.close(closed, reference=self._rungs.reference or ())
        self._archive.back_up()
        self.closed.add(number)
        self._log(closed)
        self._tell(closed, _least(shown, self._objectives), finals_s())

    def _log(self, closed: Generation) -> None:
        evaluated = sum(slot.individual is not None for slot in self._archive.individuals.slots(closed.number))
        # The highest rung that holds every member: values of two rungs do not compare, so they have no median.
        scores = next((s for s in reversed(self._rungs.scores) if all(id_ in s for id_ in closed.population)), None)
        figures = self._statistics.compile(scores.rows(closed.population)) if scores and closed.population else {}
        self.logbook.record(
            gen=closed.number, nevals=evaluated, front=len(closed.front), hypervolume=closed.hypervolume, **figures
        )

    def _tell(self, closed: Generation, best: dict[str, float], finals_s: float) -> None:
        failures = {f"{f.stage}: {f.reason}": f.count for f in self._archive.outcomes.failures()}
        summary = run_summary(self._archive, members_on(self._archive, closed.front, closed.images))
        self._notify(
            GenerationEnded(
                closed.number,
                self._config.generations,
                len(closed.population),
                len(closed.front),
                closed.hypervolume,
                best,
                failures,
                summary.evaluations,
                closed.cpu_s,
                min(finals_s, max(self._cost.left_s, 0.0)),
                self._cost.total_s if self._cost.is_bounded else None,
                summary.from_cache,
                closed.images,
                summary.front,
            )
        )


def _least(shown: Scores, objectives: Sequence[Objective]) -> dict[str, float]:
    """The least value of each objective on the front of a rung; empty for an empty one."""
    # Not of what the archive holds: a training of a higher rung may have ended that no decision has read yet.
    columns = zip(*shown.rows(shown.front()), strict=True)
    return dict(zip([objective.key for objective in objectives], map(min, columns), strict=False))
