"""The front of a run: what nothing dominates among all that was evaluated, and the order of its members."""

import itertools
from collections.abc import Sequence
from operator import le
from typing import TYPE_CHECKING

from gi.archive.records import FrontMember
from gi.core.objectives import Objective

if TYPE_CHECKING:
    import numpy as np

_MANY = 1_000  # rows; fewer are compared before numpy would be imported
_PIVOTS = 128
_AT_ONCE = 256  # rows that are compared in one operation on matrices


def violation(values: Sequence[float], reference: Sequence[float], objectives: Sequence[Objective]) -> float:
    """How far the values of one individual lie beyond the reference point in bounded objectives; 0 where feasible."""
    return sum(o.excess(v, r) for o, v, r in zip(objectives, values, reference, strict=False))


def front_rows(values: Sequence[Sequence[float]], violations: Sequence[float]) -> list[int]:
    """The rows of (n, m) values, all minimised, that no other row dominates, in their order; of equal rows the first.

    Infeasible rows (a violation above 0) are out while any row is feasible; where none is, those with the least
    violation are compared (constraint domination, Deb et al. 2002).
    """
    first: dict[tuple[float, ...], int] = {}
    for row in nondominated_rows(values, violations):
        first.setdefault(tuple(values[row]), row)
    return list(first.values())


def nondominated_rows(values: Sequence[Sequence[float]], violations: Sequence[float]) -> list[int]:
    """`front_rows` with all of equal rows. Without pymoo, which takes longer to import than most answers."""
    allowed = min(violations, default=0.0)
    compared = [row for row, beyond in enumerate(violations) if beyond == allowed]
    many = len(compared) > _MANY
    if many:
        compared = _culled(values, compared)
    equal: dict[tuple[float, ...], list[int]] = {}
    for row in compared:
        equal.setdefault(tuple(values[row]), []).append(row)
    # In the order of their values one can only be dominated by one before it.
    front = (_front_of_many if many else _front_of_few)(sorted(equal))
    return sorted(row for given in front for row in equal[given])


def _front_of_few(ordered: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Those of different, ordered values that none before them dominates.

    Each is compared with the front so far, and with the member that dominated last before all others: few members
    dominate most, so that one costs a few comparisons and not one for each member of the front.
    """
    front: list[tuple[float, ...]] = []
    for given in ordered:
        for at, better in enumerate(front):
            if all(map(le, better, given)):
                if at:
                    front.insert(0, front.pop(at))
                break
        else:
            front.append(given)
    return front


def _front_of_many(ordered: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """As `_front_of_few`, some hundred rows at once: these are compared with the front so far and with each other."""
    import numpy as np

    front = np.empty((0, len(ordered[0])))
    for start in range(0, len(ordered), _AT_ONCE):
        some = np.array(ordered[start : start + _AT_ONCE])
        some = some[~(front[:, None] <= some).all(axis=2).any(axis=0)]
        # Different rows: one that is nowhere above another dominates it, and each is below itself.
        front = np.concatenate([front, some[(some[:, None] <= some).all(axis=2).sum(axis=0) == 1]])
    return list(map(tuple, front.tolist()))


def _culled(values: Sequence[Sequence[float]], rows: Sequence[int]) -> list[int]:
    """`rows` without most of those that another one dominates.

    The row with the least weighted sum of ranks dominates many and is dominated by none that is left; with other
    weights in turn such rows come from all over the front.
    """
    import numpy as np

    flat = itertools.chain.from_iterable(values[row] for row in rows)
    columns = [*np.fromiter(flat, dtype=float, count=len(rows) * len(values[0])).reshape(len(rows), -1).T.copy()]
    # Equal values have one rank, so that whoever dominates has the lesser sum. Floats: products of integers are slow.
    ranks = np.stack([np.unique(column, return_inverse=True)[1] for column in columns]).astype(float)
    left = np.arange(len(rows))
    for weights in _spread_weights(len(columns)):
        pivot = (weights @ ranks).argmin()
        behind, equal = np.ones(len(left), dtype=bool), np.ones(len(left), dtype=bool)
        for column in columns:
            behind &= column >= column[pivot]
            equal &= column == column[pivot]
        kept = ~behind | equal
        left, ranks, columns = left[kept], ranks[:, kept], [column[kept] for column in columns]
    return [rows[n] for n in left.tolist()]


def _spread_weights(count: int) -> "np.ndarray":
    """(`_PIVOTS`, count) positive weights, spread evenly over all directions."""
    import numpy as np

    # The generalised golden ratio spreads points over a cube (Roberts 2018), the logarithm those over a simplex.
    # Without numpy.random, whose import takes as long as all comparisons.
    ratio = 2.0
    for _ in range(30):
        ratio = (1 + ratio) ** (1 / (count + 1))
    steps = ratio ** -np.arange(1.0, count + 1)
    return -np.log(np.arange(1, _PIVOTS + 1)[:, None] * steps % 1.0)


def ranked(front: Sequence[FrontMember], objectives: Sequence[Objective], by: Objective) -> list[FrontMember]:
    """The members by one objective, the least first; ties go by all `objectives` in their order, then as they came.

    First come those that keep the run's constraints, then the others by how far they lie beyond.
    Members are compared by the means over their final trainings. Of the error the search knows one training, the least
    of which is the luckiest: by it, members that have only that one come after those with further ones.
    """
    # A training on the top rung is the first of the final ones: it alone is what the search chose by.
    alone = 1 if any(len(member.validation_errors) > 1 for member in front) else 0

    def place(member: FrontMember) -> tuple[float, ...]:
        untrained = bool(by.final_key) and len(member.validation_errors) <= alone
        return (member.excess, untrained, member.judged[by.key], *(member.judged[o.key] for o in objectives))

    return sorted(front, key=place)
