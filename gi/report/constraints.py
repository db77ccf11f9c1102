"""How many programs a run's constraints exclude, and the nearest program where none keeps them."""

from gi.archive import Archive, FrontMember, front_members
from gi.core.objectives import Constraint
from gi.core.settings import RunConfig
from gi.core.types import BEYOND_MAX_PARAMS, Scored


def constraints_lines(archive: Archive) -> list[str]:
    """A line for each constraint: how many programs exceed it, and how many tries it refused before training."""
    limits = archive.run().config.constraints
    evaluated = archive.outcomes.evaluations("validation") if limits else ()
    values = {e.individual: e.outcome.values for e in evaluated if isinstance(e.outcome, Scored)}
    lines = []
    for limit in limits:
        beyond = sum(limit.excess(figures) > 0 for figures in values.values())
        untrained = f", {refused} more tries refused before training" if (refused := _refused(archive, limit)) else ""
        lines.append(f"{limit}: {beyond} of {len(values)} scored programs lie beyond it{untrained}")
    return lines


def nothing_feasible_text(archive: Archive) -> str:
    """A note that no program keeps the constraints, with the nearest one; "" where one does or none was scored."""
    limits = archive.run().config.constraints
    front = front_members(archive) if limits else ()
    if not front or any(not member.excess for member in front):
        return ""
    nearest = min(front, key=lambda member: member.excess)
    stated = " and ".join(map(str, limits))
    return (
        f"no program keeps {stated}: the nearest is {nearest.id[:8]} with {_figures(nearest, archive.run().config)}. "
        f"Raise the limit, or search on: gi evolve --resume {archive.folder} --generations MORE."
    )


def _figures(member: FrontMember, config: RunConfig) -> str:
    limited = [config.objective(limit.key) for limit in config.constraints]
    return ", ".join(f"{objective.title} {objective.text(member.judged[objective.key])}" for objective in limited)


def _refused(archive: Archive, limit: Constraint) -> int:
    """How many tries, seed programs among them, were refused for having too many parameters."""
    groups = archive.outcomes.refusals() if limit.key == "params" else ()
    return sum(group.count for group in groups if group.reason == BEYOND_MAX_PARAMS)
