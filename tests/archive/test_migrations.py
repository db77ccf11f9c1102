"""Run files of each earlier format, made from the tables of then, are read as they are and brought up to date."""

import sqlite3

import pytest

from gi.archive import Archive, canonical_text, front_members, run_summary
from gi.archive.migrations import STEPS, VERSION
from gi.core.errors import ArchiveError
from gi.core.objectives import OBJECTIVES
from gi.core.settings import RunConfig
from gi.core.types import Individual, Origin, Program, Scored

FORMAT_1 = """
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
CREATE INDEX individuals_by_generation ON individuals (generation, seq);
"""
ORIGINALS = "CREATE TABLE originals (position INTEGER PRIMARY KEY REFERENCES seeds (position), content BLOB NOT NULL);"
FORMAT_2 = FORMAT_1.replace(
    "path TEXT, line INTEGER, licence TEXT\n);\nCREATE TABLE slots",
    "path TEXT, line INTEGER, licence TEXT, fingerprint TEXT NOT NULL DEFAULT ''\n);\nCREATE TABLE slots",
).replace(
    "wall_s REAL NOT NULL,\n    PRIMARY KEY (individual, split",
    "wall_s REAL NOT NULL,\n    copied_from TEXT REFERENCES individuals (id),\n    PRIMARY KEY (individual, split",
)
EXPLAINED = """
CREATE TABLE IF NOT EXISTS measurements (
    program TEXT NOT NULL, split TEXT NOT NULL, seed INTEGER NOT NULL, images INTEGER NOT NULL,
    figures TEXT, stage TEXT, reason TEXT, detail TEXT,
    train_cpu_s REAL NOT NULL, measure_cpu_s REAL NOT NULL, cpu_s REAL NOT NULL, wall_s REAL NOT NULL,
    PRIMARY KEY (program, split, seed, images)
);
CREATE TABLE IF NOT EXISTS explanations (individual TEXT PRIMARY KEY, document TEXT NOT NULL);
INSERT INTO explanations VALUES ('aa01', '{"kept": 1}');
"""
CONTENT = """
INSERT INTO run VALUES (1, '{"dataset": "digits"}',
    '[{"key": "error", "unit": "share", "reference": 1.0, "log": false}, {"key": "params", "unit": "p", "log": true}]',
    '[1.0, 2000.0]', '{"gi": "0.1.0"}', '{"cores": 2}', '["gi"]', 1.0);
INSERT INTO seeds VALUES (0, 'x = 1', 'gi', '', 'seeds/a.py', 1, 'Apache-2.0');
INSERT INTO individuals (seq, id, text, generation, slot) VALUES (1, 'aa01', 'x = 1', 0, 0);
INSERT INTO slots VALUES (0, 0, 'aa01');
INSERT INTO outcomes (individual, split, seed, images, figures, train_cpu_s, measure_cpu_s, cpu_s, wall_s)
    VALUES ('aa01', 'validation', 1, 640, '{"error": 0.25, "params": 1000.0}', 1, 0.5, 2, 2.5),
           ('aa01', 'test', 2, 1280, '{"error": 0.31}', 2, 0, 2.5, 3);
INSERT INTO generations VALUES (0, '["aa01"]', '["aa01"]', 1.5, '{"next": [1, 0]}', 4.0, 2.0);
INSERT INTO retrainings VALUES ('aa01', 2, 1280, 0.31, NULL, 'weights/aa01.pt');
INSERT INTO sessions VALUES (1, 1.0, '["gi"]', '{}', 4.5, 6.0);
INSERT INTO events VALUES (1, 1.0, 'started', '{"command": ["gi"]}'), (2, 9.0, 'finished', '{}');
"""
EARLIER = {
    "1": (1, FORMAT_1),
    "1, with a user's file": (1, FORMAT_1 + ORIGINALS),
    "2": (2, FORMAT_2 + ORIGINALS),
    "2, explained": (2, FORMAT_2 + ORIGINALS + EXPLAINED),
}


@pytest.fixture(params=EARLIER.values(), ids=EARLIER)
def earlier(tmp_path, request):
    """The folder of a finished run of an earlier format."""
    number, tables = request.param
    db = sqlite3.connect(tmp_path / "run.sqlite")
    db.executescript(f"PRAGMA application_id = {0x67695275}; PRAGMA user_version = {number}; {tables} {CONTENT}")
    db.close()
    return tmp_path


