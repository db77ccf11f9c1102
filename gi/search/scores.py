"""The objective values of the scored individuals of a rung, and comparisons of them."""

import math
import statistics
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from gi.archive import front_rows
from gi.core.objectives import Constraint, Objective, total_excess
from gi.core.types import Scored
from gi.search.rung_figures import FloatRows, RungFigures
from gi.search.select import (
    Matrix,
    Standing,
    VolumeStanding,
    boxed,
    first_by_objective,
    hopeful,
    hopeful_order,
    hypervolume,
    promotable,
    ranks,
    reference_point,
    scaled,
    standing,
    violations,
    volume_order,
    volume_standing,
)

Answer = TypeVar("Answer")
_BY_SIZE = 1 / 2  # of what goes up are the best of their size, the others what adds most volume
_DEAR = 2.0  # times the usual training: a network beyond has to be the best by the first objective
_LEAST_S = 1e-6  # that a training takes
_FAR = 8.0  # times as wrong as the best of a rung: nothing beyond adds to a volume


class Survive(Protocol):
    """Survival: the at most `k` rows that stay, best first, of (n, m) values with violations (n,)."""

    def __call__(
        self, values: Matrix, k: int, violation: Sequence[float] = (), *, reference: Sequence[float]
    ) -> list[int]:
        """`reference` is the hypervolume's reference point, scaled as the values are."""
        ...


