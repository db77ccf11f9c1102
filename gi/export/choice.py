"""The member of a front that is exported when the user names none."""

import math
from collections.abc import Sequence

from gi.archive import ranked
from gi.archive.records import FrontMember
from gi.core.errors import ConfigError
from gi.core.objectives import OBJECTIVES, Objective

KNEE = "knee"


def best_member(front: Sequence[FrontMember], objectives: Sequence[Objective], best: str) -> FrontMember:
    """The member with the least value of the objective `best`, or the knee. Raises `ConfigError`.

    It is the first of `gi.archive.ranked`, which compares members by the means over their final trainings.
    """
    if not front:
        raise ConfigError("the run has no front yet: let its first generation end.")
    if best == KNEE:
        return knee(trained_to_the_end(within_constraints(front)), objectives)
    if best not in front[0].values:
        raise ConfigError(f"--best {best}: choose from {', '.join([*front[0].values, KNEE])}.")
    return ranked(front, objectives, OBJECTIVES[best])[0]


def within_constraints(front: Sequence[FrontMember]) -> Sequence[FrontMember]:
    """The members that keep the run's constraints; all where there is none."""
    return [member for member in front if not member.excess] or front


def trained_to_the_end(front: Sequence[FrontMember]) -> Sequence[FrontMember]:
    """The members whose final trainings were scored on the validation split; all where there is none."""
    return [member for member in front if member.validation_errors] or front


def knee(front: Sequence[FrontMember], objectives: Sequence[Objective]) -> FrontMember:
    """The member nearest to the ideal point, with the logarithm of each objective scaled to 0..1 over the front.

    Logarithms, of the error too: to halve the error then counts like to halve the parameters. Scaled as they are, a
    front that reaches from 1 to 90 % error has its knee at a network that is wrong every third time. Ties go to the
    earlier member.
    """
    columns = [_in_range([o.decades(member.judged[o.key]) for member in front]) for o in objectives]
    distances = [math.hypot(*row) for row in zip(*columns, strict=True)]
    return front[distances.index(min(distances))]


def _in_range(values: Sequence[float]) -> list[float]:
    """Values as shares of the way from their least to their largest; 0 where all are equal."""
    least, most = min(values), max(values)
    return [(value - least) / (most - least) if most > least else 0.0 for value in values]
