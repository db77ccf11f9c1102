"""Fits one model of each of many files of public repositories to grey images and seven classes, and trains it one step.

    python experiments/16-fit/files.py

The files: `models/*.py` of the two repositories of fit.py, and those of `experiments/06-variation/suitable.json`, which
holds every file of the harvested repositories that builds a classifier without arguments. None was chosen by results.
Writes files.csv and prints the counts. See README.md beside this file.
"""

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fit import REPOSITORIES, fitted_text, models
from repositories import tree_of

from gi.core.errors import GiError
from gi.core.types import Task
from gi.harvest.catalogue import repositories
from gi.sandbox.warm_worker import WarmWorker, WorkerDied, WorkerTimeout
from gi.trace.client import CheckWorker

SUITABLE = Path(__file__).parents[1] / "06-variation/suitable.json"
TASK = Task((1, 28, 28), 7)
COLUMNS = ("repository", "file", "entry", "fits", "trains", "changed_lines", "cpu_ms", "needs_trust", "reason")


def sources(folder: Path | None, scratch: Path) -> Iterator[tuple[str, str, str, str]]:
    """Repository, path, text and model of each file."""
    for url, commit in REPOSITORIES:
        tree = tree_of(url, commit, folder, scratch)
        for path in sorted(p for p in tree.sizes if p.startswith("models/") and p.endswith(".py")):
            text = tree.read(path).decode()
            if (model := next(models(text), None)) is not None:
                yield url, path, text, model
    commits = {"/".join(r.url.split("/")[-2:]): (r.url, r.commit) for r in repositories()}
    for file in json.loads(SUITABLE.read_text()):
        owner, name, path = file["name"].split("/", 2)
        url, commit = commits[f"{owner}/{name}"]
        yield url, path, tree_of(url, commit, folder, scratch).read(path).decode(errors="replace"), file["entry"]


def row_of(text: str, model: str, check: CheckWorker, trainer: WarmWorker) -> dict[str, object]:
    """The columns of one file: fitted, then one step on noise."""
    try:
        entry, text, row = fitted_text(text, model, TASK, check)
    except GiError as error:
        return {"fits": False, "trains": False, "reason": str(error)}
    why = ""
    if row["fits"]:
        try:
            why = trainer.call(text, entry, list(TASK.input_shape), TASK.num_classes)
        except (WorkerDied, WorkerTimeout) as error:
            why = str(error)
    row.pop("rounds")
    return {"entry": entry, **row, "trains": bool(row["fits"]) and not why, "reason": row["reason"] or why}


def main() -> None:
    """Writes files.csv and prints the counts."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repositories", type=Path, help="A folder of clones, read instead of fetching.")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "files.csv")
    given = options.parse_args()
    rows: list[dict[str, object]] = []
    with CheckWorker(wall_limit_s=120) as check, tempfile.TemporaryDirectory() as scratch, given.out.open("w") as out:
        trainer = WarmWorker("step:handle", wall_limit_s=240.0, memory_mb=8192)
        table = csv.DictWriter(out, COLUMNS)
        table.writeheader()
        for url, path, text, model in sources(given.repositories, Path(scratch)):
            rows.append(
                {"repository": "/".join(url.split("/")[-2:]), "file": path, **row_of(text, model, check, trainer)}
            )
            table.writerow(rows[-1])
            out.flush()
            print(rows[-1], file=sys.stderr, flush=True)
        trainer.close()
    fit, train = (sum(bool(r[c]) for r in rows) for c in ("fits", "trains"))
    print(f"{len(rows)} files: {fit} fit, {train} fit and train one step ({100 * train / len(rows):.1f} %)")


if __name__ == "__main__":
    main()