class Scores:
    """The objective values of every individual that was scored on a rung, by id in the order in which they came.

    `reference` is the run's reference point, unscaled, once the seed programs are known: beyond it an individual is
    infeasible in the bounded objectives, and so is one beyond one of the `constraints`. `seeds` are the run's seed
    programs, whose trainings define the usual CPU time of one.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        reference: tuple[float, ...] | None,
        survive: Survive,
        samples: int,
        constraints: Sequence[Constraint] = (),
    ) -> None:
        """Starts empty; `reference` is the archive's, `samples` the number that an error is a share of."""
        self.objectives, self._reference = objectives, reference
        self._survive, self._samples, self._constraints = survive, samples, constraints
        self.seeds: frozenset[str] = frozenset()
        self._figures = RungFigures(len(objectives))
        self._answers: dict[str, Any] = {}
        self._last_front: list[str] = []
        self._since_front: list[str] = []
        # By place: what a decision would compute anew for everybody although one individual was added.
        self._beyond = array("d")
        self._selection_rows = FloatRows(len(objectives))
        self._boxed_from: tuple[float, ...] = ()

    def add(self, id_: str, scored: Scored) -> None:
        """Adds an individual's values, and forgets the cached answers."""
        values = tuple(scored.values[objective.key] for objective in self.objectives)
        excess = total_excess(scored.values, self._constraints)
        train_s = scored.values.get("train_time", scored.cost.train_cpu_s)
        if id_ in self._figures:  # with other values: a front that it made is no front any more
            self._forget()
        params, macs = scored.values["params"], scored.values.get("macs", 0.0)
        self._figures.add(id_, values, params=params, macs=macs, train_s=train_s, excess=excess)
        self._since_front.append(id_)
        self._answers.clear()

    def _forget(self) -> None:
        """Has everything computed anew that follows from the values."""
        self._last_front, self._since_front = [], list(self._figures)
        del self._beyond[:]
        self._selection_rows.clear()

    def once(self, question: str, answer: Callable[[], Answer]) -> Answer:
        """The result of `answer`, cached until the values change: decisions ask the same of 1,000 repeatedly."""
        if question not in self._answers:
            self._answers[question] = answer()
        known: Answer = self._answers[question]
        return known

    @property
    def reference(self) -> tuple[float, ...] | None:
        """The reference point, unscaled; None before it is fixed."""
        return self._reference

    @reference.setter
    def reference(self, reference: tuple[float, ...] | None) -> None:
        if reference != self._reference:
            self._forget()
        self._reference = reference
        self._answers.clear()

    def __contains__(self, id_: object) -> bool:
        return id_ in self._figures

    def __len__(self) -> int:
        return len(self._figures)

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def macs(self, id_: str) -> float | None:
        """The multiply-adds of an individual for one sample, 0 where unknown; None without the individual."""
        return self._figures.macs(id_) if id_ in self._figures else None

    def set_reference(self, seeds: Sequence[str]) -> None:
        """Fixes the reference point by the seed programs, unless it is fixed."""
        # Once: volumes of two generations compare only under one reference point.
        if self.reference is None:
            self.reference = reference_point(self.rows(seeds), self.objectives, self.rows(seeds))

    def rows(self, ids: Sequence[str]) -> list[tuple[float, ...]]:
        """The values of individuals, in the order of the objectives."""
        return [self._figures.values(id_) for id_ in ids]

    def by_first_objective(self, ids: Sequence[str]) -> list[str]:
        """Individuals with the least value of the first objective first; equals keep their order."""
        return sorted(ids, key=lambda id_: self._figures.values(id_)[0])

    def selected(self, ids: Sequence[str], k: int) -> list[str]:
        """The at most `k` that survive, best first: the feasible, then the others, if there is room."""
        beyond = dict(zip(ids, self._violations(ids), strict=True))
        chosen: list[str] = []
        # One after the other: in boxes a feasible near-twin would come after whatever is infeasible and different.
        for some in ([id_ for id_ in ids if not beyond[id_]], [id_ for id_ in ids if beyond[id_]]):
            violation = [beyond[id_] for id_ in some]
            order = self._survive(self._matrix(some), k - len(chosen), violation, reference=self._corner)
            chosen += [some[row] for row in order]
        return chosen

    def best_by_size(self, k: int) -> list[str]:
        """At most `k` on the front of first objective and size, in order of what each adds to their volume.

        Other objectives are left out: a front over three is full of fast ones, and users ask for the best network
        under a number of parameters.
        """
        ids, values = self._front_by_size(self._first_front())
        # A decade beyond the largest, which is often the least wrong: on the corner it would add nothing.
        corner = (self._corner[0], max((size for _, size in values), default=0.0) + 1.0)
        return [ids[row] for row in volume_order(values, k, reference=corner)]

    def _front_by_size(self, ids: Sequence[str]) -> tuple[list[str], list[tuple[float, float]]]:
        """The front of `ids` by first objective and number of parameters, and these two values, in decades."""
        errors = [row[0] for row in self._matrix(ids).tolist()]
        # A network without parameters is legal, and 0 has no logarithm.
        values = [
            (error, math.log10(max(self._figures.params(id_), 1.0))) for error, id_ in zip(errors, ids, strict=True)
        ]
        rows = front_rows(values, [0.0] * len(values))
        return [ids[row] for row in rows], [values[row] for row in rows]

    def _first_front(self) -> list[str]:
        """The feasible individuals that are non-dominated in boxes.

        Of two of equal error and size the slower is not in it; it is on the front of these two objectives alone.
        """
        return self.once("first front", self._undominated)

    def _undominated(self) -> list[str]:
        everybody = list(self._figures)
        beyond = self._violations(everybody)
        rank = ranks(self._matrix(everybody), beyond)
        return [id_ for id_, excess, front in zip(everybody, beyond, rank, strict=True) if not excess and not front]

    def promising(self, ids: Sequence[str], k: int) -> list[str]:
        """At most `k` of `ids` that longer trainings may show to be the best of their size, the most promising first.

        The best by the first objective, then those that would add most to the volume of error and size if their error
        were one deviation of its noise less (`hopeful_order`), relative to cost: a training twice as long as the usual
        has to add twice as much, and one beyond `_DEAR` times the usual goes only if it is the best.
        """
        some = [id_ for id_, excess in zip(ids, self._violations(ids), strict=True) if not excess]
        if not some:
            return []
        first, sizes = self.objectives[:1], [self._figures.params(id_) for id_ in some]
        measured = [self._figures.values(id_)[:1] for id_ in some]
        rows, hopes = (
            [(error, math.log10(max(size, 1.0))) for (error,), size in zip(scaled(values, first), sizes, strict=True)]
            for values in (measured, hopeful(measured, first, self._samples))
        )
        corner = (self._corner[0], math.log10(max(*sizes, 1.0)) + 1.0)
        longer = [self._times_usual(id_) for id_ in some]
        worth = [1 / max(times, 1.0) if times <= _DEAR else 0.0 for times in longer]
        return [some[row] for row in hopeful_order(rows, hopes, k, worth, reference=corner)]

    def _times_usual(self, id_: str) -> float:
        """The training time of an individual as a multiple of the usual one, the seed programs' best of their size."""
        return self._figures.train_s(id_) / self.once("usual training", self._usual_s)

    def _usual_s(self) -> float:
        # Of the seed programs, since children that pass by being dear would make dear ones usual.
        seeds = [id_ for id_ in self if id_ in self.seeds]
        trained_s = [self._figures.train_s(id_) for id_ in self._front_by_size(seeds or list(self))[0]]
        return max(statistics.median(trained_s or [0.0]), _LEAST_S)

    def finalists(self, k: int) -> list[str]:
        """At most `k` of the front for final trainings, in order of the first objective.

        Those that may be the best of their size; where there are fewer, those that add most volume, the dear ones last.
        """
        return self.once(f"{k} finalists", lambda: self._finalists(k)) if self._figures else []

    def _finalists(self, k: int) -> list[str]:
        front = self.front()
        chosen = self.promising(front, k)
        for are_dear in (False, True):
            left = [id_ for id_ in front if id_ not in chosen and (self._times_usual(id_) > _DEAR) == are_dear]
            chosen += self.selected(left, k - len(chosen))
        return self.by_first_objective(chosen)

    def promotable(self, gone: Collection[str], share: float, seeds: Collection[str] = ()) -> str | None:
        """The next of the best `share` of all to go up, without those already `gone` up; None where none is left.

        Once as many as `share` are gone, only the best by the first objective may still go: the best share changes as
        others come, and each change would send one more up. `seeds`, which go up in any case, do not count.
        """
        # Who is gone only grows, so that their number says which they are.
        return self.once(f"promotable beside {len(gone)}", lambda: self._promotable(gone, share, seeds))

    def _promotable(self, gone: Collection[str], share: float, seeds: Collection[str]) -> str | None:
        ids = list(self._figures)
        went_up = [row for row, id_ in enumerate(ids) if id_ in gone]
        if sum(ids[row] not in seeds for row in went_up) >= math.ceil(share * len(ids)):
            best = first_by_objective(self._matrix(ids), self._violations(ids))
            return next((ids[row] for row in best if row not in went_up), None)
        by_size = self.promising(self._first_front(), math.ceil(share * len(ids) * _BY_SIZE))
        first = [self._figures.places[id_] for id_ in by_size]
        row = promotable(self._matrix(ids), went_up, share, self._violations(ids), reference=self._corner, first=first)
        return None if row is None else ids[row]

    def in_order(self, ids: Collection[str]) -> list[str]:
        """All of `ids`, in order of promotion: the best of their size, then by survival."""
        by_size = [id_ for id_ in self.best_by_size(len(self)) if id_ in ids]
        left = [id_ for id_ in ids if id_ not in by_size]
        return [*by_size, *self.selected(left, len(left))]

    def standing(self, ids: Sequence[str]) -> Standing:
        """Ranks and crowding distances of individuals, for mating."""
        return standing(self._matrix(ids), self._violations(ids))

    def volume_standing(self, ids: Sequence[str]) -> VolumeStanding:
        """Places by hypervolume contribution and sizes of individuals, for mating."""
        sizes = [self._figures.params(id_) for id_ in ids]
        return volume_standing(self._matrix(ids), sizes, self._violations(ids), reference=self._corner)

    def front(self) -> list[str]:
        """The non-dominated individuals, in order of arrival; of equals the first."""
        return self.once("front", self._renewed_front)

    def _renewed_front(self) -> list[str]:
        # What was dominated stays so: only members of the last front and what came since can be on it.
        ids = sorted({*self._last_front, *self._since_front}, key=self._figures.places.__getitem__)
        self._last_front = self.front_of(ids)
        self._since_front.clear()
        return self._last_front

    def front_of(self, ids: Sequence[str]) -> list[str]:
        """Those of `ids` that no other of them dominates, in their order; of equals the first."""
        return [ids[row] for row in front_rows(self.rows(ids), self._violations(ids))]

    def hypervolume(self, ids: Sequence[str]) -> float:
        """The hypervolume of the individuals that keep the constraints, up to the reference point."""
        within = [id_ for id_ in ids if not self._figures.excess(id_)]
        return hypervolume(self.rows(within), self.reference or (), self.objectives)

    def _matrix(self, ids: Sequence[str]) -> Matrix:
        """The values as selection sees them: logarithmic ones in decades, and equal within noise."""
        return self.once("matrix", self._whole_matrix)[[self._figures.places[id_] for id_ in ids]]

    def _whole_matrix(self) -> Matrix:
        # Boxes of all that is known and not of some: two subsets must not be cut into different ones. A box depends on
        # where boxes begin and on the value in it alone, so that only rows that came since are missing.
        if self._boxed_from != self._figures.least:
            self._boxed_from = self._figures.least
            self._selection_rows.clear()
        # One by one: of several rows numpy computes some in another way, to another last bit, and a resumed run has
        # other numbers of new ones.
        for row in self._figures.values_from(len(self._selection_rows)):
            (selection,) = scaled(
                boxed([row], self.objectives, self._samples, self._figures.least), self.objectives
            ).tolist()
            self._selection_rows.append(tuple(selection))
        return self._selection_rows.matrix()

    @property
    def _corner(self) -> tuple[float, ...]:
        """The reference point of volumes in selection: the run's, and for a bounded objective nearer to the best.

        The run's comes from short trainings of the seed programs: up to it, tiny networks with many times the least
        error add so much volume that fronts fill up with them.
        """
        assert self.reference is not None
        best = self._figures.least if self._figures else self.reference
        corner = [
            min(reference, _FAR * max(least, objective.least)) if objective.bounded else reference
            for reference, least, objective in zip(self.reference, best, self.objectives, strict=True)
        ]
        return tuple(scaled([corner], self.objectives)[0].tolist())

    def _violations(self, ids: Sequence[str]) -> list[float]:
        known = self.once("violations", self._all_violations)
        return [known[self._figures.places[id_]] for id_ in ids]

    def _all_violations(self) -> Sequence[float]:
        known = len(self._beyond)
        new = self._figures.values_from(known)
        beyond = violations(new, self.reference or (), self.objectives) if new else []
        excess = self._figures.excess_from(known)
        self._beyond.extend(bound + more for bound, more in zip(beyond, excess, strict=True))
        return self._beyond
