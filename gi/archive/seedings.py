"""Which layers of a training began as layers of the parent or of an index's networks."""

import sqlite3

from gi.archive.records import Evaluation
from gi.core.types import Scored, SeededLayer, Seeding


def add_seeding(db: sqlite3.Connection, evaluation: Evaluation) -> None:
    """Writes how the training of an evaluation began; nothing where it had only its program, or there was none."""
    e = evaluation
    seeding = e.outcome.seeding if isinstance(e.outcome, Scored) else None
    if seeding is None or e.copied_from is not None:
        return
    where = (e.individual, e.split, e.seed, e.images)
    db.execute("INSERT OR REPLACE INTO seedings VALUES (?, ?, ?, ?, ?, ?)", (*where, seeding.won, seeding.cpu_s))
    db.executemany(
        "INSERT OR REPLACE INTO seeded_layers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(*where, n, x.layer, x.network, x.donor_layer, x.channels, x.how) for n, x in enumerate(seeding.layers)],
    )


def seeding(db: sqlite3.Connection, individual: str, split: str) -> Seeding | None:
    """How the first training of an individual (full id) that was scored on `split` began; None where nobody asked.

    Of one that computes what an earlier one does, it is that one's.
    """
    copied = db.execute(
        "SELECT copied_from FROM outcomes WHERE individual = ? AND split = ? AND copied_from IS NOT NULL",
        (individual, split),
    ).fetchone()
    individual = copied[0] if copied else individual
    row = db.execute(
        "SELECT seed, images, won, cpu_s FROM seedings WHERE individual = ? AND split = ? ORDER BY rowid LIMIT 1",
        (individual, split),
    ).fetchone()
    if row is None:
        return None
    layers = db.execute(
        "SELECT layer, network, donor_layer, channels, how FROM seeded_layers "
        "WHERE individual = ? AND split = ? AND seed = ? AND images = ? ORDER BY position",
        (individual, split, row[0], row[1]),
    )
    return Seeding(tuple(SeededLayer(*layer) for layer in layers), bool(row[2]), row[3])
