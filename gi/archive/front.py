"""The front of a run: what nothing dominates among all that was evaluated, and the order of its members."""

from collections.abc import Sequence
from operator import le

from gi.archive.records import FrontMember
from gi.core.objectives import Objective

_MANY = 1_000  # rows; fewer are compared before numpy would be imported
_PIVOTS = 64


def violation(values: Sequence[float], reference: Sequence[float], objectives: Sequence[Objective]) -> float:
    """How far the values of one individual lie beyond the reference point in bounded objectives; 0 where feasible."""
    return sum(o.excess(v, r) for o, v, r in zip(objectives, values, reference, strict=False))


def front_rows(values: Sequence[Sequence[float]], violations: Sequence[float]) -> list[int]:
    """The rows of (n, m) values, all minimised, that no other row dominates, in their order.

    Of equal rows the first is in. Infeasible rows (a violation above 0) are out while any row is feasible; where none
    is, those with the least violation are compared.

    In the order of their values a row can only be dominated by one before it, and by one of the front so far if by any.
    The member that dominated last is asked first: few members dominate most rows, so that a row costs a few comparisons
    and not one for each member of the front. Without pymoo, which takes longer to import.
    """
    compared = contenders(values, violations)
    front: list[tuple[tuple[float, ...], int]] = []
    # By values, then by row: of equal rows the first is in, whatever the order of the rest.
    for given, row in sorted((tuple(values[n]), n) for n in compared):
        for at, (better, _) in enumerate(front):
            if all(map(le, better, given)):
                if at:
                    front.insert(0, front.pop(at))
                break
        else:
            front.append((given, row))
    return sorted(row for _, row in front)


def contenders(values: Sequence[Sequence[float]], violations: Sequence[float]) -> list[int]:
    """The rows among which the front is, and of those that are equal all, in their order.

    Of many rows most that another one dominates are left out, in a tenth of the time that going through them in Python
    takes.
    """
    # Feasible ones first, as constraint domination has it (Deb et al. 2002).
    allowed = min(violations, default=0.0)
    compared = [row for row, beyond in enumerate(violations) if beyond == allowed]
    return compared if len(compared) <= _MANY else _culled(values, compared)


def _culled(values: Sequence[Sequence[float]], rows: Sequence[int]) -> list[int]:
    """`rows` without most of those that another one dominates strictly.

    The row with the least weighted sum of ranks dominates many and is dominated by none that is left; with other
    weights in turn such rows come from all over the front.
    """
    import numpy as np

    matrix = np.array([values[row] for row in rows], dtype=float)
    # Equal values have one rank, so that whoever dominates has the lesser sum.
    ranks = np.stack([np.unique(column, return_inverse=True)[1] for column in matrix.T], axis=1)
    left = np.arange(len(rows))
    # Any weights give the same front, those of a fixed seed in the same time.
    for weights in np.random.default_rng(0).dirichlet([1.0] * matrix.shape[1], size=_PIVOTS):
        remaining = matrix[left]
        best = remaining[(ranks[left] @ weights).argmin()]
        left = left[~((remaining >= best).all(axis=1) & (remaining > best).any(axis=1))]
    return [rows[n] for n in left.tolist()]


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
