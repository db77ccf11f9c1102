"""Views of one individual: its source, the diff to its seed program, its ancestors, its seeding."""

import difflib
from collections.abc import Mapping, Sequence

from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from gi.core.objectives import Objective
from gi.core.quoting import shown, shown_lines
from gi.core.settings import RunConfig
from gi.core.text_lines import python_lines
from gi.core.types import Edit, Failed, Individual, Outcome, SeededLayer, Seeding
from gi.explain.provenance.origins import origin_text
from gi.report.table import table


def source(text: str, *, coloured: bool) -> Syntax | str:
    """The source text, highlighted for a terminal, unchanged for a pipe."""
    return _highlighted(text, "python") if coloured else text.rstrip("\n")


def diff(seed: Individual, individual: Individual, *, coloured: bool) -> Syntax | str:
    """The unified diff from the seed program to the individual; a note where nothing changed."""
    lines = difflib.unified_diff(
        python_lines(seed.text), python_lines(individual.text), seed.id[:8], individual.id[:8], lineterm=""
    )
    text = "\n".join(map(shown_lines, lines)) or f"{individual.id[:8]} is a seed program: nothing changed."
    return _highlighted(text, "diff") if coloured else text


def lineage_table(lineage: Sequence[Individual], outcomes: Mapping[str, Outcome], config: RunConfig) -> Table:
    """The ancestors, oldest first, with the edits that made each, and their errors by the run's metric."""
    shown_objectives = [config.objective(key) for key in ("error", "params")]
    titles = [objective.title for objective in shown_objectives]
    grid = table("id", "generation", "parents", "edits", *titles, right=("generation", *titles))
    for member in lineage:
        # Only a seed program has no edits.
        edits = "\n".join(edit_text(edit) for edit in member.edits) or "seed program"
        parents = " ".join(parent[:8] for parent in member.parents) or "-"
        cells = [_value(outcomes.get(member.id), objective) for objective in shown_objectives]
        grid.add_row(member.id[:8], str(member.generation), parents, Text(edits), *cells)
    return grid


def edit_text(edit: Edit) -> str:
    """One edit in a line: operator, line number, the inserted or deleted text, and its origin."""
    change = " ".join((edit.after or edit.before).split())
    sign = "+" if edit.after else "-"
    place = f"  [{origin_text(edit.origin)}]" if edit.origin else ""
    what = edit.operator if edit.operator == edit.type else f"{edit.operator} {edit.type}"
    return shown(f"{what} at line {edit.line}: {sign} {change[:80]}{place}")


def _value(outcome: Outcome | None, objective: Objective) -> str:
    if outcome is None:
        return "-"
    if isinstance(outcome, Failed):
        return "failed"
    return objective.text(outcome.values[objective.key]) if objective.key in outcome.values else "-"


def _highlighted(text: str, language: str) -> Syntax:
    # Keeps the terminal's own background, whatever its colour.
    return Syntax(text, language, theme="ansi_dark", background_color="default", word_wrap=True)


def seeding_text(seeding: Seeding) -> str:
    """The layers that started from weights of the parent or of an index; a note where none did."""
    inherited, donated = seeding.inherited, seeding.donated
    if not seeding.layers:
        return "Its training began as the program says: no network of the index fits."
    lines = _began("its parent", inherited)
    if seeding.won:
        lines += _began("the index", donated)
    elif donated:
        lines = lines or ["Its training began as the program says."]
        lines.append(f"Weights of {shown(donated[0].network)} lost their race against that.")
    return "\n".join(lines)


def _began(source: str, layers: Sequence[SeededLayer]) -> list[str]:
    rows = [shown(f"  {x.layer}: {x.channels} channels of {x.donor_layer} in {x.network} ({x.how})") for x in layers]
    return [f"Its training began with weights of {source}:", *rows] if rows else []
