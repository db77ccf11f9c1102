"""What the scored individuals of a run measure, and how they compare."""

from collections.abc import Callable, Sequence

from gi.archive import front_rows
from gi.core.types import Constraint, Objective, Scored, total_excess
from gi.search.select import Matrix, Standing, hypervolume, reference_point, scaled, spread, standing, violations

MOST_FINALISTS = 16

Select = Callable[[Matrix, int, Sequence[float]], list[int]]
"""The rows that survive, best first, of values, how many, and how far each row lies beyond what is feasible."""


class Scores:
    """The objective values of every individual that was scored, by id.

    `reference` is the run's reference point, unscaled, once generation 0 has ended: beyond it an individual is
    infeasible in the bounded objectives. So it is beyond one of the `constraints`.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        reference: tuple[float, ...] | None,
        constraints: Sequence[Constraint] = (),
    ) -> None:
        """Starts with nobody; `reference` is what the archive holds."""
        self.objectives, self.reference, self.constraints = objectives, reference, constraints
        self._values: dict[str, tuple[float, ...]] = {}
        self._excess: dict[str, float] = {}

    def add(self, id_: str, scored: Scored) -> None:
        """Takes in an individual's values."""
        self._values[id_] = tuple(scored.values[objective.key] for objective in self.objectives)
        self._excess[id_] = total_excess(scored.values, self.constraints)

    def __contains__(self, id_: object) -> bool:
        return id_ in self._values

    def known(self, ids: Sequence[str | None]) -> list[str]:
        """Those of `ids` that were scored, in their order."""
        return [id_ for id_ in ids if id_ is not None and id_ in self._values]

    def set_reference(self, first: Sequence[str], seeds: Sequence[str]) -> None:
        """Fixes the reference point from the first generation and the seed programs in it, unless it is fixed."""
        if self.reference is None:
            self.reference = reference_point(self._of(first), self.objectives, self._of(seeds))

    def rows(self, ids: Sequence[str]) -> list[tuple[float, ...]]:
        """The values of individuals, in the order of the objectives."""
        return self._of(ids)

    def by_first_objective(self, ids: Sequence[str]) -> list[str]:
        """Individuals with the least value of the first objective first; equals keep their order."""
        return sorted(ids, key=lambda id_: self._values[id_][0])

    def standing(self, ids: Sequence[str]) -> Standing:
        """How individuals compare for mating."""
        return standing(self._matrix(ids), self._violations(ids))

    def selected(self, ids: Sequence[str], k: int, select: Select) -> list[str]:
        """The at most `k` that `select` keeps, best first."""
        return [ids[row] for row in select(self._matrix(ids), k, self._violations(ids))]

    def front(self, ids: Sequence[str]) -> list[str]:
        """What none of the others dominates, in its order; of equals the first."""
        return [ids[row] for row in front_rows(self._of(ids), self._violations(ids))]

    def finalists(self, front: Sequence[str]) -> list[str]:
        """The members of a front that get final trainings: the best by each objective and a spread, 16 at most.

        The whole front of a long run would cost more than its search: 178 members on MNIST, 534 trainings.
        """
        return [front[row] for row in spread(self._matrix(front), MOST_FINALISTS)]

    def hypervolume(self, ids: Sequence[str]) -> float:
        """The volume between the individuals that keep the constraints and the reference point."""
        within = [id_ for id_ in ids if not self._excess[id_]]
        return hypervolume(self._of(within), self.reference or (), self.objectives)

    def _of(self, ids: Sequence[str]) -> list[tuple[float, ...]]:
        return [self._values[id_] for id_ in ids]

    def _matrix(self, ids: Sequence[str]) -> Matrix:
        return scaled(self._of(ids), self.objectives)

    def _violations(self, ids: Sequence[str]) -> list[float]:
        beyond = violations(self._of(ids), self.reference or (), self.objectives)
        return [bound + self._excess[id_] for bound, id_ in zip(beyond, ids, strict=True)]
