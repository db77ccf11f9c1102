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
        command = group.commands[name]
        inner = click.Context(command, parent=context, info_name=name, **looks)
        parts += [f"## gi {name}", "", *_block(command.get_help(inner))]
    return "\n".join(parts)


def _block(text: str) -> list[str]:
    return ["```text", *(line.rstrip() for line in text.splitlines()), "```", ""]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
