"""The format of a run file: numbered steps, each from one format to the next.

A new file is made by all of them in order, an earlier one by those that it lacks, so that the tables are described once
and nothing drifts apart. The number of the last step taken is the file's `user_version`. A step is never changed once a
gi with it was released; a further change is a new step at the end.

A file that may not be written to is read through a copy in memory that took the same steps.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """The step from the format before to format `number`; `apply` runs statements and never commits."""

    number: int
    name: str
    apply: Callable[[sqlite3.Connection], None]


def migrate(db: sqlite3.Connection) -> None:
    """Applies the steps that the file lacks, inside the caller's transaction: all of them or none."""
    for step in missing_steps(db):
        step.apply(db)
        # Within the transaction of the steps: a file of half a step has the number of none.
        db.execute(f"PRAGMA user_version = {step.number}")


def missing_steps(db: sqlite3.Connection) -> tuple[Migration, ...]:
    """The steps between the file's format and today's, in order; all of them for an empty file."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return tuple(step for step in STEPS if step.number > version)


def _run_tables(db: sqlite3.Connection) -> None:
    # Not `executescript`, here and below: that commits the caller's transaction first.
    for statement in _RUN_TABLES.split(";\n"):
        db.execute(statement)


def _fingerprints(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE individuals ADD COLUMN fingerprint TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE outcomes ADD COLUMN copied_from TEXT REFERENCES individuals (id)")


def _tables_made_on_first_use(db: sqlite3.Connection) -> None:
    """Files of formats 1 and 2 hold these tables where they were needed, with the same columns."""
    for statement in _TABLES_MADE_ON_FIRST_USE.split(";\n"):
        db.execute(statement)


def _errors_of_retrainings(db: sqlite3.Connection) -> None:
    """The errors of a retraining stand in its outcome alone: `error` (test split) and `validation_error`.

    The table had both in columns beside it. No gi before this format scored the validation split there: old runs have
    no `validation_error` in an outcome, and it stays absent.
    """
    # Made anew in place of DROP COLUMN, which SQLite has since 3.35 alone.
    db.execute(
        "CREATE TABLE kept_weights (individual TEXT NOT NULL REFERENCES individuals (id), seed INTEGER NOT NULL, "
        "images INTEGER NOT NULL, weights TEXT, PRIMARY KEY (individual, seed, images))"
    )
    db.execute("INSERT INTO kept_weights SELECT individual, seed, images, weights FROM retrainings")
    db.execute("DROP TABLE retrainings")
    db.execute("ALTER TABLE kept_weights RENAME TO retrainings")


def _outcomes_from_the_cache(db: sqlite3.Connection) -> None:
    """Whether an earlier run did the training. A column in the middle: the rows of both tables are written by order."""
    for statement in _OUTCOMES_FROM_THE_CACHE.split(";\n"):
        db.execute(statement)


def _rungs(db: sqlite3.Connection) -> None:
    """How many training samples each rung presents, and which individuals went up when.

    A run of an earlier format has one rung, of the samples that one evaluation presented.
    """
    db.execute("ALTER TABLE run ADD COLUMN rungs TEXT NOT NULL DEFAULT '[]'")
    db.execute(
        "UPDATE run SET rungs = json_array(coalesce(json_extract(config, '$.images'), "
        "(SELECT max(images) FROM outcomes WHERE split = 'validation'), 30000))"
    )
    db.execute(
        "CREATE TABLE promotions (number INTEGER PRIMARY KEY, generation INTEGER NOT NULL, slot INTEGER NOT NULL, "
        "individual TEXT NOT NULL REFERENCES individuals (id), images INTEGER NOT NULL)"
    )


def _ended_generations(db: sqlite3.Connection) -> None:
    """With which generation the search ended; earlier ones waited for every training, so that all of them are alike."""
    db.execute("ALTER TABLE generations ADD COLUMN ended INTEGER NOT NULL DEFAULT 0")
    db.execute("UPDATE generations SET ended = coalesce(json_extract(random_state, '$.drained'), 0)")


def _diagnoses(db: sqlite3.Connection) -> None:
    """The rung of each generation's front, diagnoses of final trainings, and the pictures that these refer to.

    Of an earlier run the highest rung that all of a front were trained on and a promotion had reached; only the top
    one has a hypervolume.
    """
    db.execute("ALTER TABLE generations ADD COLUMN images INTEGER NOT NULL DEFAULT 0")
    db.execute(_RUNGS_OF_FRONTS)
    db.execute(
        "CREATE TABLE diagnoses (individual TEXT NOT NULL REFERENCES individuals (id), seed INTEGER NOT NULL, "
        "images INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (individual, seed, images))"
    )
    db.execute("CREATE TABLE pictures (sample INTEGER PRIMARY KEY, png BLOB NOT NULL)")


_RUN_TABLES = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY CHECK (id = 1), config TEXT NOT NULL, objectives TEXT NOT NULL, reference TEXT,
    versions TEXT NOT NULL, machine TEXT NOT NULL, command TEXT NOT NULL, started REAL NOT NULL
);
CREATE TABLE seeds (
    position INTEGER PRIMARY KEY, text TEXT NOT NULL,
    repository TEXT NOT NULL, commit_hash TEXT NOT NULL, path TEXT NOT NULL, line INTEGER NOT NULL,
    licence TEXT NOT NULL
);
CREATE TABLE individuals (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, generation INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    repository TEXT, commit_hash TEXT, path TEXT, line INTEGER, licence TEXT
);
CREATE TABLE slots (
    generation INTEGER NOT NULL, slot INTEGER NOT NULL, individual TEXT REFERENCES individuals (id),
    PRIMARY KEY (generation, slot)
) WITHOUT ROWID;
CREATE TABLE tries (
    generation INTEGER NOT NULL, slot INTEGER NOT NULL, number INTEGER NOT NULL,
    operator TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (generation, slot, number)
) WITHOUT ROWID;
CREATE TABLE parents (
    individual TEXT NOT NULL REFERENCES individuals (id), position INTEGER NOT NULL, parent TEXT NOT NULL,
    PRIMARY KEY (individual, position)
) WITHOUT ROWID;
CREATE TABLE edits (
    individual TEXT NOT NULL REFERENCES individuals (id), position INTEGER NOT NULL,
    operator TEXT NOT NULL, type TEXT NOT NULL, at_line INTEGER NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
    repository TEXT, commit_hash TEXT, path TEXT, line INTEGER, licence TEXT,
    PRIMARY KEY (individual, position)
) WITHOUT ROWID;
CREATE TABLE outcomes (
    individual TEXT NOT NULL REFERENCES individuals (id), split TEXT NOT NULL, seed INTEGER NOT NULL,
    images INTEGER NOT NULL, figures TEXT, stage TEXT, reason TEXT, detail TEXT,
    train_cpu_s REAL NOT NULL, measure_cpu_s REAL NOT NULL, cpu_s REAL NOT NULL, wall_s REAL NOT NULL,
    PRIMARY KEY (individual, split, seed, images)
);
CREATE TABLE generations (
    number INTEGER PRIMARY KEY, population TEXT NOT NULL, front TEXT NOT NULL, hypervolume REAL NOT NULL,
    random_state TEXT NOT NULL, cpu_s REAL NOT NULL, closed REAL NOT NULL
);
CREATE TABLE retrainings (
    individual TEXT NOT NULL REFERENCES individuals (id), seed INTEGER NOT NULL, images INTEGER NOT NULL,
    test_error REAL, validation_error REAL, weights TEXT,
    PRIMARY KEY (individual, seed, images)
);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, started REAL NOT NULL, command TEXT NOT NULL, versions TEXT NOT NULL,
    cpu_s REAL NOT NULL DEFAULT 0, wall_s REAL NOT NULL DEFAULT 0
);
CREATE TABLE events (id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX individuals_by_generation ON individuals (generation, seq)
"""

