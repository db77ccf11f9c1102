"""The scores on each rung of the ladder of trainings, the promotions between rungs, and the parents of each.

Asynchronous successive halving (Li et al. 2020): of all that was trained on a rung the best quarter goes up to the
next, whose trainings are four times as long. Every training is from scratch with a schedule of its own length, so no
value is extrapolated; values are compared within a rung only. With several objectives "the best" goes by non-dominated
rank and, within a front, by what an individual adds to the hypervolume.
"""

import random
from collections.abc import Sequence

from gi.core.objectives import Objective
from gi.core.settings import PROMOTED_SHARE, RunConfig
from gi.core.types import Scored
from gi.search.scores import Scores, Survive

_LEAST_PARENTS = 8  # a rung with fewer members has too little to choose from
_HIGHEST = 0.5  # of the parents come from the highest rung that has enough of them, half of the rest from the next, ...


class Rungs:
    """The scores of each rung, the lowest first, and what was sent up from it."""

    def __init__(
        self,
        images: Sequence[int],
        objectives: Sequence[Objective],
        reference: tuple[float, ...] | None,
        config: RunConfig,
        *,
        survive: Survive,
        samples: int,
    ) -> None:
        """Starts empty. `images` are those of the rungs; `samples` is the size of the validation split."""
        self.images, self._config = tuple(images), config
        self.scores = tuple(Scores(objectives, reference, survive, samples, config.constraints) for _ in images)
        self._went_up: tuple[set[str], ...] = tuple(set() for _ in images)
        self._seeds: frozenset[str] = frozenset()

    @property
    def top(self) -> int:
        """The number of the highest rung, from 0."""
        return len(self.images) - 1

    @property
    def reference(self) -> tuple[float, ...] | None:
        """The reference point of the run, unscaled; None before it is fixed."""
        return self.scores[0].reference

    def add(self, rung: int, id_: str, scored: Scored, *, twin: bool = False) -> None:
        """Adds the values of an individual on a rung; a `twin`, whose values are copied, never goes up."""
        self.scores[rung].add(id_, scored)
        # Its first goes up in its stead; the same computation trained twice says nothing.
        if twin:
            self._went_up[rung].add(id_)

    def fix_reference(self, seeds: Sequence[str]) -> None:
        """Fixes the reference point by the seed programs' values on the lowest rung, unless it is fixed."""
        self._seeds = frozenset(seeds)
        # All seed programs are on the lowest rung; its point serves every rung, so that feasible means one thing.
        self.scores[0].set_reference(seeds)
        for scores in self.scores:
            scores.reference, scores.seeds = self.reference, self._seeds

    def highest(self) -> Scores:
        """The scores of the highest rung that holds an individual: those shown to the user."""
        return next((scores for scores in reversed(self.scores) if len(scores)), self.scores[0])

    # ------------------------------------------------------------------------------------------------- going up

    def seeds_up(self, rung: int) -> list[str]:
        """The seed programs that go up to `rung`, below the top, the best first.

        All of them, whatever the others' values, as in a bracket of Hyperband (Li et al. 2018) that begins higher:
        they are known to be good, short trainings put deep networks at a disadvantage, and children are compared with
        and bred from their longer trainings.
        """
        below = self.scores[rung - 1]
        return below.in_order([id_ for id_ in below if id_ in self._seeds and id_ not in self._went_up[rung - 1]])

    def promotable(self) -> tuple[str, int] | None:
        """The individual that goes up next and its new rung; None where none is due. Higher rungs first."""
        for rung in range(self.top - 1, -1, -1):
            by_right = self._seeds if rung < self.top - 1 else ()
            id_ = self.scores[rung].promotable(self._went_up[rung], PROMOTED_SHARE, by_right)
            if id_ is not None:
                return id_, rung + 1
        return None

    def sent_up(self, id_: str, rung: int) -> None:
        """Records that an individual went up to `rung`."""
        # Off all rungs below: who went straight to the top must not climb there a second time.
        for lower in self._went_up[:rung]:
            lower.add(id_)

    def next_for_top(self, promising: int, front: int) -> list[str]:
        """The individuals to send to the top rung: `promising` of the rung below, and more until its front has `front`.

        The most promising of all, and of the seed programs among themselves: of many children the best on a rung are
        also the luckiest, which few seed programs are. The further ones are the best of the lower rungs by all
        objectives, beginning with the rung just below.
        """
        if not self.top:
            return []
        below = self.scores[self.top - 1]
        seeds = [id_ for id_ in below if id_ in self._seeds]
        best = dict.fromkeys(id_ for some in (list(below), seeds) for id_ in below.promising(some, promising))
        chosen = [id_ for id_ in best if id_ not in self._went_up[self.top - 1]]
        missing = front - len(self.scores[self.top].front())
        for rung in range(self.top - 1, -1, -1):
            left = [id_ for id_ in self.scores[rung] if id_ not in self._went_up[rung] and id_ not in chosen]
            nondominated = self.scores[rung].front_of(left)
            chosen += self.scores[rung].selected(nondominated, max(missing - len(chosen), 0))
        return chosen

    # -------------------------------------------------------------------------------------------------- parents

    def parents(self, rung: int) -> list[str]:
        """The parents of a rung, best first: its front up to `parents`, filled up to a population by the next best."""
        return self.scores[rung].once("parents", lambda: self._parents(self.scores[rung]))

    def _parents(self, scores: Scores) -> list[str]:
        front = scores.front()
        if not front:
            return []
        if self._config.survival == "nsga2" or len(front) < self._config.population:
            return scores.selected(list(scores), self._config.population)
        return scores.selected(front, self._config.parents)

    def drawn_rung(self, rng: random.Random) -> int:
        """The rung that a child's parents come from, drawn among those with enough, higher ones more often."""
        *higher, lowest = self._with_parents()
        return next((rung for rung in higher if rng.random() < _HIGHEST), lowest)

    def breeding_rung(self) -> int:
        """The highest rung with enough parents."""
        return self._with_parents()[0]

    def _with_parents(self) -> list[int]:
        """The rungs with enough parents, the highest first; the lowest one where none has."""
        return [rung for rung in range(self.top, -1, -1) if len(self.scores[rung]) >= _LEAST_PARENTS] or [0]
