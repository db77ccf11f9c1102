"""What a run holds, for people and for programs: tables, a picture, JSON."""

from gi.report.answers import failures_json, front_json, member_json, show_json, summary_json
from gi.report.printing import (
    front_plot,
    print_corpus,
    print_failures,
    print_front,
    print_harvests,
    print_individual,
    print_lines,
    print_machine,
    print_offspring,
)
from gi.report.table import front_table

__all__ = [
    "failures_json",
    "front_json",
    "front_plot",
    "front_table",
    "member_json",
    "print_corpus",
    "print_failures",
    "print_front",
    "print_harvests",
    "print_individual",
    "print_lines",
    "print_machine",
    "print_offspring",
    "show_json",
    "summary_json",
]
