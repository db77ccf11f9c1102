"""A typed harvest -> rows of the corpus."""

import dataclasses
import hashlib
import json
import sqlite3
from dataclasses import dataclass
from functools import lru_cache

import gi
from gi.core.types import Block, Program
from gi.corpus.blocks import TriedClass
from gi.corpus.calls import Typed
from gi.corpus.terms import insert_terms
from gi.harvest import Harvest, Refusal
from gi.source.gate.line import call_refusal


@dataclass(frozen=True, slots=True)
class Added:
    """Counts of what a harvest added: programs, typed lines, calls that are new to the corpus, and the refusals.

    `classes` counts its module classes, `blocks` those that became blocks. All are zero where the corpus already held
    this harvest.
    """

    repository: str
    programs: int = 0
    lines: int = 0
    ingredients: int = 0
    refused: tuple[Refusal, ...] = ()
    classes: int = 0
    blocks: int = 0


def insert(
    connection: sqlite3.Connection, harvest: Harvest, typed: list[Typed], tried: list[TriedClass], digest: str
) -> Added:
    """Replaces what the corpus holds of this repository and commit; the caller holds the transaction."""
    key = (harvest.repository, harvest.commit)
    # A new harvest of the same commit replaces the old: gi may type its lines in another way by now.
    connection.execute("DELETE FROM sources WHERE repository = ? AND commit_hash = ?", key)
    cursor = connection.execute("INSERT INTO sources VALUES (NULL, ?, ?, ?)", (*key, digest))
    source = int(cursor.lastrowid or 0)
    pairs = list(zip(harvest.programs, typed, strict=True))
    unparsed = (Refusal(program.origin.path, result.refusal) for program, result in pairs if result.refusal)
    refused = tuple(sorted((*harvest.refused, *unparsed), key=lambda refusal: refusal.path))
    connection.executemany("INSERT INTO refused VALUES (?, ?, ?)", ((source, r.path, r.reason) for r in refused))
    good = [(program, result) for program, result in pairs if not result.refusal]
    new = sum(_insert_program(connection, source, program, result) for program, result in good)
    # Replacing a harvest may leave calls without any origin, and so without a licence to borrow them under.
    connection.execute("DELETE FROM ingredients WHERE id NOT IN (SELECT ingredient FROM origins)")
    _insert_classes(connection, source, tried)
    insert_terms(connection, source, harvest.licence_files)
    blocks = sum(one.block is not None for one in tried)
    lines = sum(result.num_lines for _, result in good)
    return Added(harvest.repository, len(good), lines, new, refused, len(tried), blocks)


def _insert_classes(connection: sqlite3.Connection, source: int, tried: list[TriedClass]) -> None:
    programs = dict(connection.execute("SELECT path, id FROM programs WHERE source = ?", (source,)))
    rows = (
        (programs[one.origin.path], one.name, one.origin.line, one.reason, one.detail, *_block_columns(one.block))
        for one in tried
        if one.origin.path in programs  # those of a program that `gi.lines` refused have no row to belong to
    )
    connection.executemany("INSERT INTO classes VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def _block_columns(block: Block | None) -> tuple[str, str]:
    """The block's source, and its other fields as JSON; empty texts where the class is none."""
    if block is None:
        return "", ""
    fields = dataclasses.asdict(block)
    # The origin is that of the class's row.
    return fields.pop("source"), json.dumps({k: v for k, v in fields.items() if k != "origin"})


def _insert_program(connection: sqlite3.Connection, source: int, program: Program, typed: Typed) -> int:
    """Writes one program's calls and returns how many of them are new to the corpus."""
    row = (source, program.origin.path, program.origin.licence, _text_digest(program.text), typed.num_lines)
    inserted = connection.execute("INSERT INTO programs VALUES (NULL, ?, ?, ?, ?, ?)", row).lastrowid
    new = 0
    for place, call in enumerate(typed.calls):
        key = (call.typed.type, call.typed.symbol, call.text)
        # `rowcount` is 0 where the corpus has the call already, of this program or of another one.
        judged = (*key, _refused(call.text))
        new += connection.execute("INSERT OR IGNORE INTO ingredients VALUES (NULL, ?, ?, ?, ?)", judged).rowcount
        origin = (*key, inserted, call.typed.line, place, call.code, json.dumps(call.typed.names))
        connection.execute(_INSERT_ORIGIN, origin)
    return new


@lru_cache(maxsize=50_000)  # a call stands in many programs
def _refused(call: str) -> str:
    """The rule of the gate that keeps a call out of every program; "" where none does."""
    refusal = call_refusal(call)
    return "" if refusal is None else refusal.rule


_INSERT_ORIGIN = """
INSERT INTO origins SELECT id, ?4, ?5, ?6, ?7, ?8 FROM ingredients WHERE type = ?1 AND symbol = ?2 AND call = ?3
"""


def digest_of(harvest: Harvest) -> str:
    """Digest of a harvest's contents and of the gi that types it: a newer gi may type the same text differently."""
    files = [(p.origin.path, p.origin.licence, _text_digest(p.text)) for p in (*harvest.programs, *harvest.others)]
    refused = [(refusal.path, refusal.reason) for refusal in harvest.refused]
    terms = [(file.path, _text_digest(file.text)) for file in harvest.licence_files]
    # gi's version is in the digest: a newer one may type the same text differently.
    return _text_digest(json.dumps([gi.__version__, files, refused, terms]))


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
