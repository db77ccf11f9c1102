"""Mating selection: tournaments on rank and crowding distance (Deb et al. 2002), or on hypervolume among all sizes."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from gi.search.select.contribution import contributions, volume_order
from gi.search.select.survival import crowding, objective_matrix, ranks

# Both chosen on seeds of NAS-Bench-201 other than those reported (experiments/20-nasbench).
_ROUNDS = 4
_SHARE_BY_SIZE = 0.25


@dataclass(frozen=True, slots=True)
class Standing:
    """Non-dominated ranks and crowding distances of a population, in its order."""

    ranks: tuple[int, ...]
    crowding: tuple[float, ...]


def standing(values: ArrayLike, violation: ArrayLike = ()) -> Standing:
    """Ranks and crowding of a population with objective values (n, m) and a violation as `ranks` takes it.

    Raises `ValueError` for a NaN.
    """
    return Standing(tuple(ranks(values, violation)), tuple(crowding(values, violation)))


def tournament(population: Standing, *, rng: random.Random, without: int | None = None) -> int:
    """The index of the better of two members drawn at random: lower rank, then less crowded, then first drawn.

    `without` is left out of the draw unless it is alone, so that a second parent is another one.
    """
    # A population of one mates with itself: variation then works with a single parent.
    candidates = [i for i in range(len(population.ranks)) if i != without] or [0]
    # With repetition: a member that is drawn twice wins against itself.
    first, second = rng.choice(candidates), rng.choice(candidates)
    return min((first, second), key=lambda i: (population.ranks[i], -population.crowding[i]))


@dataclass(frozen=True, slots=True)
class VolumeStanding:
    """Places by hypervolume, 0 for the best, and sizes of a population, in its order."""

    places: tuple[int, ...]
    sizes: tuple[float, ...]


def volume_standing(
    values: ArrayLike, sizes: Sequence[float], violation: ArrayLike = (), *, reference: Sequence[float]
) -> VolumeStanding:
    """Places and sizes of a population with objective values (n, m) and n `sizes`, such as parameter counts.

    Places go by non-dominated rank, in the first front by exclusive contribution, which favours isolated members, and
    in others by `volume_order`. Raises `ValueError` for a NaN or another width.
    """
    matrix, rank = objective_matrix(values), ranks(values, violation)
    front = [row for row in range(len(matrix)) if rank[row] == 0]
    alone = dict(zip(front, contributions(matrix[front], reference), strict=True))
    order = volume_order(matrix, len(matrix), violation, reference=reference)
    order.sort(key=lambda row: (rank[row], -alone.get(row, 0.0)))
    places = {row: place for place, row in enumerate(order)}
    return VolumeStanding(tuple(places[row] for row in range(len(matrix))), tuple(sizes))


def contribution_tournament(population: VolumeStanding, *, rng: random.Random, without: int | None = None) -> int:
    """The index of a parent: the best placed of four members, drawn from all or from neighbours in size.

    One call in four draws from a third of the members, neighbours in the order of sizes, so that every size breeds.
    `without` is left out of the draw unless it is alone.
    """
    candidates = [i for i in range(len(population.places)) if i != without] or [0]
    if rng.random() < _SHARE_BY_SIZE:
        candidates = _neighbours(sorted(candidates, key=lambda i: (population.sizes[i], i)), rng)
    return min((rng.choice(candidates) for _ in range(_ROUNDS)), key=lambda i: population.places[i])


def _neighbours(by_size: list[int], rng: random.Random) -> list[int]:
    """A third of the members, at least two if there are two, around one drawn at random."""
    length = min(len(by_size), max(2, -(-len(by_size) // 3)))
    # Moved in at the ends, so that the neighbourhood has its full length there too.
    start = min(max(rng.randrange(len(by_size)) - length // 2, 0), len(by_size) - length)
    return by_size[start : start + length]
