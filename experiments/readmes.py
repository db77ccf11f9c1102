"""Where an experiment's table stands in its README."""

from pathlib import Path

MARKS = "<!-- result -->\n", "<!-- end -->"


def put_table(out: Path, script: Path, text: str) -> None:
    """Writes a table between the marks of the README beside a script, if its results were written there too."""
    readme = script.parent / "README.md"
    if readme.exists() and out.parent == script.parent:
        before, _, rest = readme.read_text().partition(MARKS[0])
        readme.write_text(before + MARKS[0] + text + MARKS[1] + rest.partition(MARKS[1])[2])
