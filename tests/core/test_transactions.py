import sqlite3

import pytest

from gi.core.transactions import transaction


@pytest.fixture
def db():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE numbers (n INTEGER)")
    yield connection
    connection.close()


def numbers(db):
    return [n for (n,) in db.execute("SELECT n FROM numbers")]


def test_what_is_written_inside_stays(db):
    with transaction(db):
        db.execute("INSERT INTO numbers VALUES (1)")
    assert numbers(db) == [1]


def write(db, *statements, error=None):
    with transaction(db):
        for statement in statements:
            db.execute(statement)
        if error is not None:
            raise error


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt("stop")])
def test_a_failure_inside_takes_all_of_it_back(db, error):
    with pytest.raises(type(error), match=str(error)):
        write(db, "INSERT INTO numbers VALUES (1)", error=error)
    assert numbers(db) == []


def test_a_transaction_that_sqlite_ended_itself_raises_what_ended_it(db):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        write(db, "INSERT INTO numbers VALUES (1)", "ROLLBACK", "INSERT INTO missing VALUES (1)")
    assert numbers(db) == []
