"""Makes every model of two repositories of CIFAR models fit grey images of another size and another number of classes.

See README.md beside this file for the question and the meaning of the columns.
"""

import argparse
import ast
import csv
import difflib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gi.core.errors import GiError
from gi.core.trace import Trace
from gi.core.types import Task
from gi.source.gate.passing import STRICT, Gate
from gi.source.model_file.entry_points import entry_of
from gi.source.model_file.plain_recipe import with_recipe
from gi.source.repair.repair import repaired
from gi.trace.client import CheckWorker

sys.path.insert(0, str(Path(__file__).parents[1]))

from repositories import tree_of

REPOSITORIES = (
    ("https://github.com/kuangliu/pytorch-cifar", "49b7aa97b0c12fe0d4054e670403a16b6b834ddd"),
    ("https://github.com/weiaicunzai/pytorch-cifar100", "11d8418f415b261e4ae3cb1ffe20d06ec95b98e4"),
)
ARGUMENTS = {"VGG": ("vgg_name='VGG16'",), "ShuffleNetV2": ("net_size=0.5",)}  # classes that need some
COLUMNS = ("repository", "file", "model", "fits", "rounds", "changed_lines", "cpu_ms", "needs_trust", "reason")


def models(text: str) -> Iterator[str]:
    """The functions of a file that build a model without arguments; else its last class."""
    tree = ast.parse(text)
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    free = [f.name for f in functions if len(f.args.args) <= len(f.args.defaults) and not f.name.startswith("test")]
    classes = [n.name for n in tree.body if isinstance(n, ast.ClassDef)]
    yield from free or classes[-1:]


def fitted(text: str, model: str, task: Task, check: CheckWorker) -> dict[str, object]:
    """One row of the table."""
    try:
        return fitted_text(text, model, task, check)[2]
    except GiError as error:
        return {"fits": False, "reason": str(error)}


def fitted_text(text: str, model: str, task: Task, check: CheckWorker) -> tuple[str, str, dict[str, object]]:
    """Entry, repaired text and columns of one model. Raises `GiError` where nothing builds it."""
    entry = entry_of(text, model, ARGUMENTS.get(model, ()))
    text, before = with_recipe(text), check.cpu_s
    refusal = STRICT.refusal(text, entry)
    check.gate = Gate((text,))  # as with --trust: what the gate refuses is another question
    result = repaired(text, task, lambda text, task: check(text, task, entry=entry))
    fits = isinstance(result.answer, Trace)
    changed = [line for line in difflib.ndiff(text.splitlines(), result.text.splitlines()) if line[0] == "+"]
    reason = "" if isinstance(result.answer, Trace) else f"{result.answer.reason}: {result.answer.detail}"[:60]
    cpu_ms = round(1000 * (check.cpu_s - before))
    row = {"fits": fits, "rounds": result.rounds, "changed_lines": len(changed), "cpu_ms": cpu_ms,
           "needs_trust": refusal.rule if refusal else "", "reason": reason}  # fmt: skip
    return entry, result.text, row


def main() -> None:
    """Writes results.csv and prints the counts."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repositories", type=Path, help="A folder of clones, read instead of fetching.")
    options.add_argument("--shape", type=int, nargs=3, default=(1, 28, 28))
    options.add_argument("--classes", type=int, default=7)
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "results.csv")
    given = options.parse_args()
    task, rows = Task(tuple(given.shape), given.classes), []
    with CheckWorker(wall_limit_s=60) as check, tempfile.TemporaryDirectory() as scratch:
        for url, commit in REPOSITORIES:
            tree = tree_of(url, commit, given.repositories, Path(scratch))
            for path in sorted(p for p in tree.sizes if p.startswith("models/") and p.endswith(".py")):
                text = tree.read(path).decode()
                for model in models(text):
                    row = {"repository": url.rpartition("/")[2], "file": path, "model": model}
                    rows.append({**row, **fitted(text, model, task, check)})
                    print(rows[-1], file=sys.stderr)
    with given.out.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    for name in dict.fromkeys(row["repository"] for row in rows):
        own = [row for row in rows if row["repository"] == name]
        files = {row["file"] for row in own} - {row["file"] for row in own if not row["fits"]}
        count = sum(bool(row["fits"]) for row in own)
        print(f"{name}: {count} of {len(own)} models fit, {len(files)} of {len({r['file'] for r in own})} files wholly")


if __name__ == "__main__":
    main()
