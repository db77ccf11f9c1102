"""A group of verbs whose modules are imported when they are asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group that also has the verbs of some `modules`, by their names, and lists all in the order of their naming.

    A verb is what its module calls it (click's guide, "Lazily Loading Subcommands"): `gi front` imports one module of
    twelve.
    """

    def __init__(self, *arguments: Any, modules: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's protocol)
        """The names of all verbs, the group's own first."""
        return [*(name for name in self.commands if name not in self._modules), *self._modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb, imported; None for an unknown name."""
        # For an unknown one all: click proposes those that are spelled alike.
        unknown = cmd_name not in self.commands and cmd_name not in self._modules
        for name in self._modules if unknown else {cmd_name} & self._modules.keys():
            if name not in self.commands:
                self.add_command(getattr(import_module(self._modules[name]), name))
        return super().get_command(ctx, cmd_name)
