"""Which members of a long front are shown where not all are."""

from collections.abc import Sequence

from gi.archive.records import FrontMember, RunRecord


def top_members(run: RunRecord, front: Sequence[FrontMember], top: int | None) -> Sequence[FrontMember]:
    """`top` members (all for None): the best by each objective, then those that differ most from the chosen ones."""
    if top is None or top >= len(front):
        return front
    from gi.search.select import spread  # numpy, which takes longer to import than to answer without it

    values = [[o.scaled(member.values[o.key]) for o in run.objectives] for member in front]
    return [front[row] for row in spread(values, top)]
