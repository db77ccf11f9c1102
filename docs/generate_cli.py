"""Writes docs/cli.md from the help texts. Run it by `make docs`; a test holds that the file is current."""

from pathlib import Path
from typing import Any

import click

from gi.cli import group

PAGE = Path(__file__).with_name("cli.md")
WIDTH = 100


def page() -> str:
    """The whole page: the help text of `gi`, then that of each verb."""
    parts = ["# The command line", "", "Written by `make docs` from the help texts; do not edit.", ""]
    looks: dict[str, Any] = {**group.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(group, info_name="gi", **looks)
    parts += ["## gi", "", *_block(group.get_help(context))]
    for name in group.list_commands(context):
        parts += _verb(group.get_command(context, name), context, name, looks)
    return "\n".join(parts)


def _verb(command: click.Command, parent: click.Context, name: str, looks: dict[str, Any]) -> list[str]:
    """The help text of a verb, and of the verbs in it."""
    context = click.Context(command, parent=parent, info_name=name, **looks)
    parts = [f"## {context.command_path}", "", *_block(command.get_help(context))]
    for inner in command.list_commands(context) if isinstance(command, click.Group) else ():
        parts += _verb(command.get_command(context, inner), context, inner, looks)
    return parts


def _block(text: str) -> list[str]:
    return ["```text", *(line.rstrip() for line in text.splitlines()), "```", ""]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
