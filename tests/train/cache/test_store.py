import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gi.train.cache.file import FILE_NAME
from gi.train.cache.store import LARGEST_BYTES, CacheUsage, KeptOutcome, OutcomeCache

ANSWER = KeptOutcome('{"values": {}}')


@pytest.fixture
def cache(tmp_path):
    with OutcomeCache(tmp_path / "new" / "outcomes") as made:
        yield made


@pytest.fixture
def told(caplog):
    """The lines that were told, and that each is one line."""
    caplog.set_level(logging.WARNING)

    def lines():
        messages = [record.getMessage() for record in caplog.records]
        assert not any("\n" in message for message in messages)
        return messages

    return lines


def kept(size, letter="x"):
    return KeptOutcome(letter * size)


def test_what_was_put_in_comes_out(cache):
    cache.put("one", KeptOutcome("answer", b"weights"))
    assert cache.get("one") == KeptOutcome("answer", b"weights")
    assert cache.get("other") is None


def test_what_was_put_in_is_there_for_the_next_process(cache):
    cache.put("one", ANSWER)
    cache.close()
    with OutcomeCache(cache.path.parent) as again:
        assert again.get("one") == ANSWER


def test_hits_are_counted(cache):
    cache.put("one", ANSWER)
    for key in ("one", "one", "other"):
        cache.get(key)
    usage = cache.usage()
    assert (usage.entries, usage.hits) == (1, 2)
    assert 0 < usage.used_bytes < usage.limit_bytes == 256_000_000


def test_weights_come_to_an_outcome_later_and_stay(cache):
    cache.put("one", KeptOutcome("a"))
    cache.put("one", KeptOutcome("a", b"weights"))
    cache.put("one", KeptOutcome("a"))
    assert cache.get("one") == KeptOutcome("a", b"weights")


def test_the_least_recently_used_goes_out_first(cache):
    assert cache.set_limit(1_000_000)
    for n in range(60):
        cache.put(f"{n}", kept(20_000))
        cache.get("0")
    assert cache.get("0") is not None
    assert cache.get("1") is None
    assert cache.get("59") is not None
    assert cache.usage().used_bytes <= 1_000_000


def test_a_smaller_bound_takes_effect_at_once_and_the_file_shrinks(cache):
    for n in range(60):
        cache.put(f"{n}", kept(50_000))
    assert cache.set_limit(1_000_000)
    assert cache.usage().limit_bytes == 1_000_000
    assert cache.usage().used_bytes <= 1_000_000
    cache.close()
    assert cache.path.stat().st_size <= 1_000_000
    with OutcomeCache(cache.path.parent) as again:
        assert again.usage().limit_bytes == 1_000_000


def test_an_outcome_that_would_put_out_the_rest_is_not_kept(cache):
    cache.put("large", KeptOutcome("a", bytes(LARGEST_BYTES)))
    assert cache.get("large") is None
    cache.set_limit(1_000_000)
    cache.put("large", kept(500_000))
    assert cache.get("large") is None


def test_clearing_forgets_everything(cache):
    for n in range(20):
        cache.put(f"{n}", kept(100_000))
    assert cache.clear()
    assert cache.get("3") is None
    usage = cache.usage()
    assert (usage.entries, usage.hits) == (0, 0)
    assert usage.used_bytes < 100_000


def test_a_closed_cache_knows_nothing_and_takes_nothing(cache):
    cache.put("one", ANSWER)
    cache.close()
    cache.put("two", ANSWER)
    assert cache.get("one") is None
    assert cache.usage().entries == 0
    cache.close()


# ------------------------------------------------------------------------------------------------------- two at once

PUTS = """
import sys
from pathlib import Path
from gi.train.cache.store import KeptOutcome, OutcomeCache
with OutcomeCache(Path(sys.argv[1])) as cache:
    for n in range(60):
        cache.put(f"{sys.argv[2]}-{n}", KeptOutcome("x" * 3000))
        assert cache.get(f"{sys.argv[2]}-{n}") is not None
        cache.put("same", KeptOutcome("shared", b"y" * 3000))
"""


def test_several_processes_begin_and_fill_one_file_at_once(tmp_path):
    begun = [subprocess.Popen([sys.executable, "-c", PUTS, str(tmp_path), str(n)], stderr=subprocess.PIPE)
             for n in range(4)]  # fmt: skip
    assert [(process.wait(60), process.stderr.read()) for process in begun] == [(0, b"")] * 4
    for process in begun:
        process.stderr.close()
    with OutcomeCache(tmp_path) as cache:
        assert cache.usage().entries == 4 * 60 + 1
        assert cache.get("same") == KeptOutcome("shared", b"y" * 3000)


def test_two_caches_in_one_file_see_what_the_other_puts_in(cache):
    with OutcomeCache(cache.path.parent) as other:
        other.put("one", ANSWER)
        assert cache.get("one") == ANSWER
        cache.clear()
        assert other.get("one") is None


