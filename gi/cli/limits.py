"""What a verb that trains after the end of a run may use."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from gi.core.errors import ConfigError
from gi.core.settings import parse_duration

if TYPE_CHECKING:
    from gi.jobs.minimise import MinimisationBudget

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--trainings", type=int, default=80, show_default=True, help="Trainings in all, the last ones aside."),
    click.option("--seeds", type=int, default=8, show_default=True, help="Trainings of one program at most."),
    click.option("--budget", metavar="5m", help="CPU time of these trainings: 90s, 20m, 1h30m."),
    click.option("--workers", type=int, default=None, show_default="one for each core", help="Trainings at once."),
)
_NAMES = frozenset({"trainings", "seeds", "budget", "workers", "tolerance"})


def training_limits(command: F) -> F:
    """Adds the options to a verb."""
    # Reversed, since the last decorator's option is listed first.
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def parse_limits(given: dict[str, Any]) -> "MinimisationBudget":
    """The limits that the options stand for. Raises `ConfigError`."""
    from gi.jobs.minimise import MinimisationBudget

    workers, budget = given["workers"], given["budget"]
    if workers is not None and workers < 1:
        raise ConfigError(f"workers is {workers}: it must be at least 1.")
    return MinimisationBudget(
        trainings=given["trainings"],
        seeds=given["seeds"],
        budget_cpu_s=None if budget is None else parse_duration(budget),
        tolerance=given.get("tolerance", 0.0),
    )


def refuse_unused_limits(ctx: click.Context, flag: str) -> None:
    """Raises `ConfigError` where one of the options was given without the flag that it is for."""
    # The user would assume that an option which has no effect here was applied.
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if name in _NAMES and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise ConfigError(f"{parameter.opts[0]} goes with {flag}, which is not given.")
