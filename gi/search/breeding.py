"""Makes the individual of a slot: a seed program fitted to the task, or the offspring of two parents."""

import random
from collections import deque
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from deap import base

from gi.archive import Archive
from gi.core.errors import SourceError
from gi.core.streams import stream
from gi.core.trace import Trace
from gi.core.types import Edit, Individual, Offspring, Refused, Try
from gi.explain.provenance.borrowed import origins_in
from gi.search.admission import refusal, seed_limit
from gi.search.credit import HALF_LIFE, Credit, adapted_shares, credits_of, donor_weights
from gi.search.parts import Parts
from gi.search.rungs import Rungs
from gi.search.twins import Twins

_MOST_JUDGED = 10 * HALF_LIFE
"""Children whose edits are kept for credit: the weight of an older one is below a thousandth."""
_Credits = tuple[Credit, ...]

Slotted = tuple[Individual | None, tuple[Try, ...]]
"""The individual of a slot, None where every try was refused, and the tries."""


class Breeding:
    """Makes individuals, and remembers the accepted ones, so that none is made twice."""

    def __init__(self, archive: Archive, parts: Parts, toolbox: base.Toolbox, twins: Twins) -> None:
        """Starts without accepted individuals; the fingerprints of `twins` count as known."""
        self._archive, self._parts, self._toolbox, self._twins = archive, parts, toolbox, twins
        run = archive.run()
        self._config, self._seeds = run.config, archive.seeds()
        self._copies: set[str] = set()
        # Ids and fingerprints: a child with another text that computes what is known would be trained for nothing.
        self._known: set[str] = set(twins.fingerprints)
        self._edits: dict[str, tuple[Edit, ...]] = {}
        # In order: credit halves with what was judged later.
        self._judged: deque[tuple[str, _Credits, _Credits]] = deque(maxlen=_MOST_JUDGED)

    def accepted(self, individual: Individual) -> None:
        """Records that an individual was accepted into its slot."""
        if self._twins.first(individual) != individual.id:
            self._copies.add(individual.id)
        self._known |= {individual.id, *filter(None, (individual.fingerprint,))}
        if self._config.adapt:
            self._edits[individual.id] = individual.edits

    def judged(self, id_: str) -> None:
        """Records that decisions from now on may use the individual's outcome on the lowest rung."""
        edits = self._edits.pop(id_, ())
        self._judged.append((id_, credits_of(edits, success=True), credits_of(edits, success=False)))

    def is_twin(self, id_: str) -> bool:
        """Whether an accepted individual computes what an earlier one does."""
        return id_ in self._copies

    def stream(self, purpose: str, generation: int, slot: int) -> random.Random:
        """The random stream of a slot for one purpose."""
        return stream(self._config.seed, purpose, generation, slot)

    def seed(self, slot: int) -> Slotted:
        """The seed program of a slot of generation 0, fitted to the task, or None with the refused try."""
        seed = self._seeds[slot]
        try:
            text = self._parts.repair(seed.text, self._parts.task, self._parts.check)
            id_ = self._parts.digest(text)
            refused = refusal(text, self._parts, self._seed_limit)
        except SourceError as error:
            return None, (Try("seed", "build", "cannot be fitted to the data set", f"{seed.origin.path}: {error}"),)
        if refused:
            return None, refused
        # Two seed programs that differ in what the task settles, such as their classes, are one text once they are
        # fitted.
        if id_ in self._known:
            return None, (Try("seed", "identity", "known already", seed.origin.path),)
        tries = (Try("seed"),)
        return Individual(id_, text, 0, tries=tries, origin=seed.origin, fingerprint=self._fingerprint(text)), tries

    @cached_property
    def _seed_limit(self) -> float:
        """The most parameters that a seed program may have."""
        return seed_limit(self._seeds, self._parts, self._config.max_params)

    def parents(self, rungs: Rungs, rung: int, generation: int, slot: int) -> list[str]:
        """Two parents (ids) of a rung; the second is the donor, and differs from the first if the rung has two."""
        pool, scores, rng = rungs.parents(rung), rungs.scores[rung], self.stream("mate", generation, slot)
        by_crowding = self._config.survival == "nsga2"
        rank = scores.standing if by_crowding else scores.volume_standing
        ranking = scores.once("standing", lambda: rank(pool))
        first = self._toolbox.select(ranking, rng=rng)
        second = self._toolbox.select(ranking, rng=rng, without=first)
        return [pool[first], pool[second]]

    def offspring(self, generation: int, slot: int, parents: Sequence[str], rungs: Rungs) -> Slotted:
        """The offspring of `parents` (ids; the second is the donor) in its slot, or None with the refused tries."""
        different = list(dict.fromkeys(parents))
        texts = [self._archive.text(id_) for id_ in different]
        rng = self.stream("vary", generation, slot)
        origin_of = origins_in(self._archive, different[-1])
        draw = self._learned(rungs) if self._config.adapt else {}
        child: Offspring | Refused = self._toolbox.vary(texts, rng=rng, known=self._known, origin_of=origin_of, **draw)
        if isinstance(child, Refused):
            return None, child.tries
        # A donor that gave no line is no parent: a lineage would name a program that has no part in the child.
        used = tuple(different if child.crossed else different[:1])
        fingerprint = "" if "size" in self._config.objectives else child.fingerprint
        individual = Individual(
            child.id, child.text, generation, used, child.edits, child.tries, fingerprint=fingerprint
        )
        return individual, child.tries

    def _learned(self, rungs: Rungs) -> dict[str, Any]:
        """The weights of operators and donors; an edit succeeded if its child is a parent on the lowest rung now."""
        # Every individual is trained on the lowest rung; higher rungs hold only those that were good there.
        parents = set(rungs.parents(0))
        credits_ = [c for id_, won, lost in self._judged for c in (won if id_ in parents else lost)]
        shares = adapted_shares(self._parts.shares, credits_)
        return {"shares": shares, "donor_weights": donor_weights(credits_)}

    def _fingerprint(self, text: str) -> str:
        """The fingerprint of a fitted seed program; "" where text length is an objective, in which twins differ."""
        if "size" in self._config.objectives:
            return ""
        match self._parts.check(text, self._parts.task):
            case Trace(fingerprint=fingerprint):
                return fingerprint
            case _:
                return ""
