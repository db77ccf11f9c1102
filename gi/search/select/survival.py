"""NSGA-II survival (Deb et al. 2002) built from pymoo's functions, without its random tie-breaking.

pymoo is imported inside the functions: it takes 0.2 s, which commands that only read a run need not pay.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]


def objective_matrix(values: ArrayLike) -> Matrix:
    """`values` as floats of shape (n, m), n >= 0. Raises `ValueError` for another shape and for NaN or infinity.

    pymoo 0.6 ranks a NaN row first, so a value that is not finite must never reach it.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.size == 0:
        return matrix.reshape(0, matrix.shape[-1] if matrix.ndim == 2 else 0)
    if matrix.ndim != 2:
        raise ValueError(f"objective values have shape {matrix.shape}: expected (individuals, objectives).")
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if bad.size:
        raise ValueError(
            f"objective values of row {bad[0]} are {matrix[bad[0]].tolist()}: they must be finite; "
            "a failed evaluation takes no part in selection."
        )
    return matrix


def ranks(values: ArrayLike, violation: ArrayLike = ()) -> list[int]:
    """The non-dominated rank of each of (n, m) rows, 0 for the first front; equal rows have equal ranks.

    With a `violation` (n,), 0 for a feasible row, dominance is constraint domination (Deb et al. 2002): a feasible row
    dominates every infeasible one, and of two infeasible rows the one with the smaller violation dominates.
    """
    matrix = objective_matrix(values)
    # Infeasible rows are ordered by their violation alone, whatever their objective values.
    beyond = _violations(matrix, violation)
    row_ranks, feasible = np.zeros(len(matrix), dtype=int), np.flatnonzero(beyond == 0)
    fronts = _fronts(matrix[feasible])
    for rank, front in enumerate(fronts):
        row_ranks[feasible[front]] = rank
    for rank, worse in enumerate(np.unique(beyond[beyond > 0]), start=len(fronts)):
        row_ranks[beyond == worse] = rank
    return [int(rank) for rank in row_ranks]


def crowding(values: ArrayLike, violation: ArrayLike = ()) -> list[float]:
    """The crowding distance of each of (n, m) rows within its front; infinite at a front's ends.

    A repetition of an earlier row has distance 0 and takes no part in its neighbours' distances.
    """
    matrix = objective_matrix(values)
    distances, rank = np.zeros(len(matrix)), np.array(ranks(matrix, violation))
    first = first_occurrences(matrix)
    for front in range(max(rank, default=-1) + 1):
        rows = first[rank[first] == front]
        distances[rows] = _front_crowding(matrix[rows])
    return [float(distance) for distance in distances]


def survivors(values: ArrayLike, k: int, violation: ArrayLike = ()) -> list[int]:
    """The at most `k` rows of (n, m) `values` that NSGA-II keeps, best first: by rank, then by crowding distance.

    Equal rows count once until every different row has its place, so that copies cannot crowd others out; ties go to
    the earlier row. `violation` is that of `ranks`.
    """
    matrix = objective_matrix(values)
    rank, distance = ranks(matrix, violation), crowding(matrix, violation)
    # Copies come last: one program with ten copies would otherwise fill the population.
    first = set(first_occurrences(matrix).tolist())
    order = sorted(range(len(matrix)), key=lambda row: (row not in first, rank[row], -distance[row], row))
    return order[:k]


def _violations(matrix: Matrix, violation: ArrayLike) -> NDArray[np.float64]:
    """The violation of each row, 0 throughout where none was given. Raises `ValueError` for NaN and for another n."""
    given = np.asarray(violation, dtype=np.float64)
    if not given.size:
        return np.zeros(len(matrix))
    if given.shape != (len(matrix),) or not (given >= 0).all():
        raise ValueError(f"violations are {given.tolist()}: expected {len(matrix)} numbers of at least 0.")
    return given


def _fronts(matrix: Matrix) -> list[NDArray[np.intp]]:
    from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

    # Sorted: pymoo does not define the order within a front.
    return [np.sort(front) for front in NonDominatedSorting().do(matrix)] if len(matrix) else []


def _front_crowding(front: Matrix) -> Matrix:
    from pymoo.operators.survival.rank_and_crowding.metrics import get_crowding_function

    return np.asarray(get_crowding_function("cd").do(front), dtype=np.float64)


def first_occurrences(matrix: Matrix) -> NDArray[np.intp]:
    """The indices of rows without an equal earlier row, in order."""
    return np.sort(np.unique(matrix, axis=0, return_index=True)[1]) if len(matrix) else np.arange(0)
