"""Selection by hypervolume contribution: of each row, and the order in which a few rows keep most of the volume.

moocore, which pymoo computes hypervolumes with, is called directly: it has contributions, and the greedy order calls it
so often that pymoo's wrapper would cost as much as the volumes. Like pymoo it is imported inside the functions.
"""

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

import numpy as np
from numpy.typing import ArrayLike

from gi.search.select.survival import Matrix, crowding, first_occurrences, objective_matrix, ranks

_NOTHING = 1e-12  # of a volume: at most this comes from rounding


def contributions(values: ArrayLike, reference: Sequence[float]) -> list[float]:
    """The volume that each of (n, m) rows alone dominates, up to `reference`; 0 for dominated and repeated rows.

    Dominated rows do not change the others' (Guerreiro and Fonseca 2018, n log n in three dimensions). Rows beyond
    the reference contribute nothing. Raises `ValueError` for a NaN or another width.
    """
    import moocore

    matrix, corner = _with_corner(values, reference)
    volumes, inside = np.zeros(len(matrix)), np.flatnonzero((matrix < corner).all(axis=1))
    # Beyond the corner a row dominates nothing that counts.
    if inside.size:
        volumes[inside] = moocore.hv_contributions(matrix[inside], ref=corner)
    return [float(volume) for volume in volumes]


def volume_order(values: ArrayLike, k: int, violation: ArrayLike = (), *, reference: Sequence[float]) -> list[int]:
    """The at most `k` of (n, m) rows that keep the hypervolume, best first; the first j of them are the best j.

    By non-dominated rank (`violation` is that of `ranks`: the feasible first), and within a front by what each adds to
    the volume of those before it, the most first. Forward greedy choice keeps at least 63 % of the volume that the best
    k rows of a front have (Nemhauser, Wolsey and Fisher 1978). Rows that add nothing because they lie beyond the
    reference end their front, the least crowded first. Equal rows count once until every different row has its place;
    ties go to the earlier row. Raises `ValueError` for a NaN or another width.
    """
    matrix, corner = _with_corner(values, reference)
    rank, first = np.array(ranks(matrix, violation), dtype=int), first_occurrences(matrix)
    order: list[int] = []
    for front in range(int(rank.max(initial=-1)) + 1):
        rows = first[rank[first] == front]
        order += [int(rows[member]) for member in _front_order(matrix[rows], corner, k - len(order))]
    # Copies come last whatever their rank: none may take the place of a program that differs.
    repeated = sorted(set(range(len(matrix))) - set(first.tolist()), key=lambda row: (rank[row], row))
    return [*order, *repeated][:k]


def volume_survivors(values: ArrayLike, k: int, violation: ArrayLike = (), *, reference: Sequence[float]) -> list[int]:
    """The at most `k` rows of (n, m) that survive, best first: the best by the first objective, then by volume.

    That is `volume_order` with one row moved to the front: the row of least error may add little volume where its
    network is large, and a run must not lose it.
    """
    order = volume_order(values, k, violation, reference=reference)
    best = first_by_objective(values, violation)
    return [*best, *(row for row in order if row not in best)][:k]


def hopeful_order(
    values: ArrayLike, hopes: ArrayLike, k: int, worth: ArrayLike = (), *, reference: Sequence[float]
) -> list[int]:
    """The at most `k` of (n, m) rows that deserve a longer measurement, the most deserving first.

    The best by the first objective, then repeatedly the row that would add most volume to the `values` of those chosen
    if its values were its `hopes` (n, m): optimism in the face of uncertainty (Auer, Cesa-Bianchi and Fischer 2002).
    Of two rows that differ in one objective by noise alone, and in another really, both are chosen; by the values the
    lucky one alone would be. Added volume is multiplied by a row's `worth` (n,), by default 1. Rows that could add
    nothing are left out; ties go to the earlier row. Raises `ValueError` for a NaN or another width.
    """
    matrix, corner = _with_corner(values, reference)
    best, _ = _with_corner(hopes, reference)
    given = np.asarray(worth, dtype=np.float64)
    first = first_by_objective(matrix)[:k]
    order = _by_gain(best, corner, values=matrix, worth=given if given.size else None, first=first)
    more = takewhile(lambda row_and_gain: row_and_gain[1] > _NOTHING, order)
    return [*first, *(row for row, _ in islice(more, k - len(first)))]


