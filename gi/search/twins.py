"""Individuals that compute and train the same: the first is evaluated, its twins get its outcome."""

from collections.abc import Mapping

from gi.core.types import Individual, Outcome


class Twins:
    """The first individual of each fingerprint, its outcomes by rung once known, and the twins that wait for them.

    Which one is the first depends on the order of acceptance alone, so a resumed run finds the same twins.
    """

    def __init__(self, fingerprints: Mapping[str, str]) -> None:
        """Takes the fingerprints by id, in order of acceptance; one without (or with "") is nobody's twin."""
        self._first: dict[str, str] = {}
        self._outcomes: dict[tuple[str, int], Outcome] = {}
        self._waiting: dict[tuple[str, int], list[Individual]] = {}
        for id_, fingerprint in fingerprints.items():
            # Where the length of the text is an objective nobody has one: equal computations differ in it.
            if fingerprint:
                self._first.setdefault(fingerprint, id_)

    @property
    def fingerprints(self) -> frozenset[str]:
        """Every fingerprint so far."""
        return frozenset(self._first)

    def first(self, individual: Individual) -> str:
        """The id of the first individual with this one's fingerprint: this one's own where there was none."""
        if not individual.fingerprint:
            return individual.id
        return self._first.setdefault(individual.fingerprint, individual.id)

    def outcome(self, first: str, images: int, twin: Individual) -> Outcome | None:
        """The outcome of `first` on a rung; None where it is still under way: `twin` then waits for it."""
        if (first, images) not in self._outcomes:
            self._waiting.setdefault((first, images), []).append(twin)
        return self._outcomes.get((first, images))

    def settle(self, id_: str, images: int, outcome: Outcome) -> list[Individual]:
        """Takes in an outcome on a rung, and hands out the twins that waited for it."""
        self._outcomes[id_, images] = outcome
        return self._waiting.pop((id_, images), [])
