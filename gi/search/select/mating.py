"""Mating selection: binary tournaments on rank and crowding distance (Deb et al. 2002)."""

import random
from dataclasses import dataclass

from numpy.typing import ArrayLike

from gi.search.select.survival import crowding, ranks


@dataclass(frozen=True, slots=True)
class Standing:
    """How the members of a population compare: non-dominated ranks and crowding distances, in population order."""

    ranks: tuple[int, ...]
    crowding: tuple[float, ...]


def standing(values: ArrayLike, violation: ArrayLike = ()) -> Standing:
    """The standing of a population with objective values (n, m) and a violation as `ranks` takes it.

    Raises `ValueError` for a NaN.
    """
    return Standing(tuple(ranks(values, violation)), tuple(crowding(values, violation)))


def tournament(population: Standing, *, rng: random.Random, without: int | None = None) -> int:
    """The index of the better of two members drawn at random: lower rank, then less crowded, then first drawn.

    `without` is left out of the draw where anybody else is there, so that a second parent is another one.
    """
    candidates = [i for i in range(len(population.ranks)) if i != without] or [0]
    first, second = rng.choice(candidates), rng.choice(candidates)
    return min((first, second), key=lambda i: (population.ranks[i], -population.crowding[i]))
