"""Writes docs/tidying.md: evolved programs before and after tidying. Run it by `make docs`; a test holds it current."""

import html
from pathlib import Path

from gi.export.layout import formatted
from gi.export.tidy.passes import PASSES, tidy_text

PAGE = Path(__file__).with_name("tidying.md")
PROGRAMS = sorted(Path(__file__).with_name("tidying").glob("*.py.txt"))

INTRODUCTION = """# Evolved programs before and after tidying

Written by `make docs`; do not edit.

`gi export` writes a program that gi evolved from its own seed programs in the usual form of hand-written code;
`--no-tidy` writes it as it was evolved. A program of a run that started from your own file is tidied only with
`--tidy`. Before anything is written, a confined worker builds both programs, carries the weights over, and compares
their outputs in evaluation (to 1e-5), their outputs for a batch in training, and what their recipes give. Where
anything differs, the evolved text is exported and a line says so.

What tidying does, in this order:
"""
CLOSING = """
The figures in an exported file's header are of the evolved program. A tidied one computes the same with the same
weights. Where a bias went or layers were put into order, it starts from other random numbers, so that the same seed
gives another training, as another seed would: the header then says so, and the file claims no figure for its seed.
Linear layers in a row that became one have fewer weights to train. `--no-tidy` gives the file whose seed gives gi's own
training.

The programs below are of runs on MNIST (`docs/tidying/`), less their imports.
"""


def page() -> str:
    """The whole page."""
    passes = ["dead lines go: what nothing reads", *(one.name for one in PASSES)]
    return "\n".join([
        INTRODUCTION, *(f"- {name}" for name in passes), CLOSING,
        *(part for path in PROGRAMS for part in _program(path)),
    ])  # fmt: skip


def _program(path: Path) -> list[str]:
    """The head of a program, and both of its texts side by side."""
    text = path.read_text("utf-8")
    head, _, _ = text.partition("\nimport ")
    tidied, steps = tidy_text(text)
    columns = "".join(f"<td><pre>{_body(part)}</pre></td>" for part in (text, tidied))
    told = [f"- {kind} {one}, {other}" for kind, one, other in steps if "?" not in one + other]
    return [
        f"## {path.name.partition('.')[0]}", "",
        *(line.removeprefix("# ").rstrip() + "  " for line in head.splitlines()), "",
        *(["What happens to its weights:", "", *told, ""] if told else []),
        "<table><tr><th>evolved</th><th>tidied</th></tr>", f'<tr valign="top">{columns}</tr></table>', "",
    ]  # fmt: skip


def _body(text: str) -> str:
    """A program from its first class on, formatted as an exported file is, as HTML.

    Without an empty line, at which Markdown would end the table.
    """
    made = formatted(text)
    lines = made[made.index("\nclass ") :].strip().split("\n")
    return "\n".join(html.escape(line) or "&nbsp;" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
