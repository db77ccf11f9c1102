"""What a search measured, as rows in the order of its trainings: their front, its volume, and the front trained anew.

A row has `cpu_s` (used until then), `values` (None for a failure, `time` None where it was not timed), `text`,
`generation` (0 for seed programs, None for a trial of another search) and `images` (of the training).
"""

import json
import math
import sqlite3
from pathlib import Path

REFERENCE = {"error": 0.10, "params": 1e6, "time": 30.0}
CAPS = (1_000, 2_000, 10_000, math.inf)
FINAL_IMAGES = 90_000


def trained_rows(run: Path) -> list[dict]:
    """The trainings of a run of `gi evolve`, in the order in which they ended, with the CPU seconds used by then."""
    with sqlite3.connect(run / "run.sqlite") as db:
        used_s = db.execute("SELECT sum(cpu_s) FROM sessions").fetchone()[0]
        trained = db.execute(
            "SELECT figures, outcomes.cpu_s, text, generation, images FROM outcomes "
            "JOIN individuals ON id = individual WHERE split = 'validation' ORDER BY outcomes.rowid"
        ).fetchall()
    # What is no training's, such as variation and gi's own start, is spread evenly over the trainings.
    rest_s = max(0.0, used_s - sum(cpu_s for _, cpu_s, *_ in trained)) / len(trained)
    rows, spent_s = [], 0.0
    for figures, cpu_s, text, generation, images in trained:
        spent_s += cpu_s + rest_s
        values = figures and objective_values(json.loads(figures))
        rows.append({"cpu_s": spent_s, "values": values, "text": text, "generation": generation, "images": images})
    return rows


def objective_values(values: dict) -> dict:
    """The three objectives out of an outcome's values."""
    return {key: values.get(key) for key in REFERENCE}


def final(data: str, rows: list[dict]) -> list[dict]:
    """The front of what a search measured, trained anew on 90,000 images by this tree and scored on the test split."""
    from gi.core.protocols import Job
    from gi.core.settings import RunConfig, cache_folder
    from gi.core.types import Scored
    from gi.data.dataset import load_dataset
    from gi.train.executor import LocalExecutor

    texts = list(dict.fromkeys(row["text"] for row in front(rows)))
    dataset = load_dataset(data, cache=cache_folder())
    with LocalExecutor(dataset, RunConfig(dataset=data, images=FINAL_IMAGES, cpu_limit_s=100), workers=2) as executor:
        jobs = [Job(str(n), text, 77, FINAL_IMAGES, "test") for n, text in enumerate(texts)]
        outcomes = [future.result() for future in [executor.submit(job) for job in jobs]]
    return [objective_values(outcome.values) for outcome in outcomes if isinstance(outcome, Scored)]


def timed(rows: list[dict]) -> list[dict]:
    """The rows that were scored; what was not timed on a low rung has the time of a longer training of its text."""
    times = {row["text"]: row["values"]["time"] for row in rows if row["values"] and row["values"]["time"]}
    known = [row for row in rows if row["values"] and row["text"] in times]
    return [{**row, "values": {**row["values"], "time": times[row["text"]]}} for row in known]


def front(rows: list[dict]) -> list[dict]:
    """The rows under the reference point that none dominates."""
    some = [row for row in timed(rows) if all(row["values"][key] < most for key, most in REFERENCE.items())]
    points = [tuple(row["values"][key] for key in REFERENCE) for row in some]
    return [
        row
        for row, mine in zip(some, points, strict=True)
        if not any(other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in points)
    ]


def volume(values: list[dict]) -> float:
    """The hypervolume over log10 of error, parameters and time."""
    import moocore
    import numpy as np

    corner = np.log10([*REFERENCE.values()])
    points = np.log10([[max(v["error"], 1e-4), v["params"], v["time"]] for v in values] or [[*REFERENCE.values()]])
    inside = points[(points < corner).all(axis=1)]
    return float(moocore.hypervolume(inside, ref=corner)) if len(inside) else 0.0


def test_errors(final: list[dict]) -> list[float | None]:
    """The least error under each of `CAPS` parameters."""
    return [min((v["error"] for v in final if v["params"] < cap), default=None) for cap in CAPS]
