"""A typed harvest -> rows of the corpus."""

import hashlib
import json
import sqlite3
from dataclasses import dataclass

import gi
from gi.corpus.calls import Typed
from gi.harvest import Harvest, Refusal
from gi.types import Program


@dataclass(frozen=True, slots=True)
class Added:
    """What a harvest brought: programs, their typed lines, the calls that the corpus did not hold before, refusals.

    All are zero where the corpus already held this harvest.
    """

    repository: str
    programs: int = 0
    lines: int = 0
    ingredients: int = 0
    refused: tuple[Refusal, ...] = ()


def insert(connection: sqlite3.Connection, harvest: Harvest, typed: list[Typed], digest: str) -> Added:
    """Replaces what the corpus holds of this repository and commit; the caller holds the transaction."""
    key = (harvest.repository, harvest.commit)
    connection.execute("DELETE FROM sources WHERE repository = ? AND commit_hash = ?", key)
    cursor = connection.execute("INSERT INTO sources VALUES (NULL, ?, ?, ?)", (*key, digest))
    source = int(cursor.lastrowid or 0)
    pairs = list(zip(harvest.programs, typed, strict=True))
    unparsed = (Refusal(program.origin.path, found.refusal) for program, found in pairs if found.refusal)
    refused = tuple(sorted((*harvest.refused, *unparsed), key=lambda refusal: refusal.path))
    connection.executemany("INSERT INTO refused VALUES (?, ?, ?)", ((source, r.path, r.reason) for r in refused))
    good = [(program, found) for program, found in pairs if not found.refusal]
    new = sum(_insert_program(connection, source, program, found) for program, found in good)
    connection.execute("DELETE FROM ingredients WHERE id NOT IN (SELECT ingredient FROM origins)")
    return Added(harvest.repository, len(good), sum(found.num_lines for _, found in good), new, refused)


def _insert_program(connection: sqlite3.Connection, source: int, program: Program, found: Typed) -> int:
    """Writes one program's calls and returns how many of them are new to the corpus."""
    row = (source, program.origin.path, program.origin.licence, _text_digest(program.text), found.num_lines)
    inserted = connection.execute("INSERT INTO programs VALUES (NULL, ?, ?, ?, ?, ?)", row).lastrowid
    new = 0
    for place, call in enumerate(found.calls):
        key = (call.typed.type, call.typed.symbol, call.text)
        new += connection.execute("INSERT OR IGNORE INTO ingredients VALUES (NULL, ?, ?, ?)", key).rowcount
        origin = (*key, inserted, call.typed.line, place, call.code, json.dumps(call.typed.names))
        connection.execute(_INSERT_ORIGIN, origin)
    return new


_INSERT_ORIGIN = """
INSERT INTO origins SELECT id, ?4, ?5, ?6, ?7, ?8 FROM ingredients WHERE type = ?1 AND symbol = ?2 AND call = ?3
"""


def digest_of(harvest: Harvest) -> str:
    """What a harvest holds and which gi types it."""
    files = [(p.origin.path, p.origin.licence, _text_digest(p.text)) for p in (*harvest.programs, *harvest.others)]
    refused = [(refusal.path, refusal.reason) for refusal in harvest.refused]
    return _text_digest(json.dumps([gi.__version__, files, refused]))


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
