"""Single files, to look at: `gi lines`, `gi vary`, `gi repair`."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gi.cli.corpus_file import open_corpus
from gi.cli.isolation import isolation_option
from gi.cli.options import (
    Form,
    answer_form,
    arguments_option,
    parse_task,
    print_answer,
    print_json_line,
    tell,
    trust_option,
)
from gi.core.errors import ConfigError, RunError
from gi.core.streams import stream
from gi.core.types import Edit, Try

if TYPE_CHECKING:
    from gi.vary import Vary

F = TypeVar("F", bound=Callable[..., Any])


# The same task for `vary` and `repair`.
def _task_options(verb: F) -> F:
    shape = click.option(
        "--input-shape", default="1,28,28", show_default=True, metavar="C,H,W", help="What one image measures."
    )
    classes = click.option("--classes", type=int, default=10, show_default=True, help="How many classes there are.")
    return shape(classes(verb))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@answer_form
def lines(*, file: Path, form: Form) -> None:
    """Print the typed lines of a Python file."""
    from gi.lines import file_lines, lines_json

    lines = file_lines(file)
    if form == "text":
        from gi.report.printing import print_lines

        print_lines(lines)
    else:
        print_answer(form, lines_json(lines), lines_json(lines))


@click.command()
@click.argument("file", metavar="FILE[:NAME]")
@arguments_option
@click.option("--edits", type=int, default=1, show_default=True, help="Edits in a row for each offspring.")
@click.option("--count", type=int, default=1, show_default=True, help="How many offspring, or raw tries.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random streams.")
@_task_options
@click.option("--corpus", "corpus_path", type=click.Path(path_type=Path), help="What to borrow from.")
@click.option("--allow-licence", multiple=True, metavar="SPDX", help="Borrow from this licence too; may be repeated.")
@click.option("--raw", is_flag=True, help="Each try as it came, accepted or not, with the reason of a refusal.")
@isolation_option
@trust_option
@answer_form
def vary(
    *,
    file: str,
    arguments: tuple[str, ...],
    edits: int,
    count: int,
    seed: int,
    input_shape: str,
    classes: int,
    corpus_path: Path | None,
    allow_licence: tuple[str, ...],
    raw: bool,
    trust: bool,
    form: Form,
) -> None:
    """Print offspring of a model file; with --json one object a line.

    Only what the file defines varies: its recipe only where it has one.
    """
    from gi.api.model_file import fitted_text, read_model
    from gi.api.trusting import model_gate
    from gi.trace.client import CheckWorker
    from gi.vary import Vary

    if edits < 1 or count < 1:
        raise ConfigError(f"edits is {edits} and count is {count}: both must be at least 1.")
    model, task = read_model(file, arguments), parse_task(input_shape, classes)
    with ExitStack() as held:
        # A file without a recipe is varied without one: a recipe of gi's own is none of the user's program.
        gate = model_gate(model, trust=trust)
        check = held.enter_context(CheckWorker(entry=model.entry, with_recipe=model.has_recipe, gate=gate))
        start = fitted_text(model.as_it_is, task, check, tell=tell)
        stock = held.enter_context(open_corpus(corpus_path))
        variation = Vary(stock.with_licences(allow_licence), check, task, entry=model.entry)
        make = _raw_try if raw else _offspring
        # One stream for each number, so that `--count 3` begins with what `--count 1` gives.
        answers = (make(variation, start, edits, seed, number) for number in range(count))
        if form == "csv":  # whose heading needs them all
            rows = list(answers)
            print_answer(form, rows, rows)
        # Each as soon as it is made, since one may take minutes; after CSV none is left.
        for answer in answers:
            if form == "json":
                print_json_line(answer)
            else:
                from gi.report.printing import print_offspring

                print_offspring(answer, start)


def _offspring(variation: "Vary", text: str, edits: int, seed: int, number: int) -> dict[str, Any]:
    from gi.core.types import Refused

    rng, done, tries = stream(seed, "vary", number), tuple[Edit, ...](), 0
    for _ in range(edits):
        result = variation([text], rng=rng, edit_shares=(1.0,))  # one edit a call: how many there are is the user's
        tries += len(result.tries)
        if isinstance(result, Refused):
            raise RunError(f"no offspring after {tries} tries; the last was refused: {_reason(result.tries)}.")
        text, done = result.text, done + result.edits
    return _answer(text, done, tries)


def _reason(tries: tuple[Try, ...]) -> str:
    return f"{tries[-1].reason} ({tries[-1].stage})" if tries else "no operator found anything to change"


def _raw_try(variation: "Vary", text: str, edits: int, seed: int, number: int) -> dict[str, Any]:
    tried = variation.edited(text, edits, rng=stream(seed, "vary", number))
    verdict = {
        "accepted": tried.verdict.accepted,
        "stage": tried.verdict.stage,
        "reason": tried.verdict.reason,
        "detail": tried.verdict.detail,
    }
    return {**_answer(tried.text, tried.edits, 1), **verdict}


def _answer(text: str, edits: tuple[Edit, ...], tries: int) -> dict[str, Any]:
    origins = [_origin(edit) for edit in edits]
    return {"text": text, "operators": [edit.operator for edit in edits], "tries": tries, "origin": origins}


def _origin(edit: Edit) -> dict[str, Any] | None:
    origin = edit.origin
    if origin is None:
        return None
    return {
        "repository": origin.repository,
        "commit": origin.commit,
        "path": origin.path,
        "line": origin.line,
        "licence": origin.licence,
    }


@click.command()
@click.argument("file", metavar="FILE[:NAME]")
@arguments_option
@_task_options
@isolation_option
@trust_option
@answer_form
def repair(*, file: str, arguments: tuple[str, ...], input_shape: str, classes: int, trust: bool, form: Form) -> None:
    """Print a model file made to fit a data set's shape."""
    from gi.api.repairing import repaired_content
    from gi.source.model_file.patching import plain_text

    task = parse_task(input_shape, classes)
    content = repaired_content(file, task, arguments, tell=tell, trust=trust)
    if form == "text":
        click.echo(content, nl=False)
    else:
        print_answer(form, {"text": plain_text(content), "input_shape": task.input_shape, "classes": task.num_classes})