_TABLES_MADE_ON_FIRST_USE = """
CREATE TABLE IF NOT EXISTS originals (position INTEGER PRIMARY KEY REFERENCES seeds (position), content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS measurements (
    program TEXT NOT NULL, split TEXT NOT NULL, seed INTEGER NOT NULL, images INTEGER NOT NULL,
    figures TEXT, stage TEXT, reason TEXT, detail TEXT,
    train_cpu_s REAL NOT NULL, measure_cpu_s REAL NOT NULL, cpu_s REAL NOT NULL, wall_s REAL NOT NULL,
    PRIMARY KEY (program, split, seed, images)
);
CREATE TABLE IF NOT EXISTS explanations (individual TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS seedings (
    individual TEXT NOT NULL, split TEXT NOT NULL, seed INTEGER NOT NULL, images INTEGER NOT NULL,
    won INTEGER NOT NULL, cpu_s REAL NOT NULL, PRIMARY KEY (individual, split, seed, images)
);
CREATE TABLE IF NOT EXISTS seeded_layers (
    individual TEXT NOT NULL, split TEXT NOT NULL, seed INTEGER NOT NULL, images INTEGER NOT NULL,
    position INTEGER NOT NULL, layer TEXT NOT NULL, network TEXT NOT NULL, donor_layer TEXT NOT NULL,
    channels INTEGER NOT NULL, how TEXT NOT NULL, PRIMARY KEY (individual, split, seed, images, position)
)
"""