def format_of(folder):
    db = sqlite3.connect(folder / "run.sqlite")
    (number,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return number


def columns(path):
    db = sqlite3.connect(path)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    answer = {name: db.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}
    db.close()
    return answer


def test_steps_are_numbered_without_a_gap():
    assert [step.number for step in STEPS] == list(range(1, VERSION + 1))
    assert len({step.name for step in STEPS}) == len(STEPS)


def test_an_earlier_run_is_read_and_its_file_stays_as_it_is(earlier):
    before = (earlier / "run.sqlite").read_bytes()
    with Archive.open(earlier) as archive:
        (member,) = front_members(archive)
        assert (member.id, member.values["error"], member.test_errors) == ("aa01", 0.25, (0.31,))
        assert member.weights == "weights/aa01.pt"
        assert archive.run().config == RunConfig(dataset="digits")
        assert archive.seeds() == (Program("x = 1", Origin("gi", "", "seeds/a.py", 1, "Apache-2.0")),)
        assert archive.individuals.fingerprints() == {}
        assert [closed.images for closed in archive.generations.all()] == [640]
        assert archive.outcomes.diagnoses() == ()
        assert run_summary(archive).state == "finished"
    assert (earlier / "run.sqlite").read_bytes() == before


def test_the_validation_error_that_no_earlier_retraining_measured_is_absent(earlier):
    with Archive.open(earlier) as archive:
        assert [r.validation_error for r in archive.outcomes.retrainings()] == [None]
        assert front_members(archive)[0].validation_errors == ()
        assert archive.outcome("aa01", "test").values == {"error": 0.31}


def test_an_earlier_run_that_goes_on_is_brought_up_to_date(earlier):
    with Archive.open(earlier) as archive:
        before = canonical_text(archive)
    with Archive.resume(earlier) as archive:
        assert canonical_text(archive) == before
        archive.individuals.add_slot(0, 1, Individual("bb02", "y", 0, fingerprint="f"), ())
        archive.outcomes.add("bb02", Scored({"error": 0.25, "params": 1000.0}), seed=1, images=640, copied_from="aa01")
        final = Scored({"error": 0.3, "validation_error": 0.2})
        archive.outcomes.add_retraining("aa01", final, seed=3, images=1280)
    assert format_of(earlier) == VERSION
    with Archive.open(earlier) as archive:
        assert archive.individuals.fingerprints() == {"bb02": "f"}
        assert run_summary(archive).cached == 1
        assert [(r.test_error, r.validation_error) for r in archive.outcomes.retrainings()] == [
            (0.31, None),
            (0.3, 0.2),
        ]


def test_a_file_brought_up_to_date_has_the_tables_of_a_new_one(earlier, tmp_path):
    Archive.resume(earlier).close()
    objectives = [OBJECTIVES["error"], OBJECTIVES["params"]]
    Archive.create(
        tmp_path / "new", RunConfig(dataset="digits"), objectives=objectives, rungs=(30_000,), seeds=[]
    ).close()
    assert columns(earlier / "run.sqlite") == columns(tmp_path / "new" / "run.sqlite")


def test_what_was_found_out_about_a_run_survives_the_steps(tmp_path):
    db = sqlite3.connect(tmp_path / "run.sqlite")
    db.executescript(f"PRAGMA application_id = {0x67695275}; PRAGMA user_version = 2; {FORMAT_2} {EXPLAINED} {CONTENT}")
    db.close()
    with Archive.annotate(tmp_path) as archive:
        assert archive.findings.explanation("aa01") == {"kept": 1}
        assert archive.findings.measurements() == ()


def test_a_step_that_fails_leaves_the_file_at_its_format(earlier):
    before = format_of(earlier)
    db = sqlite3.connect(earlier / "run.sqlite")
    db.execute("ALTER TABLE retrainings RENAME TO elsewhere")
    db.commit()
    db.close()
    with pytest.raises(ArchiveError, match="no such table: retrainings"):
        Archive.resume(earlier)
    assert format_of(earlier) == before
    assert "fingerprint" not in str(columns(earlier / "run.sqlite")["individuals"]) or before == 2
