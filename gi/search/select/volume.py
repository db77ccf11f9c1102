"""The hypervolume (Zitzler and Thiele 1998) of objective values, linear and logarithmic ones side by side."""

import math
import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from gi.archive import violation
from gi.core.objectives import Objective
from gi.search.select.survival import Matrix, objective_matrix

# The worst row would otherwise lie on the corner, where it adds no volume.
_LINEAR_MARGIN = 0.1
_LOG_MARGIN = 2.0
_BOUND_FACTOR, _BOUND_MARGIN = 1.25, 0.005  # over the worst ordinary seed, so that noise makes none infeasible
# Hampel's rule: of normally distributed errors one in 370 lies beyond.
_ORDINARY_DEVIATIONS = 3.0
_DEVIATIONS_OF_MAD = 1.4826  # a normal distribution's standard deviation in median absolute deviations


def scaled(values: ArrayLike, objectives: Sequence[Objective]) -> Matrix:
    """Values of shape (n, m) in the units of selection and hypervolume: `log` objectives in decades, others unchanged.

    Dominance does not change, except below an objective's `least`; crowding and volume do: in decades a net of 2,000
    parameters is as far from one of 20,000 as that is from one of 200,000, and from 1.5 to 0.7 % error is as far as
    from 30 to 14 %.
    """
    matrix = objective_matrix(values)
    rows = [[o.scaled(value) for o, value in zip(objectives, row, strict=True)] for row in matrix.tolist()]
    return np.asarray(rows, dtype=np.float64).reshape(matrix.shape)


def reference_point(values: ArrayLike, objectives: Sequence[Objective], seeds: ArrayLike = ()) -> tuple[float, ...]:
    """The reference point of a run, unscaled, from its first generation's values of shape (n, m), n >= 1.

    An objective's own reference where it has one, else the worst value with a margin: twice it where the objective is
    logarithmic, a tenth more otherwise. A bounded objective's comes from the `seeds`, whose values are of shape (k, m):
    a quarter and half a point over the worst ordinary one (`worst_ordinary`), at most its own reference. Raises
    `ValueError` where there are no values.
    """
    matrix, first = objective_matrix(values), objective_matrix(seeds)
    if not len(matrix):
        raise ValueError("a reference point needs the values of at least one individual: got none.")
    corner = [_reference(float(worst), o) for worst, o in zip(matrix.max(axis=0), objectives, strict=True)]
    if len(first):
        bounds = [_BOUND_FACTOR * worst_ordinary(column) + _BOUND_MARGIN for column in first.T.tolist()]
        corner = [min(c, b) if o.bounded else c for c, b, o in zip(corner, bounds, objectives, strict=True)]
    return tuple(corner)


def worst_ordinary(values: Sequence[float]) -> float:
    """The largest of n >= 1 values, but no more than three standard deviations over their median (Hampel 1974).

    One seed program that does not fit the data set must not decide what is feasible: on digits the worst of 18 has an
    error of 37.6 %, their median 2.8 %, which gave a bound of 47.5 % in place of 7.9 %. The deviation is estimated by
    the median absolute one, which half of the values cannot move, and is at least a third of the median: equal values
    say little about the scatter of training, so up to twice the median is ordinary. Medians are the lower of two
    middle values, so that of two seed programs the better one decides. A single value is its own bound.
    """
    median = statistics.median_low(values)
    deviation = _DEVIATIONS_OF_MAD * statistics.median_low(abs(value - median) for value in values)
    return min(max(values), median + _ORDINARY_DEVIATIONS * max(deviation, median / _ORDINARY_DEVIATIONS))


def violations(values: ArrayLike, reference: Sequence[float], objectives: Sequence[Objective]) -> list[float]:
    """How far each of (n, m) rows lies beyond the reference point in the bounded objectives; 0 for a feasible one."""
    return [violation(row, reference, objectives) for row in objective_matrix(values).tolist()]


def hypervolume(values: ArrayLike, reference: Sequence[float], objectives: Sequence[Objective] | None = None) -> float:
    """The volume between (n, m) `values` and `reference`; rows beyond the reference add nothing; 0.0 for n = 0.

    With `objectives`, both are `scaled` first and nothing else is normalised: for error, params and time the unit is
    the product of a decade of each, so volumes of one run are comparable, and those of two runs if their reference
    points are equal. Raises `ValueError` for a NaN or another width.
    """
    points, corner = objective_matrix(values), objective_matrix([list(reference)])
    if not len(points):
        return 0.0
    if points.shape[1] != corner.shape[1]:
        raise ValueError(f"the reference point has {corner.shape[1]} values: expected {points.shape[1]}.")
    if objectives is not None:
        points, corner = scaled(points, objectives), scaled(corner, objectives)
    inside = points[(points < corner).all(axis=1)]
    return _volume(inside, corner[0]) if len(inside) else 0.0


def _volume(points: Matrix, corner: Matrix) -> float:
    from pymoo.indicators.hv import HV

    return float(HV(ref_point=corner)(points))


def _reference(worst: float, objective: Objective) -> float:
    if objective.reference is not None:
        return objective.reference
    if objective.log:
        return max(worst, objective.least) * _LOG_MARGIN
    return worst + _LINEAR_MARGIN * (math.fabs(worst) or 1.0)
