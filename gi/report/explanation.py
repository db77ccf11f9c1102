"""An explanation as text of 80 columns: the figures of both programs, then each change with its effects."""

from collections.abc import Callable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from gi.core.figures import spread_text
from gi.core.objectives import OBJECTIVES, Objective
from gi.core.text_lines import python_lines
from gi.explain.provenance.origins import origin_text
from gi.explain.records import UNMEASURED, Effect, Explanation, Levels, Verdict
from gi.report.table import plain, table

Named = Callable[[str], Objective]

_SHOWN_ROWS = 12  # of one side of a change: a borrowed class may have hundreds


def explanation_text(explanation: Explanation, objective: Named = OBJECTIVES.__getitem__) -> Group:
    """Each change with its decision and measured effects; `objective` returns the run's objective of a key."""
    parts: list[RenderableType] = [heading(explanation)]
    if explanation.minimised_levels and explanation.dropped:
        parts += ["", _figures(explanation, objective)]
    for status in ("kept", "dropped"):
        verdicts = [v for v in explanation.verdicts if v.status == status]
        if verdicts and explanation.dropped:
            parts += ["", Text(status, style="bold")]
        for verdict in verdicts:
            parts += ["", _change(verdict, objective)]
    return Group(*parts, *(["", _legend(explanation)] if explanation.verdicts else []))


def heading(explanation: Explanation) -> str:
    """One line with the numbers of all changes, of kept and of dropped ones."""
    count = len(explanation.verdicts)
    if not count:
        return f"{explanation.individual[:8]} is a seed program: nothing changed."
    changes = f"{count} change{'s' if count > 1 else ''}"
    text = f"{explanation.individual[:8]}: {changes} since its seed program {explanation.seed_program[:8]}"
    if explanation.dropped:
        text += f", {len(explanation.kept)} kept, {len(explanation.dropped)} dropped"
    return text


def effect_text(effect: Effect, objective: Named = OBJECTIVES.__getitem__) -> str:
    """An effect as in `error -0.52% ± 0.31`, with "(noise)" where it is within noise."""
    measured = objective(effect.objective)
    text = f"{measured.title} {measured.change_text(effect.difference, effect.noise or 0.0)}"
    # Parameters have no noise: a change of 0 is then exact, and not "within noise".
    return f"{text} (noise)" if effect.noise and effect.within_noise else text


def effects_text(verdict: Verdict, objective: Named) -> str:
    """All effects of a change, and a note on unmeasured ones."""
    if not verdict.effects:
        return "" if verdict.status == "dropped" else UNMEASURED
    # Without a training only the effect on the parameters is known.
    rest = "" if verdict.trainings else f"; other effects {UNMEASURED}"
    return "; ".join(effect_text(effect, objective) for effect in verdict.effects) + rest


def _figures(explanation: Explanation, objective: Named) -> RenderableType:
    """The figures of the individual and of its minimised program, one row for each."""
    measured = [objective(key) for key in explanation.levels if explanation.minimised_levels.get(key)]
    titles = [each.title for each in measured]
    figures = table("", *titles, "test error", right=titles)
    for name, levels, tests in (
        (explanation.individual[:8], explanation.levels, explanation.tests),
        (f"{explanation.id[:8]}, minimised", explanation.minimised_levels, explanation.minimised_tests),
    ):
        figures.add_row(name, *_cells(levels, measured), spread_text(tests))
    return figures


def _cells(levels: Levels, measured: Sequence[Objective]) -> Iterator[str]:
    for objective in measured:
        yield objective.mean_text(levels[objective.key])


def _change(verdict: Verdict, objective: Named) -> RenderableType:
    """One change: line, operators, rows, their origins, effects, and the reason of the decision."""
    change = verdict.change
    by = f", by {' and '.join(verdict.operators)}" if verdict.operators else ""
    rows = [*_rows("-", change.before, "red"), *_rows("+", change.after, "green")]
    notes = [plain(f"from {origin_text(origin)}") for origin in verdict.origins]
    notes += [plain(text) for text in (effects_text(verdict, objective), _reason(verdict)) if text]
    head = plain(f"{change.number}. line {change.line}{by}", "bold")
    return Group(head, *(Padding(row, (0, 0, 0, 3)) for row in (*rows, *notes)))


def _reason(verdict: Verdict) -> str:
    return "" if verdict.reason == UNMEASURED else verdict.reason


def _rows(sign: str, text: str, style: str) -> Iterator[Text]:
    rows = python_lines(text)
    for row in rows[:_SHOWN_ROWS]:
        # The width of a tab would depend on the terminal, and on the sign before it.
        yield plain(f"{sign} {row.expandtabs(4)}", style)
    if len(rows) > _SHOWN_ROWS:
        yield Text(f"{sign} ... {len(rows) - _SHOWN_ROWS} more lines", style=style)


def _legend(explanation: Explanation) -> str:
    """How the figures were measured, and the command that measures what is missing."""
    sentences = []
    trained = max((v.trainings for v in explanation.verdicts), default=0)
    if trained:
        sentences.append(
            f"An effect is the mean with the change less the mean without it, over up to {trained} trainings of "
            f"{explanation.images:,} images, on the validation split, ± half of its 95 % interval. Less is better."
        )
    if not explanation.levels:
        sentences.append("--measure trains the program without each change in turn, and reports the effect.")
    elif not explanation.finished:
        sentences.append("The limit of trainings was reached: the same command goes on, with as many again.")
    return " ".join(sentences)
