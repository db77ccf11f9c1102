"""Mating selection: tournaments on rank and crowding distance (Deb et al. 2002), or on hypervolume among all sizes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from gi.search.select.contribution import volume_order
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


@dataclass(frozen=True, slots=True)
class VolumeStanding:
    """How the members of a population compare by hypervolume: their places in `volume_order`, and their sizes."""

    places: tuple[int, ...]
    sizes: tuple[float, ...]


def volume_standing(
    values: ArrayLike, sizes: Sequence[float], violation: ArrayLike = (), *, reference: Sequence[float]
) -> VolumeStanding:
    """The standing of a population with objective values (n, m) and n `sizes`, such as parameter counts.

    Raises `ValueError` for a NaN.
    """
    order = volume_order(values, len(sizes), violation, reference=reference)
    places = {row: place for place, row in enumerate(order)}
    return VolumeStanding(tuple(places[row] for row in range(len(sizes))), tuple(sizes))


def contribution_tournament(
    population: VolumeStanding, *, rng: random.Random, without: int | None = None, rounds: int = 2
) -> int:
    """The index of a parent: of a stretch of sizes drawn at random, the better of `rounds` members by their places.

    The members stand in the order of their sizes; a stretch is the third of them around one drawn evenly. So every size
    breeds, and within a size what keeps the volume breeds most. `without` is left out where anybody else is there.
    """
    candidates = [i for i in range(len(population.places)) if i != without] or [0]
    candidates.sort(key=lambda i: (population.sizes[i], i))
    length = max(2, -(-len(candidates) // 3))
    start = min(max(rng.randrange(len(candidates)) - length // 2, 0), max(len(candidates) - length, 0))
    stretch = candidates[start : start + length]
    return min((rng.choice(stretch) for _ in range(rounds)), key=lambda i: population.places[i])
