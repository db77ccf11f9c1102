"""A few members of a front that represent all of it, for final trainings and reports."""

import math

from numpy.typing import ArrayLike

from gi.search.select.survival import objective_matrix


def spread(values: ArrayLike, most: int) -> list[int]:
    """At most `most` rows of a front's (n, m) values, in their order: the best by each objective, then a spread.

    The spread adds the row farthest from those chosen, with each column scaled to 0..1 over the front, until there are
    enough (Gonzalez 1985: the largest distance of a row to its nearest chosen one is at most twice the optimum). Ties
    go to the earlier row.
    """
    matrix = objective_matrix(values)
    if len(matrix) <= most:
        return list(range(len(matrix)))
    least, span = matrix.min(axis=0), matrix.max(axis=0) - matrix.min(axis=0)
    # Each objective by its own span: parameter counts would otherwise decide alone.
    rows = ((matrix - least) / [width or 1.0 for width in span]).tolist()
    chosen = list(dict.fromkeys(int(column.argmin()) for column in matrix.T))[:most]
    distances = [min(math.dist(row, rows[member]) for member in chosen) for row in rows]
    while len(chosen) < most:
        farthest = distances.index(max(distances))
        chosen.append(farthest)
        distances = [min(known, math.dist(row, rows[farthest])) for known, row in zip(distances, rows, strict=True)]
    return sorted(chosen)