_OUTCOMES_FROM_THE_CACHE = """
CREATE TABLE trained (
    individual TEXT NOT NULL REFERENCES individuals (id), split TEXT NOT NULL, seed INTEGER NOT NULL,
    images INTEGER NOT NULL, figures TEXT, stage TEXT, reason TEXT, detail TEXT,
    train_cpu_s REAL NOT NULL, measure_cpu_s REAL NOT NULL, cpu_s REAL NOT NULL, wall_s REAL NOT NULL,
    cached INTEGER NOT NULL, copied_from TEXT REFERENCES individuals (id),
    PRIMARY KEY (individual, split, seed, images)
);
INSERT INTO trained SELECT individual, split, seed, images, figures, stage, reason, detail,
    train_cpu_s, measure_cpu_s, cpu_s, wall_s, 0, copied_from FROM outcomes;
DROP TABLE outcomes;
ALTER TABLE trained RENAME TO outcomes;
ALTER TABLE measurements ADD COLUMN cached INTEGER NOT NULL DEFAULT 0
"""

_RUNGS_OF_FRONTS = """
WITH trained AS (SELECT individual, images FROM outcomes WHERE split = 'validation' AND figures IS NOT NULL),
rungs AS (SELECT DISTINCT images FROM trained)
UPDATE generations SET images = coalesce((
    SELECT max(images) FROM rungs r WHERE NOT EXISTS (
        SELECT value FROM json_each(generations.front)
        EXCEPT SELECT individual FROM trained WHERE trained.images = r.images
    ) AND (images = (SELECT min(images) FROM rungs) OR EXISTS (
        SELECT 1 FROM promotions p WHERE p.images >= r.images AND p.generation <= generations.number
    )) AND (hypervolume > 0 OR images < (SELECT max(images) FROM rungs))
), (SELECT min(images) FROM rungs), 0)
"""

STEPS = (
    Migration(1, "the tables of a run", _run_tables),
    Migration(2, "fingerprints, and outcomes copied between equal programs", _fingerprints),
    Migration(3, "the tables that were made on first use", _tables_made_on_first_use),
    Migration(4, "the errors of retrainings in their outcomes alone", _errors_of_retrainings),
    Migration(5, "which outcomes came from the cache", _outcomes_from_the_cache),
    Migration(6, "rungs of trainings, and who went up", _rungs),
    Migration(7, "with which generation a search ended", _ended_generations),
    Migration(8, "rungs of fronts, and what final trainings showed", _diagnoses),
)
VERSION = STEPS[-1].number
