"""Values rounded to the noise of one evaluation, so that luck does not decide between near-twins."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from gi.core.objectives import Objective
from gi.search.select.survival import Matrix, objective_matrix

_TIME_BOX = math.log(1.05)  # CPU times of one program scatter by 2 to 5 % from measurement to measurement


def boxed(
    values: ArrayLike, objectives: Sequence[Objective], samples: int, least: Sequence[float] | None = None
) -> Matrix:
    """Unscaled values of shape (n, m), each replaced by the value of its box (Laumanns et al. 2002).

    Values are measured once, and programs that are equally good differ by noise. Then both may be non-dominated, and
    fronts fill up with near-twins; or the luckier one dominates the other. Boxed, they are equal rows, which count
    once, and a difference in an exact objective still decides.

    A share of `samples` validation samples has boxes of one binomial standard deviation: its arcsine has the same
    deviation, 1 / (2 sqrt(samples)), at every level (Anscombe 1948), so boxes of equal width in it fit each level. They
    begin at the `least` (m,) of each objective, by default the rows' own: what is within a deviation of the best is
    equal to it, and the smaller or faster of the two goes first. An error of 0 counts as 3/8 of a sample, which keeps
    one lucky sample from being decades in logarithms. Times have boxes of 5 %; counts are exact and stay unchanged.
    Raises `ValueError` for a NaN and for fewer samples than one.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}: a share is measured on at least one.")
    matrix = objective_matrix(values)
    if not len(matrix):
        return matrix
    starts = matrix.min(axis=0) if least is None else np.array(least)
    columns = zip(matrix.T, objectives, starts, strict=True)
    return np.stack([_boxed_column(column, o, samples, start) for column, o, start in columns], axis=1)


def _boxed_column(column: Matrix, objective: Objective, samples: int, least: float) -> Matrix:
    match objective.figure:
        case "share":
            return _boxed_shares(column, samples, least)
        case "ratio" | "seconds":
            # In logarithms, so that a box is 5 % wide at every level.
            return np.exp(_middle(np.log(np.maximum(column, objective.least)), _TIME_BOX))
        case _:
            return column


def _boxed_shares(shares: Matrix, samples: int, least: float) -> Matrix:
    """Shares as the lower edges of boxes of one deviation, the first of which begins at the least share."""
    start, *turned = _turned([least, *shares], samples)
    width = 0.5 / math.sqrt(samples)
    boxes: Matrix = np.sin(start + np.floor((np.array(turned) - start) / width) * width) ** 2
    return boxes


def hopeful(values: ArrayLike, objectives: Sequence[Objective], samples: int) -> Matrix:
    """(n, m) `values` less one deviation of the noise of each: a share's from the number of its `samples`, a time's
    5 %. Counts are exact and stay as they are. Raises `ValueError` for a NaN."""
    matrix = objective_matrix(values)
    if not len(matrix):
        return matrix
    columns = zip(matrix.T, objectives, strict=True)
    return np.stack([_hopeful_column(column, objective, samples) for column, objective in columns], axis=1)


def _hopeful_column(column: Matrix, objective: Objective, samples: int) -> Matrix:
    match objective.figure:
        case "share":
            lowered: Matrix = np.sin(np.maximum(_turned(column, samples) - 0.5 / math.sqrt(samples), 0.0)) ** 2
            return lowered
        case "ratio" | "seconds":
            return column * math.exp(-_TIME_BOX)
        case _:
            return column


def _turned(shares: ArrayLike, samples: int) -> Matrix:
    """Shares as angles whose deviation is the same at every level, 1 / (2 sqrt(samples)) (Anscombe 1948)."""
    # With 3/8 of a sample more the deviation is the same near 0 too.
    angles: Matrix = np.arcsin(np.sqrt((np.clip(shares, 0, 1) * samples + 0.375) / (samples + 0.75)))
    return angles


def _middle(values: Matrix, width: float) -> Matrix:
    # The middle and not the edge: a value of 0 would have no logarithm.
    return (np.floor(values / width) + 0.5) * width
