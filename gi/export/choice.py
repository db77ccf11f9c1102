"""Which member of a front to export when the user names none."""

import math
from collections.abc import Sequence

from gi.archive.records import FrontMember
from gi.errors import ConfigError
from gi.types import Objective

KNEE = "knee"


def best_member(front: Sequence[FrontMember], objectives: Sequence[Objective], best: str) -> FrontMember:
    """The member with the least value of the objective `best`, or the knee. Raises `ConfigError`."""
    if not front:
        raise ConfigError("the run has no front yet: let its first generation end.")
    if best == KNEE:
        return knee(front, objectives)
    if best not in front[0].values:
        raise ConfigError(f"--best {best}: choose from {', '.join([*front[0].values, KNEE])}.")
    return min(front, key=lambda member: (member.values[best], *(member.values[o.key] for o in objectives)))


def knee(front: Sequence[FrontMember], objectives: Sequence[Objective]) -> FrontMember:
    """The member nearest to the ideal point, with each objective scaled to 0..1 over the front.

    Parameters, times and other `log` objectives are scaled as logarithms. Ties go to the earlier member.
    """
    columns = [_scaled([member.values[o.key] for member in front], log=o.log) for o in objectives]
    distances = [math.hypot(*row) for row in zip(*columns, strict=True)]
    return front[distances.index(min(distances))]


def _scaled(values: Sequence[float], *, log: bool) -> list[float]:
    if log:
        values = [math.log(max(value, 1e-12)) for value in values]
    least, most = min(values), max(values)
    return [(value - least) / (most - least) if most > least else 0.0 for value in values]
