"""Run files that somebody else made: each is refused in one line that names the file, the value and the rule."""

import json
import re
import sqlite3

import pytest

from gi.archive import Archive, front_members
from gi.archive.fields import inside
from gi.cli import run as gi
from gi.core.errors import ArchiveError
from gi.core.settings import RunConfig
from tests.small_run import DEEP_ID, SMALL_ID, write_run


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "run")


def doctor(folder, statement, *values):
    db = sqlite3.connect(folder / "run.sqlite")
    db.execute(statement, values)
    db.commit()
    db.close()


def set_config(folder, **settings):
    with Archive.open(folder) as archive:
        stored = archive.run().config.to_json()
    doctor(folder, "UPDATE run SET config = ?", json.dumps({**stored, **settings}))


def refused(folder):
    """The one line with which every way to open the run refuses it."""
    for use in (Archive.resume, Archive.annotate, Archive.open):
        with pytest.raises(ArchiveError) as caught:
            use(folder)
        assert "\n" not in str(caught.value)
        assert str(folder / "run.sqlite") in str(caught.value)
    return str(caught.value)


BAD_VALUES = [
    ("UPDATE individuals SET id = ? WHERE generation = 0", "../../x", "individuals.id is '../../x': it must be"),
    ("UPDATE individuals SET id = ? WHERE generation = 0", "DEE9", "at most 64 hexadecimal digits"),
    ("UPDATE slots SET individual = ?", "/etc/passwd", "slots.individual is '/etc/passwd'"),
    ("UPDATE parents SET parent = ?", "0123", "refers to '0123', which it does not hold"),
    ("UPDATE retrainings SET weights = ?", "/etc/passwd", "retrainings.weights is '/etc/passwd': it must be"),
    ("UPDATE retrainings SET weights = ?", "weights/../../secret.pt", "a path inside the run's folder"),
    ("UPDATE retrainings SET weights = ?", "C:\\secret.pt", "a path inside the run's folder"),
    ("UPDATE outcomes SET figures = ?", '{"error": NaN, "params": 1, "time": 1}', "NaN.*finite numbers"),
    ("UPDATE outcomes SET figures = ?", '{"error": -1, "params": 1, "time": 1}', "at least 0"),
    ("UPDATE outcomes SET figures = ?", '{"error": "0.1", "params": 1, "time": 1}', "finite numbers"),
    ("UPDATE outcomes SET figures = ?", '{"error": 0.1}', "it must have every objective"),
    ("UPDATE outcomes SET figures = ?", "[" * 100_000, "outcomes.figures"),
    ("UPDATE outcomes SET cpu_s = ?", float("inf"), "outcomes.cpu_s is 'inf': it must be of type REAL"),
    ("UPDATE outcomes SET cpu_s = ?", "long", "outcomes.cpu_s is 'long': it must be of type REAL"),
    ("UPDATE individuals SET text = ?", b"x = 1", "individuals.text is .* must be of type TEXT"),
    ("UPDATE individuals SET generation = ?", "first", "individuals.generation is 'first': it must be of type INTEGER"),
    ("UPDATE generations SET hypervolume = ?", "large", "generations.hypervolume"),
    ("UPDATE generations SET front = ?", '["../x"]', "generations.front .*a list of ids"),
    ("UPDATE generations SET population = ?", '["abcd"]', "refers to 'abcd', which it does not hold"),
    ("UPDATE run SET objectives = ?", '[{"key": "luck", "unit": ""}]', "run.objectives .*gi's objectives"),
    ("UPDATE run SET reference = ?", "[1.0]", "it must have 3 values"),
    ("UPDATE run SET reference = ?", "[1.0, Infinity, 2.0]", "run.reference .*finite numbers"),
    ("UPDATE run SET command = ?", '{"a": 1}', "run.command .*a list of texts"),
    ("UPDATE edits SET type = ?", "\x1b[2J", r"edits.type is '\\\\x1b\[2J'"),
    ("UPDATE outcomes SET split = ?", "train", "outcomes.split is 'train': it must be validation or test"),
    ("UPDATE diagnoses SET document = ?", '{"losses": [], "confusion": [[0, 1, -2]], "mistakes": []}', "a diagnosis"),
    ("UPDATE diagnoses SET document = ?", "[" * 100_000, "diagnoses.document"),
    ("UPDATE diagnoses SET individual = ? WHERE rowid = 1", "../x", "diagnoses.individual is '../x'"),
    ("UPDATE pictures SET png = ?", b"<svg onload=alert(1)>", "pictures.png .*a PNG of at most 64 kB"),
    ("UPDATE pictures SET png = ?", b"\x89PNG\r\n\x1a\n" + bytes(1 << 16), "a PNG of at most 64 kB"),
    ("INSERT INTO explanations VALUES ('ab', ?)", '{"id": "../../secret"}', "explanations.document"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "value", "says"), BAD_VALUES)
