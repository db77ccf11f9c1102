"""Individuals with equal fingerprints: the first is evaluated, its twins get its outcome."""

from collections.abc import Mapping

from gi.core.types import Individual


class Twins:
    """The first individual of each fingerprint, and the twins that wait for one of its outcomes.

    Which one is the first depends on the order of acceptance alone, so a resumed run finds the same twins.
    """

    def __init__(self, fingerprints: Mapping[str, str]) -> None:
        """Takes the fingerprints by id, in order of acceptance; an individual without one (or with "") has no twin."""
        self._first: dict[str, str] = {}
        self._waiting: dict[tuple[str, int], list[Individual]] = {}
        for id_, fingerprint in fingerprints.items():
            # Empty for all where the length of the text is an objective: equal computations differ in it.
            if fingerprint:
                self._first.setdefault(fingerprint, id_)

    @property
    def fingerprints(self) -> frozenset[str]:
        """Every fingerprint so far."""
        return frozenset(self._first)

    def first(self, individual: Individual) -> str:
        """The id of the first individual with this one's fingerprint; its own where it is the first."""
        if not individual.fingerprint:
            return individual.id
        return self._first.setdefault(individual.fingerprint, individual.id)

    def wait(self, first: str, images: int, twin: Individual) -> None:
        """Registers `twin` for the outcome of `first` on the rung of `images` images."""
        self._waiting.setdefault((first, images), []).append(twin)

    def waiting(self, first: str, images: int) -> list[Individual]:
        """Returns the twins that waited for an outcome of `first`, and forgets them."""
        return self._waiting.pop((first, images), [])
