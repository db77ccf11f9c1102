"""Results of an experiment: rows as CSV, a table into the README beside the script, the member that is judged."""

import csv
from collections.abc import Sequence
from pathlib import Path

MARKS = "<!-- result -->\n", "<!-- end -->"


def put_table(out: Path, script: Path, text: str) -> None:
    """Writes a table between the marks of the README beside a script, if its results were written there too."""
    readme = script.parent / "README.md"
    if readme.exists() and out.parent == script.parent:
        before, _, rest = readme.read_text().partition(MARKS[0])
        readme.write_text(before + MARKS[0] + text + MARKS[1] + rest.partition(MARKS[1])[2])


def write_csv(path: Path, rows: Sequence[dict]) -> None:
    """Writes rows under the names of the first one's columns."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def judged(front: Sequence[dict], most: float) -> dict | None:
    """Of the members below so many parameters the one with the least validation error, mean of its final trainings.

    Members with fewer final trainings than others below that size are left out; None where none has any.
    """
    members = [member for member in front if member["params"] < most and member.get("seeds")]
    seeds = max((member["seeds"] for member in members), default=0)
    members = [member for member in members if member["seeds"] == seeds]
    return min(members, key=lambda member: member["validation_error_mean"], default=None)


def test_error_text(member: dict) -> str:
    """A member's test error, mean and deviation over its final trainings."""
    mean, deviation = member.get("test_error_mean"), member.get("test_error_sd")
    return "-" if mean is None else f"{mean:.2%}" + (f" ± {deviation:.2%}" if deviation is not None else "")