def test_a_value_that_breaks_its_rule_is_refused(folder, statement, value, says):
    doctor(folder, statement, value)
    assert re.search(says, refused(folder))


BAD_SETTINGS = [
    ({"population": "7"}, "population is '7': it must be a whole number"),
    ({"population": -2}, "population is -2: it must be at least 2"),
    ({"generations": True}, "generations is True: it must be a whole number"),
    ({"memory_limit_mb": 10**15}, "memory limit mb is 1000000000000000: it must be at most 1,000,000,000"),
    ({"wall_limit_s": 1e300}, "it must be at most 1,000,000,000"),
    ({"cpu_limit_s": -1.0}, "cpu limit s is -1.0: it must be at least 0.1"),
    ({"clock": "sun"}, "clock is 'sun': it must be one of cpu, model"),
    ({"objectives": ["error", "luck"]}, "unknown objective 'luck'"),
    ({"objectives": "error"}, "objectives is 'error': it must be a list of texts"),
    ({"dataset": 5}, "dataset is 5: it must be a text"),
    ({"dataset": None}, "dataset is None: it must be a text"),
    ({"surprise": 1}, "unknown setting 'surprise'"),
    ({"entry": "__import__('os').system('id')"}, "entry is .*the name of a class or function"),
    ({"entry": "Net(width=print(1))"}, "entry is"),
    ({"entry": "Net\nimport os"}, r"entry is 'Net\\\\nimport os'"),
]


@pytest.mark.parametrize(("settings", "says"), BAD_SETTINGS)
def test_settings_are_checked_as_if_typed(folder, settings, says):
    set_config(folder, **settings)
    assert re.search(says, refused(folder))


def test_nan_in_the_settings_is_refused(folder):
    set_config(folder, wall_limit_s=float("nan"))
    assert "wall limit s is nan" in refused(folder)


def test_weights_behind_a_link_that_leads_out_are_refused(folder, tmp_path):
    (tmp_path / "secret.pt").write_bytes(b"")
    (folder / "weights").mkdir()
    (folder / "weights" / "0.pt").symlink_to(tmp_path / "secret.pt")
    doctor(folder, "UPDATE retrainings SET weights = 'weights/0.pt'")
    assert "a path inside the run's folder" in refused(folder)


@pytest.mark.parametrize("path", ["", "../x", "/x", "a/../../x", "\\\\server\\x", "C:x", "..\\x", "a\0b"])
def test_a_path_that_leads_out_is_not_inside(tmp_path, path):
    assert not inside(tmp_path)(path)
    assert inside(tmp_path)("weights/ab.pt")


FOREIGN_SCHEMAS = [
    ("CREATE VIEW spy AS SELECT 1", "holds the view 'spy': a run has tables alone"),
    ("CREATE TRIGGER spy AFTER INSERT ON events BEGIN SELECT 1; END", "holds the trigger 'spy'"),
    ("CREATE TABLE other (x)", "table 'other' has the columns"),
    ("ALTER TABLE events ADD COLUMN x", "table 'events' has the columns"),
    ("DROP TABLE events", "table 'events' has the columns 'none': expected id, at, kind, detail"),
]


@pytest.mark.parametrize(("statement", "says"), FOREIGN_SCHEMAS)
def test_other_tables_than_a_runs_are_refused(folder, statement, says):
    doctor(folder, statement)
    assert says in refused(folder)


def test_a_view_in_place_of_a_table_is_refused(folder):
    doctor(folder, "ALTER TABLE events RENAME TO hidden")
    doctor(folder, "CREATE VIEW events AS SELECT * FROM hidden")
    assert "holds the view 'events'" in refused(folder)


@pytest.mark.parametrize("command", [["front"], ["failures"], ["show", DEEP_ID], ["export"]])
def test_every_verb_refuses_a_doctored_run_in_one_line(folder, command, capsys):
    doctor(folder, "UPDATE retrainings SET weights = '/etc/passwd'")
    verb, *rest = command
    assert gi([verb, str(folder), *rest]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "retrainings.weights is '/etc/passwd'" in err


def test_a_folder_in_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "run.sqlite").mkdir()
    with pytest.raises(ArchiveError, match="holds no run"):
        Archive.open(tmp_path)


def test_what_gi_wrote_itself_is_taken(folder):
    with Archive.open(folder) as archive:
        assert {member.id for member in front_members(archive)} == {DEEP_ID, SMALL_ID}
    assert RunConfig.from_json(json.loads(json.dumps(RunConfig(dataset="digits").to_json()))) == RunConfig(
        dataset="digits"
    )
