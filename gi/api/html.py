"""Runs, fronts and individuals as HTML for notebooks, with every text of the run escaped."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gi.core.figures import duration_text, spread_text
from gi.core.quoting import html_text, shown_lines

if TYPE_CHECKING:
    from gi.api.individuals import RunIndividual
    from gi.api.runs import Run


def run_html(run: "Run") -> str:
    """The facts of a run, and its front."""
    summary = run.summary
    facts = {
        "data set": run.config.dataset_name,
        "state": summary.state,
        # Their numbers begin at 0, with the seed programs.
        "generations": str(summary.generations + 1),
        "trainings": f"{summary.evaluations:,}, {summary.failed:,} failed",
        "CPU time": duration_text(summary.cpu_s),
        "hypervolume": f"{summary.hypervolume:.4f}",
    }
    return f"<p><b>run {html_text(str(run.path))}</b></p>{_facts(facts)}{front_html(run.front)}"


def front_html(front: "Sequence[RunIndividual]") -> str:
    """A table of the members."""
    if not front:
        return "<p>The front is empty: no generation has ended yet.</p>"
    config = front[0].config
    seeds = max(len(member.test_errors) for member in front)
    metric = config.objective("error").title
    heads = ["id", *(config.objective(key).title for key in config.objectives)]
    count = f"final trainings ({seeds} seed{'s' * (seeds > 1)})"
    heads += [f"validation {metric}, {count}", f"test {metric}, {count}"] if seeds else []
    rows = [
        [
            member.id[:8],
            *member.figures().values(),
            *(spread_text(values, seeds=seeds) for values in (member.validation_errors, member.test_errors) if seeds),
            str(member.generation),
        ]
        for member in front
    ]
    return _table([*heads, "generation"], rows)


def individual_html(individual: "RunIndividual") -> str:
    """The figures of an individual, and its source, folded."""
    metric = individual.config.objective("error").title
    facts = {**individual.figures(), "generation": str(individual.generation)}
    if individual.test_errors:
        facts[f"validation {metric}, {len(individual.validation_errors)} final trainings"] = spread_text(
            individual.validation_errors
        )
        facts[f"test {metric}, {len(individual.test_errors)} final trainings"] = spread_text(individual.test_errors)
    if individual.failure:
        facts["failed"] = f"{individual.failure.stage}: {individual.failure.reason}"
    # Line by line, since `html_text` escapes line breaks.
    code = "\n".join(map(html_text, shown_lines(individual.source).split("\n")))
    return (
        f"<p><b>individual {html_text(individual.id[:8])}</b></p>{_facts(facts)}"
        f"<details><summary>source</summary><pre>{code}</pre></details>"
    )


def _facts(facts: dict[str, str]) -> str:
    rows = "".join(f"<tr><th>{html_text(name)}</th><td>{html_text(value)}</td></tr>" for name, value in facts.items())
    return f"<table>{rows}</table>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{html_text(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
