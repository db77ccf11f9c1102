"""Checks a run file when it is opened, before any value of it is used: it may come from a stranger.

An id names files below the run's folder, settings decide what is read and run, figures decide who wins. So the file
must have exactly the tables of its format, every value the type of its column, and every value with a further meaning
must keep the rule by which gi writes it. Each refusal is an `ArchiveError` of one line: the file, the value, the rule.

What this cannot see: the texts of programs are not judged here (they run in isolated workers only), and a run that was
forged in full by these rules passes.
"""

import json
import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from gi.archive import fields
from gi.archive.fields import as_json
from gi.archive.migrations import migrate
from gi.core.errors import ArchiveError, ConfigError
from gi.core.quoting import shown
from gi.core.settings import RunConfig
from gi.core.types import LineType, Stage
from gi.source.tree.entry import is_entry

# SQLite's names of storage classes; a real that is whole may be stored as an integer.
_STORED_AS = {"TEXT": "'text'", "INTEGER": "'integer'", "REAL": "'real', 'integer'", "BLOB": "'blob'"}
_ADVICE = "Open a run that gi wrote."


@dataclass(frozen=True, slots=True)
class Rule:
    """What the values of some columns ("table.column") must be beyond their type; `accepts` never raises."""

    columns: tuple[str, ...]
    says: str
    accepts: Callable[[Any], bool]


def inspect(db: sqlite3.Connection, path: Path) -> None:
    """Raises `ArchiveError` unless the run file of today's format behind `db` keeps every rule."""
    # Tables first: every later question is asked of columns that must be there.
    _refuse_foreign_tables(db, path)
    for table, columns in _tables(db).items():
        _refuse_foreign_types(db, path, table, columns)
    for rule in (*_RULES, Rule(("retrainings.weights",), "a path inside the run's folder", fields.inside(path.parent))):
        for column in rule.columns:
            _refuse_values(db, path, column, rule)
    _refuse_settings(db, path)
    _refuse_disagreement(db, path)


def refuse_other_than_tables(db: sqlite3.Connection, path: Path) -> None:
    """Raises `ArchiveError` where the schema holds views, triggers or virtual tables: they run when rows are read."""
    foreign = db.execute(
        "SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'"
    ).fetchone()
    if foreign:
        kind = "virtual table" if foreign[0] == "table" else foreign[0]
        raise ArchiveError(f"{path} holds the {kind} {_quoted(foreign[1])}: a run has tables alone. {_ADVICE}")


def _refuse_foreign_tables(db: sqlite3.Connection, path: Path) -> None:
    # The expected columns come from the migrations themselves, so that no second list can drift from them.
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        migrate(new)
        expected = {table: [column for column, *_ in columns] for table, columns in _tables(new).items()}
    stored = {table: [column for column, *_ in columns] for table, columns in _tables(db).items()}
    for table in sorted(expected.keys() | stored.keys()):
        if stored.get(table) != expected.get(table):
            columns, wanted = (", ".join(tables.get(table, ["none"])) for tables in (stored, expected))
            raise ArchiveError(
                f"{path}: table {_quoted(table)} has the columns {_quoted(columns)}: expected {wanted}. {_ADVICE}"
            )


def _tables(db: sqlite3.Connection) -> dict[str, list[tuple[str, str, bool]]]:
    """Of each table its columns: name, declared type, whether NULL is allowed."""
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
    return {
        name: [
            (column, kind, not (not_null or key))
            for _, column, kind, not_null, _, key in db.execute("SELECT * FROM pragma_table_info(?)", (name,))
        ]
        for (name,) in names
    }


def _refuse_foreign_types(db: sqlite3.Connection, path: Path, table: str, columns: list[tuple[str, str, bool]]) -> None:
    """SQLite stores any value in any column: a text in place of a number is refused here."""
    wrong = " OR ".join(_differs(*column) for column in columns)
    for row in db.execute(f"SELECT * FROM {table} WHERE {wrong} LIMIT 1"):
        for (name, kind, nullable), value in zip(columns, row, strict=True):
            if not _has_type(value, kind, nullable=nullable):
                raise ArchiveError(f"{path}: {table}.{name} is {_quoted(value)}: it must be of type {kind}. {_ADVICE}")


def _differs(name: str, kind: str, nullable: bool) -> str:
    stored = _STORED_AS[kind] + (", 'null'" if nullable else "")
    # 9e999 is infinity: SQLite has no literal for it.
    infinite = f" OR abs({name}) = 9e999" if kind == "REAL" else ""
    return f"typeof({name}) NOT IN ({stored}){infinite}"


def _has_type(value: Any, kind: str, *, nullable: bool) -> bool:
    types: dict[str, tuple[type, ...]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (float, int), "BLOB": (bytes,)}
    if value is None:
        return nullable
    return isinstance(value, types[kind]) and not (isinstance(value, float) and math.isinf(value))


