"""Options that several verbs share, and how a verb prints what it answers."""

import functools
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import click

from gi.core.csv_table import csv_text
from gi.core.errors import ConfigError
from gi.core.quoting import json_text, shown
from gi.core.types import Task

Form = Literal["text", "json", "csv"]
V = TypeVar("V", bound=Callable[..., Any])


def answer_form(verb: V) -> V:
    """Gives a verb the options `--json` and `--csv`, and passes what they say as its `form`."""

    @functools.wraps(verb)
    def with_form(*arguments: Any, as_json: bool, as_csv: bool, **options: Any) -> Any:
        if as_json and as_csv:
            raise ConfigError("--json and --csv: an answer has one form, pass one of them.")
        return verb(*arguments, form="json" if as_json else "csv" if as_csv else "text", **options)

    csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a heading and a row for each item.")
    json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON in place of a table.")
    # The last decorator's option is listed first.
    return cast("V", json_option(csv_option(with_form)))


trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Run your own file though the gate refuses it; borrowed lines are still checked, and all runs in the sandbox.",
)
run_folder = click.argument("run", type=click.Path(path_type=Path))
arguments_option = click.option(
    "--arg",
    "arguments",
    multiple=True,
    metavar="NAME=VALUE",
    help="An argument that the model is built with, as a literal; may be repeated.",
)


def print_answer(form: Form, answer: Any, rows: Sequence[Mapping[str, Any]] | None = None) -> None:
    """Prints an answer as one JSON document, or in CSV: its `rows`, by default the answer itself as the only row."""
    if form == "json":
        click.echo(json_text(answer, indent=2))
    else:
        click.echo(csv_text([answer] if rows is None else rows), nl=False)


def print_json_line(answer: Any) -> None:
    """Prints one JSON document on one line, at once."""
    click.echo(json_text(answer))


def say(line: object) -> None:
    """Prints one line of an answer to stdout; what a terminal would obey is shown in it."""
    click.echo(shown(str(line)))


def tell(line: str) -> None:
    """Prints one line on the work under way, or on what went wrong, to stderr."""
    # Line breaks out of a foreign text would look like lines of gi's own.
    text = f"gi: {shown(' '.join(line.split()))}"
    if sys.stderr.isatty():  # which would break it within a word
        width = max(shutil.get_terminal_size().columns, 20)
        text = textwrap.fill(text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
    # Not by click, whose stream for it goes past a live panel that stands on the terminal.
    sys.stderr.write(f"{text}\n")


def parse_task(input_shape: str, num_classes: int) -> Task:
    """The task that "C,H,W" and a number of classes stand for. Raises `ConfigError`."""
    from gi.api.repairing import task_of

    # "1x28x28" too: `--image-size` is written with an x.
    sizes = input_shape.replace("x", ",").split(",")
    if not all(size.strip().isdigit() for size in sizes):
        raise ConfigError(f"input shape {input_shape!r} is not three positive numbers: write channels,height,width.")
    return task_of(tuple(map(int, sizes)), num_classes)
