"""Where the results of an experiment go: rows into a CSV file, a table into the README beside the script."""

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
