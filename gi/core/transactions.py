"""SQLite transactions of a connection that opens none by itself (`isolation_level=None`)."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside, or nothing."""
    # IMMEDIATE takes the writer's lock at once: nothing that is read inside can change before it is written.
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite has rolled some failures back by itself, a full disk for one; a second rollback is an error.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
