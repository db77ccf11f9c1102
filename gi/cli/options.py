"""Options that several verbs share, and how a verb prints what it answers."""

from pathlib import Path
from typing import Any

import click

from gi.core.errors import ConfigError
from gi.core.quoting import json_text, shown
from gi.core.types import Task

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON in place of a table.")
run_folder = click.argument("run", type=click.Path(path_type=Path))


def print_json(answer: Any) -> None:
    """Prints one JSON document."""
    click.echo(json_text(answer, indent=2))


def print_json_line(answer: Any) -> None:
    """Prints one JSON document on one line, at once."""
    click.echo(json_text(answer))


def say(line: object) -> None:
    """Prints one line of an answer to stdout; what a terminal would obey is shown in it."""
    click.echo(shown(str(line)))


def tell(line: str) -> None:
    """Prints one line on the work under way, or on what went wrong, to stderr."""
    click.echo(f"gi: {shown(' '.join(line.split()))}", err=True)


def parse_task(input_shape: str, num_classes: int) -> Task:
    """The task that "C,H,W" and a number of classes stand for. Raises `ConfigError`."""
    sizes = input_shape.replace("x", ",").split(",")
    if len(sizes) != 3 or not all(size.strip().isdigit() and int(size) > 0 for size in sizes):
        raise ConfigError(f"input shape {input_shape!r} is not three positive numbers: write channels,height,width.")
    if num_classes < 2:
        raise ConfigError(f"classes is {num_classes}: it must be at least 2.")
    channels, height, width = map(int, sizes)
    return Task((channels, height, width), num_classes)
