"""The closed generations of a run."""

import json
import time
from collections.abc import Sequence

from gi.archive import rows
from gi.archive.database import Database
from gi.archive.records import Generation

_GENERATION = (
    "SELECT number, population, front, hypervolume, random_state, cpu_s, ended, images FROM generations ORDER BY number"
)


class GenerationTable:
    """The table of generations, and the reference point of their hypervolumes."""

    def __init__(self, db: Database) -> None:
        """Reads from and writes to `db`."""
        self._db = db

    def close(self, generation: Generation, *, reference: Sequence[float]) -> None:
        """Records the decisions of a generation: who survived, the front, its hypervolume, the random state."""
        g = generation
        # Lists as JSON: they are read whole, and no query looks into them.
        documents = [rows.to_json(value) for value in (list(g.population), list(g.front), dict(g.random_state))]
        with self._db.transaction():
            self._db.execute("UPDATE run SET reference = ?", rows.to_json(list(reference)))
            row = (g.number, *documents[:2], g.hypervolume, documents[2], g.cpu_s, time.time(), g.ended, g.images)
            self._db.insert("generations", [row])

    def reopen(self, number: int, slots: int) -> None:
        """Deletes the record of a closed generation of so many slots, and the promotions after its last slot.

        Outcomes stay: an individual that is promoted again is not trained again.
        """
        with self._db.transaction():
            self._db.execute("DELETE FROM generations WHERE number = ?", number)
            self._db.execute("DELETE FROM promotions WHERE generation = ? AND slot >= ?", number, slots)

    def all(self) -> tuple[Generation, ...]:
        """The closed generations in order."""
        return tuple(_generation(*row) for row in self._db.rows(_GENERATION))

    def last(self) -> Generation | None:
        """The generation that closed last, None before the first."""
        row = self._db.row(f"{_GENERATION} DESC LIMIT 1")
        return None if row is None else _generation(*row)


def _generation(
    number: int, population: str, front: str, hypervolume: float, state: str, cpu_s: float, ended: int, images: int
) -> Generation:
    members = tuple(json.loads(population)), tuple(json.loads(front))
    return Generation(number, *members, hypervolume, json.loads(state), cpu_s, bool(ended), images)
