"""The front of a run: what nothing dominates among all that was evaluated, and the order of its members."""

from collections.abc import Sequence
from operator import le

from gi.archive.records import FrontMember
from gi.core.objectives import Objective


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
    # Feasible ones first, as constraint domination has it (Deb et al. 2002).
    allowed = min(violations, default=0.0)
    front: list[tuple[tuple[float, ...], int]] = []
    # By values, then by row: of equal rows the first is in, whatever the order of the rest.
    for given, row in sorted((tuple(values[n]), n) for n in range(len(values)) if violations[n] == allowed):
        for at, (better, _) in enumerate(front):
            if all(map(le, better, given)):
                if at:
                    front.insert(0, front.pop(at))
                break
        else:
            front.append((given, row))
    return sorted(row for _, row in front)


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
