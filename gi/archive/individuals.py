"""The individuals of a run: the slots of each generation, and the texts, parents and edits of those accepted."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from gi.archive import rows
from gi.archive.database import Database
from gi.archive.records import Promotion, Provenance, Slot
from gi.core.errors import ArchiveError
from gi.core.types import Individual, Try

_INDIVIDUAL = (
    "SELECT id, text, generation, slot, repository, commit_hash, path, line, licence, fingerprint FROM individuals"
)
_LINEAGE = """
WITH RECURSIVE ancestors (id) AS (
    SELECT ? UNION SELECT parent FROM parents JOIN ancestors ON individual = ancestors.id
)
"""


class IndividualTables:
    """The tables of individuals, slots, tries, parents and edits."""

    def __init__(self, db: Database) -> None:
        """Reads from and writes to `db`."""
        self._db = db

    def add_slot(self, generation: int, slot: int, individual: Individual | None, tries: Sequence[Try]) -> None:
        """Records the result of one slot of a generation: the accepted individual, or None, and every try."""
        with self._db.transaction():
            # In one transaction: a slot without its individual would be decided anew on resuming.
            if individual is not None:
                self._add(individual, slot)
            self._db.insert("slots", [(generation, slot, individual.id if individual else None)])
            self._db.insert("tries", rows.try_rows(generation, slot, tries))

    def ids(self) -> tuple[str, ...]:
        """Every individual ever accepted, in order."""
        return tuple(id_ for (id_,) in self._db.rows("SELECT id FROM individuals ORDER BY seq"))

    def accepted(self, ids: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Of some individuals (full ids) the place in the order of acceptance, and the generation, by id."""
        asked = self._db.rows(
            "SELECT i.id, seq, generation FROM json_each(?) CROSS JOIN individuals i ON i.id = value",
            json.dumps(list(ids)),
        )
        return {id_: (place, generation) for id_, place, generation in asked}

    def generation_of(self) -> dict[str, int]:
        """The generation of every individual, by id in order of acceptance."""
        return dict(self._db.rows("SELECT id, generation FROM individuals ORDER BY seq"))

    def parents(self) -> dict[str, tuple[str, ...]]:
        """The parents of every individual that has any, in their order, by its id."""
        return self._collected("SELECT individual, parent FROM parents ORDER BY individual, position")

    def operators(self) -> dict[str, tuple[str, ...]]:
        """The operators of the edits that made each individual, in their order, by its id; seed programs have none."""
        return self._collected("SELECT individual, operator FROM edits ORDER BY individual, position")

    def tried(self) -> dict[str, tuple[int, int]]:
        """How many tries each operator had and how many of them were accepted, by its name, the most tried first."""
        counted = self._db.rows(
            "SELECT operator, count(*) AS n, sum(stage = '') FROM tries GROUP BY operator ORDER BY n DESC, operator"
        )
        return {operator: (tries, accepted) for operator, tries, accepted in counted}

    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every individual that has one, by id in order of acceptance."""
        return dict(self._db.rows("SELECT id, fingerprint FROM individuals WHERE fingerprint != '' ORDER BY seq"))

    def by_id(self, id_: str) -> Individual:
        """An individual by its full id. Raises `ArchiveError`."""
        row = self._db.row(f"{_INDIVIDUAL} WHERE id = ?", id_)
        if row is None:
            raise ArchiveError(f"no individual has the id {id_!r}: give the full id of one.")
        return self._individual(row)

    def by_prefix(self, prefix: str) -> Individual:
        """The one individual whose id starts with `prefix`. Raises `ArchiveError` for none and for several."""
        # Not by LIKE, to which a `_` or `%` of the user's is a wildcard.
        candidates = self._db.rows(f"{_INDIVIDUAL} WHERE substr(id, 1, ?) = ? ORDER BY seq", len(prefix), prefix)
        # A full id may be the beginning of no other, and then is the one that is meant.
        matches = [row for row in candidates if row[0] == prefix] or candidates
        if len(matches) == 1:
            return self._individual(matches[0])
        if not matches:
            raise ArchiveError(f"no individual's id starts with {prefix!r}: `gi front RUN` lists the ids of the front.")
        ids = ", ".join(row[0] for row in matches[:3])
        raise ArchiveError(f"{len(matches)} individuals' ids start with {prefix!r} ({ids}, ...): give more characters.")

    def lineage(self, id_: str) -> tuple[Individual, ...]:
        """An individual (full id) and all its ancestors in order of acceptance, itself last."""
        # UNION and not UNION ALL: an ancestor on both sides is one.
        related = self._db.rows(f"{_LINEAGE} {_INDIVIDUAL} WHERE id IN (SELECT id FROM ancestors) ORDER BY seq", id_)
        return tuple(map(self._individual, related))

    def provenance(self, id_: str) -> tuple[Provenance, ...]:
        """Every edit between the seed programs and an individual (full id), in order of acceptance."""
        return tuple(Provenance(i.id, i.generation, edit) for i in self.lineage(id_) for edit in i.edits)

    def slots(self, generation: int) -> tuple[Slot, ...]:
        """The slots of a generation that are decided, in order."""
        decided = self._db.rows("SELECT slot, individual FROM slots WHERE generation = ? ORDER BY slot", generation)
        return tuple(Slot(generation, slot, id_, self._tries(generation, slot)) for slot, id_ in decided)

    def add_promotion(self, promotion: Promotion) -> None:
        """Records an individual's promotion to a higher rung."""
        p = promotion
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO promotions (generation, slot, individual, images) VALUES (?, ?, ?, ?)",
                *(p.generation, p.slot, p.individual, p.images),
            )

    def promotions(self) -> tuple[Promotion, ...]:
        """The promotions, in the order of the decisions."""
        decided = self._db.rows("SELECT generation, slot, individual, images FROM promotions ORDER BY number")
        return tuple(Promotion(*row) for row in decided)

    def _add(self, individual: Individual, slot: int) -> None:
        i = individual
        self._db.execute(
            "INSERT INTO individuals "
            "(id, text, generation, slot, repository, commit_hash, path, line, licence, fingerprint) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(i.id, i.text, i.generation, slot, *rows.origin_row(i.origin), i.fingerprint),
        )
        self._db.insert("parents", [(i.id, n, parent) for n, parent in enumerate(i.parents)])
        self._db.insert("edits", [(i.id, n, *rows.edit_row(edit)) for n, edit in enumerate(i.edits)])

    def _individual(self, row: Sequence[Any]) -> Individual:
        id_, text, generation, slot, *where, fingerprint = row
        parents = self._db.rows("SELECT parent FROM parents WHERE individual = ? ORDER BY position", id_)
        edits = self._db.rows(
            "SELECT operator, type, at_line, before, after, repository, commit_hash, path, line, licence "
            "FROM edits WHERE individual = ? ORDER BY position",
            id_,
        )
        return Individual(
            id_,
            text,
            generation,
            parents=tuple(parent for (parent,) in parents),
            edits=tuple(map(rows.edit, edits)),
            tries=self._tries(generation, slot),
            origin=rows.origin(where),
            fingerprint=fingerprint,
        )

    def _collected(self, query: str) -> dict[str, tuple[str, ...]]:
        """The second column of a query, by the first, in its order."""
        collected: dict[str, list[str]] = {}
        for id_, value in self._db.rows(query):
            collected.setdefault(id_, []).append(value)
        return {id_: tuple(values) for id_, values in collected.items()}

    def _tries(self, generation: int, slot: int) -> tuple[Try, ...]:
        query = "SELECT operator, stage, reason, detail FROM tries WHERE generation = ? AND slot = ? ORDER BY number"
        return tuple(Try(*row) for row in self._db.rows(query, generation, slot))