def _refuse_values(db: sqlite3.Connection, path: Path, column: str, rule: Rule) -> None:
    table, name = column.split(".")
    # Each value once: most columns hold few different ones.
    for (value,) in db.execute(f"SELECT DISTINCT {name} FROM {table} WHERE {name} IS NOT NULL"):
        if not rule.accepts(value):
            raise ArchiveError(f"{path}: {column} is {_quoted(value)}: it must be {rule.says}. {_ADVICE}")


def _refuse_settings(db: sqlite3.Connection, path: Path) -> None:
    """Settings are checked as if typed, one by one, so that the message names the setting."""
    # Checked again, although `gi evolve` checks it: the file may come from a stranger.
    for (stored,) in db.execute("SELECT config FROM run"):
        try:
            config = RunConfig.from_json(json.loads(stored))
        except (ConfigError, ValueError, RecursionError) as error:
            raise ArchiveError(f"{path}: run.config: {shown(str(error))} {_ADVICE}") from error
        if not is_entry(config.entry):
            raise ArchiveError(
                f"{path}: run.config: entry is {_quoted(config.entry)}: it must be the name of a class or function, "
                f"called with literals or not. {_ADVICE}"
            )


def _refuse_disagreement(db: sqlite3.Connection, path: Path) -> None:
    """What one table says of another: objectives of figures, generations of individuals."""
    row = db.execute("SELECT objectives, reference FROM run").fetchone()
    keys = {objective["key"] for objective in json.loads(row[0])} if row else set()
    if row and row[1] is not None and len(json.loads(row[1])) not in (0, len(keys)):
        raise ArchiveError(f"{path}: run.reference is {_quoted(row[1])}: it must have {len(keys)} values. {_ADVICE}")
    for id_, figures, stage in db.execute("SELECT individual, figures, stage FROM outcomes WHERE split = 'validation'"):
        # Exactly one of figures and stage: an outcome is a success or a failure.
        if (stage is None) if figures is None else not keys <= json.loads(figures).keys():
            needs = "it must have every objective, or a failure"
            raise ArchiveError(f"{path}: the outcome of {id_} is {_quoted(figures)}: {needs}. {_ADVICE}")
    known = {id_ for (id_,) in db.execute("SELECT id FROM individuals")}
    lists = [json.loads(text) for row in db.execute("SELECT population, front FROM generations") for text in row]
    lists += db.execute("SELECT DISTINCT parent FROM parents").fetchall()
    unknown = next((id_ for ids in lists for id_ in ids if id_ not in known), None)
    # Declared references, which SQLite stores unchecked unless a pragma turns checks on.
    unknown = unknown or next((row[2] for row in db.execute("PRAGMA foreign_key_check")), None)
    if unknown:
        raise ArchiveError(f"{path} refers to {_quoted(unknown)}, which it does not hold. {_ADVICE}")


# A hostile value may be megabytes of escape sequences.
def _quoted(value: object, limit: int = 80) -> str:
    text = shown(value if isinstance(value, str) else repr(value))
    return repr(text if len(text) <= limit else f"{text[:limit]}...")


_ID_COLUMNS = (
    "individuals.id", "slots.individual", "parents.individual", "parents.parent", "edits.individual",
    "outcomes.individual", "outcomes.copied_from", "retrainings.individual", "measurements.program",
    "explanations.individual", "seedings.individual", "seeded_layers.individual", "promotions.individual",
    "diagnoses.individual",
)  # fmt: skip
_RULES = (
    Rule(_ID_COLUMNS, "at most 64 hexadecimal digits", fields.is_id),
    Rule(("generations.population", "generations.front"), "a list of ids", as_json(fields.are_ids)),
    Rule(("run.objectives",), "a list of gi's objectives", as_json(fields.is_objectives)),
    Rule(("run.reference",), "a list of finite numbers", as_json(fields.is_reference)),
    Rule(("run.rungs",), "a list of ascending numbers of samples", as_json(fields.are_rungs)),
    Rule(("run.command", "sessions.command"), "a list of texts", as_json(fields.are_texts)),
    Rule(("run.versions", "sessions.versions"), "texts by name", as_json(fields.are_named_texts)),
    Rule(("run.machine", "events.detail", "generations.random_state"), "a JSON object",
         as_json(fields.is_object)),
    Rule(("outcomes.split", "measurements.split", "seedings.split"), "validation or test",
         {"validation", "test"}.__contains__),
    Rule(("outcomes.cached", "measurements.cached", "generations.ended"), "0 or 1", (0, 1).__contains__),
    Rule(("outcomes.stage", "measurements.stage"), "a stage of an evaluation", get_args(Stage).__contains__),
    Rule(("outcomes.figures", "measurements.figures"), "finite numbers of at least 0 by name",
         as_json(fields.is_figures)),
    Rule(("edits.type",), "a type of line", {str(kind) for kind in LineType}.__contains__),
    Rule(("diagnoses.document",), "a diagnosis of a final training", as_json(fields.is_diagnosis)),
    Rule(("pictures.png",), "a PNG of at most 64 kB", fields.is_picture),
    Rule(("explanations.document",), "an explanation of the changes of an individual", as_json(fields.is_explanation)),
)  # fmt: skip
