"""The option `--isolation` of verbs that start workers."""

import os

import click

from gi.api.isolating import refuse_missing
from gi.sandbox.isolation import ISOLATIONS, VARIABLE


def _isolate(_context: click.Context, _parameter: click.Parameter, chosen: str) -> None:
    """Sets the isolation of this process's workers. Raises `ConfigError` where strict isolation is not available."""
    # By the environment, which the fork servers of all later workers inherit.
    os.environ[VARIABLE] = chosen
    refuse_missing()


isolation_option = click.option(
    "--isolation",
    type=click.Choice(ISOLATIONS),
    envvar=VARIABLE,
    default="auto",
    show_default=True,
    expose_value=False,
    callback=_isolate,
    help="How programs are closed off: auto takes each layer that the system has, strict refuses where one is missing.",
)
