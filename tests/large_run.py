"""A large finished run, written straight into an archive: no training, no torch; every figure is made up."""

import json
import random

from gi.archive import Archive, rows
from gi.core.objectives import OBJECTIVES
from gi.core.settings import RunConfig
from gi.core.types import Edit, LineType, Try
from tests.small_run import DEEP, DONOR, FAILURE, SMALL, retrain, scored

RUNGS = (640, 2560, 10_240)
OPERATORS = ("insertion", "crossover", "tweak", "deletion")
SIZE = 100  # of a generation


def write_large_run(folder, count=20_000, size=SIZE):
    """A run of `count` individuals, `size` a generation: every fourth went a rung up, and every fourth of these two."""
    config = RunConfig(dataset="digits", generations=count // size - 1, population=size, final_images=RUNGS[-1])
    objectives = [OBJECTIVES[key] for key in config.objectives]
    tables = content(random.Random(7), count, size)
    with Archive.create(folder, config, objectives=objectives, rungs=RUNGS, seeds=[]) as archive:
        with archive.db.transaction():
            archive.db.execute("UPDATE run SET reference = '[1.0, 1e6, 3.0]'")
            for name, listed in tables.items():
                archive.db.insert(name, listed)
        for id_ in json.loads(tables["generations"][-1][2])[:3]:
            retrain(archive, id_, (0.04, 0.05), images=RUNGS[-1])
        archive.sessions.add_event("finished")
    return folder


def content(rng, count, size):
    """The rows of each table."""
    names = ("individuals", "slots", "tries", "parents", "edits", "outcomes", "generations")
    tables = {name: [] for name in names}
    ids = [f"{rng.getrandbits(64):016x}" for _ in range(count)]
    top = []
    for n, id_ in enumerate(ids):
        generation, slot = divmod(n, size)
        operator = rng.choice(OPERATORS)
        text = f"{DEEP if n % 3 else SMALL}# {n}\n"
        tables["individuals"].append((n + 1, id_, text, generation, slot, *rows.origin_row(None), ""))
        tables["slots"].append((generation, slot, id_))
        tables["tries"] += rows.try_rows(generation, slot, [Try(operator)])
        if generation:
            tables["parents"].append((id_, 0, ids[rng.randrange(max(0, n - 5 * size), generation * size)]))
            edit = Edit(operator, LineType.ACTIVATION, 12, "", "nn.Hardswish(inplace=True),", DONOR)
            tables["edits"].append((id_, 0, *rows.edit_row(edit)))
        width = 10 ** rng.uniform(2.5, 6 - generation / count * size)
        for rung, images in enumerate(RUNGS):
            if n % 4**rung == 0:
                error = min(0.9, (3 / width**0.45 + 0.004) * 2 ** (2 - rung) * rng.lognormvariate(0, 0.35))
                outcome = scored(error, int(width), 0.02 + width**0.4 / 100 * rng.lognormvariate(0, 0.3))
                outcome = FAILURE if n % 17 == 5 else outcome
                tables["outcomes"].append((id_, "validation", 1, images, *rows.outcome_row(outcome), None))
                if rung == 2 and outcome is not FAILURE:
                    top.append((error, id_))
        if slot == size - 1:
            front = json.dumps([id_ for _, id_ in sorted(top)[:10]])
            volume = 6 - 3 / (generation + 1)
            closed = (generation, front, front, volume, "{}", 60.0 * (generation + 1), 0.0, 0, RUNGS[-1])
            tables["generations"].append(closed)
    return tables
