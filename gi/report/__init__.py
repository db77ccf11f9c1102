"""Reports of a run for people and for programs: tables, a plot, JSON."""

from gi.report.answers import failures_json, front_json, member_json, show_json, summary_json
from gi.report.constraints import nothing_feasible_text
from gi.report.explanation import explanation_json
from gi.report.own_model import own_model_text
from gi.report.printing import (
    front_plot,
    print_blocks,
    print_corpus,
    print_explanation,
    print_failures,
    print_front,
    print_harvests,
    print_individual,
    print_lines,
    print_machine,
    print_offspring,
)
from gi.report.rows import corpus_rows, kernel_rows, show_rows
from gi.report.table import front_table

__all__ = [
    "corpus_rows",
    "explanation_json",
    "failures_json",
    "front_json",
    "front_plot",
    "front_table",
    "kernel_rows",
    "member_json",
    "nothing_feasible_text",
    "own_model_text",
    "print_blocks",
    "print_corpus",
    "print_explanation",
    "print_failures",
    "print_front",
    "print_harvests",
    "print_individual",
    "print_lines",
    "print_machine",
    "print_offspring",
    "show_json",
    "show_rows",
    "summary_json",
]
