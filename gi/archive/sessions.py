"""The sessions of a run, one for each process that started or resumed it, with their costs; the run's events."""

import json
import time
from collections.abc import Sequence
from typing import Any

from gi.archive import rows
from gi.archive.database import Database
from gi.archive.records import Event
from gi.archive.versions import versions


class SessionTables:
    """The tables of sessions and events."""

    def __init__(self, db: Database) -> None:
        """Reads from and writes to `db`."""
        self._db = db

    def begin(self, kind: str, command: Sequence[str]) -> None:
        """Records a new session, inside the caller's transaction; `kind` is "started" or "resumed"."""
        self._add_event(kind, {"command": list(command)})
        self._db.execute(
            "INSERT INTO sessions (started, command, versions) VALUES (?, ?, ?)",
            *(time.time(), rows.to_json(list(command)), rows.to_json(versions())),
        )

    def set_cost(self, cpu_s: float, wall_s: float) -> None:
        """Records the CPU and wall seconds that this process and all that it started have used so far."""
        with self._db.transaction():
            # A run has one writer: the last session is this process's.
            self._db.execute(
                "UPDATE sessions SET cpu_s = ?, wall_s = ? WHERE id = (SELECT max(id) FROM sessions)", cpu_s, wall_s
            )

    def cpu_s(self) -> float:
        """CPU seconds of all sessions so far, the driver's and those of everything it started."""
        return float(self._db.value("SELECT coalesce(sum(cpu_s), 0) FROM sessions"))

    def wall_s(self) -> float:
        """Wall seconds of all sessions so far."""
        return float(self._db.value("SELECT coalesce(sum(wall_s), 0) FROM sessions"))

    def add_event(self, kind: str, **detail: Any) -> None:
        """Records an event of the run as a whole, with the present time."""
        with self._db.transaction():
            self._add_event(kind, detail)

    def events(self) -> tuple[Event, ...]:
        """The events of the run as a whole, in order."""
        happened = self._db.rows("SELECT at, kind, detail FROM events ORDER BY id")
        return tuple(Event(at, kind, json.loads(detail)) for at, kind, detail in happened)

    def _add_event(self, kind: str, detail: dict[str, Any]) -> None:
        self._db.execute(
            "INSERT INTO events (at, kind, detail) VALUES (?, ?, ?)", *(time.time(), kind, rows.to_json(detail))
        )