def test_a_file_that_another_process_writes_to_for_long_is_read_all_the_same(cache, monkeypatch, told):
    cache.put("one", ANSWER)
    cache._db.execute("PRAGMA busy_timeout = 10")
    writer = sqlite3.connect(cache.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    cache.put("two", ANSWER)
    assert cache.get("one") == ANSWER
    assert cache.get("two") is None
    writer.execute("COMMIT")
    writer.close()
    cache.put("two", ANSWER)
    assert cache.get("two") == ANSWER
    assert told() == []


# ------------------------------------------------------------------------------------------------- what goes wrong


def test_a_full_disk_is_told_once_and_what_is_there_is_still_read(cache, told):
    cache.put("one", ANSWER)
    cache._db.execute(f"PRAGMA max_page_count = {cache._db.execute('PRAGMA page_count').fetchone()[0]}")
    for n in range(5):
        cache.put(f"large-{n}", kept(100_000))
    assert cache.get("one") == ANSWER
    assert cache.get("large-0") is None
    (line,) = told()
    assert line.startswith(f"gi: no outcomes are kept in {cache.path}: ")
    assert "full" in line


def test_a_folder_that_cannot_be_made_is_told_once(tmp_path, told):
    (tmp_path / "file").write_text("")
    with OutcomeCache(tmp_path / "file" / "outcomes") as cache:
        cache.put("one", ANSWER)
        assert cache.get("one") is None
        assert not cache.clear()
        assert not cache.set_limit(5_000_000)
        assert cache.usage() == CacheUsage(0, 0, 0, 256_000_000)
    assert len(told()) == 1


def as_an_ordinary_user(use):
    """What `use` says in a process that may not write where root may."""
    receiver, sender = os.pipe()
    if (child := os.fork()) == 0:
        try:
            if os.getuid() == 0:  # nothing is read-only to root
                os.setuid(65534)
            said = use()
        except BaseException as error:
            said = repr(error)
        os.write(sender, said.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(sender)
    with os.fdopen(receiver) as answer:
        return answer.read()


def test_a_folder_that_is_read_only_is_read(told):
    base = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    try:
        with OutcomeCache(base) as cache:
            cache.put("one", ANSWER)
        (base / FILE_NAME).chmod(0o444)
        base.chmod(0o555)

        def use():
            with OutcomeCache(base) as cache:
                cache.put("two", ANSWER)
                cache.put("three", ANSWER)
                return f"{cache.get('one') == ANSWER} {cache.get('two')} {cache.usage().entries} {len(told())}"

        assert as_an_ordinary_user(use) == "True None 1 1"
    finally:
        base.chmod(0o755)
        shutil.rmtree(base)


def no_database(path):
    path.write_bytes(b"these are my notes, " * 1000)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:5000])


def garbled(path):
    content = bytearray(path.read_bytes())
    content[200:] = b"\x7f" * (len(content) - 200)
    path.write_bytes(content)


def foreign_tables(path):
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE outcomes (key, answer)")
    db.close()


def with_a_trigger(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON outcomes BEGIN DELETE FROM outcomes; END")
    db.close()


def without_a_bound(path):
    with sqlite3.connect(path) as db:
        db.execute("UPDATE bounds SET bytes = 'much'")
    db.close()


@pytest.mark.parametrize("damage", [no_database, cut_short, garbled, foreign_tables, with_a_trigger, without_a_bound])
def test_a_damaged_file_is_set_aside_with_one_line(tmp_path, damage, told):
    with OutcomeCache(tmp_path) as cache:
        for n in range(40):
            cache.put(f"{n}", kept(1000))
    damage(cache.path)
    damaged = cache.path.read_bytes()
    with OutcomeCache(tmp_path) as cache:
        for _ in range(2):
            found = [cache.get(f"{n}") for n in range(40)]
            assert set(found) <= {None, kept(1000)}
        cache.put("one", ANSWER)
        assert cache.get("one") == ANSWER
    (line,) = told()
    assert "is damaged" in line
    assert line.endswith("set aside as outcomes-1.sqlite.damaged")
    assert (tmp_path / "outcomes-1.sqlite.damaged").read_bytes() == damaged
    with OutcomeCache(tmp_path) as cache:
        assert cache.get("one") == ANSWER
    assert len(told()) == 1


def test_a_file_damaged_while_it_is_used_is_set_aside(cache, told):
    for n in range(400):
        cache.put(f"{n}", kept(1000))
    cache._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    cache._db.execute("PRAGMA cache_size = 0")
    with cache.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x7f" * 200_000)
    assert {cache.get(f"{n}") for n in range(400)} <= {None, kept(1000)}
    cache.put("one", ANSWER)
    assert cache.get("one") == ANSWER
    assert len(told()) == 1


def test_a_file_that_another_process_replaced_already_is_left_alone(tmp_path, told):
    with OutcomeCache(tmp_path) as cache:
        cache.put("one", ANSWER)
    no_database(cache.path)
    slow = OutcomeCache.__new__(OutcomeCache)
    with OutcomeCache(tmp_path) as fast:
        fast.put("two", ANSWER)
        slow.__init__(tmp_path)
        slow._inode = 1  # what it saw before
        slow._replace(sqlite3.DatabaseError("malformed"))
        assert slow.get("two") == ANSWER
        slow.close()
    assert len(told()) == 1


def test_a_row_that_changed_since_counts_as_not_there(cache, told):
    cache.put("one", KeptOutcome("answer", b"weights"))
    cache.put("two", ANSWER)
    with sqlite3.connect(cache.path) as db:
        db.execute("UPDATE outcomes SET weights = x'00' WHERE key = 'one'")
        db.execute("UPDATE outcomes SET answer = x'ff' WHERE key = 'two'")
    db.close()
    assert cache.get("one") is None
    assert cache.get("two") is None
    cache.put("one", KeptOutcome("answer", b"weights"))
    assert cache.get("one") == KeptOutcome("answer", b"weights")
    assert told() == []