def first_by_objective(values: ArrayLike, violation: ArrayLike = ()) -> list[int]:
    """The row of (n, m) with the least first value, of equals the least second one and so on; [] for no rows.

    Only rows of the first front, which have the least `violation`, are compared.
    """
    # Only the first front: a bounded objective's least value may be that of an infeasible row.
    matrix = objective_matrix(values)
    rank = ranks(matrix, violation)
    front = [row for row in range(len(matrix)) if rank[row] == 0]
    return sorted(front, key=lambda row: (*matrix[row], row))[:1]


def _front_order(front: Matrix, corner: Matrix, k: int) -> list[int]:
    """The at most `k` rows of one front of different rows, in the order of what each adds to those before it."""
    if k <= 0:
        return []
    chosen = [row for row, _ in islice(_by_gain(front, corner), k)]
    if len(chosen) == min(k, len(front)):
        return chosen
    distance = crowding(front)
    # Rows beyond the corner gain nothing in volume: crowding orders them by how much they differ.
    left = sorted(set(range(len(front))) - set(chosen), key=lambda row: (-distance[row], row))
    return [*chosen, *left][:k]


def _by_gain(
    front: Matrix,
    corner: Matrix,
    *,
    values: Matrix | None = None,
    worth: Matrix | None = None,
    first: Sequence[int] = (),
) -> Iterator[tuple[int, float]]:
    """The rows inside the corner, in each step the one that adds most to the volume of those before, with its gain.

    A chosen row counts by its `values`, by default those of `front`; the rows `first` are chosen already. Gains are
    multiplied by a row's `worth`. They only shrink as others come, so an old one is an upper bound: a row is measured
    again only when it leads the queue (lazy greedy, Minoux 1978), a few times for each row chosen instead of once for
    every row.
    """
    values = front if values is None else values
    worth = np.ones(len(front)) if worth is None else worth
    # What lies beyond would have a negative side, and two of them a positive product.
    inside = [row for row in np.flatnonzero((front < corner).all(axis=1)).tolist() if row not in first]
    volumes = worth[inside] * np.prod(corner - front[inside], axis=1)
    before = [row for row in first if (values[row] < corner).all()]
    # Negated, since Python's heap gives the least first; of equal gains the earlier row.
    queue = [(-float(volume), row, 0) for volume, row in zip(volumes, inside, strict=True)]
    heapq.heapify(queue)
    while queue:
        gain, row, measured_at = heapq.heappop(queue)
        if measured_at == len(before):
            yield row, -gain
            before.append(row)
        else:
            gain = -float(worth[row]) * _gain(front[row], values[before], corner)
            heapq.heappush(queue, (gain, row, len(before)))


def _gain(row: Matrix, others: Matrix, corner: Matrix) -> float:
    """The volume that a row adds to others: its own box less what they dominate in it."""
    # The volume that the others dominate in the row's box is that of the others clipped to it.
    import moocore

    shared = np.maximum(others, row)
    return float(np.prod(corner - row)) - float(moocore.hypervolume(shared, ref=corner))


def _with_corner(values: ArrayLike, reference: Sequence[float]) -> tuple[Matrix, Matrix]:
    """The values (n, m) and the reference point (m,). Raises `ValueError` where the widths differ."""
    matrix, corner = objective_matrix(values), objective_matrix([list(reference)]).reshape(-1)
    if len(matrix) and matrix.shape[1] != len(corner):
        raise ValueError(f"the reference point has {len(corner)} values: expected {matrix.shape[1]}.")
    return matrix.reshape(len(matrix), len(corner)), corner
