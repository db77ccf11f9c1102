"""Options that say which machines do the work."""

import click

from gi.api.executing import EXECUTORS

executor_option = click.option(
    "--executor",
    type=click.Choice(EXECUTORS),
    default=EXECUTORS[0],
    show_default=True,
    help="Train on this machine, or on the machines of a Ray cluster. Needs gi[ray].",
)
address_option = click.option(
    "--address",
    metavar="HOST:PORT",
    show_default="$RAY_ADDRESS or this machine's cluster",
    help="Of the Ray cluster; from outside of it ray://HOST:10001.",
)
